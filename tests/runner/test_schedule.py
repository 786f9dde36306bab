from __future__ import annotations

from graphs import graph, pipelines
from hypothesis import given
from hypothesis import strategies as st

from incremental.pipeline.selection import select
from incremental.planner import Facts, plan_all
from incremental.runner.schedule import Schedule


def plan_of(pipeline):
    return plan_all(select(pipeline), Facts())


def order(schedule):
    names = []
    while schedule:
        node = schedule.next()
        names.append(node.name)
        schedule.done(node)
    return names


def test_the_longest_remaining_way_goes_first():
    plan = plan_of(graph("raw -> short; raw -> long; long -> longer; longer -> longest"))
    assert order(Schedule(plan)) == ["long", "longer", "short", "longest"]


def test_recorded_durations_decide_what_is_long():
    plan = plan_of(graph("raw -> slow; raw -> long; long -> longer"))
    assert order(Schedule(plan, {"slow": 10.0, "long": 1.0, "longer": 1.0})) == ["slow", "long", "longer"]


def test_a_node_that_was_never_timed_counts_as_the_mean_of_the_others():
    plan = plan_of(graph("raw -> a; raw -> b; raw -> c"))
    assert order(Schedule(plan, {"a": 1.0, "c": 3.0})) == ["c", "b", "a"]


def test_a_node_that_is_to_run_again_is_ready_again():
    schedule = Schedule(plan_of(graph("raw -> a; a -> b")))
    first = schedule.next()
    assert not schedule
    schedule.again(first)
    assert schedule.next() is first


def test_a_loss_takes_what_follows_and_leaves_the_rest():
    plan = plan_of(graph("raw -> a; a -> b; b -> c; raw -> x; x, b -> y; x -> z"))
    schedule = Schedule(plan)
    taken = {schedule.next().name: None for _ in range(2)}
    assert set(taken) == {"a", "x"}
    nodes = {step.node.name: step.node for step in plan.running}
    assert [node.name for node in schedule.lose(nodes["a"])] == ["b", "c", "y"]
    assert schedule.lose(nodes["b"]) == ()
    schedule.done(nodes["x"])
    assert order(schedule) == ["z"]


@given(pipelines(max_nodes=9), st.data())
def test_law_each_node_comes_once_after_all_that_it_reads_and_durations_change_only_the_order(pipeline, data):
    plan = plan_of(pipeline)
    names = [node.name for node in pipeline.nodes]
    seconds = data.draw(st.dictionaries(st.sampled_from(names), st.floats(0, 100))) if names else {}
    found = order(Schedule(plan, seconds))
    assert sorted(found) == sorted(names)
    for node, parents in pipeline.node_dependencies.items():
        assert all(found.index(parent.name) < found.index(node.name) for parent in parents)
    assert order(Schedule(plan, seconds)) == found


@given(pipelines(max_nodes=9), st.data())
def test_law_losses_and_completions_together_reach_every_node_once(pipeline, data):
    schedule = Schedule(plan_of(pipeline))
    seen = []
    while schedule:
        node = schedule.next()
        seen.append(node.name)
        if data.draw(st.booleans()):
            schedule.done(node)
        else:
            seen += [lost.name for lost in schedule.lose(node)]
    assert sorted(seen) == sorted(node.name for node in pipeline.nodes)
