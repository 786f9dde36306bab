"""A death, or an error of the system, at every file operation of a run in turn: the next run makes it good."""

from __future__ import annotations

import errno
import itertools
import os
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
from faults.effects import Fail, Happen, die
from faults.faultfs import Disk
from faults.states import in_child, moments_of, put_tree, take_tree
from faults.workloads import KINDS, STARTS, Workload, complaints_about, complaints_of_states, leftovers

ERRORS = (errno.ENOSPC, errno.EIO, errno.EACCES)
FAULTS = tuple(itertools.product(ERRORS, (False, True)))
Prepare = Callable[[str], Workload]


def fails(work: Workload, effect: Any) -> int:
    """Run a pipeline in another process with something happening on its disk; return the exit code."""

    def act() -> None:
        with Disk(work.root, effect):
            work.run()

    return in_child(act)


def operations_of(work: Workload, was_old: bool) -> list[str]:
    work.begin(was_old)
    with Disk(work.root) as disk:
        work.run()
    return [operation.name for operation in disk.operations]


starts = pytest.mark.parametrize("was_old", STARTS, ids=["empty", "older outputs"])
some_or_all = pytest.mark.parametrize("step", [5, pytest.param(1, marks=pytest.mark.slow)])


WHOLE = ("text", "pair")
"""These die at every operation here, the others at every fifth; all of them at every one in the slow tests."""
REST = tuple(kind for kind in KINDS if kind not in WHOLE)
STEPS = [(kind, 1) for kind in WHOLE] + [(kind, 5) for kind in REST]
SLOW = [pytest.param(kind, 1, marks=pytest.mark.slow) for kind in REST]
UNLIKE = tuple(
    kind for kind in KINDS if kind not in ("json", "yaml", "pickle", "csv", "partitions", "folder")
)
"""The others differ from these in what is in a file alone, or write many."""


@starts
@pytest.mark.parametrize(("kind", "step"), [*STEPS, *SLOW])
def test_after_a_death_at_any_operation_the_next_run_makes_what_a_clean_one_does(
    workload: Prepare, kind: str, step: int, was_old: bool
) -> None:
    work = workload(kind)
    work.begin(was_old)
    moments = moments_of(work.root, work.run)
    assert len(moments) > 25
    assert list(complaints_of_states(work, moments[::step], was_old=was_old)) == []


@some_or_all
@pytest.mark.parametrize("kind", ["text", "pair", "in_place", "appending"])
def test_after_a_death_the_plain_command_leaves_nothing_old_unnamed_where_generations_mix(
    workload: Prepare, kind: str, step: int
) -> None:
    work = workload(kind)
    work.begin(True)
    moments = moments_of(work.root, work.run)
    assert list(complaints_of_states(work, moments[::step], was_old=True, resume=False)) == []


@starts
@some_or_all
@pytest.mark.parametrize("kind", ["text", "pair", "in_place", "appending"])
def test_a_death_with_the_ledger_lost_besides_leaves_nothing_half_believed(
    workload: Prepare, kind: str, step: int, was_old: bool
) -> None:
    work = workload(kind)
    work.begin(was_old)
    moments = moments_of(work.root, work.run)
    states = moments[::step]
    assert list(complaints_of_states(work, states, was_old=was_old, forgets=True, resume=False)) == []


@pytest.mark.parametrize("kind", UNLIKE)
def test_after_an_error_at_every_eighth_operation_the_next_run_makes_what_a_clean_one_does(
    workload: Prepare, kind: str
) -> None:
    """One of the six kinds of errors at each, in turn; all of them at every operation in the slow test."""
    work = workload(kind)
    faults = itertools.cycle(FAULTS)
    assert complaints_of_errors(work, True, lambda at: [] if at % 8 else [next(faults)]) == []


@pytest.mark.slow
@starts
@pytest.mark.parametrize("kind", KINDS)
def test_after_each_kind_of_error_at_any_operation_the_next_run_makes_what_a_clean_one_does(
    workload: Prepare, kind: str, was_old: bool
) -> None:
    assert complaints_of_errors(workload(kind), was_old, lambda _: FAULTS) == []


@some_or_all
@pytest.mark.parametrize("kind", ["versioned", "in_place", "pair"])
def test_nothing_staged_is_left_when_the_run_after_a_death_has_ended(
    workload: Prepare, kind: str, step: int
) -> None:
    work = workload(kind)
    work.begin(True)
    left = []
    for moment in moments_of(work.root, work.run)[::step]:
        put_tree(work.root, moment.tree)
        for path in (work.root / ".incremental").rglob("*"):  # a record that was being written a moment ago
            os.utime(path, (1, 1))  # may still be
        work.run(only_missing_outputs=True, resume=True)
        left += [f"{moment}: {name}" for name in leftovers(work.root)]
    assert left == []


def complaints_of_errors(work: Workload, was_old: bool, faults_at: Callable[[int], Any]) -> list[str]:
    found = []
    for at, name in enumerate(operations_of(work, was_old)):
        for error, for_ever in faults_at(at):
            work.begin(was_old)
            code = fails(work, Fail(at, error, for_ever))
            about = f"{errno.errorcode[error]}{' for ever' if for_ever else ''} at operation {at}, {name}"
            if code not in (0, 3):
                found.append(f"{about}: ended with {code}")
            found += [f"{about}: {complaint}" for complaint in complaints_about(work, was_old=was_old)]
    return found


def test_a_photograph_shows_what_a_real_death_leaves(workload: Prepare) -> None:
    work = workload("pair")
    work.begin(True)
    moments = moments_of(work.root, work.run)
    moments = [moment for moment in moments if moment.when == "torn" or moment.at % 7 == 3]
    assert {moment.when for moment in moments} == {"torn", "after"}
    for moment in moments:
        work.begin(True)
        assert fails(work, Happen(moment.at, die, moment.when)) == -9
        assert shape(take_tree(work.root)) == shape(moment.tree), str(moment)


def shape(tree: dict[str, bytes]) -> Counter[tuple[str, bytes]]:
    """Return what does not differ from run to run: the data, under names without what is random."""
    return Counter(
        (name.partition(".incremental-tmp")[0].rpartition(".")[0] or name, data)
        if name.endswith(".incremental-tmp")
        else (name, data)
        for name, data in tree.items()
        if name.startswith("data/")
    )
