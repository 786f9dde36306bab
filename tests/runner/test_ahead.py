from __future__ import annotations

from graphs import graph, pipelines
from hypothesis import given
from hypothesis import strategies as st

from incremental.executors import Executor, Finished
from incremental.io import DataCatalog, MemoryDataset
from incremental.pipeline.selection import select
from incremental.planner import Facts, plan_all
from incremental.runner import Surroundings
from incremental.runner.ahead import AheadSchedule
from incremental.runner.loop import Loop
from incremental.runner.prepare import gather_facts
from incremental.runner.schedule import Schedule
from incremental.state import Marks


def schedule_of(text, passes_on=lambda node: True, can_wait=lambda node: True):
    plan = plan_all(select(graph(text)), Facts())
    nodes = {step.node.name: step.node for step in plan.running}
    return AheadSchedule(plan, None, passes_on, can_wait), nodes


def names(nodes):
    return [node.name for node in nodes]


def ahead(schedule):
    found = []
    while (node := schedule.next_ahead()) is not None:
        found.append(node.name)
    return found


def test_a_node_may_go_ahead_once_all_that_it_waits_for_is_under_way():
    schedule, _ = schedule_of("raw -> a; raw -> b; a, b -> c; c -> d")
    assert schedule.next_ahead() is None
    schedule.next()
    assert schedule.next_ahead() is None
    schedule.next()
    assert ahead(schedule) == ["c", "d"]
    assert schedule.early == 2


def test_a_node_waits_for_one_that_does_more_than_pass_on():
    schedule, nodes = schedule_of("raw -> a; raw -> b; a, b -> c", passes_on=lambda node: node.name != "a")
    schedule.next(), schedule.next()
    assert ahead(schedule) == []
    schedule.done(nodes["a"])
    assert ahead(schedule) == ["c"]


def test_a_node_that_cannot_wait_becomes_ready_in_time():
    schedule, nodes = schedule_of("raw -> a; a -> b", can_wait=lambda node: node.name != "b")
    assert schedule.next() is nodes["a"]
    assert ahead(schedule) == []
    assert list(schedule.done(nodes["a"])) == []
    assert schedule.next() is nodes["b"]


def test_what_was_handed_over_is_told_once_it_waits_no_more_and_is_never_ready():
    schedule, nodes = schedule_of("raw -> a; raw -> b; a, b -> c")
    schedule.next(), schedule.next()
    assert ahead(schedule) == ["c"]
    assert schedule.done(nodes["a"]) == []
    assert schedule.done(nodes["b"]) == [nodes["c"]]
    assert not schedule
    assert schedule.early == 0


def test_what_waits_for_a_node_is_found_through_others_that_wait():
    schedule, nodes = schedule_of("raw -> a; raw -> x; a -> b; b -> c; x -> y")
    schedule.next(), schedule.next()
    assert sorted(ahead(schedule)) == ["b", "c", "y"]
    assert names(schedule.waiting_for([nodes["a"]])) == ["b", "c"]
    assert sorted(names(schedule.waiting_for())) == ["b", "c", "y"]


def test_what_is_put_back_goes_ahead_again_when_what_it_waits_for_runs_again():
    schedule, nodes = schedule_of("raw -> a; a -> b; b -> c")
    schedule.next()
    assert ahead(schedule) == ["b", "c"]
    for name in ("c", "b", "a"):
        schedule.put_back(nodes[name])
    assert ahead(schedule) == []
    schedule.again(nodes["a"])
    assert schedule.next() is nodes["a"]
    assert ahead(schedule) == ["b", "c"]


def test_what_could_not_be_handed_over_ahead_comes_when_it_is_ready():
    schedule, nodes = schedule_of("raw -> a; a -> b")
    schedule.next()
    assert ahead(schedule) == ["b"]
    schedule.put_back(nodes["b"], in_time=True)
    assert ahead(schedule) == []
    schedule.done(nodes["a"])
    assert schedule.next() is nodes["b"]


def test_a_node_that_failed_while_it_waited_never_becomes_ready():
    schedule, nodes = schedule_of("raw -> a; a -> b; b -> c")
    schedule.next()
    assert schedule.next_ahead() is nodes["b"]
    schedule.put_back(nodes["b"])
    assert names(schedule.lose(nodes["b"])) == ["c"]
    assert ahead(schedule) == []
    schedule.done(nodes["a"])
    assert not schedule


