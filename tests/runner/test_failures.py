"""Going on after failures, trying again, and what is said at the end; on every runner that there is."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from incremental.errors import NodeRunError, RunError
from incremental.events import NodeFailed, NodeFinished, NodeRetried
from incremental.io import AbstractDataset, DataCatalog, MemoryDataset
from incremental.pipeline import Pipeline, node
from incremental.pipeline.selection import select
from incremental.planner import plan_all
from incremental.runner import FailurePolicy, ParallelRunner, SequentialRunner, Surroundings, ThreadRunner
from incremental.runner.prepare import gather_facts

RUNNERS = {
    "sequential": lambda policy: SequentialRunner(policy=policy),
    "threads": lambda policy: ThreadRunner(3, policy=policy),
    "processes": lambda policy: ParallelRunner(2, policy=policy),
}


@pytest.fixture(params=RUNNERS)
def runner(request):
    return RUNNERS[request.param]


def go(pipeline, catalog, runner):
    events = []
    plan = plan_all(select(pipeline), gather_facts(pipeline, catalog, Surroundings("r").marks))
    around = Surroundings("r", listeners=(events.append,))
    try:
        return runner.run_plan(plan, catalog, around), None, events
    except NodeRunError as error:
        return None, error, events


def names(events, kind):
    return [event.node for event in events if isinstance(event, kind)]


def fail(value):
    raise ValueError(f"no {value}")


def flaky(folder, times, value):
    """Fail as often as said, counting in a file because processes share no memory."""
    marks = Path(folder)
    attempt = len(list(marks.iterdir()))
    (marks / str(attempt)).touch()
    if attempt < times:
        raise ValueError(f"attempt {attempt + 1}")
    return value


def diamond():
    return Pipeline(
        [
            node(lambda x: x, "raw", "good", name="good"),
            node(fail, "raw", "bad", name="bad"),
            node(lambda x: x, "bad", "after_bad", name="after_bad"),
            node(lambda a, b: a, ["good", "after_bad"], "both", name="both"),
            node(lambda x: x + 1, "good", "fine", name="fine"),
            node(lambda x: x + 1, "fine", "finer", name="finer"),
        ]
    )


def test_without_a_policy_nothing_more_is_started_after_a_failure():
    _, error, events = go(diamond(), DataCatalog({"raw": 1}), SequentialRunner())
    assert str(error) == "node 'bad' failed: ValueError: no 1"
    assert names(events, NodeFailed) == ["bad"]


def test_keep_going_runs_what_does_not_depend_on_the_failure_and_says_what_was_lost(runner):
    _, error, events = go(diamond(), DataCatalog({"raw": 1}), runner(FailurePolicy(keep_going=True)))
    assert str(error) == (
        "node 'bad' failed: ValueError: no 1\nnot run for lack of them: 'after_bad', 'both'"
    )
    assert isinstance(error.__cause__, ValueError)
    assert sorted(names(events, NodeFinished)) == ["fine", "finer", "good"]


class Panic(BaseException):
    """What libraries in other languages raise, such as polars; no Exception, and no interrupt either."""


@pytest.mark.parametrize(
    ("error", "told"), [(Panic("no"), "Panic: no"), (SystemExit(0), "it calls sys.exit(0)")]
)
def test_whatever_a_node_raises_but_an_interrupt_is_its_failure(runner, error, told):
    def fail_hard(value):
        raise error

    pipeline = Pipeline(
        [
            node(fail_hard, "raw", "bad", name="bad"),
            node(lambda x: x, "raw", "good", name="good"),
        ]
    )
    policy = FailurePolicy(keep_going=True, retries=1, backoff=0.01)
    _, error, events = go(pipeline, DataCatalog({"raw": 1}), runner(policy))
    assert str(error) == f"node 'bad' failed: {told}"
    assert names(events, NodeFinished) == ["good"]
    assert names(events, NodeRetried) == ["bad"]


def test_keep_going_names_every_failure(runner):
    pipeline = Pipeline([node(fail, "raw", f"bad{n}", name=f"bad{n}") for n in range(3)])
    _, error, _ = go(pipeline, DataCatalog({"raw": 1}), runner(FailurePolicy(keep_going=True)))
    assert sorted(str(error).splitlines()) == [f"node 'bad{n}' failed: ValueError: no 1" for n in range(3)]


def test_a_failed_node_runs_again_as_often_as_is_said(runner, tmp_path):
    pipeline = Pipeline([node(lambda raw: flaky(str(tmp_path), 2, raw), "raw", "out", name="flaky")])
    policy = FailurePolicy(retries=2, backoff=0.01)
    result, error, events = go(pipeline, DataCatalog({"raw": 1}), runner(policy))
    assert error is None
    assert result["out"] == 1
    retried = [
        (event.node, event.attempt, str(event.error)) for event in events if isinstance(event, NodeRetried)
    ]
    assert retried == [("flaky", 1, "attempt 1"), ("flaky", 2, "attempt 2")]


def test_retries_end_and_the_last_error_counts(runner, tmp_path):
    pipeline = Pipeline([node(lambda raw: flaky(str(tmp_path), 9, raw), "raw", "out", name="flaky")])
    _, error, events = go(pipeline, DataCatalog({"raw": 1}), runner(FailurePolicy(retries=1, backoff=0.01)))
    assert str(error) == "node 'flaky' failed: ValueError: attempt 2"
    assert names(events, NodeRetried) == ["flaky"]
    assert names(events, NodeFailed) == ["flaky"]


def test_a_node_whose_retry_is_given_up_counts_as_failed():
    pipeline = Pipeline(
        [
            node(fail, "raw", "waits", name="waits", tags=["retry-1"]),  # first: more depends on it
            node(lambda x: x, "waits", "after", name="after"),
            node(lambda raw: fail(raw + 1), "raw", "bad", name="bad"),
        ]
    )
    policy = FailurePolicy(backoff=30)
    _, error, events = go(pipeline, DataCatalog({"raw": 1}), SequentialRunner(policy=policy))
    assert names(events, NodeRetried) == ["waits"]
    assert names(events, NodeFailed) == ["bad", "waits"]
    assert str(error).splitlines() == [
        "node 'bad' failed: ValueError: no 2",
        "node 'waits' failed: ValueError: no 1",
    ]


def test_a_generator_whose_worker_dies_is_tried_again_when_what_it_yields_lives_in_memory(tmp_path):
    def pieces(raw):
        if not (tmp_path / "died").exists():
            (tmp_path / "died").touch()
            os.kill(os.getpid(), 9)
        yield raw

    pipeline = Pipeline([node(pieces, "raw", "out", name="pieces")])
    policy = FailurePolicy(retries=1, backoff=0.01)
    for catalog in (DataCatalog({"raw": 1}), DataCatalog({"raw": 1, "out": MemoryDataset()})):
        result, error, events = go(pipeline, catalog, ParallelRunner(1, policy=policy))
        assert (error, result["out"]) == (None, 1)
        assert names(events, NodeRetried) == ["pieces"]
        (tmp_path / "died").unlink()


def test_a_tag_gives_one_node_retries_of_its_own(tmp_path):
    pipeline = Pipeline(
        [node(lambda raw: flaky(str(tmp_path), 1, raw), "raw", "out", name="flaky", tags=["retry-1"])]
    )
    result, _, _ = go(pipeline, DataCatalog({"raw": 1}), SequentialRunner(policy=FailurePolicy(backoff=0.01)))
    assert result["out"] == 1


def test_others_run_while_a_node_pauses_before_its_retry(tmp_path):
    pipeline = Pipeline(
        [
            node(lambda raw: flaky(str(tmp_path), 1, raw), "raw", "out", name="flaky"),
            *(node(lambda raw: raw, "raw", f"other{n}", name=f"other{n}") for n in range(3)),
        ]
    )
    policy = FailurePolicy(retries=1, backoff=0.2)
    begin = time.monotonic()
    _, _, events = go(pipeline, DataCatalog({"raw": 1}), SequentialRunner(policy=policy))
    assert time.monotonic() - begin >= 0.2
    assert names(events, NodeFinished) == ["other0", "other1", "other2", "flaky"]


def test_a_failed_attempt_leaves_the_former_output_and_the_next_one_replaces_it(runner, tmp_path):
    marks = tmp_path / "marks"
    marks.mkdir()
    out = tmp_path / "out.json"
    out.write_text("0")
    config = {"out": {"type": "json.JSONDataset", "filepath": str(out)}}

    def work(raw):
        assert out.read_text() == "0"
        return flaky(str(marks), 1, raw)

    catalog = DataCatalog.from_config(config)
    catalog["raw"] = 1
    pipeline = Pipeline([node(work, "raw", "out", name="work")])
    _, error, _ = go(pipeline, catalog, runner(FailurePolicy(retries=1, backoff=0.01)))
    assert error is None
    assert out.read_text() == "1"


def test_a_worker_that_dies_is_tried_again(tmp_path):
    def die_once(raw):
        mark = tmp_path / "died"
        if not mark.exists():
            mark.touch()
            os._exit(3)
        return raw

    pipeline = Pipeline([node(die_once, "raw", "out", name="die_once")])
    policy = FailurePolicy(retries=1, backoff=0.01)
    result, error, events = go(pipeline, DataCatalog({"raw": 1}), ParallelRunner(1, policy=policy))
    assert error is None
    assert result["out"] == 1
    assert names(events, NodeRetried) == ["die_once"]


def test_a_node_that_takes_too_long_is_stopped_and_named():
    pipeline = Pipeline([node(lambda raw: time.sleep(60), "raw", "out", name="nap", tags=["timeout-0.3"])])
    begin = time.monotonic()
    _, error, _ = go(pipeline, DataCatalog({"raw": 1}), ParallelRunner(1))
    assert time.monotonic() - begin < 20
    assert str(error) == "node 'nap' failed: it took longer than 0.3 s and was stopped"


@pytest.mark.parametrize("kind", [SequentialRunner, ThreadRunner])
def test_a_time_out_that_cannot_be_kept_is_refused_before_anything_runs(kind):
    pipeline = Pipeline([node(lambda raw: raw, "raw", "out", name="nap")])
    with pytest.raises(RunError) as error:
        go(pipeline, DataCatalog({"raw": 1}), kind(policy=FailurePolicy(timeout=5)))
    assert str(error.value) == (
        f"{kind.__name__} cannot stop a node that takes too long: 'nap'; use processes, or drop the time-out"
    )


class Appending(AbstractDataset[str, str]):
    """Writes in place, at the end of what is there."""

    def __init__(self, filepath: str) -> None:
        self.filepath = Path(filepath)

    def load(self) -> str:
        return self.filepath.read_text()

    def save(self, data: str) -> None:
        with self.filepath.open("a") as file:
            file.write(data)

    def exists(self) -> bool:
        return self.filepath.exists()


class Resettable(Appending):
    """Can begin anew."""

    def reset(self) -> None:
        self.filepath.unlink(missing_ok=True)


@pytest.mark.parametrize(("kind", "text"), [(Appending, "a"), (Resettable, "aa")])
def test_a_generator_that_appends_in_place_is_tried_again_only_where_its_dataset_can_begin_anew(
    kind, text, tmp_path
):
    marks = tmp_path / "marks"
    marks.mkdir()

    def chunks(raw):
        yield "a"
        flaky(str(marks), 1, raw)
        yield "a"

    out = kind(str(tmp_path / "out.txt"))
    catalog = DataCatalog({"raw": 1, "out": out})
    pipeline = Pipeline([node(chunks, "raw", "out", name="chunks")])
    _, error, _ = go(pipeline, catalog, SequentialRunner(policy=FailurePolicy(retries=1, backoff=0.01)))
    assert (error is None) is (kind is Resettable)
    assert out.load() == text
