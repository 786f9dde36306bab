"""Merging what a ledger knows into what the survey saw."""

from __future__ import annotations

from incremental.planner.facts import Facts, State
from incremental.state import Marks, apply_marks

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
