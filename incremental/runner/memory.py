"""The values of a run that live in memory, each kept until its last reader has run. No files here."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from incremental.errors import DatasetError
from incremental.io import MemoryDataset
from incremental.io.catalog.failures import failure
from incremental.pipeline.transcoding import base_name, is_parameter
from incremental.planner.facts import IN_MEMORY, State
from incremental.secrets import Redactor

if TYPE_CHECKING:
    from collections.abc import Mapping

    from incremental.io import DataCatalog
    from incremental.pipeline import Node
    from incremental.planner import Plan


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
            if left or base not in self._releasable:
                continue
            dataset = self._datasets.pop(base, None)
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


def named(name: str, action: str, error: DatasetError) -> DatasetError:
    """Return the error of a dataset in memory with the name of the dataset in it."""
    return failure(name, action, error, Redactor())
