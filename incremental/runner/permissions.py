"""Look, before anything runs, whether a plan may read and write its local files. It opens none of them."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import TYPE_CHECKING

from incremental.planner.conflicts import shared_locations
from incremental.planner.facts import IN_MEMORY, State
from incremental.state.places import resolve

if TYPE_CHECKING:
    from collections.abc import Iterator

    from incremental.planner import Plan

_MOST_NAMED = 3
_READ_ONLY = "is read-only for you; change its permissions, or the path"


def denials(plan: Plan) -> tuple[str, ...]:
    """Return a sentence for each place on disk that the plan needs and may not use as it is.

    The user may not read or write it, or two datasets that nothing orders would write it by different names.

    Found now it costs nothing; found when the last node saves it costs what ran before. Places that are
    not on this machine are not looked at.
    """
    names_by_fault: dict[str, list[str]] = {}
    for name, location in _sources(plan):
        if not os.access(location, os.R_OK):
            fault = f"cannot be read: {location} is closed to you; change its permissions"
            names_by_fault.setdefault(fault, []).append(name)
    folders: dict[str, str | None] = {}
    for name, location in _targets(plan):
        is_there = plan.facts.state(name) is not State.ABSENT
        obstacle = _obstacle(location, is_there, folders)
        if obstacle is not None:
            names_by_fault.setdefault(f"cannot be saved: {obstacle}", []).append(name)
    denied = tuple(f"{_listed(names)} {fault}" for fault, names in names_by_fault.items())
    return (*denied, *_shared_over_links(plan))


def _shared_over_links(plan: Plan) -> tuple[str, ...]:
    """Return a sentence for each two datasets at one place that has several names, as over a link."""
    if next(_targets(plan), None) is None:
        return ()
    locations = plan.facts.locations
    different = set(locations.values())
    if len(resolve(different, "", 0)) == len(different):
        return ()
    followed = {name: next(iter(resolve([location], "", 0))) for name, location in locations.items()}
    shared = shared_locations(plan.pipeline, replace(plan.facts, locations=followed), ordered=False)
    return tuple(sentence for sentence in shared if sentence not in plan.conflicts)


def _sources(plan: Plan) -> Iterator[tuple[str, str]]:
    """Yield what running nodes read and find there, with its path."""
    facts = plan.facts
    made = {name for step in plan.running for name in step.node.writes}
    read = dict.fromkeys(name for step in plan.running for name in step.node.reads)
    for name in read:
        location = facts.locations.get(name, "")
        if name not in made and facts.state(name) is State.PRESENT and location.startswith(os.sep):
            yield name, location


def _targets(plan: Plan) -> Iterator[tuple[str, str]]:
    """Yield what running nodes write to disk, with its path."""
    facts = plan.facts
    for step in plan.running:
        for name in step.node.writes:
            location = facts.locations.get(name, "")
            if facts.state(name) not in IN_MEMORY and location.startswith(os.sep):
                yield name, location


def _obstacle(location: str, is_there: bool, folders: dict[str, str | None]) -> str | None:
    """Return what stands in the way of writing a path, and the remedy."""
    if is_there and os.path.lexists(location) and not os.access(location, os.W_OK):
        return f"{location} {_READ_ONLY}"
    folder = location if os.path.isdir(location) else os.path.dirname(location)  # noqa: PTH112, PTH120
    if folder not in folders:
        folders[folder] = _obstacle_in(folder)
    return folders[folder]


def _obstacle_in(folder: str) -> str | None:
    """Return what forbids to make a file in a folder, which may have to be made itself."""
    while not os.path.lexists(folder):
        folder = os.path.dirname(folder)  # noqa: PTH120
    if not os.path.isdir(folder):  # noqa: PTH112
        return f"{folder} is no folder; correct the path"
    return None if os.access(folder, os.W_OK | os.X_OK) else f"{folder} {_READ_ONLY}"


def _listed(names: list[str]) -> str:
    kind = "dataset" if len(names) == 1 else "datasets"
    more = f" and {len(names) - _MOST_NAMED} more" if len(names) > _MOST_NAMED else ""
    return f"{kind} {', '.join(map(repr, names[:_MOST_NAMED]))}{more}"
