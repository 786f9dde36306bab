"""Make the outputs of a node visible, all or detectably none, and tell the ledger. It computes nothing."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from incremental.errors import DatasetError, LedgerError
from incremental.io.catalog.markers import mark, sync_in_place, unmark
from incremental.io.files.digests import digest_at
from incremental.io.files.member_digests import completed, is_of_members
from incremental.io.files.stamps import path_at, stamp_of
from incremental.pipeline.transcoding import base_name
from incremental.planner.facts import IN_MEMORY, State
from incremental.state.records import Output, as_edited

if TYPE_CHECKING:
    from collections.abc import Collection

    from incremental.io import DataCatalog
    from incremental.pipeline import Node
    from incremental.planner import Plan
    from incremental.runner.task import Outcome
    from incremental.state import Ledger, Marks

logger = logging.getLogger(__name__)


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
        in_process: bool = True,
    ) -> None:
        self._facts = plan.facts
        self._catalog = catalog
        self._ledger = ledger
        self._run_id = run_id
        self._durable = durable
        self._shows_later = catalog.can_stage if in_process else self._can_send_stage
        self._begun = marks.begun
        self._generations = dict(marks.generations)
        self._records = marks.records
        self._edited = {plan.facts.locations[name] for name in plan.facts.changed}  # and not committed again
        self._digests: dict[str, tuple[str | None, str | None]] = {}  # of what this run committed
        self._lineage: dict[str, dict[str, str]] = {}  # of what lives in memory, by base name
        self._in_place: dict[str, list[Output]] = {}  # what is being written in place, by node
        self.versions: dict[str, str | None] = {}
        """The version that this run saved of each persistent output, by base name; None for no versions."""

    def persistent(self, node: Node) -> frozenset[str]:
        """Return the outputs of a node that outlive the run."""
        states = self._facts.states
        return frozenset([name for name in node.writes if states.get(name, State.EPHEMERAL) not in IN_MEMORY])

    def announce(self, node: Node, persistent: Collection[str]) -> frozenset[str]:
        """Mark, before the node starts, the outputs that we shall not publish, and return their names.

        Raises:
            DatasetError: a generator would add its pieces to what an earlier attempt has left.
        """
        names = self._shown_at_once(node, persistent)
        if not names:
            return frozenset()
        if node.is_generator:
            self._refuse_leftovers(node, names)
        outputs = [Output(name, self._location(name)) for name in names]
        self._in_place[node.name] = outputs
        self._ledger.begin(self._run_id, node.name, outputs)
        for output in outputs:
            mark(output.location, self._run_id, node.name, durable=self._durable)
        return frozenset(names)

    def announces(self, node: Node) -> bool:
        """Whether something has to be marked before a node starts."""
        return bool(self._shown_at_once(node, self.persistent(node)))

    def _shown_at_once(self, node: Node, persistent: Collection[str]) -> list[str]:
        return [name for name in node.writes if name in persistent and not self._shows_later(name)]

    def _refuse_leftovers(self, node: Node, names: Collection[str]) -> None:
        """Refuse to save pieces where half of them may be: whoever takes pieces may append them."""
        catalog = self._catalog
        for name in names:
            if self._facts.state(name) is not State.INCOMPLETE or hasattr(catalog[name], "reset"):
                continue
            if catalog.exists(name) and catalog.version_read(name) is None:
                raise DatasetError(
                    f"dataset {name!r} holds what an earlier run left of it, and node {node.name!r} may "
                    f"append all of it once more: remove {self._location(name)} and run again, or give "
                    f"{type(catalog[name]).__name__} a method reset() that empties it"
                )

    def withdraw(self, node: Node, touched: Collection[str]) -> None:
        """After a failure, take back the marks of outputs that were not touched.

        What was incomplete before this run still is: nobody has written it since.
        """
        outputs = [
            output
            for output in self._in_place.pop(node.name, ())
            if output.dataset not in touched and not self._was_incomplete(output)
        ]
        if not outputs:
            return
        try:
            self._ledger.abandon(outputs)
            for output in outputs:
                unmark(output.location)
        except (LedgerError, OSError) as error:  # the node's own failure is what the user is to hear of
            logger.warning("outputs of node %r count as incomplete from now on: %s", node.name, error)

    def publish(self, node: Node, outcome: Outcome, persistent: Collection[str]) -> int | None:
        """Make everything that a node saved visible and commit it as one.

        Where anybody may have read an earlier content, or several outputs must appear together, the
        ledger hears of it first: a kill in between leaves them ``incomplete``, never half new and believed.

        Returns:
            How many bytes were written to storage, None where that is not known.
        """
        reads = self._reads(node)
        written: int | None = 0
        if persistent:
            self._publish_staged(node, outcome)
            for name in outcome.versions:  # saved by another process: what ours knew of it is old
                self._catalog.release(name)
            if self._durable:
                for output in self._in_place.get(node.name, ()):
                    sync_in_place(output.location)
            outputs = [self._output(name, outcome) for name in node.writes if name in persistent]
            own = {output.location for output in outputs}
            others = {location: was for location, was in reads.items() if location not in own}
            generation = self._ledger.commit(self._run_id, node.name, outputs, others)
            sizes = [None if is_of_members(output.digest or "") else output.size for output in outputs]
            written = None if None in sizes else sum(sizes)  # type: ignore[arg-type]  # no None in it
            for output in outputs:
                self._generations[output.location] = generation
                self._digests[output.location] = output.version, output.digest
                self._edited.discard(output.location)
                if self._facts.state(output.dataset) is State.INCOMPLETE:  # it may be saved otherwise by now
                    unmark(output.location)
            for output in self._in_place.pop(node.name, ()):
                unmark(output.location)
        for name in node.writes:
            if name not in persistent:
                self._lineage[base_name(name)] = reads
        return written

    def _publish_staged(self, node: Node, outcome: Outcome) -> None:
        replaced = [
            Output(name, location)
            for name in outcome.staged
            for location in (self._location(name),)
            if self._facts.state(name) is not State.ABSENT or location in self._generations
        ]
        if replaced:
            self._ledger.begin(self._run_id, node.name, replaced)
        for staged in outcome.staged.values():
            staged.publish()  # should it fail, nobody knows how far it came: the begin stands

    def digest_of(self, name: str, version: str | None) -> str | None:
        """Return the digest that was committed of a dataset that runs code when it is loaded."""
        committed, digest = self._committed(self._facts.locations.get(name, ""))
        if digest is None or committed != version:
            return None
        return digest if getattr(self._catalog[name], "runs_code", False) else None

    def _committed(self, location: str) -> tuple[str | None, str | None]:
        """Return version and digest of the last commit, if nobody has begun to replace it since."""
        if location in self._digests:
            return self._digests[location]
        record = self._records.get(location)
        return (None, None) if record is None or record.is_begun else (record.version, record.digest)

    def _can_send_stage(self, name: str) -> bool:
        return bool(getattr(self._catalog[name], "can_send_stage", False))

    def _reads(self, node: Node) -> dict[str, str]:
        """Return the generations of what a node read; what came through memory counts as its own sources."""
        reads: dict[str, str] = {}
        for name in node.reads:
            location = self._facts.locations.get(name)
            if location is None:
                reads |= self._lineage.get(base_name(name), {})
            elif location in self._generations:
                generation = self._generations[location]
                reads[location] = as_edited(generation) if location in self._edited else generation
        return reads

    def _was_incomplete(self, output: Output) -> bool:
        state = self._facts.state(output.dataset)
        return state is State.INCOMPLETE or (state is State.UNKNOWN and output.location in self._begun)

    def _location(self, name: str) -> str:
        return self._facts.locations.get(name, f"dataset:{name}")

    def _output(self, name: str, outcome: Outcome) -> Output:
        location = self._location(name)
        versions = outcome.versions
        version = versions[name] if name in versions else self._catalog.note_saved(name)
        self.versions[base_name(name)] = version
        digest = outcome.digests.get(name)
        if digest is not None and is_of_members(digest):
            digest = completed(digest, self._committed(location)[1])
        found = stamp_of(location, version, digest)
        if digest is None and found is not None:  # written in place by a class that is not ours
            digest = _digest_of_written(path_at(location, version))
        return Output.of_file(name, location, version, found, digest=digest, attempt=outcome.attempt)


def _digest_of_written(path: str | None) -> str | None:
    """Return the digest of a file that was just written and is in the page cache still; None for no file."""
    try:
        return None if path is None else digest_at(path)
    except OSError:
        return None
