"""Dask: what becomes of lost workers and their values, where values live, and what is left on a cluster."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import clusters
import pytest

from incremental.errors import NodeRunError, RunError, WorkerDiedError
from incremental.events import NodeFinished, NodeRetried
from incremental.executors import DaskExecutor
from incremental.executors.base import Answer
from incremental.io import DataCatalog, MemoryDataset
from incremental.pipeline import Pipeline, node
from incremental.pipeline.selection import select
from incremental.planner import plan_all
from incremental.runner import DaskRunner, FailurePolicy, Surroundings
from incremental.runner.prepare import gather_facts
from incremental.state import Marks, MemoryLedger

pytest.importorskip("distributed")

ROOT = Path(__file__).resolve().parents[2]


def run(runner: DaskRunner, pipeline: Pipeline, catalog: DataCatalog, **around: Any) -> tuple[Any, list[Any]]:
    """Run everything; return the values, and what was told on the way."""
    plan = plan_all(select(pipeline), gather_facts(pipeline, catalog, Marks()))
    events: list[Any] = []
    result = runner.run_plan(plan, catalog, Surroundings("r", listeners=(events.append,), **around))
    return dict(result), events


def shared(**policy: Any) -> DaskRunner:
    return DaskRunner(client=clusters.client(), policy=FailurePolicy(**policy))


def count(folder: Path, name: str) -> int:
    """Count how often a node ran: each execution leaves a file of its own."""
    return len(list(folder.glob(f"{name}-*")))


def leave_trace(folder: Path, name: str) -> None:
    (folder / f"{name}-{os.getpid()}-{time.time_ns()}").touch()


def test_a_worker_of_our_own_cluster_that_dies_is_named_with_its_signal_and_its_sibling_is_kept(
    tmp_path: Path,
) -> None:
    def die(x: int) -> None:
        leave_trace(tmp_path, "die")
        os.kill(os.getpid(), signal.SIGSEGV)

    def live(x: int) -> str:
        time.sleep(1)
        return "kept"

    names = ("OMP_NUM_THREADS", "MALLOC_TRIM_THRESHOLD_", "PYTHONHASHSEED")
    environment = [os.environ.get(name) for name in names]
    catalog = DataCatalog.from_config({"b": {"type": "text.TextDataset", "filepath": str(tmp_path / "b")}})
    catalog["x"] = 1
    pipeline = Pipeline([node(die, "x", "a", name="die"), node(live, "x", "b", name="live")])
    with pytest.raises(NodeRunError) as caught:
        DaskRunner(max_workers=2).run(pipeline, catalog)
    assert str(caught.value) == (
        "node 'die' failed: its worker process was ended by SIGSEGV; a library crashed"
    )
    assert isinstance(caught.value.__cause__, WorkerDiedError)
    assert caught.value.__cause__.exit_code == -signal.SIGSEGV
    assert (tmp_path / "b").read_text() == "kept"
    assert count(tmp_path, "die") == 1
    assert [os.environ.get(name) for name in names] == environment


def test_what_somebodys_cluster_runs_again_by_itself_is_told_as_a_retry(tmp_path: Path) -> None:
    def once(x: int) -> int:
        leave_trace(tmp_path, "once")
        if count(tmp_path, "once") == 1:
            time.sleep(0.5)
            os.kill(os.getpid(), signal.SIGKILL)
        return x + 1

    values, events = run(shared(), Pipeline([node(once, "x", "a", name="once")]), DataCatalog({"x": 1}))
    assert values == {"a": 2}
    assert count(tmp_path, "once") == 2
    assert [(event.node, event.attempt) for event in events if isinstance(event, NodeRetried)] == [
        ("once", 1)
    ]
    assert [event.node for event in events if isinstance(event, NodeFinished)] == ["once"]


def test_a_node_that_takes_too_long_is_stopped_and_the_cluster_goes_on(tmp_path: Path) -> None:
    def sleep(x: int) -> None:
        time.sleep(60)

    begin = time.monotonic()
    with pytest.raises(NodeRunError, match="node 'a' failed: it took longer than 1 s and was stopped"):
        run(shared(timeout=1.0), Pipeline([node(sleep, "x", "a", name="a")]), DataCatalog({"x": 1}))
    assert time.monotonic() - begin < 30
    clusters.client().wait_for_workers(2)
    values, _ = run(shared(), Pipeline([node(lambda x: x, "x", "a", name="a")]), DataCatalog({"x": 1}))
    assert values == {"a": 1}


def test_values_that_went_with_a_worker_are_made_again_with_all_that_their_node_writes(
    tmp_path: Path,
) -> None:
    def make(x: int) -> tuple[int, str, str]:
        leave_trace(tmp_path, "make")
        return os.getpid(), str(os.getpid()), str(os.getpid())

    def kill(pid: int) -> int:
        if count(tmp_path, "kill") == 0:
            leave_trace(tmp_path, "kill")
            os.kill(pid, signal.SIGKILL)
            time.sleep(3)  # its own end, if it is the same process
        return pid

    pipeline = Pipeline(
        [
            node(make, "x", ["pid", "staged", "in_place"], name="make"),
            node(kill, "pid", "killed", name="kill"),
            node(lambda pid, killed: pid, ["pid", "killed"], "last", name="last"),
        ]
    )
    catalog = DataCatalog.from_config(
        {
            "staged": {"type": "text.TextDataset", "filepath": str(tmp_path / "staged.txt")},
            "in_place": {"type": "foreign.InPlace", "filepath": str(tmp_path / "in_place.txt")},
        }
    )
    catalog["x"] = 1
    ledger = MemoryLedger()
    values, events = run(shared(), pipeline, catalog, ledger=ledger)
    assert count(tmp_path, "make") == 2
    retried = [event.node for event in events if isinstance(event, NodeRetried)]
    assert retried.count("make") == 1
    assert {values["staged"], values["in_place"]} == {str(values["last"])}
    assert not ledger.marks().begun
    assert not list(tmp_path.glob(".*"))


class Tracked:
    """A value that tells which process it passed through."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __reduce__(self) -> Any:
        leave_trace(self.folder, "packed")
        return (_unpacked, (self.folder,))


