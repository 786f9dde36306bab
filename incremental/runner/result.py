"""What a run came to: the free outputs by name, loaded when they are asked for. It runs nothing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from incremental.pipeline.transcoding import base_name
from incremental.planner.facts import IN_MEMORY

if TYPE_CHECKING:
    from incremental.io import DataCatalog
    from incremental.planner import Plan


class RunResult(Mapping[str, Any]):
    """Every free output of the selected pipeline by name.

    A value in memory is there at once; a persistent output, made or skipped, is loaded when it is
    indexed and not before. An output in memory that is only free because a filter cut its reader off,
    and that nobody asked for, is no key.
    """

    def __init__(
        self,
        plan: Plan,
        catalog: DataCatalog,
        memory: Mapping[str, Any],
        run_id: str,
        save_version: str | None,
    ) -> None:
        self.plan = plan
        self.run_id = run_id
        self.executed: tuple[str, ...] = tuple(step.node.name for step in plan.running)
        self.skipped: tuple[str, ...] = tuple(step.node.name for step in plan.skipped)
        self._catalog = catalog
        self._memory = memory
        self._save_version = save_version
        self._names = tuple(sorted(name for name in plan.pipeline.outputs() if self._is_kept(name)))

    def __getitem__(self, name: str) -> Any:
        if name not in self._names:
            raise KeyError(name)
        return self.dataset(name).load()

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)

    def __repr__(self) -> str:
        return (
            f"<RunResult {self.run_id}: {len(self.executed)} executed, {len(self.skipped)} skipped; "
            f"outputs: {', '.join(self._names) or 'none'}>"
        )

    def dataset(self, name: str) -> Any:
        """Return the dataset behind a free output, as Kedro's runners do.

        Raises:
            KeyError: ``name`` is no free output of this run.
        """
        if name not in self._names:
            raise KeyError(name)
        in_memory = self._memory.get(base_name(name))
        if in_memory is not None:
            return in_memory
        version = self.plan.facts.versions.get(name)
        made = self.plan.pipeline.producers.get(base_name(name))
        if made is not None and made.name in self.executed:
            version = self._save_version
        return self._catalog.get(name, version=version)

    def _is_kept(self, name: str) -> bool:
        state = self.plan.facts.state(self._written_as(name))
        return state not in IN_MEMORY or base_name(name) in self._memory

    def _written_as(self, name: str) -> str:
        producer = self.plan.pipeline.producers.get(base_name(name))
        names = producer.writes if producer is not None else ()
        return next((written for written in names if base_name(written) == base_name(name)), name)
