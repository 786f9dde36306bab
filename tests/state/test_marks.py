"""Merging what a ledger knows into what the survey saw."""

from __future__ import annotations

import os
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from incremental.io.files.stamps import FolderStamp
from incremental.planner.facts import Facts, State
from incremental.state import Marks, Output, apply_marks
from incremental.state.marks import edited_inputs, is_moved, recorded
from incremental.state.records import Records, as_edited, find_edited, find_outdated, record_of

FACTS = Facts(
    states={
        "a": State.PRESENT,
        "b": State.PRESENT,
        "c": State.ABSENT,
        "d": State.EPHEMERAL,
        "a@x": State.PRESENT,
    },
    locations={"a": "/a", "b": "/b", "c": "/c", "a@x": "/a"},
)


def test_without_marks_what_is_there_is_unproven_if_a_node_makes_it() -> None:
    facts = apply_marks(FACTS, Marks(), [("a",), ("c", "d")])
    assert facts.states == FACTS.states
    assert facts.unproven == {"a"}
    assert facts.outdated == {}


def test_other_unproven_outputs_leave_every_other_fact_as_it_was() -> None:
    found = apply_marks(FACTS, Marks(), [("a",)])
    assert found == replace(FACTS, unproven=frozenset("a"))


def test_what_was_begun_and_is_there_is_incomplete_under_each_of_its_names() -> None:
    facts = apply_marks(FACTS, Marks(begun=frozenset({"/a", "/c", "/z"})), [("a",)])
    assert {name: state for name, state in facts.states.items() if state is State.INCOMPLETE} == {
        "a": State.INCOMPLETE,
        "a@x": State.INCOMPLETE,
    }
    assert facts.states["c"] is State.ABSENT


def test_what_was_committed_is_proven_and_outdated_by_newer_inputs() -> None:
    marks = Marks(
        generations={"/a": "1", "/b": "2"},
        outdated={"/b": ("/a", "/gone"), "/c": ("/a",)},
    )
    facts = apply_marks(FACTS, marks, [("a",), ("b",), ("c",)])
    assert facts.unproven == frozenset()
    assert facts.outdated == {"b": ("a", "/gone")}


def test_only_what_no_node_in_play_makes_is_outdated_through_others() -> None:
    marks = Marks(
        generations={"/a": "1", "/b": "2"},
        outdated={"/elsewhere": ("/newer",)},
        derived={"/a": ("/newer",), "/b": ("/newer",)},
        records=Records({"/newer": record_of(Output("source", "/newer"), "run", "n", "3")}),
    )
    assert apply_marks(FACTS, marks, [("a",)]).outdated == {"b": ("source",)}


@pytest.mark.parametrize(
    ("is_edited", "outdated", "derived", "found"),
    [
        (False, {"/b": ("/a",)}, {}, {"b": ("a",)}),
        (True, {"/b": ("/a",)}, {}, {}),
        (True, {"/b": ("/a", "/newer")}, {}, {"b": ("/newer",)}),
        (True, {"/elsewhere": ("/a",)}, {"/b": ("/a",)}, {}),
        (False, {"/elsewhere": ("/a",)}, {"/b": ("/a",)}, {"b": ("a",)}),
    ],
)
def test_what_was_made_from_an_edited_input_is_outdated_once_the_edit_is_gone(
    is_edited: bool,
    outdated: dict[str, tuple[str, ...]],
    derived: dict[str, tuple[str, ...]],
    found: dict[str, tuple[str, ...]],
) -> None:
    edited = dict.fromkeys(outdated, ("/a",))
    record = record_of(Output("a", "/a", None, 3, 1, 1, 1, "digest"), "run", "n", "1")
    marks = Marks(
        generations={"/a": "1", "/b": "2"},
        outdated=outdated,
        derived=derived,
        edited=edited,
        records=Records({"/a": record}),
    )
    stamps = {"a": FolderStamp(4, 1, 1, 1)} if is_edited else {}
    assert apply_marks(FACTS, marks, [("a",)], stamps).outdated == found
    assert edited_inputs(FACTS, marks) == ["a", "a@x"]


def test_an_older_commit_of_an_edited_input_is_outdated_all_the_same() -> None:
    reads = [("/b", {"/a": "0"}), ("/c", {"/a": as_edited("1")}), ("/d", {"/a": as_edited("0")})]
    generations = {"/a": "1", "/b": "2", "/c": "2", "/d": "2"}
    outdated = find_outdated(reads, generations)
    assert outdated == {"/b": ("/a",), "/c": ("/a",), "/d": ("/a",)}
    assert find_edited(reads, outdated, generations) == {"/c": ("/a",)}


TWO = Facts(
    states={"a": State.PRESENT, "b": State.PRESENT, "c": State.ABSENT, "m": State.EPHEMERAL},
    locations={"a": "/a", "b": "/b", "c": "/c"},
)


