"""A power cut at any moment of a run: whatever was not synced may be lost, torn or swapped, and no output is wrong."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest
from faults.power import Change, Folder, Inode, Name, Record, _materialised, cuts, record
from faults.workloads import KINDS, STARTS, Workload, complaints_of_states

Prepare = Callable[[str], Workload]
starts = pytest.mark.parametrize("was_old", STARTS, ids=["empty", "older outputs"])
STAGED = ("text", "pair", "generator", "versioned")
IN_PLACE = ("in_place", "appending")
EVERY_KIND = tuple(kind for kind in KINDS if kind not in ("in_place", "appending"))


def complaints(work: Workload, was_old: bool, each: int) -> list[str]:
    work.begin(was_old)
    states = cuts(record(work.root, work.run), random.Random(20261128), each)
    return list(complaints_of_states(work, states, was_old=was_old))


@starts
@pytest.mark.parametrize("kind", [*STAGED, *IN_PLACE])
def test_after_a_power_cut_the_next_run_makes_what_a_clean_one_does(
    workload: Prepare, kind: str, was_old: bool
) -> None:
    assert complaints(workload(kind), was_old, 0 if kind in STAGED and kind != "pair" else 1) == []


@pytest.mark.slow
@starts
@pytest.mark.parametrize("kind", [*EVERY_KIND, *IN_PLACE])
def test_after_thousands_of_power_cuts_the_next_run_makes_what_a_clean_one_does(
    workload: Prepare, kind: str, was_old: bool
) -> None:
    assert complaints(workload(kind), was_old, 20) == []


# -- the tool


def test_what_was_synced_is_in_every_state_and_what_was_not_is_lost_in_some(workload: Prepare) -> None:
    work = workload("text")
    work.begin(False)
    first = work.root / "data/first_text.txt"
    states = list(cuts(record(work.root, work.run), random.Random(1), 5))
    found = {state.tree.get("data/first_text.txt") for state in states}
    assert found == {None, work.new["data/first_text.txt"]}
    last = max(state.at for state in states)
    assert all(
        state.tree["data/first_text.txt"] == first.read_bytes() for state in states if state.at == last
    )
    staged = [
        data for state in states for name, data in state.tree.items() if name.endswith(".incremental-tmp")
    ]
    assert {b""} < set(staged), "half written files ought to be among the states"


def test_a_lost_write_before_one_that_stayed_is_a_hole() -> None:
    top, data, inode = Folder(), Folder(), Inode(b"")
    changes = [
        Change(0, "name", inode, name=Name(data, "a", "data/a")),
        Change(1, "write", inode, 0, b"abc"),
        Change(2, "write", inode, 3, b"defg"),
    ]
    taken = Record(top, {Name(top, "data", "data"): data}, changes)
    assert _materialised(taken, changes, changes[1:2], []) == {"data/": b"", "data/a": b"\0\0\0defg"}
    assert _materialised(taken, changes, [], changes[2:]) == {"data/": b"", "data/a": b"abcde"}
    assert _materialised(taken, changes, changes[:1], []) == {"data/": b""}


def test_what_was_done_in_a_folder_stays_with_it_where_its_exchange_is_lost() -> None:
    top, one, other = Folder(), Folder(), Folder()
    old, new = Name(top, "old", "old"), Name(top, "new", "new")
    names = {
        old: one,
        new: other,
        Name(one, "a", "old/a"): Inode(b"1"),
        Name(other, "a", "new/a"): Inode(b"2"),
    }
    changes = [
        Change(0, "exchange", other, name=old, source=new),
        Change(1, "remove", name=Name(one, "a", "new/a")),
    ]
    taken = Record(top, names, changes)
    assert _materialised(taken, changes, [], []) == {"old/": b"", "old/a": b"2", "new/": b""}
    assert _materialised(taken, changes, changes[1:], [])["new/a"] == b"1"
    assert _materialised(taken, changes, changes[:1], []) == {"old/": b"", "new/": b"", "new/a": b"2"}
