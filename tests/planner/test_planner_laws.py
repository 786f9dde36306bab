"""The laws of DESIGN section 4, on random situations, against a search over all subsets."""

from __future__ import annotations

import copy
import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType

import pytest
from hypothesis import given
from hypothesis import strategies as st
from planner_cases import STORED, Case, cases, examples, outdated_cases, pipeline_of
from planner_oracle import Oracle, base, is_parameter

from incremental.pipeline import Selection, select
from incremental.pipeline.transcoding import base_name
from incremental.planner import Cause, Plan, State, Step, Verdict, plan_all, plan_missing

NEWS = ("s1", "s2", "s5")


def planned(case: Case) -> Plan:
    return plan_missing(case.selected, case.facts)


def names(steps: tuple[Step, ...]) -> list[str]:
    return [step.node.name for step in steps]


def running(plan: Plan) -> set[str]:
    return set(names(plan.running))


def states_after(plan: Plan, case: Case) -> dict[str, State]:
    """Return what a run of the plan would leave behind; memory is empty again."""
    written = {name for step in plan.running for name in step.node.writes}
    formats = {name for name in case.states if base(name) in {base(each) for each in written}}
    made = {
        name for name in formats if case.states[name] in STORED and case.states[name] is not State.UNKNOWN
    }
    return {name: State.PRESENT if name in made else state for name, state in case.states.items()}


@given(cases())
@examples(150)
def test_a_plan_is_sound_every_input_is_there_or_made_by_an_earlier_step_or_reported(case: Case) -> None:
    plan = planned(case)
    there = {name for name, state in case.states.items() if state in (State.PRESENT, State.HANDED_IN)}
    made: set[str] = set()
    lacking = set()
    for step in plan.running:
        for name in step.node.reads:
            if name not in there and base(name) not in made and not is_parameter(name):
                lacking.add((name, step.node.name))
        made |= {base(name) for name in step.node.writes}
    unknown = {(name, reader) for name, reader in lacking if case.states.get(name) is State.UNKNOWN}
    reported = {(gap.dataset, gap.node) for gap in plan.unmet if not is_parameter(gap.dataset)}
    assert lacking - unknown <= reported <= lacking


@given(cases())
@examples(150)
def test_a_plan_is_complete_afterwards_no_output_of_the_selection_is_missing(case: Case) -> None:
    plan, oracle = planned(case), Oracle(case)
    made = {name for step in plan.running for name in step.node.writes}
    for box in oracle.boxes:
        for name in box.writes:
            if case.states.get(name) in STORED:
                assert name in made or case.states[name] is State.PRESENT
            elif oracle.is_result(name, box) or is_parameter(name):
                assert name in made


@given(cases())
@examples(250)
def test_a_plan_is_minimal_it_lies_inside_every_other_sound_plan_that_runs_what_must_run(case: Case) -> None:
    oracle = Oracle(case)
    assert running(planned(case)) == oracle.smallest(oracle.must_run)


@given(cases())
@examples(150)
def test_a_plan_reports_exactly_the_inputs_that_nothing_selected_can_make(case: Case) -> None:
    plan = planned(case)
    assert {(gap.dataset, gap.node) for gap in plan.unmet} == Oracle(case).unmet(running(plan))
    assert len(plan.unmet) == len({(gap.dataset, gap.node) for gap in plan.unmet})


@given(cases(), st.data())
@examples(100)
def test_planning_is_monotone_losing_an_output_never_shrinks_a_plan(case: Case, data: st.DataObject) -> None:
    present = sorted(name for name, state in case.states.items() if state is State.PRESENT)
    if present:
        lost = data.draw(st.sampled_from(present))
        worse = data.draw(st.sampled_from((State.ABSENT, State.INCOMPLETE, State.UNKNOWN)))
        assert running(planned(case)) <= running(planned(case.with_states({lost: worse})))


