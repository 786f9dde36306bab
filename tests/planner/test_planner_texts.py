"""What plans say: reasons, summaries and what stands in the way, as whole sentences."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
from hypothesis import given
from planner_cases import Case, cases, examples
from situations import facts, selection

from incremental.pipeline import Selection, select
from incremental.planner import Cause, Plan, Reason, State, Unmet, Verdict, plan_all, plan_missing
from incremental.planner.unmet import obstacles

SENTENCES = {
    Cause.PARAMETER_OUTPUT: "makes parameter x",
    Cause.MISSING: "x missing",
    Cause.INCOMPLETE: "x incomplete: a save began and never ended",
    Cause.PARTED: "x incomplete: all from one node, and not of one commit",
    Cause.UNKNOWN: "x counted as missing: there is no way to tell",
    Cause.RESULT: "makes the result x in memory",
    Cause.NO_OUTPUTS: "has no outputs, so it runs every time",
    Cause.CONFIRMS: "confirms x, so it runs every time",
    Cause.FORCED: "forced",
    Cause.OUTDATED: "x made again since",
    Cause.UPSTREAM: "reads x, made again by this plan",
    Cause.OWED: "owed by the run that did not finish",
    Cause.NEEDED: "x needed by n",
    Cause.SELECTED: "selected",
    Cause.PRESENT: "x present",
    Cause.HANDED_IN: "x handed in",
    Cause.UNUSED: "x in memory, and nothing that runs reads it",
}


@pytest.mark.parametrize("cause", Cause, ids=lambda cause: cause.name)
def test_a_reason_is_a_sentence(cause: Cause) -> None:
    assert str(Reason(cause, ("x",), ("n",))) == SENTENCES[cause]


def test_a_reason_names_three_at_most_and_counts_the_rest() -> None:
    nodes = tuple("abcde")
    assert str(Reason(Cause.NEEDED, ("x", "y", "z"), nodes[:3])) == "x, y, z needed by a, b, c"
    assert str(Reason(Cause.NEEDED, ("x", "y"), nodes[:4])) == "x, y needed by a, b, c and 1 more"
    assert str(Reason(Cause.MISSING, nodes)) == "a, b, c and 2 more missing"


def test_braces_in_the_name_of_a_dataset_are_only_a_name() -> None:
    assert str(Reason(Cause.MISSING, ("{nodes}",), ("n",))) == "{nodes} missing"


@pytest.mark.parametrize(
    ("text", "states", "more", "summary"),
    [
        ("raw -> x", "raw, x present", {}, "nothing to do: 1 node up to date"),
        ("raw -> x -> y", "raw, x, y present", {}, "nothing to do: 2 nodes up to date"),
        ("raw -> x", "raw present; x absent", {}, "1 of 1 node to run · 0 skipped"),
        ("raw -> x -> y", "raw, x present; y absent", {}, "1 of 2 nodes to run · 1 skipped"),
        (
            "raw -> x -> y",
            "raw, y present; x absent",
            {},
            "1 of 2 nodes to run · 1 skipped · 1 output suspect",
        ),
        (
            "raw -> x -> y; x -> z",
            "raw, y, z present; x absent",
            {},
            "1 of 3 nodes to run · 2 skipped · 2 outputs suspect",
        ),
        (
            "raw -> x -> y",
            "raw, x, y present",
            {"outdated": {"y": ("x",)}},
            "nothing is missing: 2 nodes skipped · 1 output suspect",
        ),
    ],
)
def test_a_summary_is_one_line(text: str, states: str, more: dict[str, Any], summary: str) -> None:
    assert plan_missing(selection(text), facts(states, **more)).summary == summary


def test_a_plan_shows_itself_in_a_notebook_with_a_reason_for_each_node_that_runs() -> None:
    plan = plan_missing(selection("raw -> x -> y -> z"), facts("raw, y, z present; x absent"))
    assert repr(plan) == "<Plan: 1 of 3 nodes to run · 2 skipped · 1 output suspect\n  x: x missing>"
    many = plan_all(selection("; ".join(f"raw -> x{number}" for number in range(40))), facts("raw present"))
    assert repr(many).splitlines()[-1] == "  and 10 more>"
    assert len(repr(many).splitlines()) == 32


def test_a_summary_sets_thousands_off() -> None:
    whole = selection(";".join(f"raw -> x{number}" for number in range(2500)))
    absent = ", ".join(f"x{number}" for number in range(1200))
    present = ", ".join(f"x{number}" for number in range(1200, 2500))
    plan = plan_missing(whole, facts(f"raw, {present} present; {absent} absent"))
    assert plan.summary == "1,200 of 2,500 nodes to run · 1,300 skipped"


# obstacles


def sentences(text: str, states: str = "", known: tuple[str, ...] = (), **more: Any) -> tuple[str, ...]:
    """Return what keeps a plain run from starting."""
    about = {key: more.pop(key) for key in ("absent_parameters", "locations", "pins") if key in more}
    plan = plan_all(selection(text, **more), facts(states, **about))
    assert plan.is_valid is not bool(obstacles(plan))
    return obstacles(plan, known)


def test_nothing_in_the_way_is_no_sentence() -> None:
    assert sentences("raw -> x", "raw present; x absent") == ()


def test_a_missing_dataset_is_told_once_with_all_its_readers() -> None:
    assert sentences("raw -> a; raw -> b; raw -> c", "raw absent") == (
        "dataset 'raw', read by 'a', 'b', 'c', does not exist at /data/raw; put it there or correct its path",
    )
    assert sentences("raw -> a; raw -> b; raw -> c; raw -> d", "raw absent") == (
        "dataset 'raw', read by 'a', 'b', 'c' and others, does not exist at /data/raw; "
        "put it there or correct its path",
    )


def test_a_missing_dataset_without_a_place_does_not_exist() -> None:
    [gone] = sentences("raw -> x", "raw absent", locations={"raw": None})
    assert gone == "dataset 'raw', read by 'x', does not exist; make it first"
    [half] = sentences("raw -> x", "raw incomplete", locations={"raw": None})
    assert half == "dataset 'raw', read by 'x', is incomplete: its last save never ended; make it again"


def test_an_incomplete_source_is_told_with_its_place() -> None:
    assert sentences("raw -> x", "raw incomplete") == (
        "dataset 'raw', read by 'x', is incomplete at /data/raw: its last save never ended; make it again",
    )


def test_a_dataset_that_nobody_knows_is_told_with_the_nearest_that_somebody_does() -> None:
    start = "dataset 'modle', read by 'report', is not in the catalog and no node makes it"
    assert sentences("modle -> report") == (f"{start}; add it to catalog.yml",)
    assert sentences("modle -> report", known=("model", "params:modle")) == (
        f"{start}; did you mean 'model'?",
    )
    assert sentences("modle -> report; raw -> model", "raw present", known=("model",)) == (
        f"{start}; did you mean 'model'?",
    )


def test_a_dataset_that_was_meant_to_be_a_parameter_is_told_with_the_parameter() -> None:
    (told,) = sentences("param:rate -> report", known=("rates", "params:rate"))
    assert told.endswith("no node makes it; did you mean 'params:rate'?")


def test_no_name_is_offered_that_is_missing_itself() -> None:
    first, second = sentences("model -> a; models -> b", known=("model", "models"))
    assert first.endswith("no node makes it; add it to catalog.yml")
    assert second.endswith("no node makes it; add it to catalog.yml")


def test_a_parameter_that_is_not_there_is_told_with_the_nearest_that_is() -> None:
    start = "parameter 'params:rat', read by 'x', is not in the parameters"
    absent = frozenset({"params:rat"})
    text = "params:rat -> x; params:rate -> y"
    assert sentences("params:rat -> x", absent_parameters=absent) == (
        f"{start}; add it to parameters.yml or pass --params",
    )
    assert sentences("params:rat -> x", known=("rat", "raw"), absent_parameters=absent) == (
        f"{start}; add it to parameters.yml or pass --params",
    )
    assert sentences(text, absent_parameters=absent) == (f"{start}; did you mean 'rate'?",)
    assert sentences("params:rat -> x", known=("params:rates",), absent_parameters=absent) == (
        f"{start}; did you mean 'rates'?",
    )


def test_conflicts_come_after_what_is_missing_and_say_all_about_a_version_that_is() -> None:
    missing, conflict = sentences("raw -> x; old -> y", "raw, old absent", pins={"old": "v1"})
    assert missing.startswith("dataset 'raw', read by 'x', does not exist at /data/raw")
    assert conflict.startswith("dataset 'old' is pinned to version 'v1', which does not exist")


LINE = "raw -> a -> b -> c"


@pytest.mark.parametrize(
    ("select_by", "more", "remedy"),
    [
        ({"node_names": "b"}, {}, "add it with --nodes=a,b"),
        ({"node_names": ["c", "b"]}, {}, "add it with --nodes=a,c,b"),
        ({"tags": "t"}, {"tags": {"b": "t"}}, "drop --tags"),
        ({"tags": "t"}, {"tags": {"b": "t", "a": ["z", "u"]}}, "add one of its tags to --tags: u, z"),
        ({"namespaces": "m"}, {"namespaces": {"b": "m"}}, "drop --namespaces"),
        ({"namespaces": "m"}, {"namespaces": {"b": "m", "a": "k.l"}}, "add 'k.l' to --namespaces"),
        ({"from_nodes": "b"}, {}, "add it with --from-nodes=a,b"),
        ({"from_nodes": ["c", "b"]}, {}, "add it with --from-nodes=a,c,b"),
        ({"from_inputs": "a"}, {}, "use --from-nodes=a in place of --from-inputs"),
        ({"from_inputs": ["raw"], "from_nodes": ["b"]}, {}, "add it with --from-nodes=a,b"),
        ({"from_inputs": "a", "from_nodes": "b"}, {}, "use --from-nodes=a in place of --from-inputs"),
        ({"node_names": ["a", "b"], "from_nodes": "b"}, {}, "add it with --from-nodes=a,b"),
        ({"tags": "t", "from_nodes": "b"}, {"tags": {"a": "t", "b": "t"}}, "add it with --from-nodes=a,b"),
        (
            {"namespaces": "m", "from_inputs": "a"},
            {"namespaces": {"a": "m", "b": "m"}},
            "use --from-nodes=m.a in place of --from-inputs",
        ),
    ],
)
def test_a_producer_that_is_left_out_comes_with_the_flag_that_brings_it_in(
    select_by: dict[str, Any], more: dict[str, Any], remedy: str
) -> None:
    namespaces = more.get("namespaces", {})
    maker, reader = (f"{namespaces[name]}.{name}" if name in namespaces else name for name in "ab")
    assert sentences(LINE, "raw present; a, b absent", select_by=select_by, **more) == (
        f"dataset 'a', read by '{reader}', is made by node '{maker}', "
        f"which the selection leaves out: {remedy}",
    )


@given(cases())
@examples(150)
def test_following_the_remedies_one_after_the_other_brings_the_producer_in(case: Case) -> None:
    for gap in plan_missing(case.selected, case.facts).unmet:
        if gap.producer is not None:
            _follow_remedies(case, gap)


def _follow_remedies(case: Case, gap: Unmet) -> None:
    selectors = dict(case.selectors)
    for _ in range(len(selectors)):
        selected = select(case.whole, Selection.of(**selectors))
        if gap.producer in {node.name for node in selected.pipeline.nodes}:
            break
        bare = Plan(plan_all(selected, case.facts).mode, selected, case.facts, (), unmet=(gap,))
        [sentence] = obstacles(bare)
        selectors = _obeyed(sentence.split("leaves out: ")[1], selectors)
    selected = select(case.whole, Selection.of(**selectors))
    assert {gap.producer, gap.node} <= {node.name for node in selected.pipeline.nodes}


def _obeyed(remedy: str, selectors: dict[str, tuple[str, ...]]) -> dict[str, tuple[str, ...]]:
    dropped = {
        "--tags" if remedy == "drop --tags" else "",
        "--from-inputs" if "in place of" in remedy else "",
    }
    left = {key: words for key, words in selectors.items() if f"--{key.replace('_', '-')}" not in dropped}
    if remedy == "drop --tags":
        return left
    if remedy.startswith("add one of its tags to --tags: "):
        return {**left, "tags": (*left["tags"], remedy.split(": ")[1].split(", ")[0])}
    flag, names = remedy.split("--", 1)[1].split(" ")[0].split("=")
    key = {"nodes": "node_names", "from-nodes": "from_nodes"}[flag]
    return {**left, key: tuple(names.split(","))}


# values


def test_plans_and_their_parts_never_change() -> None:
    plan = plan_missing(selection("raw -> x"), facts("raw absent; x absent"))
    for value in (plan, plan.steps[0], plan.steps[0].reasons[0], plan.unmet[0], plan.facts):
        with pytest.raises(dataclasses.FrozenInstanceError):
            setattr(value, dataclasses.fields(value)[0].name, None)


def test_a_step_that_is_decided_later_counts_as_running() -> None:
    plan = plan_missing(selection("raw -> x -> y"), facts("raw, x, y present"))
    steps = (dataclasses.replace(plan.steps[0], verdict=Verdict.MAYBE), plan.steps[1])
    plan = dataclasses.replace(plan, steps=steps)
    assert plan.running == steps[:1]
    assert plan.skipped == steps[1:]


def test_a_name_without_a_state_is_ephemeral() -> None:
    given = facts("x present")
    assert given.state("x") is State.PRESENT
    assert given.state("y") is State.EPHEMERAL


def test_what_is_missing_is_told_beside_a_pin_on_a_version_that_is_not_there() -> None:
    given = facts("pinned, source, out absent", pins={"pinned": "2020"})
    first, second = obstacles(plan_missing(selection("pinned, source -> out"), given))
    assert first.startswith("dataset 'source', read by 'out', does not exist")
    assert second.startswith("dataset 'pinned' is pinned to version '2020', which does not exist")
