"""Whole texts of plans."""

from __future__ import annotations

import json
from collections.abc import Mapping

from graphs import graph

from incremental.pipeline import Pipeline
from incremental.pipeline.selection import Selection, select
from incremental.planner import Facts, Plan, State, plan_all, plan_missing
from incremental.planner.unmet import obstacles
from incremental.render.plan import plan_document, plan_text
from incremental.render.text import Look

FLIGHTS = graph("raw -> clean -> table -> model; model, table -> report; clean -> chart")
HERE = State.PRESENT


def facts(states: Mapping[str, State], **more: object) -> Facts:
    locations = {name: f"/data/{name}" for name in states}
    return Facts(states=states, locations=locations, **more)


def everything(pipeline: Pipeline = FLIGHTS, **other: State) -> Facts:
    names = dict.fromkeys(pipeline.datasets(), HERE)
    return facts({**names, **other})


def planned(pipeline: Pipeline, given: Facts) -> Plan:
    return plan_missing(select(pipeline), given)


def test_a_plan_has_a_line_for_each_running_node_and_one_for_all_others() -> None:
    plan = planned(FLIGHTS, everything(report=State.ABSENT))
    assert plan_text(plan, Look()) == (
        "run   report  report missing\n"
        "skip  4 nodes up to date\n"
        "1 of 5 nodes to run · 4 skipped"
    )  # fmt: skip


def test_what_a_node_is_needed_for_and_what_it_overwrites_is_said() -> None:
    states = dict.fromkeys(("raw", "model", "report", "chart"), HERE)
    plan = planned(FLIGHTS, facts({**states, "report": State.ABSENT, "clean": State.INCOMPLETE}))
    assert plan_text(plan, Look()) == (
        "run      clean   clean incomplete: a save began and never ended\n"
        "run      table   table needed by report\n"
        "run      report  report missing\n"
        "skip     2 nodes up to date\n"
        "suspect  chart is older than clean\n"
        "suspect  model is older than table\n"
        "         --propagate makes suspects again\n"
        "3 of 5 nodes to run · 2 skipped · 2 outputs suspect"
    )


def test_a_suspect_of_a_node_that_is_not_selected_is_told_with_what_to_do() -> None:
    pipeline = graph("raw -> a -> b -> c")
    selected = select(pipeline, Selection.of(node_names=["c"]))
    plan = plan_missing(selected, facts(dict.fromkeys(("b", "c"), HERE), outdated={"b": ("a",)}))
    assert plan_text(plan, Look()) == (
        "suspect  b is older than a\n"
        "         1 output (b) of nodes that are not selected: select them too\n"
        "nothing is missing: 1 node skipped · 1 output suspect"
    )


def test_a_plan_without_work_is_one_line() -> None:
    assert plan_text(planned(FLIGHTS, everything()), Look()) == "nothing to do: 5 nodes up to date"


def test_a_full_run_says_what_it_overwrites() -> None:
    plan = plan_all(select(graph("raw -> a -> b")), facts({"raw": HERE, "a": HERE, "b": State.ABSENT}))
    assert plan_text(plan, Look()) == (
        "run  a  selected; overwrites a\n"
        "run  b  selected\n"
        "2 of 2 nodes to run · 0 skipped"
    )  # fmt: skip


def test_warnings_come_after_the_nodes() -> None:
    pipeline = graph("raw -> a -> b")
    known = facts({"raw": State.UNKNOWN, "a": State.ABSENT, "b": HERE}, untestable={"raw": "TableDataset"})
    assert plan_text(planned(pipeline, known), Look()) == (
        "run      a  a missing\n"
        "skip     1 node up to date\n"
        "suspect  b is older than a\n"
        "         --propagate makes suspects again\n"
        "warning  dataset 'raw': TableDataset cannot tell whether it exists; it will be tried\n"
        "1 of 2 nodes to run · 1 skipped · 1 output suspect"
    )


def test_an_invalid_plan_counts_its_problems_in_the_summary() -> None:
    plan = planned(graph("raw -> a"), facts({"raw": State.ABSENT, "a": State.ABSENT}))
    text = plan_text(plan, Look(), obstacles(plan))
    assert text.splitlines()[-1] == "1 of 1 node to run · 0 skipped · cannot run: 1 problem"


def test_a_long_plan_is_cut_on_a_screen_only() -> None:
    pipeline = graph("; ".join(f"raw -> d{number:03}" for number in range(300)))
    plan = planned(pipeline, facts({"raw": HERE, **{f"d{n:03}": State.ABSENT for n in range(300)}}))
    assert len(plan_text(plan, Look()).splitlines()) == 301
    on_screen = plan_text(plan, Look(width=80)).splitlines()
    assert len(on_screen) == 202
    assert on_screen[200] == "and 100 more nodes to run (-v shows all)"
    assert len(plan_text(plan, Look(width=80), full=True).splitlines()) == 301


def test_many_suspects_are_counted() -> None:
    pipeline = graph("raw -> a; " + "; ".join(f"a -> d{number:02}" for number in range(12)))
    plan = planned(pipeline, everything(pipeline, a=State.ABSENT))
    assert "         and 4 more" in plan_text(plan, Look()).splitlines()


def test_the_document_can_be_read_back_and_has_the_sentences() -> None:
    plan = planned(FLIGHTS, everything(report=State.ABSENT))
    document = plan_document(plan)
    assert document["format"] == "incremental-plan/1"
    assert document["to_run"] == document["news"] == ["report"]
    assert document["valid"] is True
    assert document["obstacles"] == []
    assert {step["node"]: step["why"] for step in document["steps"]}["report"] == "report missing"
    assert json.loads(json.dumps(document)) == document


def test_a_filtered_plan_shows_the_selected_nodes_only() -> None:
    selected = select(FLIGHTS, Selection.of(to_nodes="clean"))
    plan = plan_missing(selected, everything(clean=State.ABSENT))
    assert plan_text(plan, Look()) == "run  clean  clean missing\n1 of 1 node to run · 0 skipped"