def _unpacked(folder: Path) -> Tracked:
    leave_trace(folder, "unpacked")
    return Tracked(folder)


def test_values_in_memory_never_pass_through_the_driver_but_for_results(tmp_path: Path) -> None:
    pipeline = Pipeline(
        [
            node(lambda x: Tracked(tmp_path), "x", "a", name="a"),
            node(lambda a: (a, a), "a", ["b", "c"], name="b"),
            node(lambda b, c: 1, ["b", "c"], "d", name="d"),
        ]
    )
    values, _ = run(shared(), pipeline, DataCatalog({"x": 1}))
    assert values == {"d": 1}
    assert not [path.name for path in tmp_path.iterdir() if f"-{os.getpid()}-" in path.name]
    run(shared(), Pipeline([node(lambda x: Tracked(tmp_path), "x", "a", name="a")]), DataCatalog({"x": 1}))
    assert [path.name for path in tmp_path.glob(f"unpacked-{os.getpid()}-*")]


@pytest.mark.parametrize(("mode", "seen"), [(None, [1]), ("assign", [1, 2])])
def test_readers_of_a_kept_value_get_the_copy_that_its_dataset_asks_for(mode: Any, seen: list[int]) -> None:
    def change(values: list[int]) -> int:
        values.append(2)
        return len(values)

    pipeline = Pipeline(
        [
            node(lambda x: [x], "x", "a", name="a"),
            node(change, "a", "b", name="b"),
            node(lambda a, b: list(a), ["a", "b"], "c", name="c"),
        ]
    )
    client = clusters.client()
    one = next(iter(client.scheduler_info()["workers"]))
    catalog = DataCatalog({"x": 1, "a": MemoryDataset(copy_mode=mode)})
    runner = DaskRunner(max_workers=1) if one is None else shared()
    values, events = run(runner, pipeline, catalog)
    if len({event.worker for event in events if isinstance(event, NodeFinished)}) == 1:
        assert values["c"] == seen
    else:  # between workers it travels, which is a copy of its own
        assert values["c"] in ([1], seen)


class Upper(MemoryDataset):
    """A user's own: it has to see what it keeps."""

    def save(self, data: Any) -> None:
        super().save(data.upper())


