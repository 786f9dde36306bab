"""The datasets of a project with all that may be said of them. It loads none and prints nothing."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

from incremental.errors import IncrementalError
from incremental.pipeline.transcoding import base_name, is_parameter
from incremental.planner.facts import Facts, State
from incremental.render.catalog import Entry
from incremental.secrets import mask

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

    from incremental.session import Session

_HIDDEN = frozenset({"type", "filepath", "credentials", "metadata", "versioned"})
_IN_MEMORY = "MemoryDataset"


class Inventory:
    """What catalog and pipelines of an opened project name."""

    def __init__(self, session: Session) -> None:
        self._session = session
        context = session.load_context()
        self._catalog: Any = context.catalog
        self._loader = context.config_loader
        self._producers: dict[str, str] = {}
        self._readers: dict[str, dict[str, None]] = {}
        used: set[str] = set()
        for pipeline in session.pipelines.values():
            for node in pipeline.nodes:
                used.update(node.reads, node.writes)
                self._producers.update(dict.fromkeys(map(base_name, node.writes), node.name))
                for name in node.reads:
                    self._readers.setdefault(base_name(name), {})[node.name] = None
        self.all_names = sorted({*self._catalog, *used})
        self.names = [name for name in self.all_names if not is_parameter(name)]
        self.patterns = self._catalog.list_patterns()

    def knows(self, name: str) -> bool:
        """Whether there is anything to say about a name."""
        return name in self.all_names or name in self._catalog

    def entries(self, names: Collection[str], *, with_arguments: bool = False) -> list[Entry]:
        """Return what is known of each name; the world is asked once.

        Raises:
            DatasetError: entries that cannot be used, or datasets that failed to answer.
        """
        facts = self._facts(name for name in names if not is_parameter(name))
        return [
            self._parameter(name) if is_parameter(name) else self._entry(name, facts, with_arguments)
            for name in names
        ]

    def _facts(self, names: Iterable[str]) -> Facts:
        """Return the facts of a plan, which asks the ledger too, and of a survey for the other names."""
        from incremental.io import survey
        from incremental.session.request import Request

        planned = Facts()
        with contextlib.suppress(IncrementalError):  # without a default pipeline the survey has to do
            planned = self._session.plan_request(Request.of(only_missing_outputs=True)).facts
        found = survey(self._catalog, [name for name in names if name not in planned.states])
        return Facts(
            states={**found.states, **planned.states},
            locations={**found.locations, **planned.locations},
            versions={**found.versions, **planned.versions},
        )

    def _entry(self, name: str, facts: Facts, with_arguments: bool) -> Entry:
        resolver = self._catalog.config_resolver
        config = resolver.entry(name)
        pattern = resolver.pattern_of(name)
        state = facts.state(name)
        hidden = {key: value for key, value in (config or {}).items() if key not in _HIDDEN}
        return Entry(
            name=name,
            type=_type(config, self._catalog.get_type(name) if config is None else None),
            state="in memory" if state is State.EPHEMERAL else state.value,
            location=facts.locations.get(name),
            version=facts.versions.get(name),
            pattern=pattern,
            origin=self._origin("catalog", pattern or name)
            if with_arguments and config is not None
            else None,
            made_by=self._producers.get(base_name(name)),
            read_by=tuple(self._readers.get(base_name(name), ())),
            arguments=mask(hidden) if with_arguments else {},
        )

    def _parameter(self, name: str) -> Entry:
        path = name.partition(":")[2].split(".") if ":" in name else []
        there = self._catalog.has_parameter(name)
        shown = there and bool(path)
        value = mask({path[-1]: self._catalog.load(name)})[path[-1]] if shown else None
        origin = "--params" if self._is_given(path) else self._origin("parameters", *path) if path else None
        return Entry(
            name=name,
            type="parameter",
            state="present" if there else "absent",
            origin=origin,
            read_by=tuple(self._readers.get(name, ())),
            arguments={"value": value} if shown else {},
        )

    def _is_given(self, path: Sequence[str]) -> bool:
        """Whether the caller has given the value; of a mapping that he put more into, no."""
        from incremental.config import expand

        given: Any = expand(getattr(self._loader, "runtime_params", None) or {})
        for word in path:
            if word not in given:
                return False
            given = given[word]
            if not isinstance(given, dict):
                return True
        return False

    def _origin(self, kind: str, *path: str) -> str | None:
        find = getattr(self._loader, "origin", None)
        found = find(kind, *path) if find is not None else None
        return str(found) if found else None


def _type(config: Any, known: str | None) -> str:
    if config is not None:
        kind = config["type"]
        return kind if isinstance(kind, str) else str(getattr(kind, "__qualname__", kind))
    return known.rpartition(".")[2] if known else _IN_MEMORY
