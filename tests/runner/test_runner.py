"""Runners: what a run computes, returns, skips and refuses."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Any

import pytest
from graphs import graph, names

from incremental.errors import DatasetError, NodeRunError, PlanError, RunError, UnmetInputsError
from incremental.events import Event, NodeFinished
from incremental.executors import Executor, InlineExecutor
from incremental.io import DataCatalog, MemoryDataset
from incremental.io.dataset import AbstractDataset
from incremental.pipeline import Pipeline, node
from incremental.pipeline.selection import Selection, select
from incremental.planner import Plan, plan_all, plan_missing
from incremental.runner import AbstractRunner, RunResult, SequentialRunner, Surroundings
from incremental.runner.prepare import gather_facts
from incremental.state import Marks


def json_catalog(folder: Path, *files: str, **values: Any) -> DataCatalog:
    config = {name: {"type": "json.JSONDataset", "filepath": str(folder / f"{name}.json")} for name in files}
    catalog = DataCatalog.from_config(config, parameters={"p": {"q": 1}})
    for name, value in values.items():
        catalog[name] = value
    return catalog


def planned(
    pipeline: Pipeline, catalog: DataCatalog, *, missing: bool = False, **selection: list[str]
) -> Plan:
    selected = select(pipeline, Selection.of(**selection))
    facts = gather_facts(selected.pipeline, catalog, Marks())
    return plan_missing(selected, facts) if missing else plan_all(selected, facts)


def run(
    pipeline: Pipeline, catalog: DataCatalog, *, missing: bool = False, **selection: list[str]
) -> RunResult:
    return SequentialRunner().run_plan(planned(pipeline, catalog, missing=missing, **selection), catalog)


def test_a_run_hands_values_from_node_to_node_and_returns_the_free_outputs_as_datasets(
    tmp_path: Path,
) -> None:
    pipeline = graph("raw, params:p.q -> clean -> model -> report; clean -> summary")
    catalog = json_catalog(tmp_path, "clean", "report", raw="RAW")
    result = SequentialRunner().run(pipeline, catalog)
    assert {name: dataset.load() for name, dataset in result.items()} == {
        "report": "report(model(clean(RAW, 1)))",
        "summary": "summary(clean(RAW, 1))",
    }
    assert json.loads((tmp_path / "clean.json").read_text()) == "clean(RAW, 1)"
    assert "model" not in catalog


def test_skipped_outputs_are_in_the_result_too(tmp_path: Path) -> None:
    pipeline = graph("raw -> a -> b; a -> c -> d")
    catalog = json_catalog(tmp_path, "a", "b", "c", "d", raw="RAW")
    SequentialRunner().run(pipeline, catalog)
    (tmp_path / "d.json").unlink()
    result = run(pipeline, catalog, missing=True)
    assert result.executed == ("d",)
    assert result.skipped == ("a", "b", "c")
    assert dict(result) == {"b": "b(a(RAW))", "d": "d(c(a(RAW)))"}
    again = SequentialRunner().run(pipeline, catalog, only_missing_outputs=True)
    assert {name: dataset.load() for name, dataset in again.items()} == dict(result)


def test_the_result_loads_what_is_stored_when_it_is_indexed_and_not_before(tmp_path: Path) -> None:
    pipeline = graph("raw -> a; raw -> b")
    catalog = json_catalog(tmp_path, "a", raw="RAW")
    result = run(pipeline, catalog)
    (tmp_path / "a.json").write_text('"changed"')
    assert result["a"] == "changed"
    assert result["b"] == "b(RAW)"
    assert list(result) == ["a", "b"]
    assert len(result) == 2
    assert "a" in result
    assert "raw" not in result
    assert isinstance(result.dataset("b"), MemoryDataset)
    assert result.dataset("a") is catalog["a"]
    assert result == {"a": "changed", "b": "b(RAW)"}
    (tmp_path / "a.json").unlink()
    assert "a" in result
    with pytest.raises(DatasetError, match="^dataset 'a': "):
        result["a"]
    for ask in (result.__getitem__, result.dataset):
        with pytest.raises(KeyError, match=f"run {result.run_id} has no result 'raw'\"$"):
            ask("raw")
        with pytest.raises(KeyError, match="has no result 'aa'; did you mean 'a'"):
            ask("aa")
    assert repr(result) == f"<RunResult {result.run_id}: 2 executed, 0 skipped; outputs: a, b>"


def test_a_result_in_memory_that_cannot_be_loaded_is_named() -> None:
    result = run(graph("() -> a"), DataCatalog())
    result.dataset("a").release()
    with pytest.raises(
        DatasetError, match=r"^dataset 'a': no data has been saved to this MemoryDataset yet$"
    ):
        result["a"]


def test_a_value_in_memory_that_only_a_filter_made_free_is_no_key_unless_asked_for(tmp_path: Path) -> None:
    pipeline = graph("raw -> a -> b -> c; b -> d")
    catalog = json_catalog(tmp_path, "a", raw="RAW")
    assert list(run(pipeline, catalog, from_inputs=["raw"], to_nodes=["c"])) == ["c"]
    assert list(run(pipeline, catalog, node_names=["a"])) == ["a"]
    assert list(run(pipeline, catalog, tags=[], to_outputs=["b"])) == ["b"]
    cut = Pipeline([each.tag("t") if each.name in ("a", "b") else each for each in pipeline.nodes])
    result = run(cut, catalog, tags=["t"])
    assert list(result) == []
    assert result.executed == ("a", "b")
    assert repr(result).endswith("outputs: none>")


def test_a_result_that_was_handed_in_and_not_made_again_is_a_key(tmp_path: Path) -> None:
    pipeline = graph("raw -> a; raw -> b")
    catalog = json_catalog(tmp_path, raw="RAW", a="given")
    result = run(pipeline, catalog, missing=True)
    assert result.executed == ("b",)
    assert dict(result) == {"a": "given", "b": "b(RAW)"}


def test_what_is_handed_in_satisfies_readers_and_is_still_there_after_the_run(tmp_path: Path) -> None:
    pipeline = graph("raw -> a -> b -> c")
    catalog = json_catalog(tmp_path, "c", b="given")
    for _ in range(2):
        result = run(pipeline, catalog, missing=True)
        assert result.executed == ("c",)
        assert result["c"] == "c(given)"
        (tmp_path / "c.json").unlink()
    assert catalog.load("b") == "given"


def test_a_node_may_make_a_parameter_that_others_read() -> None:
    pipeline = Pipeline(
        [
            node(lambda: {"x": 1}, None, "params:made", name="make"),
            node(lambda made: made, "params:made", "out", name="read"),
        ]
    )
    catalog = DataCatalog(parameters={"made": 0})
    for _ in range(2):
        assert dict(run(pipeline, catalog)) == {"out": {"x": 1}}
        assert catalog.load("params:made") == {"x": 1}


def test_an_unmet_input_stops_the_run_before_its_first_node(tmp_path: Path) -> None:
    ran = []
    pipeline = graph("raw -> a; gone -> b", functions={"a": lambda raw: ran.append(raw) or 1})
    catalog = json_catalog(tmp_path, "gone", raw="RAW")
    with pytest.raises(UnmetInputsError, match="'gone'"):
        SequentialRunner().run(pipeline, catalog)
    assert ran == []


def test_a_node_that_fails_stops_the_run_and_is_named_with_its_error(tmp_path: Path) -> None:
    def fail(a: Any) -> Any:
        raise ValueError("no good")

    pipeline = graph("raw -> a -> b -> c", functions={"b": fail})
    catalog = json_catalog(tmp_path, "a", "b", "c", raw="RAW")
    with pytest.raises(NodeRunError) as caught:
        SequentialRunner().run(pipeline, catalog)
    assert str(caught.value) == "node 'b' failed: ValueError: no good"
    assert caught.value.node_name == "b"
    assert isinstance(caught.value.__cause__, ValueError)
    assert {path.name for path in tmp_path.iterdir()} == {"a.json"}


def test_an_error_without_a_text_is_named_by_its_class() -> None:
    def fail() -> Any:
        raise StopAsyncIteration

    with pytest.raises(NodeRunError, match=r"^node 'a' failed: StopAsyncIteration$"):
        SequentialRunner().run(graph("() -> a", functions={"a": fail}), DataCatalog())


def test_an_output_that_cannot_be_built_or_saved_is_a_failure_of_its_node(tmp_path: Path) -> None:
    catalog = json_catalog(tmp_path, "a")
    with pytest.raises(NodeRunError) as caught:
        SequentialRunner().run(graph("() -> a", functions={"a": lambda: object()}), catalog)
    assert str(caught.value).startswith(
        "node 'a' failed: DatasetError: dataset 'a': cannot save data to JSONDataset("
    )
    assert list(tmp_path.iterdir()) == []

    events: list[Event] = []
    entry = {"type": "pandas.CSVDataset", "filepath": str(tmp_path / "a.csv"), "load_args": 5}
    unbuildable = DataCatalog.from_config({"a": entry})
    plan = planned(graph("() -> a"), unbuildable)
    with pytest.raises(
        NodeRunError, match="^node 'a' failed: DatasetError: dataset 'a' of type CSVDataset cannot"
    ):
        SequentialRunner().run_plan(plan, unbuildable, Surroundings("r", listeners=(events.append,)))
    assert [type(event).__name__ for event in events] == [
        "RunStarted",
        "NodeStarted",
        "NodeFailed",
        "RunFinished",
    ]


def test_a_value_in_memory_that_cannot_be_copied_is_an_error_with_its_name() -> None:
    class Stubborn:
        def __init__(self) -> None:
            self.copies = 0

        def __deepcopy__(self, memo: Any) -> Any:
            self.copies += 1
            if self.copies == self.allowed:
                raise TypeError("I am one of a kind")
            return self

    pipeline = graph("() -> a -> b", functions={"a": lambda: stubborn})
    for allowed, verb in ((1, "save data to"), (2, "load data from")):
        stubborn = Stubborn()
        stubborn.allowed = allowed  # type: ignore[attr-defined]
        with pytest.raises(NodeRunError, match=f"dataset 'a': cannot {verb} MemoryDataset"):
            SequentialRunner().run(pipeline, DataCatalog())


def test_confirms_are_confirmed_once_the_outputs_are_there() -> None:
    class Checkpoint(MemoryDataset):
        def confirm(self) -> None:
            order.append("confirmed")

    order: list[str] = []
    catalog = DataCatalog({"source": Checkpoint([1])})
    pipeline = Pipeline(
        [node(lambda s: order.append("ran") or 1, "source", "out", confirms="source", name="n")]
    )
    SequentialRunner().run(pipeline, catalog)
    assert order == ["ran", "confirmed"]


# -- transcoding


def test_two_formats_of_one_file_are_one_dataset(tmp_path: Path) -> None:
    path = str(tmp_path / "x")
    catalog = DataCatalog.from_config(
        {
            "x@json": {"type": "json.JSONDataset", "filepath": path},
            "x@text": {"type": "text.TextDataset", "filepath": path},
        }
    )
    pipeline = graph("() -> x@json; x@text -> out", functions={"x": lambda: [1]})
    assert dict(run(pipeline, catalog)) == {"out": "out([\n  1\n])"}
    assert dict(run(graph("() -> x@json", functions={"x": lambda: [2]}), catalog)) == {"x@json": [2]}


def test_two_formats_of_a_value_in_memory_share_it() -> None:
    pipeline = graph("() -> x@a; x@b -> out; x@a, x@b -> both", functions={"x": lambda: "value"})
    assert dict(run(pipeline, DataCatalog())) == {"out": "out(value)", "both": "both(value, value)"}


def test_a_format_that_is_stored_is_read_from_where_it_is_stored_not_from_memory(tmp_path: Path) -> None:
    catalog = json_catalog(tmp_path, "x@file")
    catalog.save("x@file", "stored")
    pipeline = graph("() -> x@memory -> out; x@file -> other", functions={"x": lambda: "made"})
    assert dict(run(pipeline, catalog)) == {"out": "out(made)", "other": "other(stored)"}


# -- generators


def chunks(*values: Any) -> Any:
    def generate() -> Any:
        yield from values

    return generate


def test_a_generator_s_last_chunk_is_kept_or_with_mode_a_all_of_them(tmp_path: Path) -> None:
    append = {"open_args_save": {"mode": "a"}}
    path = str(tmp_path / "all.txt")
    catalog = DataCatalog.from_config(
        {
            "last": {"type": "text.TextDataset", "filepath": str(tmp_path / "last.txt")},
            "all": {"type": "text.TextDataset", "filepath": path, "fs_args": append},
        }
    )
    pipeline = Pipeline(
        [
            node(chunks("a", "b"), None, "last", name="last"),
            node(chunks("a", "b"), None, "all", name="all"),
            node(chunks("a", "b"), None, "memory", name="memory"),
        ]
    )
    for _ in range(2):
        assert dict(run(pipeline, catalog)) == {"last": "b", "all": "ab", "memory": "b"}


def test_a_generator_with_several_outputs_fills_all_of_them(tmp_path: Path) -> None:
    pipeline = Pipeline([node(chunks((1, 2), (3, 4)), None, ["a", "b"], name="n")])
    assert dict(run(pipeline, json_catalog(tmp_path, "a"))) == {"a": 3, "b": 4}


def test_a_generator_that_fails_in_the_middle_leaves_the_former_output_and_is_closed(tmp_path: Path) -> None:
    ended = []

    def generate() -> Any:
        try:
            yield "half"
            raise ValueError("half way")
        finally:
            ended.append(True)

    catalog = json_catalog(tmp_path, "a", "b")
    catalog.save("a", "former")
    pipeline = Pipeline([node(generate, None, "a", name="n")])
    with pytest.raises(NodeRunError, match="node 'n' failed: ValueError: half way"):
        run(pipeline, catalog)
    assert catalog.load("a") == "former"
    assert [path.name for path in tmp_path.iterdir()] == ["a.json"]
    assert ended == [True]


def test_a_generator_whose_chunk_cannot_be_saved_is_closed_at_once(tmp_path: Path) -> None:
    ended = []

    def generate() -> Any:
        try:
            yield object()
        finally:
            ended.append(True)

    with pytest.raises(NodeRunError, match="dataset 'a'|cannot save data"):
        run(Pipeline([node(generate, None, "a", name="n")]), json_catalog(tmp_path, "a"))
    assert ended == [True]
    assert list(tmp_path.iterdir()) == []


def test_a_generator_that_yields_nothing_has_made_nothing(tmp_path: Path) -> None:
    with pytest.raises(NodeRunError, match="yielded no data"):
        run(Pipeline([node(chunks(), None, "a", name="n")]), json_catalog(tmp_path, "a"))


def test_a_generator_without_outputs_is_exhausted() -> None:
    seen = []

    def generate() -> Any:
        for place in range(3):
            seen.append(place)
            yield place

    run(Pipeline([node(lambda raw: generate(), "raw", None, name="n")]), DataCatalog({"raw": 1}))
    assert seen == [0, 1, 2]


# -- is_async


def test_asynchronous_runs_load_and_save_in_threads_with_the_same_result(tmp_path: Path) -> None:
    import threading

    threads: set[str] = set()

    class Told(MemoryDataset):
        def load(self) -> Any:
            threads.add(threading.current_thread().name)
            return super().load()

    pipeline = graph("a, b -> c, d; c, d -> e, f")
    catalog = json_catalog(tmp_path, "c", "d", "e", "f", a=Told("A"), b=Told("B"))
    result = SequentialRunner(is_async=True).run(pipeline, catalog)
    assert {name: dataset.load() for name, dataset in result.items()} == {
        "e": "e(c(A, B), d(A, B))",
        "f": "f(c(A, B), d(A, B))",
    }
    assert all(name.startswith("incremental-io") for name in threads)
    assert threads
    assert repr(SequentialRunner(is_async=True)) == "SequentialRunner(is_async=True)"


def test_an_asynchronous_save_that_fails_leaves_nothing_of_the_others(tmp_path: Path) -> None:
    pipeline = graph("() -> a, b", functions={"a_b": lambda: ("fine", object())})
    catalog = json_catalog(tmp_path, "a", "b")
    with pytest.raises(NodeRunError, match="dataset 'b'"):
        SequentialRunner(is_async=True).run(pipeline, catalog)
    assert list(tmp_path.iterdir()) == []


def test_generators_are_refused_in_an_asynchronous_run_before_it_begins(tmp_path: Path) -> None:
    ran = []
    pipeline = Pipeline(
        [node(lambda: ran.append(1) or 1, None, "a", name="first"), node(chunks(1), None, "b", name="second")]
    )
    with pytest.raises(RunError) as caught:
        SequentialRunner(is_async=True).run(pipeline, json_catalog(tmp_path, "b"))
    assert str(caught.value) == (
        "generator nodes cannot save asynchronously: 'second'; run without is_async (--async)"
    )
    assert ran == []


def test_the_surroundings_of_a_caller_are_not_changed(tmp_path: Path) -> None:
    around = Surroundings("r")
    catalog = DataCatalog({"raw": 1})
    plan = planned(graph("raw -> a"), catalog)
    SequentialRunner(is_async=True).run_plan(plan, catalog, around)
    assert around.is_async is False


# -- runners of others


def test_a_runner_that_overrides_the_private_method_of_kedro_is_refused() -> None:
    message = (
        "runner '{}' overrides '_run', which this engine never calls: new ways to execute come as executors; "
        "define 'open_executor' and return one"
    )
    prefix = "test_a_runner_that_overrides_the_private_method_of_kedro_is_refused.<locals>."
    with pytest.raises(RunError) as caught:

        class Mine(SequentialRunner):
            def _run(self) -> None: ...

    assert str(caught.value) == message.format(f"{prefix}Mine")

    class Mixin:
        def _run(self) -> None: ...

    with pytest.raises(RunError) as caught:

        class Mixed(Mixin, SequentialRunner): ...

    assert str(caught.value) == message.format(f"{prefix}Mixed")


class Many(Executor[Any]):
    """Takes three calls and runs them last in, first out."""

    capacity = 3

    def __init__(self) -> None:
        self.calls: list[Any] = []
        self.is_closed = False
        self.most = 0

    def start(self, job: Any) -> None:
        self.job = job

    def submit(self, key: Any, argument: Any, timeout: float | None = None) -> None:
        self.calls.append((key, argument))
        self.most = max(self.most, len(self.calls))

    def wait(self, timeout: float | None = None) -> Any:
        inline: InlineExecutor[Any] = InlineExecutor()
        inline.start(self.job)
        inline.submit(*self.calls.pop())
        return inline.wait()

    def close(self) -> None:
        self.is_closed = True


class ManyRunner(AbstractRunner):
    def open_executor(self) -> Many:
        self.executor = Many()
        return self.executor


def test_a_runner_on_another_executor_gives_it_what_is_ready_and_no_more_than_it_takes(
    tmp_path: Path,
) -> None:
    pipeline = graph("raw -> a; raw -> b; raw -> c; raw -> d; a, b -> e; c, d, e -> f")
    runner = ManyRunner()
    catalog = json_catalog(tmp_path, "a", "e", raw="RAW")
    events: list[Event] = []
    runner.run_plan(planned(pipeline, catalog), catalog, Surroundings("r", listeners=(events.append,)))
    order = [event.node for event in events if isinstance(event, NodeFinished)]
    assert sorted(order) == sorted(names(pipeline))
    assert order.index("f") == 5
    assert runner.executor.most == 3
    assert runner.executor.is_closed


def test_after_a_failure_what_is_in_flight_is_finished_and_nothing_more_begins(tmp_path: Path) -> None:
    def fail(raw: Any) -> Any:
        raise ValueError("no")

    pipeline = graph("raw -> a; raw -> b; raw -> c; raw -> d", functions={"c": fail, "b": fail})
    catalog = json_catalog(tmp_path, "a", "b", "c", "d", raw="RAW")
    with pytest.raises(NodeRunError, match="node 'c' failed"):
        ManyRunner().run(pipeline, catalog)
    assert {path.name for path in tmp_path.iterdir()} == {"a.json"}


@pytest.mark.parametrize("error", [OSError("worker died"), None])
def test_a_worker_that_is_gone_is_a_failure_of_its_node(tmp_path: Path, error: Exception | None) -> None:
    from incremental.executors import Finished

    class Dying(InlineExecutor[Any]):
        def wait(self, timeout: float | None = None) -> Any:
            return Finished(self._next[0], None, error)  # type: ignore[index]

    class DyingRunner(AbstractRunner):
        def open_executor(self) -> Dying:
            return Dying()

    message = "OSError: worker died" if error else "RuntimeError: it ended without an outcome"
    with pytest.raises(NodeRunError, match=f"^node 'a' failed: {message}$"):
        DyingRunner().run(graph("() -> a"), DataCatalog())


# -- what is told


def test_the_warnings_of_a_plan_are_logged(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    class Blind(AbstractDataset[Any, Any]):
        def load(self) -> Any:
            return 1

        def save(self, data: Any) -> None: ...

    catalog = DataCatalog({"blind": Blind()})
    caplog.set_level(logging.WARNING)
    run(graph("raw -> blind"), DataCatalog({"blind": Blind(), "raw": 1}), missing=True)
    assert "Blind" in caplog.text
    assert catalog


@pytest.mark.parametrize("path", ["link/x.json", "real/y.json"], ids=["of a folder", "of a file"])
def test_two_outputs_at_one_file_over_a_link_are_refused_unless_the_graph_orders_them(
    tmp_path: Path, path: str
) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    (tmp_path / "real/y.json").symlink_to("x.json")
    entries = {
        name: {"type": "json.JSONDataset", "filepath": f"{tmp_path}/{path}"}
        for name, path in (("a", "real/x.json"), ("b", path))
    }
    catalog = DataCatalog.from_config(entries)
    with pytest.raises(PlanError) as caught:
        run(graph("() -> a; () -> b"), catalog)
    assert str(caught.value) == (
        f"datasets 'a' and 'b' share {tmp_path}/real/x.json and no edge orders their nodes: "
        "give them different paths, or one name"
    )
    assert run(graph("() -> a -> b"), catalog).executed == ("a", "b")