def test_a_value_leaves_the_cluster_after_its_last_reader(tmp_path: Path) -> None:
    """Each node waits until what came before it has been looked at: else it would be there long ago."""
    held: list[int] = []

    def step(number: int) -> int:
        deadline = time.monotonic() + 60
        while not (tmp_path / str(number)).exists() and time.monotonic() < deadline:
            time.sleep(0.01)
        return number + 1

    def look(event: Any) -> None:
        if isinstance(event, NodeFinished):
            until = time.monotonic() + 10
            while (count := sum(map(len, clusters.client().has_what().values()))) > 1:
                if time.monotonic() > until:
                    break
                time.sleep(0.05)
            held.append(count)
            (tmp_path / str(len(held))).touch()

    (tmp_path / "0").touch()
    pipeline = Pipeline([node(step, f"d{k}", f"d{k + 1}", name=f"n{k}") for k in range(5)])
    catalog = DataCatalog({"d0": 0})
    plan = plan_all(select(pipeline), gather_facts(pipeline, catalog, Marks()))
    result = shared().run_plan(plan, catalog, Surroundings("r", listeners=(look,)))
    assert result["d5"] == 5
    assert held == [1] * 5  # what was made last; what was handed in is still here


def test_a_dataset_in_memory_of_a_users_own_sees_its_value() -> None:
    pipeline = Pipeline(
        [
            node(lambda x: x + "b", "x", "a", name="a"),
            node(lambda a: a + "c", "a", "b", name="b"),
        ]
    )
    values, _ = run(shared(), pipeline, DataCatalog({"x": "a", "a": Upper()}))
    assert values == {"b": "ABc"}


def test_a_cluster_is_left_as_it_was() -> None:
    client = clusters.client()
    pipeline = Pipeline(
        [node(lambda x: (x, x), "x", ["a", "b"], name="a"), node(lambda a: a, "a", "c", name="c")]
    )
    run(shared(), pipeline, DataCatalog({"x": 1}))

    def ours(dask_scheduler: Any) -> list[str]:
        tasks = [str(key) for key in dask_scheduler.tasks]
        plugins = list(dask_scheduler.worker_plugins)
        return [name for name in (*tasks, *plugins) if name.startswith("incremental-")]

    deadline = time.monotonic() + 10
    while client.run_on_scheduler(ours) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert client.run_on_scheduler(ours) == []
    assert client.status == "running"


def test_the_code_of_a_project_reaches_workers_that_cannot_import_it(tmp_path: Path) -> None:
    source = tmp_path / "project" / "src"
    (source / "faraway").mkdir(parents=True)
    (source / "faraway" / "__init__.py").touch()
    (source / "faraway" / "late.py").write_text("def double(x):\n    return 2 * x\n")
    (source / "faraway" / "nodes.py").write_text(
        "def work(x):\n    from faraway.late import double\n    return double(x)\n"
    )
    address = tmp_path / "scheduler.json"
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "dask"]
    options = ["--scheduler-file", str(address)]
    quiet: dict[str, Any] = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "cwd": elsewhere}
    scheduler = subprocess.Popen(
        [*command, "scheduler", *options, "--port", "0", "--no-dashboard", "--host", "127.0.0.1"],
        env=environment,
        **quiet,
    )
    worker = subprocess.Popen(
        [*command, "worker", *options, "--no-dashboard", "--nthreads", "1", "--host", "127.0.0.1"],
        env=environment,
        **quiet,
    )
    sys.path.insert(0, str(source))
    try:
        from faraway.nodes import work

        deadline = time.monotonic() + 60
        while not address.exists() and time.monotonic() < deadline:
            time.sleep(0.1)
        where = __import__("json").loads(address.read_text())["address"]
        pipeline = Pipeline([node(work, "x", "a", name="a")])
        with pytest.raises(NodeRunError, match="cannot load its job|No module named 'faraway'"):
            run(DaskRunner(where), pipeline, DataCatalog({"x": 2}))
        for factor in (2, 3):  # a changed file is taken, too
            (source / "faraway" / "late.py").write_text(f"def double(x):\n    return {factor} * x\n")
            values, _ = run(DaskRunner(where), pipeline, DataCatalog({"x": 2}), sources=(str(source),))
            assert values == {"a": 2 * factor}
    finally:
        sys.path.remove(str(source))
        for process in (worker, scheduler):
            process.terminate()
            process.wait(20)


