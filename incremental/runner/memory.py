"""The values of a run that live in memory, each kept until its last reader has run. No files here."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from incremental.io import MemoryDataset
from incremental.pipeline.transcoding import base_name
from incremental.planner.facts import IN_MEMORY, State

if TYPE_CHECKING:
    from collections.abc import Mapping

    from incremental.io import DataCatalog
    from incremental.pipeline import Node
    from incremental.planner import Plan


class Memory:
    """The ephemeral datasets of one run.

    A dataset that the catalog knows is kept in the catalog's own object, with its copy mode; any other
    in one made here, so that the catalog does not grow with each run.
    """

    def __init__(self, plan: Plan, catalog: DataCatalog) -> None:
        self._catalog = catalog
        self._facts = plan.facts
        self._datasets: dict[str, Any] = {}
        self._readers_left: dict[str, int] = {}
        running = {step.node.name for step in plan.running}
        for step in plan.running:
            for name in step.node.reads:
                state = self._facts.state(name)
                if state is State.HANDED_IN:
                    self._datasets.setdefault(base_name(name), catalog[name])
                if state in IN_MEMORY:
                    self._readers_left[base_name(name)] = self._readers_left.get(base_name(name), 0) + 1
        kept = plan.selected.requested | plan.pipeline.inputs()
        self._releasable = {
            base_name(name)
            for step in plan.running
            for name in step.node.writes
            if base_name(name) not in kept and step.node.name in running
        }

    def is_ephemeral(self, name: str) -> bool:
        """Whether a dataset lives in memory."""
        return self._facts.state(name) in IN_MEMORY

    def inputs_of(self, node: Node) -> dict[str, Any]:
        """Return the datasets in memory that a node reads, by the names it uses."""
        found = {name: self._datasets.get(base_name(name)) for name in node.reads}
        return {name: dataset for name, dataset in found.items() if dataset is not None}

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
            dataset.save(value)

    def release_after(self, node: Node) -> None:
        """Let go of what this node was the last to read."""
        for name in node.reads:
            base = base_name(name)
            left = self._readers_left.get(base)
            if left is None:
                continue
            self._readers_left[base] = left - 1
            if left == 1 and base in self._releasable:
                dataset = self._datasets.pop(base, None)
                if dataset is not None:
                    dataset.release()

    def datasets(self) -> dict[str, Any]:
        """Return what is still there, by base name."""
        return dict(self._datasets)
