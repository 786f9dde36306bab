"""The outputs of a pipeline beside their records: to adopt what is there, to verify it. It runs nothing."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from enum import Enum
from typing import TYPE_CHECKING

from incremental.errors import DatasetError, DatasetNotFoundError, SessionError, did_you_mean
from incremental.io.catalog.markers import unmark
from incremental.io.files.digests import digest_at
from incremental.io.files.member_digests import differing_members, digest_of_members, is_same
from incremental.io.files.stamps import path_at, stamp_at, stamp_of
from incremental.planner.facts import IN_MEMORY, State
from incremental.state.records import Output

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator

    from incremental.pipeline import Node
    from incremental.session.execution import Prepared
    from incremental.state import FileLedger, Record


class Standing(Enum):
    """How an output stands to its record."""

    RECORDED = "recorded"  # as it was committed, as far as size and times tell
    CHANGED = "changed"
    TOUCHED = "touched"  # other times, or another place on the disk; the content was not compared
    UNPROVEN = "unproven"  # there, without a record
    INCOMPLETE = "incomplete"
    ABSENT = "absent"
    UNKNOWN = "unknown"  # its dataset cannot tell whether it is there


class Verdict(Enum):
    """What reading an output again says of it."""

    WHOLE = "whole"
    DAMAGED = "damaged"
    LOST = "lost"
    UNREADABLE = "unreadable"
    INCOMPLETE = "incomplete"  # the plan makes it again anyway
    UNVERIFIED = "unverified"  # there is no digest to compare with


ADOPTABLE = frozenset({Standing.CHANGED, Standing.TOUCHED, Standing.UNPROVEN})
DAMAGE = frozenset({Verdict.DAMAGED, Verdict.LOST, Verdict.UNREADABLE})
_NOT_SEEN = frozenset({Standing.ABSENT, Standing.UNKNOWN})
_BY_STATE = {State.INCOMPLETE: Standing.INCOMPLETE, State.UNKNOWN: Standing.UNKNOWN}


@dataclass(frozen=True, slots=True)
class Holding:
    """One output that outlives a run, with what is known of it."""

    dataset: str
    node: str
    location: str
    version: str | None
    standing: Standing
    record: Record | None


@dataclass(frozen=True, slots=True)
class Finding:
    """One output that was read again."""

    dataset: str
    node: str
    location: str
    verdict: Verdict
    run_id: str
    """The run that committed it."""
    members: tuple[str, ...] = ()
    """The files in it that are not as they were, where it is a folder of partitions."""
    error: str | None = None
    """Why it cannot be read."""


class Outputs:
    """The outputs of a planned pipeline, in topological order."""

    def __init__(self, prepared: Prepared, ledger: FileLedger) -> None:
        self._plan = prepared.plan
        self._catalog = prepared.catalog
        self._marks = prepared.marks
        self._ledger = ledger
        self.holdings = tuple(self._holdings())

    def named(self, names: Collection[str]) -> tuple[Holding, ...]:
        """Return the outputs of these names; of all without any.

        Raises:
            DatasetNotFoundError: no node writes one of them to where it outlives a run.
        """
        known = {holding.dataset for holding in self.holdings}
        for name in names:
            if name not in known:
                raise DatasetNotFoundError(
                    f"{name!r} is no output of the pipeline that outlives a run{did_you_mean(name, known)}"
                )
        return tuple(each for each in self.holdings if not names or each.dataset in names)

    def to_adopt(self, names: Collection[str] = (), *, force: bool = False) -> tuple[Holding, ...]:
        """Return what ``adopt`` would record: of these names, or whatever has no fitting record.

        The outputs of a node are one commit, so its other outputs that are there come along.

        Raises:
            SessionError: one of the names is not there, or is incomplete and there is no ``force``.
        """
        asked = self.named(names)
        for holding in asked if names else ():
            if holding.standing is Standing.ABSENT:
                raise SessionError(f"{holding.dataset!r} is not there: {holding.location}; run its node")
            if holding.standing is Standing.UNKNOWN:
                raise SessionError(
                    f"{holding.dataset!r} cannot be adopted: its dataset cannot tell whether it is there; "
                    "give it an exists()"
                )
            if holding.standing is Standing.INCOMPLETE and not force:
                is_parted = holding.dataset in self._plan.facts.parted
                why = "its node's outputs are of several commits" if is_parted else "a save never ended"
                raise SessionError(
                    f"{holding.dataset!r} is incomplete: {why}; "
                    f"run node {holding.node!r} again, or adopt it with --force"
                )
        wanted = ADOPTABLE | ({Standing.RECORDED} if names else set())  # a plan looks into no store
        wanted |= {Standing.INCOMPLETE} if force else set()
        nodes = {holding.node for holding in asked if holding.standing in wanted}
        settled = nodes - {
            each.node for each in self.holdings if each.standing is Standing.INCOMPLETE and not force
        }
        return tuple(
            each for each in self.holdings if each.node in settled and each.standing not in _NOT_SEEN
        )

    def adopt(self, chosen: Collection[Holding], run_id: str) -> None:
        """Record outputs as they are now, as if their nodes had made them from what is there now.

        One whose content is the recorded one keeps its generation: only its times are noted.

        Raises:
            LedgerError: the ledger cannot be written.
            OSError: an output cannot be read.
        """
        generations = dict(self._marks.generations)
        for node in self._plan.pipeline.nodes:
            of_node = [each for each in chosen if each.node == node.name]
            if not of_node:
                continue
            outputs = [self._output(each) for each in of_node]
            if all(_is_same(*pair) for pair in zip(of_node, outputs, strict=True)):
                self._ledger.restamp(outputs)
                continue
            generation = self._ledger.commit(run_id, node.name, outputs, self._reads(node, generations))
            generations.update(dict.fromkeys((each.location for each in of_node), generation))
        self._ledger.flush()
        for holding in chosen:
            unmark(holding.location)

    def sizes(self, chosen: Collection[Holding]) -> int:
        """Return how many bytes there are to read, as far as the records know."""
        return sum(each.record.size or 0 for each in chosen if each.record is not None)

    def verify(
        self, chosen: Collection[Holding], tell: Callable[[int], None] | None = None
    ) -> Iterator[Finding]:
        """Read each recorded output again and compare; ``tell`` hears of the bytes read."""
        for each in chosen:
            record = each.record
            while record is not None:
                finding = self._finding(each, record, tell)
                is_bad = finding.verdict in DAMAGE
                now = self._ledger.marks().records.get(each.location) if is_bad else record
                if now == record:
                    yield finding
                    break
                record = now  # a run has written it meanwhile

    def _finding(self, holding: Holding, record: Record, tell: Callable[[int], None] | None) -> Finding:
        found = Finding(holding.dataset, holding.node, holding.location, Verdict.UNREADABLE, record.run_id)
        try:
            verdict, members = self._verdict(holding, record, tell)
        except (OSError, DatasetError) as error:
            return replace(found, error=getattr(error, "strerror", None) or str(error))
        return replace(found, verdict=verdict, members=members)

    def _verdict(
        self, holding: Holding, record: Record, tell: Callable[[int], None] | None
    ) -> tuple[Verdict, tuple[str, ...]]:
        """Return the verdict, and the members that are not as they were."""
        if record.is_begun or (holding.standing is Standing.INCOMPLETE and record.digest is None):
            return Verdict.INCOMPLETE, ()
        try:
            digest = self._digest(holding.dataset, holding.location, record.version, tell)
        except FileNotFoundError:
            return Verdict.WHOLE if record.digest == digest_of_members({}) else Verdict.LOST, ()
        if record.digest is None or digest is None:
            return Verdict.LOST if holding.standing is Standing.ABSENT else Verdict.UNVERIFIED, ()
        if is_same(record.digest, digest):
            return Verdict.WHOLE, ()
        return Verdict.DAMAGED, differing_members(record.digest, digest) or ()

    def _digest(
        self, name: str, location: str, version: str | None, tell: Callable[[int], None] | None
    ) -> str | None:
        """Return the digest of what is stored; None where only its dataset could tell, and does not."""
        path = path_at(location, version)
        if path is not None:
            is_file = stamp_at(location, version) is not None
            if is_file or not os.path.lexists(path):
                return digest_at(path, tell)
            if not os.path.isdir(path):  # noqa: PTH112 - a device or a pipe: reading it may never end
                return None
        read = getattr(self._catalog.get(name, version=version), "content_digest", None)
        return None if read is None else read(tell)

    def _holdings(self) -> Iterator[Holding]:
        facts, records = self._plan.facts, self._marks.records
        for node in self._plan.pipeline.nodes:
            for name in node.writes:
                if facts.state(name) in IN_MEMORY or name not in facts.locations:
                    continue
                location = facts.locations[name]
                record = records.get(location)
                yield Holding(
                    name, node.name, location, facts.versions.get(name), self._standing(name), record
                )

    def _standing(self, name: str) -> Standing:
        facts = self._plan.facts
        state = facts.state(name)
        if state is State.PRESENT:
            if name in facts.unproven:
                return Standing.UNPROVEN
            if name in facts.changed:
                return Standing.CHANGED
            return Standing.TOUCHED if name in facts.touched else Standing.RECORDED
        return _BY_STATE.get(state, Standing.ABSENT)

    def _output(self, holding: Holding) -> Output:
        name, location, version = holding.dataset, holding.location, holding.version
        digest = self._digest(name, location, version, None)
        return Output.of_file(name, location, version, stamp_of(location, version, digest), digest=digest)

    def _reads(self, node: Node, generations: dict[str, str]) -> dict[str, str]:
        locations = [self._plan.facts.locations.get(name, "") for name in node.reads]
        return {location: generations[location] for location in locations if location in generations}


def _is_same(holding: Holding, output: Output) -> bool:
    """Whether an output has the recorded content, whatever its times."""
    record = holding.record
    return (
        record is not None
        and not record.is_begun
        and holding.standing is not Standing.INCOMPLETE
        and record.digest is not None
        and record.digest == output.digest
        and record.version == output.version
    )