@given(cases())
@examples(150)
def test_planning_is_idempotent_after_a_success_only_what_runs_every_time_is_left(case: Case) -> None:
    plan = planned(case)
    if plan.unmet:
        return
    again = replace(case, states=states_after(plan, case), forced=frozenset())
    oracle = Oracle(again)
    untestable = {
        box.name for box in oracle.boxes if any(case.states.get(x) is State.UNKNOWN for x in box.writes)
    }
    standing = oracle.seeds(oracle.s1, oracle.s3, oracle.s4) | untestable
    assert running(planned(again)) == oracle.smallest(standing)


@given(cases(), st.randoms(use_true_random=False))
@examples(60)
def test_planning_is_deterministic_whatever_order_facts_and_nodes_come_in(case: Case, random) -> None:
    facts, boxes = case.facts, list(case.boxes)
    random.shuffle(boxes)
    shuffled = {
        name: dict(random.sample(list(mapping.items()), len(mapping)))
        for name in ("states", "locations", "versions", "untestable")
        if (mapping := getattr(facts, name)) is not None
    }
    whole = pipeline_of(tuple(boxes))
    other = plan_missing(
        select(whole, Selection.of(**case.selectors), case.forced), replace(facts, **shuffled)
    )
    assert other.to_json() == planned(case).to_json()
    assert other.digest == planned(case).digest


@given(outdated_cases())
@examples(60)
def test_planning_is_pure_it_changes_neither_facts_nor_selection(case: Case) -> None:
    selected, facts = case.selected, case.facts
    frozen = {
        name: MappingProxyType(getattr(facts, name))
        for name in ("states", "locations", "versions", "pins", "untestable", "outdated")
    }
    before = copy.deepcopy(facts)
    owed = [case.boxes[0].name]
    for facts_given in (facts, replace(facts, **frozen)):
        plan_missing(selected, facts_given)
        plan_missing(selected, facts_given, propagate=True, owed=owed)
        plan_all(selected, facts_given)
    assert facts == before
    assert owed == [case.boxes[0].name]


@given(cases())
@examples(100)
def test_a_plan_is_closed_its_steps_are_the_selected_nodes_in_topological_order(case: Case) -> None:
    plan = planned(case)
    assert names(plan.steps) == [node.name for node in plan.pipeline.nodes]
    assert sorted(names(plan.running) + names(plan.skipped)) == sorted(names(plan.steps))
    assert {step.verdict for step in plan.steps} <= {Verdict.RUN, Verdict.SKIP}


@given(cases())
@examples(250)
def test_a_plan_is_explained_each_step_has_all_its_reasons_and_true_witnesses(case: Case) -> None:
    plan, oracle = planned(case), Oracle(case)
    runs = running(plan)
    for step in plan.steps:
        box = oracle.box[step.node.name]
        by_cause = {reason.cause: reason for reason in step.reasons}
        assert len(by_cause) == len(step.reasons) > 0
        assert set(by_cause) == _causes(oracle, box.name, runs)
        for cause, reason in by_cause.items():
            assert set(reason.datasets) == _witnesses(oracle, box.name, cause, runs)
            assert set(reason.nodes) == (
                _who_needs(oracle, box.name, runs) if cause is Cause.NEEDED else set()
            )
            assert str(reason)


CAUSE_BY_STATE = {
    State.ABSENT: Cause.MISSING,
    State.INCOMPLETE: Cause.INCOMPLETE,
    State.UNKNOWN: Cause.UNKNOWN,
}


def _causes(oracle: Oracle, name: str, runs: set[str]) -> set[Cause]:
    box = oracle.box[name]
    if name not in runs:
        states = {oracle.state(each) for each in box.writes}
        if State.PRESENT in states:
            return {Cause.PRESENT}
        return {Cause.HANDED_IN} if State.HANDED_IN in states else {Cause.UNUSED}
    gone = {CAUSE_BY_STATE[oracle.state(x)] for x in box.writes if oracle.state(x) in CAUSE_BY_STATE}
    rules = {
        Cause.PARAMETER_OUTPUT: oracle.s1(box),
        Cause.RESULT: oracle.s3(box),
        Cause.NO_OUTPUTS: not box.writes,
        Cause.CONFIRMS: bool(box.confirms),
        Cause.FORCED: oracle.s5(box),
        Cause.NEEDED: bool(_who_needs(oracle, name, runs)),
    }
    return gone | {cause for cause, holds in rules.items() if holds}


