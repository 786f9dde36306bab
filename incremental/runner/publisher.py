"""Make the outputs of a node visible, all or detectably none, and tell the ledger. It computes nothing."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from incremental.planner.facts import IN_MEMORY, State
from incremental.state.ledger import Output
from incremental.state.markers import mark, unmark

if TYPE_CHECKING:
    from incremental.io import DataCatalog
    from incremental.pipeline import Node
    from incremental.planner import Plan
    from incremental.runner.task import Outcome
    from incremental.state import Ledger, Marks


class Publisher:
    """Begins, publishes and commits the outputs of one run, and keeps track of what was made from what."""

    def __init__(
        self,
        plan: Plan,
        catalog: DataCatalog,
        ledger: Ledger,
        marks: Marks,
        run_id: str,
        *,
        durable: bool = True,
    ) -> None:
        self._facts = plan.facts
        self._catalog = catalog
        self._ledger = ledger
        self._run_id = run_id
        self._durable = durable
        self._generations = dict(marks.generations or {})
        self._lineage: dict[str, dict[str, str]] = {}  # of what lives in memory

    def persistent(self, node: Node) -> frozenset[str]:
        """Return the outputs of a node that outlive the run."""
        return frozenset(name for name in node.writes if self._facts.state(name) not in IN_MEMORY)

    def announce(self, node: Node) -> None:
        """Mark, before the node starts, the outputs that will be written in place."""
        outputs = self._in_place(node)
        if outputs:
            self._ledger.begin(self._run_id, node.name, outputs)
            for output in outputs:
                mark(output.location, self._run_id, node.name, durable=self._durable)

    def withdraw(self, node: Node, outcome: Outcome | None = None) -> None:
        """After a failure, take back the marks of outputs that were not touched."""
        touched = outcome.touched if outcome is not None else set()
        outputs = [output for output in self._in_place(node) if output.dataset not in touched]
        if outputs:
            self._ledger.abandon(outputs)
            for output in outputs:
                unmark(output.location)

    def publish(self, node: Node, outcome: Outcome) -> None:
        """Make everything that a node saved visible and commit it as one.

        Where a visible output is replaced, or several must appear together, the ledger hears of it
        first: a kill in between leaves them ``incomplete``, never half new and believed.
        """
        reads = self._reads(node)
        persistent = self.persistent(node)
        if persistent:
            self._publish_staged(node, outcome)
            outputs = [self._output(name) for name in node.writes if name in persistent]
            generation = self._ledger.commit(self._run_id, node.name, outputs, reads)
            for output in outputs:
                self._generations[output.location] = generation
                if output.dataset in outcome.touched:
                    unmark(output.location)
        for name in node.writes:
            if name not in persistent:
                self._lineage[name] = reads

    def _publish_staged(self, node: Node, outcome: Outcome) -> None:
        replaced = [
            Output(name, self._location(name))
            for name in outcome.staged
            if self._facts.state(name) is not State.ABSENT and name not in self._facts.versions
        ]
        if replaced:
            self._ledger.begin(self._run_id, node.name, replaced)
        published = False
        try:
            for staged in outcome.staged.values():
                staged.publish()
                published = True
        except BaseException:
            outcome.discard()
            if replaced and not published:
                self._ledger.abandon(replaced)
            raise

    def _reads(self, node: Node) -> dict[str, str]:
        """Return the generations of what a node read; what came through memory counts as its own sources."""
        reads: dict[str, str] = {}
        for name in node.reads:
            if name in self._lineage:
                reads |= self._lineage[name]
                continue
            location = self._facts.locations.get(name)
            if location is not None and location in self._generations:
                reads[location] = self._generations[location]
        return reads

    def _in_place(self, node: Node) -> list[Output]:
        return [
            Output(name, self._location(name))
            for name in node.writes
            if self._facts.state(name) not in IN_MEMORY and not self._catalog.can_stage(name)
        ]

    def _location(self, name: str) -> str:
        return self._facts.locations.get(name, f"dataset:{name}")

    def _output(self, name: str) -> Output:
        location = self._location(name)
        try:
            found: Any = os.stat(location) if os.path.isabs(location) else None  # noqa: PTH116, PTH117
        except OSError:
            found = None
        if found is None:
            return Output(name, location)
        return Output(name, location, None, found.st_size, found.st_mtime_ns, found.st_ino)