def test_wrong_arguments_are_refused_in_words(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(RunError, match="give DaskRunner an address or a client, not both"):
        DaskRunner("tcp://127.0.0.1:1", clusters.client())
    with pytest.raises(RunError, match="the cluster is there already: it takes no max_workers, memory_limit"):
        DaskRunner("tcp://127.0.0.1:1", max_workers=2, memory_limit="1GB")
    with pytest.raises(RunError, match="max_workers is 0; it must be a whole number of 1 or more"):
        DaskRunner(max_workers=0)
    pipeline = Pipeline([node(lambda x: x, "x", "a", name="a")])
    with pytest.raises(RunError, match="a Dask cluster cannot be started: .*colour"):
        DaskRunner(max_workers=1, colour="red").run(pipeline, DataCatalog({"x": 1}))
    monkeypatch.setattr("incremental.executors.dask_site._CONNECTING", 0.5)
    with pytest.raises(RunError, match="no Dask scheduler answers at 'tcp://127.0.0.1:1'"):
        DaskRunner("tcp://127.0.0.1:1").run(pipeline, DataCatalog({"x": 1}))
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(RunError, match=r"pip install 'incremental-engine\[dask\]'"):
        DaskRunner(max_workers=1).run(pipeline, DataCatalog({"x": 1}))


def test_what_cannot_travel_is_refused_before_anything_runs() -> None:
    lock = MemoryDataset(__import__("threading").Lock(), copy_mode="assign")
    catalog = DataCatalog({"x": lock, "y": 1})
    with pytest.raises(NodeRunError, match="what was handed in cannot travel"):
        run(shared(), Pipeline([node(lambda x: 1, "x", "a", name="a")]), catalog)


class NoWayOut:
    def __reduce__(self) -> Any:
        raise TypeError("no way out")


class NoWayBack:
    def __init__(self) -> None:
        self.full = True

    def __setstate__(self, state: Any) -> None:
        raise ValueError("no way back")


@pytest.mark.parametrize(
    ("kind", "told"),
    [(NoWayOut, "TypeError: no way out"), (NoWayBack, "ValueError: no way back")],
    ids=["cannot be packed", "cannot be made again"],
)
def test_a_value_that_cannot_leave_its_worker_fails_its_node_and_nobody_waits_for_it(
    kind: type, told: str
) -> None:
    readers = [node(lambda a: time.sleep(0.5), "a", None, name=name) for name in ("b", "c")]
    pipeline = Pipeline([node(lambda x: kind(), "x", "a", name="make"), *readers])
    with pytest.raises(NodeRunError) as caught:
        run(shared(), pipeline, DataCatalog({"x": 1}))
    assert str(caught.value) == (
        f"node 'make' failed: its result cannot travel between processes: {told}; save it, or run on threads"
    )


def test_what_a_call_came_to_is_heard_though_dask_had_given_it_up_before_anybody_listened() -> None:
    """Else an error is told as one of Dask's, and a mark stays beside an output that nobody touched."""
    with DaskExecutor(clusters.client()) as executor:
        executor.start(lambda number: Answer(number, None))
        executor.submit("a", 1)
        executor.wait(0.0)  # sends it
        (future,) = [call.future for call in executor._calls.values()]
        deadline = time.monotonic() + 30
        while future.status != "error" and time.monotonic() < deadline:
            time.sleep(0.01)
        executor._next_look = 0.0
        finished = executor.wait()
        assert finished is not None
        assert (finished.key, finished.value, finished.error) == ("a", 1, None)


def test_a_call_that_was_taken_back_never_begins_however_much_it_would_leave(tmp_path: Path) -> None:
    def job(argument: tuple[str, float, tuple[str, ...]], kept: Any = None) -> Answer:
        name, seconds, leaves = argument
        leave_trace(tmp_path, name)
        time.sleep(seconds)
        return Answer(name, dict.fromkeys(leaves, 1))

    with DaskExecutor(clusters.client()) as executor:
        executor.start(job)
        made = executor.submit_with("a", ("a", 0.5, ("x",)), {}, None, ("x",))
        held = executor.submit_with("b", ("b", 0.0, ("y", "z")), made, None, ("y", "z"))
        executor.wait(0.2)
        assert executor.recall(["b"]) == ["b"]
        assert [each.key for each in iter(executor.wait, None)] == ["a"]
        executor.submit_with("c", ("c", 0.3, ()), made)
        assert [each.key for each in iter(executor.wait, None)] == ["c"]
        assert sorted(held) == ["y", "z"]
    assert (count(tmp_path, "a"), count(tmp_path, "b"), count(tmp_path, "c")) == (1, 0, 1)