@pytest.mark.parametrize(
    ("generations", "is_parted"),
    [
        ({}, False),
        ({"/a": "1", "/b": "1"}, False),
        ({"/a": "1", "/b": "2"}, True),
        ({"/a": "1"}, True),
        ({"/a": "1", "/b": "1", "/c": "2"}, False),
    ],
)
def test_outputs_of_one_node_that_are_there_must_be_of_one_generation(
    generations: dict[str, str], is_parted: bool
) -> None:
    facts = apply_marks(TWO, Marks(generations=generations), [("a", "m", "b", "c"), ()])
    expected = State.INCOMPLETE if is_parted else State.PRESENT
    assert facts.states == {**TWO.states, "a": expected, "b": expected}
    assert facts.parted == (frozenset({"a", "b"}) if is_parted else frozenset())
    assert not (is_parted and facts.unproven)
    apart = apply_marks(TWO, Marks(generations=generations), [("a",), ("b", "c"), ("m",)])
    assert apart.states == TWO.states


def test_what_was_begun_again_is_not_said_to_be_parted() -> None:
    marks = Marks(begun=frozenset({"/b"}), generations={"/a": "1", "/b": "2"})
    facts = apply_marks(TWO, marks, [("a", "b")])
    assert facts.states == {**TWO.states, "a": State.INCOMPLETE, "b": State.INCOMPLETE}
    assert facts.parted == frozenset({"a"})


def seen(size: int = 10, mtime: int = 20, inode: int = 30, ctime: int = 40) -> os.stat_result:
    return SimpleNamespace(st_size=size, st_mtime_ns=mtime, st_ino=inode, st_ctime_ns=ctime)  # type: ignore[return-value]


def marks_of(location: str, **how: Any) -> Marks:
    output = Output("a", location, how.pop("version", None), 10, 20, 30, 40, how.pop("digest", "d"))
    record = record_of(output, "run 1", "n", "g")
    record = record.begun() if how.pop("begun", False) else record
    return Marks(generations={location: "g"}, records=Records({location: record}))


@pytest.mark.parametrize(
    ("found", "digest", "verdict"),
    [
        (seen(), None, "same"),
        (seen(size=11), None, "changed"),
        (seen(size=11), "d", "changed"),
        (seen(mtime=21), None, "touched"),
        (seen(inode=31), None, "touched"),
        (seen(ctime=41), None, "touched"),
        (seen(ctime=41), "d", "same"),
        (seen(ctime=41), "e", "changed"),
    ],
)
def test_a_file_is_as_it_was_committed_by_its_stamp_or_else_by_its_content(
    found: os.stat_result, digest: str | None, verdict: str
) -> None:
    marks = marks_of("/a")
    facts = apply_marks(FACTS, marks, [("a",)], {"a": found}, {"a": digest} if digest else {})
    assert facts.changed == ({"a": "run 1"} if verdict == "changed" else {})
    assert facts.touched == ({"a": "run 1"} if verdict == "touched" else {})
    (record,) = marks.records.values()
    assert is_moved(record, found) is (found.st_size == 10 and found != seen())


def test_another_version_than_the_recorded_one_is_a_change() -> None:
    facts = apply_marks(
        replace(FACTS, versions={"a": "2"}), marks_of("/a", version="1"), [("a",)], {"a": seen()}
    )
    assert facts.changed == {"a": "run 1"}


def test_what_was_not_looked_at_when_it_was_committed_is_not_judged() -> None:
    unseen = record_of(Output("a", "/a"), "run 1", "n", "g")
    marks = Marks(generations={"/a": "g"}, records=Records({"/a": unseen}))
    facts = apply_marks(FACTS, marks, [("a",)], {"a": seen()})
    assert (facts.changed, facts.touched) == ({}, {})


def test_records_tell_of_what_is_there_and_not_begun_pinned_or_read_only() -> None:
    facts = replace(FACTS, pins={"b": "v"})
    rows = {name: record_of(Output(name[1:], name), "r", "n", "g") for name in ("/a", "/b", "/c", "/z")}
    marks = Marks(records=Records(rows))
    assert [name for name, _ in recorded(facts, marks, ["a", "b", "c", "d", "unknown"])] == ["a"]
    begun = Marks(records=Records({"/a": rows["/a"].begun()}))
    assert list(recorded(facts, begun, ["a"])) == []
    assert set(marks.records) == set(rows)
    assert len(marks.records) == 4


def test_beside_what_is_proven_the_rest_is_said_to_be_unproven() -> None:
    marks = Marks(generations={"/a": "1", "/c": "1"})
    assert apply_marks(FACTS, marks, [("a",), ("b",), ("c",), ("d",)]).unproven == {"b"}


def test_each_node_whose_outputs_are_parted_is_told() -> None:
    states = dict.fromkeys("abcd", State.PRESENT)
    facts = Facts(states=states, locations={name: f"/{name}" for name in states})
    marks = Marks(generations={"/a": "1", "/c": "2"})
    assert apply_marks(facts, marks, [("a", "b"), ("c", "d")]).parted == {"a", "b", "c", "d"}
