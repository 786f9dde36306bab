"""Merge what the ledger knows into what was seen. Pure: facts, marks and stamps of files in, facts out."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from incremental.io.files.member_digests import is_same
from incremental.planner.facts import Facts, State

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from incremental.io.files.stamps import Stamp
    from incremental.state.records import Marks, Record


def apply_marks(
    facts: Facts,
    marks: Marks,
    written: Iterable[Sequence[str]],
    stamps: Mapping[str, Stamp] | None = None,
    digests: Mapping[str, str] | None = None,
) -> Facts:
    """Return the facts with what is incomplete, outdated, changed since it was committed, or unproven.

    Args:
        facts: what the survey saw.
        marks: what the ledger knows, by location.
        written: the outputs of each node of the pipeline; only those are expected in a ledger.
        stamps: what files look like that do not look as they were recorded, by dataset.
        digests: what is in those of them that were read, by dataset.
    """
    outputs_by_node = [tuple(names) for names in written]
    if not (marks.generations or marks.records or marks.begun or marks.outdated):
        return dataclasses.replace(facts, unproven=_unproven(facts, {}, outputs_by_node))
    begun = _begun(facts, marks)
    parted = {name: State.INCOMPLETE for name in _parted(facts, marks, outputs_by_node) if name not in begun}
    incomplete = begun | parted
    if incomplete:
        facts = dataclasses.replace(facts, states={**facts.states, **incomplete})
    changed, touched = _differing(facts, marks, stamps or {}, digests or {})
    return dataclasses.replace(
        facts,
        outdated=_outdated_names(facts, marks, outputs_by_node, changed),
        parted=frozenset(parted),
        unproven=_unproven(facts, marks.generations, outputs_by_node),
        changed=changed,
        touched=touched,
    )


def recorded(facts: Facts, marks: Marks, made: Iterable[str]) -> Iterator[tuple[str, Record]]:
    """Yield each made dataset that is there, with its record where that tells what to expect of it.

    A pinned version is whatever the user asked for, and the record is of the last one.
    """
    states, locations, records, pins = facts.states, facts.locations, marks.records, facts.pins
    present = State.PRESENT
    for name in made:
        if states.get(name) is present and name not in pins and locations[name] in records:
            record = records[locations[name]]
            if record.state != "begun":
                yield name, record


def edited_inputs(facts: Facts, marks: Marks) -> list[str]:
    """Return the datasets that had been edited when something was made from them."""
    if not marks.edited:
        return []
    edited = {location for locations in marks.edited.values() for location in locations}
    return [name for name, location in facts.locations.items() if location in edited]


def is_moved(record: Record, found: Stamp) -> bool:
    """Whether a file of the recorded size has other times or is another one: its content may be the same."""
    return found.st_size == record.size and not record.fits(found)


def _unproven(
    facts: Facts, known: Mapping[str, str], outputs_by_node: Iterable[tuple[str, ...]]
) -> frozenset[str]:
    states, locations = facts.states, facts.locations
    return frozenset(
        [
            name
            for names in outputs_by_node
            for name in names
            if states.get(name) is State.PRESENT and locations.get(name) not in known
        ]
    )


def _begun(facts: Facts, marks: Marks) -> dict[str, State]:
    if not marks.begun:
        return {}
    return {
        name: State.INCOMPLETE
        for name, location in facts.locations.items()
        if location in marks.begun and facts.states[name] is State.PRESENT
    }


def _parted(facts: Facts, marks: Marks, outputs_by_node: Iterable[tuple[str, ...]]) -> list[str]:
    """Find nodes whose outputs are there and were not committed as one: a commit was lost, or half undone."""
    parted: list[str] = []
    for names in outputs_by_node:
        if len(names) < 2:
            continue
        there = [name for name in names if facts.states.get(name) is State.PRESENT]
        if len({marks.generations.get(facts.locations[name]) for name in there}) > 1:
            parted += there
    return parted


def _differing(
    facts: Facts, marks: Marks, stamps: Mapping[str, Stamp], digests: Mapping[str, str]
) -> tuple[dict[str, str], dict[str, str]]:
    """Tell what is not as it was committed: for sure, and by its times alone.

    Another size or another version is a change. Where only times or the number on the disk differ, as
    after a copy or a checkout, the content decides if it was read.
    """
    changed: dict[str, str] = {}
    touched: dict[str, str] = {}
    versions = facts.versions
    for name, found in stamps.items():
        if facts.states[name] is not State.PRESENT:
            continue
        record = marks.records[facts.locations[name]]
        if record.version != versions.get(name):
            changed[name] = record.run_id
        elif record.fits(found):
            continue
        elif found.st_size != record.size:
            changed[name] = record.run_id
        elif name not in digests:
            touched[name] = record.run_id
        elif not is_same(record.digest or "", digests[name]):
            changed[name] = record.run_id
    return changed, touched


def _outdated_names(
    facts: Facts, marks: Marks, outputs_by_node: Iterable[tuple[str, ...]], changed: Iterable[str]
) -> dict[str, tuple[str, ...]]:
    """Return what is older than its inputs; of what is made elsewhere also what its makers read.

    What was made from an input that somebody had edited is older once the edit is gone.
    """
    if not marks.outdated:
        return {}
    made = {facts.locations.get(name) for names in outputs_by_node for name in names}
    name_by_location: dict[str, str] = {}
    for name, location in facts.locations.items():
        name_by_location.setdefault(location, name)
    still_edited = {facts.locations[name] for name in set(changed).intersection(edited_inputs(facts, marks))}
    found = {}
    for name, location in facts.locations.items():
        as_made = still_edited.intersection(marks.edited.get(location, ()))
        newer = set(marks.outdated.get(location, ())) - as_made
        if not newer and location not in made:
            newer = set(marks.derived.get(location, ())) - still_edited
        if newer and facts.states[name] is State.PRESENT:
            found[name] = tuple([_name_at(each, name_by_location, marks) for each in sorted(newer)])
    return found


def _name_at(location: str, name_by_location: Mapping[str, str], marks: Marks) -> str:
    """Return the name of what is at a location; out of play it is the one under which it was committed."""
    record = marks.records.get(location)
    return name_by_location.get(location) or (location if record is None else record.dataset)
