"""The values of a run that live in memory, each kept until its last reader has run. No files here."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from incremental.errors import DatasetError
from incremental.io import MemoryDataset
from incremental.io.catalog.failures import failure
from incremental.pipeline.transcoding import base_name, is_parameter
from incremental.planner.facts import IN_MEMORY, State
from incremental.secrets import Redactor

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from incremental.io import DataCatalog
    from incremental.io.memory import CopyMode
    from incremental.pipeline import Node
    from incremental.planner import Plan


class _Kept(NamedTuple):
    """A value that is with the workers: what it is called where it was written, and its handle."""

    name: str
    handle: Any


class Memory:
    """The ephemeral datasets of one run, and the release of what other datasets keep in memory.

    A dataset that the catalog knows is kept in the catalog's own object, with its copy mode; any other
    in one made here, so that the catalog does not grow with each run. ``x@a`` and ``x@b`` in memory are
    one dataset, that of whoever writes it.
    """

    def __init__(self, plan: Plan, catalog: DataCatalog) -> None:
        self._catalog = catalog
        self._states = states = plan.facts.states
        self._datasets: dict[str, Any] = {}
        self._kept: dict[str, _Kept] = {}  # by base name, only for executors that keep values
        self._readers_left: dict[str, int] = {}
        running = plan.running
        for step in running:
            for name in step.node.reads:
                base = base_name(name)
                if states.get(name) is State.HANDED_IN:
                    self._datasets.setdefault(base, catalog[name])
                self._readers_left[base] = self._readers_left.get(base, 0) + 1
        made = {base_name(name) for step in running for name in step.node.writes if not is_parameter(name)}
        self._releasable = made - plan.selected.requested

    def inputs_of(self, node: Node) -> dict[str, Any]:
        """Return the datasets in memory that a node reads, by the names it uses."""
        found = {}
        for name in node.reads:
            dataset = self._datasets.get(base_name(name))
            if dataset is not None and self._states.get(name, State.EPHEMERAL) in IN_MEMORY:
                found[name] = dataset
        return found

    def kept_for(self, node: Node, keep: Callable[[Any], Any]) -> dict[str, Any]:
        """Return the handles of what a node reads from the workers; what was handed in is sent there once."""
        found = {}
        for name in node.reads:
            if self._states.get(name, State.EPHEMERAL) not in IN_MEMORY:
                continue
            base = base_name(name)
            if base not in self._kept:
                dataset = self._datasets.get(base)
                if dataset is None or not _only_holds(dataset):
                    continue
                self._kept[base] = _Kept(name, keep(dataset.load()))
            found[name] = self._kept[base].handle
        return found

    def copy_modes_for(self, node: Node) -> dict[str, CopyMode]:
        """Return how the datasets that a node reads say that they are copied, where they say it."""
        return {
            name: mode
            for name in node.reads
            if name in self._catalog
            and _only_holds(dataset := self._catalog[name])
            and (mode := dataset.copy_mode) is not None
        }

    def stays(self, name: str) -> bool:
        """Whether the value of an output in memory may stay with the workers."""
        return name not in self._catalog or _only_holds(self._catalog[name])

    def only_passes_on(self, node: Node) -> bool:
        """Whether all that a node writes are values that stay with the workers."""
        return all(
            self._states.get(name, State.EPHEMERAL) is State.EPHEMERAL
            and not is_parameter(name)
            and self.stays(name)
            for name in node.writes
        )

    def put_kept(self, handles: Mapping[str, Any]) -> None:
        """Keep the handles of values that stayed with the workers, where somebody will need them."""
        for name, handle in handles.items():
            base = base_name(name)
            if base not in self._releasable or self._readers_left.get(base):
                self._kept[base] = _Kept(name, handle)

    def forget_kept(self, node: Node) -> None:
        """Let go of the handles of what a node was to leave, and has not."""
        for name in node.writes:
            self._kept.pop(base_name(name), None)

    def bring_back(self, fetch: Callable[[Mapping[str, Any]], dict[str, Any]]) -> None:
        """Take over what is still with the workers. Raises RunError."""
        left = {kept.name: kept.handle for base, kept in self._kept.items() if base not in self._datasets}
        self._kept.clear()
        if left:
            self.put(fetch(left))

    def put(self, values: Mapping[str, Any]) -> None:
        """Keep the values that a node made; what nobody will read and nobody asked for is dropped."""
        for name, value in values.items():
            base = base_name(name)
            if base in self._releasable and not self._readers_left.get(base):
                continue
            dataset = self._datasets.get(base)
            if dataset is None:
                dataset = self._catalog[name] if name in self._catalog else MemoryDataset()
                self._datasets[base] = dataset
            try:
                dataset.save(value)
            except DatasetError as error:
                raise named(name, "save it", error) from error

    def release_after(self, node: Node) -> None:
        """Let go of what this node was the last to read."""
        for name in node.reads:
            base = base_name(name)
            self._readers_left[base] = left = self._readers_left[base] - 1
            if left:
                continue
            if base not in self._releasable:
                if base in self._datasets:  # handed in, and still here
                    self._kept.pop(base, None)
                continue
            is_kept = self._kept.pop(base, None) is not None
            dataset = self._datasets.pop(base, None)
            if is_kept:
                continue
            if dataset is not None:
                dataset.release()
            elif self._catalog.built(name) is not None:
                self._catalog.release(name)

    def datasets(self) -> dict[str, Any]:
        """Return what is still there, by base name."""
        return dict(self._datasets)


def load_unchanged(catalog: DataCatalog, name: str, digest: str, version: str | None) -> Any:
    """Return the data of a dataset that ``runs_code``, unless its bytes have another digest.

    Raises:
        DatasetError: it changed since it was committed, or cannot be loaded.
    """
    try:
        return catalog.get(name, version=version).load_unchanged(digest)
    except DatasetError as error:
        raise named(name, "load it", error) from error


def _only_holds(dataset: Any) -> bool:
    """Whether a dataset does nothing but hold a value, so that it need not see it: no class of a user's."""
    return type(dataset) is MemoryDataset


def named(name: str, action: str, error: DatasetError) -> DatasetError:
    """Return the error of a dataset in memory with the name of the dataset in it."""
    return failure(name, action, error, Redactor())
