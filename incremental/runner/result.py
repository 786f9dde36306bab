"""What a run came to: the free outputs by name, loaded when they are asked for. It runs nothing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from incremental.errors import DatasetError, did_you_mean
from incremental.pipeline.transcoding import base_name
from incremental.planner.facts import State
from incremental.runner.memory import load_unchanged, named

if TYPE_CHECKING:
    from collections.abc import Callable

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
        saved_versions: Mapping[str, str | None],
        digest_of: Callable[[str, str | None], str | None],
    ) -> None:
        self.plan = plan
        self.run_id = run_id
        self.executed: tuple[str, ...] = tuple(step.node.name for step in plan.running)
        self.skipped: tuple[str, ...] = tuple(step.node.name for step in plan.skipped)
        self._catalog = catalog
        self._memory = memory
        self._saved_versions = saved_versions
        self._digest_of = digest_of
        self._written_as = {
            name: written for name in sorted(plan.pipeline.outputs()) if (written := self._find(name))
        }

    def __getitem__(self, name: str) -> Any:
        dataset = self._memory.get(base_name(name)) if name in self._written_as else None
        if dataset is None:
            written = self._written(name)
            version = self._version(written)
            digest = self._digest_of(written, version)
            if digest is not None:
                return load_unchanged(self._catalog, written, digest, version)
            return self._catalog.load(written, version=version)
        try:
            return dataset.load()
        except DatasetError as error:
            raise named(name, "load it", error) from error

    def __iter__(self) -> Iterator[str]:
        return iter(self._written_as)

    def __len__(self) -> int:
        return len(self._written_as)

    def __contains__(self, name: object) -> bool:
        return name in self._written_as  # that of Mapping would load it

    def __repr__(self) -> str:
        return (
            f"<RunResult {self.run_id}: {len(self.executed)} executed, {len(self.skipped)} skipped; "
            f"outputs: {', '.join(self) or 'none'}>"
        )

    def dataset(self, name: str) -> Any:
        """Return the dataset behind a free output, as Kedro's runners do.

        Raises:
            KeyError: ``name`` is no free output of this run.
        """
        written = self._written(name)
        in_memory = self._memory.get(base_name(name))
        if in_memory is not None:
            return in_memory
        return self._catalog.get(written, version=self._version(written))

    def _written(self, name: str) -> str:
        if name in self._written_as:
            return self._written_as[name]
        read = isinstance(name, str) and base_name(name) in self.plan.pipeline.producers
        way = "; other nodes read it: name it in to_outputs, or load it from the catalog if it is stored"
        raise KeyError(
            f"run {self.run_id} has no result {name!r}{way if read else did_you_mean(str(name), self)}"
        )

    def _version(self, written: str) -> str | None:
        """Return the version to read: what this run saved, else what the plan saw."""
        base = base_name(written)
        if base in self._saved_versions:
            return self._saved_versions[base]
        return self.plan.facts.versions.get(written)

    def _find(self, name: str) -> str | None:
        """Return how the node writes a free output; None when its value is not kept."""
        producer = self.plan.pipeline.producers[base_name(name)]
        written = next(each for each in producer.writes if base_name(each) == base_name(name))
        is_kept = self.plan.facts.state(written) is not State.EPHEMERAL or base_name(name) in self._memory
        return written if is_kept else None