def _who_needs(oracle: Oracle, name: str, runs: set[str]) -> set[str]:
    return {each for each in runs if name in oracle.needed_by_name[each]}


def _witnesses(oracle: Oracle, name: str, cause: Cause, runs: set[str]) -> set[str]:
    box = oracle.box[name]
    if cause is Cause.NEEDED:
        reads = {x for each in _who_needs(oracle, name, runs) for x in oracle.box[each].reads}
        mine = {base(x) for x in box.writes}
        return {x for x in reads if base(x) in mine and not oracle.is_there(x)}
    if cause is Cause.CONFIRMS:
        return set(box.confirms)
    if cause is Cause.UNUSED:
        return set(box.writes)
    kept = {
        **{c: s for s, c in CAUSE_BY_STATE.items()},
        Cause.PRESENT: State.PRESENT,
        Cause.HANDED_IN: State.HANDED_IN,
    }
    if cause in kept:
        return {x for x in box.writes if oracle.state(x) is kept[cause]}
    if cause is Cause.PARAMETER_OUTPUT:
        return {x for x in box.writes if is_parameter(x)}
    return {x for x in box.writes if oracle.is_result(x, box)} if cause is Cause.RESULT else set()


@given(cases())
@examples(100)
def test_a_needed_reason_names_datasets_and_readers_in_the_order_they_come(case: Case) -> None:
    plan = planned(case)
    order = names(plan.steps)
    for step in plan.running:
        for reason in step.reasons:
            places = [order.index(name) for name in reason.nodes]
            assert places == sorted(places)


@given(cases())
@examples(100)
def test_unmet_inputs_come_in_the_order_in_which_they_would_be_read(case: Case) -> None:
    plan = planned(case)
    order = [(name, step.node.name) for step in plan.running for name in step.node.reads]
    places = [order.index((gap.dataset, gap.node)) for gap in plan.unmet]
    assert places == sorted(places)


@given(outdated_cases())
@examples(150)
def test_suspects_are_the_outputs_that_stay_although_their_inputs_change_or_have_changed(case: Case) -> None:
    plan = planned(case)
    assert {each.dataset: set(each.inputs) for each in plan.suspects} == Oracle(case).suspects(running(plan))
    assert [each.dataset for each in plan.suspects] == sorted(each.dataset for each in plan.suspects)


@given(outdated_cases())
@examples(150)
def test_propagation_runs_the_least_that_leaves_no_suspect(case: Case) -> None:
    plan = plan_missing(case.selected, case.facts, propagate=True)
    assert running(plan) == Oracle(case).propagated()
    made = {base_name(name) for node in plan.pipeline.nodes for name in node.writes}
    assert [each for each in plan.suspects if base_name(each.dataset) in made] == []


@given(outdated_cases())
@examples(60)
def test_propagation_changes_nothing_where_nothing_is_suspect(case: Case) -> None:
    plan = planned(case)
    if not plan.suspects:
        assert names(plan_missing(case.selected, case.facts, propagate=True).running) == names(plan.running)


@given(cases(), st.data())
@examples(100)
def test_a_resumed_plan_is_the_least_that_also_runs_what_is_owed(case: Case, data: st.DataObject) -> None:
    oracle = Oracle(case)
    owed = data.draw(st.sets(st.sampled_from([box.name for box in case.boxes])))
    plan = plan_missing(case.selected, case.facts, owed=sorted(owed))
    selected = {box.name for box in oracle.boxes}
    assert running(plan) == oracle.smallest(oracle.must_run | (owed & selected))
    causes = {step.node.name for step in plan.running for r in step.reasons if r.cause is Cause.OWED}
    assert causes == owed & selected


