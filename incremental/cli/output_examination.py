"""The examinations behind ``doctor``: of the outputs, and what killed runs left there. None writes."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from incremental.render.checks import Check
from incremental.render.text import count, listed

if TYPE_CHECKING:
    from collections.abc import Iterator

    from incremental.planner import Plan
    from incremental.session import Session

_DEFAULT = "__default__"


def examine_outputs(session: Session) -> Iterator[Check]:
    """Look at what the default pipeline reads and writes."""
    if _DEFAULT not in session.pipelines:
        return
    plan = session.plan(only_missing_outputs=True)
    yield from _states(plan)
    yield from _inputs(session, plan)
    yield from _rights(session)
    yield from _claims(session, plan)
    folders = _folders(session.project.path, plan)
    yield from _staged(folders)
    yield from _disks(session.project.path, folders)
    yield from _clock(plan)


def _states(plan: Plan) -> Iterator[Check]:
    from incremental.planner.facts import State

    facts = plan.facts
    incomplete = sorted(name for name, state in facts.states.items() if state is State.INCOMPLETE)
    begun = [name for name in incomplete if name not in facts.parted]
    for names, why in ((begun, "a save never ended"), (sorted(facts.parted), "not committed together")):
        if names:
            what = f"{count(len(names), 'dataset')} incomplete: {listed(names)}; {why}"
            yield Check("outputs", what, "incremental run --only-missing-outputs makes them again")
    if facts.changed:
        since = "it was" if len(facts.changed) == 1 else "they were"
        names = sorted(facts.changed)
        what = f"{count(len(names), 'output')} changed since {since} committed: {listed(names)}"
        yield Check("outputs", what, "incremental adopt accepts what is there; --force NODE makes it again")
    if plan.suspects:
        names = [suspect.dataset for suspect in plan.suspects]
        what = f"{count(len(names), 'output')} suspect, older than what they were made from: {listed(names)}"
        yield Check("outputs", what, "incremental run --propagate makes them again")
    if facts.unproven:
        names = sorted(facts.unproven)
        what = (
            f"{count(len(names), 'output')} unproven, there without a record of who made it: {listed(names)}"
        )
        yield Check("outputs", what, f"{_adopting()}; or delete them, and they are made again")


def _adopting() -> str:
    from incremental.cli.main import group

    if "adopt" in group.list_commands(None):  # type: ignore[arg-type]  # ours asks no context
        return "incremental adopt records them as they are"
    return "leave them if you trust them"


def _inputs(session: Session, plan: Plan) -> Iterator[Check]:
    from incremental.planner.unmet import obstacles

    for sentence in () if plan.is_valid else obstacles(plan, session.load_context().catalog):
        yield Check("inputs", sentence, "", healthy=False)


def _rights(session: Session) -> Iterator[Check]:
    from incremental.runner.permissions import denials

    for sentence in denials(session.plan()):
        yield Check("rights", sentence, "", healthy=False)


def _claims(session: Session, plan: Plan) -> Iterator[Check]:
    """Name the runs that are on and write what this pipeline writes."""
    from incremental.state.claims import Claims

    made = {name for step in plan.steps for name in step.node.writes}
    locations = [location for name, location in plan.facts.locations.items() if name in made]
    for holder in Claims(session.project.path).holders(locations):
        yield Check("claims", f"outputs are being written by another run: {holder}", "let it end, or end it")


def _folders(root: Path, plan: Plan) -> list[Path]:
    """Return the folders on this machine in which the pipeline's outputs lie."""
    made = {name for step in plan.steps for name in step.node.writes}
    locations = [location for name, location in plan.facts.locations.items() if name in made]
    found = {Path(location).parent for location in locations if location.startswith(os.sep)}
    return sorted(folder for folder in found if folder.is_dir()) or [root]


def _staged(folders: list[Path]) -> Iterator[Check]:
    from incremental.io.files.staging import is_staging_name

    found = [folder / name for folder in folders for name in sorted(_names(folder)) if is_staging_name(name)]
    if found:
        files = listed(map(str, found), 3)
        what = f"{count(len(found), 'half-written file')} of runs that were killed, or are on: {files}"
        yield Check("leftovers", what, "they are never taken for data; delete them while no run is on")


def _names(folder: Path) -> list[str]:
    try:
        return os.listdir(folder)  # noqa: PTH208 - names, and of many files
    except OSError:
        return []


def _disks(root: Path, folders: list[Path]) -> Iterator[Check]:
    """Look at the disks of outputs that lie on another one than the project."""
    from incremental.cli.folder_examination import examine_disk

    seen = {root.stat().st_dev}
    for folder in folders:
        device = folder.stat().st_dev
        if device not in seen:
            seen.add(device)
            yield from examine_disk(folder)


def _clock(plan: Plan) -> Iterator[Check]:
    import time

    ahead = []
    for name, location in plan.facts.locations.items():
        try:
            if location.startswith(os.sep) and Path(location).stat().st_mtime > time.time() + 60:
                ahead.append(name)
        except OSError:
            continue
    if ahead:
        what = f"{count(len(ahead), 'dataset')} from the future: {listed(sorted(ahead))}"
        yield Check("clock", what, "set the clock of this machine, or of the file server")
