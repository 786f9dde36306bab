"""Inline, threads and processes: the same outputs, the same nodes, and what differs between them."""

from __future__ import annotations

import gc
import os
import shutil
import subprocess
import sys
import tempfile
import time
import traceback
import weakref
from collections import Counter
from pathlib import Path
from typing import Any

import clusters
import pytest
from foreign import InPlace
from graphs import graph, node_lists
from hypothesis import given, settings
from hypothesis import strategies as st

from incremental.errors import HookError, NodeRunError, RunError, WorkerDiedError
from incremental.events import NodeFinished
from incremental.executors.parcels import pack
from incremental.hooks import create_hook_manager, hook_impl
from incremental.io import DataCatalog, MemoryDataset
from incremental.pipeline import Pipeline, node
from incremental.pipeline.selection import select
from incremental.planner import plan_all
from incremental.runner import DaskRunner, ParallelRunner, SequentialRunner, Surroundings, ThreadRunner
from incremental.runner.prepare import gather_facts
from incremental.runner.travel import travelling
from incremental.state import Marks

RUNNERS = {
    "inline": SequentialRunner,
    "threads": lambda: ThreadRunner(3),
    "processes": lambda: ParallelRunner(2),
    "dask": lambda: DaskRunner(client=clusters.client()),
}


APART = (ParallelRunner, DaskRunner)  # their workers are other processes


@pytest.fixture(params=RUNNERS.values(), ids=RUNNERS)
def runner(request: pytest.FixtureRequest) -> Any:
    return request.param()


def catalog_of(folder: Path, kinds: dict[str, str]) -> DataCatalog:
    kind_of = {"file": "text.TextDataset", "in place": "foreign.InPlace"}
    entries = {
        name: {"type": kind_of[kind], "filepath": str(folder / name)}
        for name, kind in kinds.items()
        if kind != "memory"
    }
    catalog = DataCatalog.from_config(entries, parameters={"p": 1}, durable=False)
    catalog["raw_a"], catalog["raw_b"] = "A", "B"
    return catalog


@st.composite
def cases(draw: st.DrawFn) -> Any:
    nodes = draw(node_lists(max_nodes=7))
    made = [name for each in nodes for name in each.outputs]
    kinds = {name: draw(st.sampled_from(["file", "in place", "memory"])) for name in made}
    failing = draw(st.sets(st.sampled_from([each.name for each in nodes]), max_size=1))
    return nodes, kinds, failing


def fail(*_: Any) -> None:
    raise ValueError("no")


def outcome(runner: Any, case: Any) -> Any:
    """Return all that a run leaves: values, files, executed nodes, or the message of its failure."""
    nodes, kinds, failing = case
    pipeline = Pipeline(
        [
            node(fail, each.inputs or None, each.outputs or None, name=each.name)
            if each.name in failing
            else each
            for each in nodes
        ]
    )
    folder = Path(tempfile.mkdtemp())
    try:
        catalog = catalog_of(folder, kinds)
        plan = plan_all(select(pipeline), gather_facts(pipeline, catalog, Marks()))
        events: list[Any] = []
        try:
            result = runner.run_plan(plan, catalog, Surroundings("r", listeners=(events.append,)))
        except NodeRunError as error:
            return str(error)
        finished = Counter(event.node for event in events if isinstance(event, NodeFinished))
        return dict(result), {path.name: path.read_text() for path in folder.iterdir()}, finished
    finally:
        shutil.rmtree(folder)


@settings(max_examples=60)
@given(cases())
def test_threads_leave_what_a_sequential_run_leaves(case: Any) -> None:
    assert outcome(ThreadRunner(3), case) == outcome(SequentialRunner(), case)


@settings(max_examples=8)
@given(cases())
def test_processes_leave_what_a_sequential_run_leaves(case: Any) -> None:
    assert outcome(ParallelRunner(2), case) == outcome(SequentialRunner(), case)


@settings(max_examples=8)
@given(cases())
def test_dask_leaves_what_a_sequential_run_leaves(case: Any) -> None:
    assert outcome(RUNNERS["dask"](), case) == outcome(SequentialRunner(), case)


