"""Merge what the ledger knows into what the survey saw. Pure: facts and marks in, facts out."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from incremental.planner.facts import Facts, State

if TYPE_CHECKING:
    from collections.abc import Collection

    from incremental.state.ledger import Marks


def apply_marks(facts: Facts, marks: Marks, made: Collection[str]) -> Facts:
    """Return the facts with ``incomplete`` outputs, outdated ones, and those that nobody vouches for.

    Args:
        facts: what the survey saw.
        marks: what the ledger knows, by location.
        made: the datasets that some node of the pipeline writes; only those are expected in a ledger.
    """
    locations, states = facts.locations, facts.states
    begun = (
        {
            name: State.INCOMPLETE
            for name, location in locations.items()
            if location in marks.begun and states[name] is State.PRESENT
        }
        if marks.begun
        else {}
    )
    known = marks.generations
    unproven = frozenset(
        name for name in made if states.get(name) is State.PRESENT and locations.get(name) not in known
    )
    return dataclasses.replace(
        facts,
        states={**states, **begun} if begun else states,
        outdated=_outdated_names(facts, marks),
        unproven=unproven,
    )


def _outdated_names(facts: Facts, marks: Marks) -> dict[str, tuple[str, ...]]:
    if not marks.outdated:
        return {}
    name_by_location: dict[str, str] = {}
    for name, location in facts.locations.items():
        name_by_location.setdefault(location, name)
    return {
        name: tuple(name_by_location.get(source, source) for source in marks.outdated[location])
        for name, location in facts.locations.items()
        if location in marks.outdated and facts.states[name] is State.PRESENT
    }