@given(pipelines(max_nodes=9), st.data())
def test_law_what_goes_ahead_fails_and_runs_again_ends_each_node_once_after_all_that_it_reads(pipeline, data):
    plan = plan_all(select(pipeline), Facts())
    nodes = [step.node for step in plan.running]
    chosen = data.draw(st.lists(st.booleans(), min_size=2 * len(nodes), max_size=2 * len(nodes)))
    passes_on = dict(zip([node.name for node in nodes], chosen, strict=False))
    can_wait = dict(zip([node.name for node in nodes], chosen[len(nodes) :], strict=True))
    schedule = AheadSchedule(plan, None, lambda node: passes_on[node.name], lambda node: can_wait[node.name])
    above = {
        node.name: {parent.name for parent in parents} for node, parents in pipeline.node_dependencies.items()
    }
    running: dict[str, object] = {}  # handed over, and what it waits for is there
    waiting: dict[str, object] = {}
    ended: list[str] = []
    failures_left = 5
    while True:
        while schedule:
            node = schedule.next()
            assert above[node.name] <= set(ended)
            running[node.name] = node
        while data.draw(st.booleans()) and (node := schedule.next_ahead()) is not None:
            missing = above[node.name] - set(ended)
            assert missing
            assert can_wait[node.name]
            assert all(passes_on[name] and name in {**running, **waiting} for name in missing)
            waiting[node.name] = node
        assert schedule.early == len(waiting)
        if not running:
            break
        name = data.draw(st.sampled_from(sorted(running)))
        node = running.pop(name)
        if failures_left and data.draw(st.booleans()):
            failures_left -= 1
            for other in schedule.waiting_for([node]):
                del waiting[other.name]
                schedule.put_back(other)
            schedule.put_back(node)
            schedule.again(node)
        else:
            ended.append(name)
            for other in schedule.done(node):
                running[other.name] = waiting.pop(other.name)
    assert not waiting
    assert sorted(ended) == sorted(above)


@given(pipelines(max_nodes=9))
def test_law_without_anything_ahead_it_is_the_plain_schedule(pipeline):
    plan = plan_all(select(pipeline), Facts())
    plain, other = Schedule(plan), AheadSchedule(plan, None, lambda node: True, lambda node: True)
    while plain:
        node = plain.next()
        assert other.next() is node
        assert list(other.done(node)) == []
        plain.done(node)
    assert not other


class TwoAtOnce(Executor):
    """Runs calls in the order of submission, and takes two, and four more that wait."""

    capacity, ahead = 2, 4
    in_process = keeps_values = True

    def __init__(self):
        self.calls, self.values, self.submitted_before_the_first = [], {}, None

    def start(self, job):
        self.job = job

    def keep(self, value):
        self.values[id(value)] = value
        return id(value)

    def submit(self, key, argument, timeout=None):
        self.submit_with(key, argument, {})

    def submit_with(self, key, argument, kept, timeout=None, leaves=(), priority=0.0):
        self.calls.append((key, argument, kept))
        return {name: (key.name, name) for name in leaves}

    def wait(self, timeout=None):
        if self.submitted_before_the_first is None:
            self.submitted_before_the_first = [key.name for key, *_ in self.calls]
        key, argument, kept = self.calls.pop(0)
        answer = self.job(argument, {name: self.values[handle] for name, handle in kept.items()})
        handles = {name: (key.name, name) for name in answer.kept}
        self.values |= {handles[name]: value for name, value in answer.kept.items()}
        return Finished(key, answer.told, None, "", handles)

    def fetch(self, kept):
        return {name: self.values[handle] for name, handle in kept.items()}


def test_what_follows_is_handed_over_though_others_wait_for_room():
    text = "; ".join(f"raw -> a{n}; a{n} -> b{n}; b{n} -> c{n}" for n in range(4))
    pipeline = graph(text)
    catalog = DataCatalog({"raw": MemoryDataset("r")})
    executor = TwoAtOnce()
    plan = plan_all(select(pipeline), gather_facts(pipeline, catalog, Marks()))
    result = Loop(plan, catalog, executor, Surroundings("r")).run()
    assert executor.submitted_before_the_first == ["a0", "a1", "b0", "b1", "c0", "c1"]
    assert sorted(result) == ["c0", "c1", "c2", "c3"]