FORKING = """
import os, sys
from incremental import DataCatalog, ParallelRunner, Pipeline, SequentialRunner, node

def told():
    if os.fork() == 0:
        if sys.argv[2] == "raises":
            raise ValueError("in the child")
        return "child"
    os.wait()
    return "parent"

def pieces():
    yield {"first": "1"}
    if os.fork() == 0:
        if sys.argv[2] == "raises":
            raise ValueError("in the child")
        yield {"second": "child"}
        return
    os.wait()
    yield {"second": "parent"}

if __name__ == "__main__":
    folder = sys.argv[3]
    entries = {name: {"type": "text.TextDataset", "filepath": f"{folder}/{name}"} for name in "ab"}
    entries["p"] = {"type": "partitions.PartitionedDataset", "path": f"{folder}/p", "dataset": "text.TextDataset"}
    catalog = DataCatalog.from_config(entries)
    nodes = [node(told, None, "a"), node("{} read".format, "a", "b"), node(pieces, None, "p")]
    runner = {"inline": SequentialRunner, "processes": ParallelRunner}[sys.argv[1]]()
    result = runner.run(Pipeline(nodes), catalog)
    print(result["b"].load(), {name: load() for name, load in result["p"].load().items()})
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.parametrize("child", ["returns", "raises"])
@pytest.mark.parametrize("how", ["inline", "processes"])
def test_a_child_that_a_node_forks_and_that_comes_back_runs_nothing(
    tmp_path: Path, how: str, child: str
) -> None:
    script = tmp_path / "forking.py"
    script.write_text(FORKING)
    command = [sys.executable, str(script), how, child, str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.stdout == "parent read {'first': '1', 'second': 'parent'}\n", done.stderr


class Confirming(InPlace):
    def confirm(self) -> None:
        Path(f"{self._filepath}.confirmed").write_text("yes")


class Seen:
    def __init__(self, folder: str) -> None:
        self.folder = folder

    def tell(self, *words: Any) -> None:
        Path(self.folder, "-".join(map(str, words))).write_text(str(os.getpid()))

    @hook_impl
    def before_node_run(self, node: Any, inputs: Any) -> Any:
        self.tell("node", node.name)
        return {"raw": inputs["raw"].lower()} if "raw" in inputs else None

    @hook_impl
    def after_dataset_loaded(self, dataset_name: str, data: Any) -> None:
        self.tell("loaded", dataset_name, data)

    @hook_impl
    def after_dataset_saved(self, dataset_name: str, data: Any) -> None:
        self.tell("saved", dataset_name, data)

    @hook_impl
    def on_node_error(self, error: Exception) -> None:
        self.tell("error", error)


def test_hooks_work_where_the_node_runs(runner: Any, tmp_path: Path) -> None:
    manager = create_hook_manager([Seen(str(tmp_path))], plugins=False)
    pipeline = graph("raw -> a -> b; a -> c", functions={"c": fail})
    with pytest.raises(NodeRunError, match="node 'c' failed: ValueError: no"):
        runner.run(pipeline, DataCatalog({"raw": "RAW"}), manager)
    told = {path.name: int(path.read_text()) for path in tmp_path.iterdir()}
    assert {
        "node-a",
        "node-c",
        "loaded-raw-RAW",
        "saved-a-a(raw)",
        "loaded-a-a(raw)",
        "error-no",
    } <= told.keys()
    assert (told["node-a"] != os.getpid()) == isinstance(runner, APART)
    assert told["saved-a-a(raw)"] == os.getpid()


def test_generators_versions_caches_confirmations_and_markers_work(runner: Any, tmp_path: Path) -> None:
    def pieces(raw: str) -> Any:
        yield from raw

    pipeline = Pipeline(
        [
            node(pieces, "raw", "piece", name="pieces"),
            node(pieces, "raw", "last", name="last"),
            node(lambda x: x + "!", "piece", "versioned", name="versioned"),
            node(lambda x: x + "?", "versioned", "cached", name="cached"),
            node(lambda x, y: x + y, ["cached", "last"], "plain", name="plain", confirms="plain"),
        ]
    )
    text = {"type": "text.TextDataset"}
    catalog = DataCatalog.from_config(
        {
            "piece": {**text, "filepath": str(tmp_path / "piece")},
            "versioned": {**text, "filepath": str(tmp_path / "versioned"), "versioned": True},
            "cached": {"type": "CachedDataset", "dataset": {**text, "filepath": str(tmp_path / "cached")}},
            "plain": {"type": f"{__name__}.Confirming", "filepath": str(tmp_path / "plain")},
        }
    )
    catalog["raw"] = "abc"
    for _ in range(2):
        result = runner.run(pipeline, catalog)
        assert result["plain"].load() == "c!?c"
        assert catalog.load("cached") == "c!?"
        assert catalog.load("versioned") == "c!"
    assert len(list((tmp_path / "versioned").iterdir())) == 2
    assert (tmp_path / "plain.confirmed").exists()
    assert not list(tmp_path.rglob(".*"))


def test_a_store_elsewhere_is_written_by_the_worker_and_committed_here(runner: Any, tmp_path: Path) -> None:
    entry = {"type": "text.TextDataset", "filepath": "memory://bucket/two.txt"}
    catalog = DataCatalog.from_config({"a": entry})
    catalog["raw"] = "x"
    runner.run(graph("raw -> a"), catalog)
    if not isinstance(runner, APART):  # the memory of another process is another store
        assert catalog.load("a") == "a(x)"
    assert not catalog.ledger.marks().begun


def test_threads_free_a_value_after_its_last_reader() -> None:
    class Big:
        pass

    seen: list[Any] = []

    def make() -> Big:
        value = Big()
        seen.append(weakref.ref(value))
        return value

    def use(value: Big) -> int:
        return 1

    def look(one: int) -> bool:
        deadline = time.monotonic() + 2
        while seen[0]() is not None and time.monotonic() < deadline:
            gc.collect()
            time.sleep(0.01)
        return seen[0]() is None

    pipeline = Pipeline(
        [
            node(make, None, "big", name="a"),
            node(use, "big", "one", name="b"),
            node(look, "one", "gone", name="c"),
        ]
    )
    catalog = DataCatalog({"big": MemoryDataset(copy_mode="assign")})
    assert ThreadRunner(2).run(pipeline, catalog)["gone"].load() is True


def test_independent_nodes_run_at_once(tmp_path: Path) -> None:
    def meet(name: str) -> bool:
        (tmp_path / name).touch()
        deadline = time.monotonic() + 20
        while len(list(tmp_path.iterdir())) < 2 and time.monotonic() < deadline:
            time.sleep(0.01)
        return len(list(tmp_path.iterdir())) == 2

    pipeline = Pipeline([node(meet, name, f"{name}_met", name=name) for name in "xy"])
    for kind in (ThreadRunner, ParallelRunner):
        result = kind(2).run(pipeline, DataCatalog({"x": "x", "y": "y"}))
        assert [dataset.load() for dataset in result.values()] == [True, True]
        for path in tmp_path.iterdir():
            path.unlink()


def raise_from(value: Any) -> None:
    try:
        {}["key"]
    except KeyError as error:
        raise ValueError("wrong value") from error


def test_an_error_keeps_its_frames_and_the_error_behind_it(runner: Any) -> None:
    pipeline = Pipeline([node(raise_from, "raw", "a", name="a")])
    with pytest.raises(NodeRunError, match="node 'a' failed: ValueError: wrong value") as caught:
        runner.run(pipeline, DataCatalog({"raw": 1}))
    cause = caught.value.__cause__
    assert type(cause) is ValueError
    frames = caught.value.frames or traceback.extract_tb(cause.__traceback__)
    last = list(frames)[-1]
    assert (last.filename, last.name, last.line) == (
        __file__,
        "raise_from",
        'raise ValueError("wrong value") from error',
    )
    assert "KeyError: 'key'" in "".join(traceback.format_exception(caught.value))


@pytest.mark.parametrize(
    ("number", "sentence"),
    [(9, "its worker process was ended by SIGKILL; probably out of memory"),
     (15, "its worker process was ended by SIGTERM")],
)  # fmt: skip
def test_a_node_whose_process_dies_is_named_and_its_siblings_are_kept(
    tmp_path: Path, number: int, sentence: str
) -> None:
    def die(raw: Any) -> None:
        os.kill(os.getpid(), number)

    def slow(raw: Any) -> str:
        time.sleep(0.5)
        return "kept"

    pipeline = graph("raw -> a; raw -> b", functions={"a": die, "b": slow})
    catalog = catalog_of(tmp_path, {"a": "in place", "b": "file"})
    catalog["raw"] = 1
    with pytest.raises(NodeRunError) as caught:
        ParallelRunner(2).run(pipeline, catalog)
    assert str(caught.value) == f"node 'a' failed: {sentence}"
    assert isinstance(caught.value.__cause__, WorkerDiedError)
    assert (tmp_path / "b").read_text() == "kept"
    assert (tmp_path / ".a.incremental-begun").exists()


def test_what_cannot_travel_is_refused_before_anything_runs(tmp_path: Path) -> None:
    class Locked(InPlace):
        def __init__(self, filepath: str) -> None:
            super().__init__(filepath)
            self.lock = __import__("threading").Lock()

    catalog = DataCatalog({"a": Locked(str(tmp_path / "a")), "raw": 1})
    with pytest.raises(RunError, match="dataset 'a' cannot travel to another process: TypeError"):
        ParallelRunner(1).run(graph("raw -> a"), catalog)

    class Hook:
        lock = None

        @hook_impl
        def on_node_error(self) -> None: ...

    hook = Hook()
    hook.lock = __import__("threading").Lock()
    manager = create_hook_manager([hook], plugins=False)
    with pytest.raises(HookError, match=r"hook '.*Hook' cannot travel"):
        ParallelRunner(1).run(graph("raw -> a"), DataCatalog({"raw": 1}), manager)


def test_a_node_that_cannot_travel_is_named_before_anything_runs() -> None:
    lock = __import__("threading").Lock()
    pipeline = Pipeline(
        [node(lambda x: x, "raw", "a", name="a"), node(lambda x: lock and x, "a", "b", name="locked")]
    )
    with pytest.raises(RunError, match="^node 'locked' cannot travel to another process: TypeError"):
        ParallelRunner(1).run(pipeline, DataCatalog({"raw": 1}))


@pytest.mark.parametrize("runner", [SequentialRunner(), ThreadRunner(1), ParallelRunner(1)], ids=repr)
def test_a_node_that_makes_nothing_fails_and_not_its_reader(runner: Any) -> None:
    pipeline = Pipeline([node(lambda x: None, "raw", "a", name="a"), node(lambda x: 1, "a", "b", name="b")])
    with pytest.raises(NodeRunError, match="node 'a' failed: .*gave None for its output 'a'"):
        runner.run(pipeline, DataCatalog({"raw": 1}))


def test_data_in_memory_does_not_ride_with_the_catalog() -> None:
    pipeline = graph("raw -> a")
    catalog = DataCatalog({"raw": b"x" * 1_000_000, "other": b"x" * 1_000_000})
    plan = plan_all(select(pipeline), gather_facts(pipeline, catalog, Marks()))
    assert len(pack(travelling(catalog, plan), None)) < 100_000


def test_a_value_that_cannot_travel_fails_its_node() -> None:
    pipeline = Pipeline([node(lambda x: __import__("threading").Lock(), "raw", "a", name="a")])
    with pytest.raises(NodeRunError, match="node 'a' failed: its result cannot travel between processes"):
        ParallelRunner(1).run(pipeline, DataCatalog({"raw": 1}))


@pytest.mark.parametrize("workers", [0, -1, 1.5, True, "2"])
@pytest.mark.parametrize("kind", [ThreadRunner, ParallelRunner])
def test_a_number_of_workers_that_is_none_is_refused(kind: Any, workers: Any) -> None:
    with pytest.raises(RunError, match="it must be a whole number of 1 or more"):
        kind(workers)


def test_events_say_which_worker_it_was(runner: Any) -> None:
    events: list[Any] = []
    catalog = DataCatalog({"raw": 1})
    pipeline = graph("raw -> a")
    plan = plan_all(select(pipeline), gather_facts(pipeline, catalog, Marks()))
    runner.run_plan(plan, catalog, Surroundings("r", listeners=(events.append,)))
    (worker,) = [event.worker for event in events if isinstance(event, NodeFinished)]
    prefix = {
        "SequentialRunner": "",
        "ThreadRunner": "incremental-worker-1",
        "ParallelRunner": "process-1",
        "DaskRunner": "tcp://127.0.0.1:",
    }
    assert worker.startswith(prefix[type(runner).__name__])


def test_objects_in_s3_are_the_same_from_every_runner(runner: Any, s3_options: dict[str, Any]) -> None:
    import s3fs

    bucket = f"b{os.urandom(6).hex()}"
    s3fs.S3FileSystem(**s3_options, skip_instance_cache=True).mkdir(bucket)
    text = {"type": "text.TextDataset", "credentials": "s3"}
    catalog = DataCatalog.from_config(
        {
            "a": {**text, "filepath": f"s3://{bucket}/a.txt"},
            "b": {**text, "filepath": f"s3://{bucket}/b.txt", "versioned": True},
            "c": {**text, "filepath": f"s3://{bucket}/c.txt"},
        },
        {"s3": s3_options},
    )
    catalog["raw"] = "x"
    with pytest.raises(NodeRunError):
        runner.run(graph("raw -> a -> b -> c", functions={"c": fail}), catalog)
    result = runner.run(graph("raw -> a -> b -> c"), catalog)
    assert result["c"].load() == "c(b(a(x)))"
    files = s3fs.S3FileSystem(**s3_options, skip_instance_cache=True)
    assert len(files.find(bucket)) == 4
    assert not catalog.ledger.marks().begun