@given(cases())
@examples(150)
def test_news_is_what_runs_by_s1_s2_s5_and_what_that_needs(case: Case) -> None:
    oracle = Oracle(case)
    rules = [getattr(oracle, rule) for rule in NEWS]
    plan = planned(case)
    assert set(names(plan.news)) == oracle.smallest(oracle.seeds(*rules))
    assert names(plan.news) == [name for name in names(plan.running) if name in set(names(plan.news))]


@given(cases())
@examples(60)
def test_a_plain_plan_runs_every_selected_node_and_reports_what_none_of_them_can_make(case: Case) -> None:
    plan = plan_all(case.selected, case.facts)
    assert names(plan.running) == names(plan.steps) == names(plan.news)
    assert {(gap.dataset, gap.node) for gap in plan.unmet} == Oracle(case).unmet(running(plan))
    for step in plan.steps:
        cause = Cause.FORCED if step.node.name in case.forced else Cause.SELECTED
        assert [(r.cause, r.datasets, r.nodes) for r in step.reasons] == [(cause, (), ())]


@given(cases())
@examples(60)
def test_a_plan_overwrites_the_unversioned_outputs_that_are_there(case: Case) -> None:
    plan = planned(case)
    for step in plan.steps:
        there = [x for x in step.node.writes if case.states.get(x) is State.PRESENT]
        assert plan.overwrites(step) == tuple(x for x in there if not x.startswith("d1"))


@given(outdated_cases(), st.booleans())
@examples(120)
def test_a_plan_comes_back_from_json_as_it_was(case: Case, propagate: bool) -> None:
    plan = plan_missing(case.selected, case.facts, propagate=propagate)
    text = plan.to_json()
    back = Plan.from_json(text, case.whole)
    assert back.to_json() == text
    assert back.digest == plan.digest
    assert (back.mode, back.facts, back.unmet, back.suspects, back.conflicts, back.warnings) == (
        plan.mode,
        plan.facts,
        plan.unmet,
        plan.suspects,
        plan.conflicts,
        plan.warnings,
    )
    assert back.steps == plan.steps
    assert (back.selected.selection, back.selected.forced) == (plan.selected.selection, plan.selected.forced)


SAME_PLAN = """
from graphs import graph
from incremental.pipeline import Selection, select
from incremental.planner import Facts, State, plan_missing
whole = graph(
    "raw, params:p -> x, y; y -> z; x, z -> w -> v -> (); seed: raw -> params:q; other -> u; u, v -> t",
    tags={"z": {"red", "blue", "green"}},
)
selected = select(whole, Selection.of(from_inputs=["raw", "other"]), {"z", "u"})
states = {name: State.PRESENT for name in ("raw", "x", "y", "z", "t")}
states |= {"w": State.ABSENT, "other": State.ABSENT}
facts = Facts(
    states,
    {name: "/data/same" if name in "xz" else f"/data/{name}" for name in states},
    unproven=frozenset({"x", "y", "z", "t"}),
    absent_parameters=frozenset({"params:p", "params:o", "params:n"}),
    outdated={"t": ("u", "v")},
)
for propagate in (False, True):
    plan = plan_missing(selected, facts, propagate=propagate, owed={"u", "v", "t"})
    print(plan.to_json())
    print(plan.digest, [str(reason) for step in plan.steps for reason in step.reasons])
"""


def test_planning_is_deterministic_across_hash_seeds() -> None:
    root = Path(__file__).parents[2]
    printed = set()
    for seed in ("0", "1", "4242"):
        path = os.pathsep.join(map(str, (root, root / "tests")))
        env = {**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": path}
        done = subprocess.run(
            [sys.executable, "-c", SAME_PLAN], env=env, capture_output=True, text=True, check=True, cwd=root
        )
        printed.add(done.stdout)
    [text] = printed
    assert json.loads(text.splitlines()[0])["format"] == "incremental-plan/1"


@pytest.mark.slow
def test_the_laws_hold_on_thousands_of_graphs() -> None:
    env = {**os.environ, "EXAMPLES": "10"}
    command = [sys.executable, "-m", "pytest", "-q", "-m", "not slow", "-p", "no:cacheprovider", __file__]
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
