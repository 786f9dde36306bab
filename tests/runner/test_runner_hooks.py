"""Hooks and events of a run: which, when, with what."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from graphs import graph

from incremental.errors import DatasetError, HookError, NodeRunError
from incremental.events import Event, NodeFinished, RunFinished
from incremental.hooks import create_hook_manager, hook_impl
from incremental.io import DataCatalog
from incremental.pipeline import Pipeline, node
from incremental.pipeline.selection import select
from incremental.planner import plan_missing
from incremental.runner import SequentialRunner, Surroundings
from incremental.runner.prepare import gather_facts
from incremental.state import Marks, MemoryLedger


class Recorder:
    """Writes down every hook that is called, with its arguments."""

    def __init__(self, replace: Any = None) -> None:
        self.calls: list[tuple[Any, ...]] = []
        self.replace = replace

    def names(self) -> list[str]:
        return [f"{call[0]} {call[1]}" for call in self.calls]

    @hook_impl
    def after_plan_created(self, plan: Any, catalog: Any) -> None:
        self.calls.append(("plan", plan.summary))

    @hook_impl
    def on_node_skipped(self, node: Any, reason: str) -> None:
        self.calls.append(("skipped", node.name, reason))

    @hook_impl
    def before_node_run(
        self, node: Any, catalog: Any, inputs: Any, is_async: bool, run_id: str | None
    ) -> Any:
        self.calls.append(("before", node.name, dict(inputs), catalog, is_async, run_id))
        inputs["not"] = "seen"
        return self.replace

    @hook_impl
    def after_node_run(
        self, node: Any, catalog: Any, inputs: Any, outputs: Any, is_async: bool, run_id: str | None
    ) -> None:
        self.calls.append(("after", node.name, inputs, outputs, catalog, is_async, run_id))

    @hook_impl
    def on_node_error(
        self, error: Any, node: Any, catalog: Any, inputs: Any, is_async: bool, run_id: str | None
    ) -> None:
        self.calls.append(("error", node.name, error, inputs, catalog, is_async, run_id))

    @hook_impl
    def before_dataset_loaded(self, dataset_name: str, node: Any) -> None:
        self.calls.append(("loading", dataset_name, node.name))

    @hook_impl
    def after_dataset_loaded(self, dataset_name: str, data: Any, node: Any) -> None:
        self.calls.append(("loaded", dataset_name, data, node.name))

    @hook_impl
    def before_dataset_saved(self, dataset_name: str, data: Any, node: Any) -> None:
        self.calls.append(("saving", dataset_name, data, node.name))

    @hook_impl
    def after_dataset_saved(self, dataset_name: str, data: Any, node: Any) -> None:
        self.calls.append(("saved", dataset_name, data, node.name))


def catalog_of(folder: Path, *files: str, **values: Any) -> DataCatalog:
    catalog = DataCatalog.from_config(
        {name: {"type": "json.JSONDataset", "filepath": str(folder / f"{name}.json")} for name in files},
        parameters={"p": 1},
    )
    for name, value in values.items():
        catalog[name] = value
    return catalog


def run(
    pipeline: Pipeline, catalog: DataCatalog, *hooks: Any, missing: bool = False, is_async: bool = False
) -> Any:
    return SequentialRunner(is_async).run(
        pipeline, catalog, create_hook_manager(hooks, plugins=False), "run 1", missing
    )


def test_every_hook_is_called_in_order_with_its_arguments(tmp_path: Path) -> None:
    recorder = Recorder()
    catalog = catalog_of(tmp_path, "a", raw="RAW")
    run(graph("raw, params:p -> a -> b"), catalog, recorder)
    assert recorder.calls == [
        ("plan", "2 of 2 nodes to run · 0 skipped"),
        ("loading", "raw", "a"),
        ("loaded", "raw", "RAW", "a"),
        ("loading", "params:p", "a"),
        ("loaded", "params:p", 1, "a"),
        ("before", "a", {"raw": "RAW", "params:p": 1}, catalog, False, "run 1"),
        ("after", "a", {"raw": "RAW", "params:p": 1}, {"a": "a(RAW, 1)"}, catalog, False, "run 1"),
        ("saving", "a", "a(RAW, 1)", "a"),
        ("saved", "a", "a(RAW, 1)", "a"),
        ("loading", "a", "b"),
        ("loaded", "a", "a(RAW, 1)", "b"),
        ("before", "b", {"a": "a(RAW, 1)"}, catalog, False, "run 1"),
        ("after", "b", {"a": "a(RAW, 1)"}, {"b": "b(a(RAW, 1))"}, catalog, False, "run 1"),
        ("saving", "b", "b(a(RAW, 1))", "b"),
        ("saved", "b", "b(a(RAW, 1))", "b"),
    ]


def test_skipped_nodes_are_told_with_their_reason_before_the_first_node_runs(tmp_path: Path) -> None:
    catalog = catalog_of(tmp_path, "a", "b", raw="RAW")
    run(graph("raw -> a -> b"), catalog)
    (tmp_path / "b.json").unlink()
    recorder = Recorder()
    run(graph("raw -> a -> b"), catalog, recorder, missing=True)
    assert recorder.calls[:2] == [("plan", "1 of 2 nodes to run · 1 skipped"), ("skipped", "a", "a present")]
    assert recorder.names()[2] == "loading a"


def test_a_dataset_is_told_to_be_saved_only_once_it_can_be_seen(tmp_path: Path) -> None:
    seen = {}

    class Looks:
        @hook_impl
        def before_dataset_saved(self, dataset_name: str) -> None:
            seen[f"before {dataset_name}"] = (tmp_path / f"{dataset_name}.json").exists()

        @hook_impl
        def after_dataset_saved(self, dataset_name: str) -> None:
            seen[dataset_name] = all((tmp_path / f"{name}.json").exists() for name in "abc")

    run(graph("() -> a, b, c"), catalog_of(tmp_path, "a", "b", "c"), Looks())
    expected = dict.fromkeys(["before a", "before b", "before c"], False) | dict.fromkeys("abc", True)
    assert seen == expected


def test_nothing_is_told_to_be_saved_when_publishing_fails(tmp_path: Path) -> None:
    recorder = Recorder()
    catalog = catalog_of(tmp_path, "a", "b")

    class Blocks:
        @hook_impl
        def after_node_run(self) -> None:
            (tmp_path / "b.json").mkdir()

    with pytest.raises(NodeRunError):
        run(graph("() -> a, b"), catalog, recorder, Blocks())
    assert [name for name in recorder.names() if name.startswith("saved")] == []


def test_pieces_of_a_generator_are_told_before_each_and_once_after_the_last(tmp_path: Path) -> None:
    def generate() -> Any:
        yield 1, "x"
        yield 2, "y"

    recorder = Recorder()
    run(Pipeline([node(generate, None, ["a", "m"], name="n")]), catalog_of(tmp_path, "a"), recorder)
    assert [call[:3] for call in recorder.calls if call[0] in ("saving", "saved")] == [
        ("saving", "a", 1),
        ("saving", "m", "x"),
        ("saving", "a", 2),
        ("saving", "m", "y"),
        ("saved", "a", 2),
        ("saved", "m", "y"),
    ]


def test_what_before_node_run_returns_replaces_inputs_and_the_last_one_called_wins(tmp_path: Path) -> None:
    catalog = catalog_of(tmp_path, raw="RAW", other="OTHER")
    first, second = Recorder({"raw": "first"}), Recorder({"raw": "second", "other": "second"})
    result = run(graph("raw, other -> a"), catalog, first, Recorder(), second)
    assert result["a"].load() == "a(first, second)"  # the second was registered last, so it was called first
    assert first.calls[-3][2] == {"raw": "first", "other": "second"}
    assert catalog.load("raw") == "RAW"


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (
            ["raw"],
            "node 'a' failed: HookError: before_node_run of node 'a' returned 'list'; "
            "it may return None or a dict of inputs by dataset name",
        ),
        ({"rwa": 1}, "node 'a' failed: NodeError: function 'make_a' needs the inputs ['raw'], but got "),
    ],
)
def test_what_before_node_run_must_not_return_is_refused(tmp_path: Path, answer: Any, message: str) -> None:
    with pytest.raises(NodeRunError) as caught:
        run(graph("raw -> a"), catalog_of(tmp_path, raw=1), Recorder(answer))
    assert str(caught.value).startswith(message)
    assert isinstance(caught.value.__cause__, HookError) or "NodeError" in message


def test_the_error_of_a_node_is_told_to_the_hooks(tmp_path: Path) -> None:
    error = ValueError("no")

    def fail(raw: Any) -> Any:
        raise error

    recorder = Recorder()
    catalog = catalog_of(tmp_path, "a", raw=1)
    with pytest.raises(NodeRunError):
        run(graph("raw -> a", functions={"a": fail}), catalog, recorder)
    assert recorder.calls[-1] == ("error", "a", error, {"raw": 1}, catalog, False, "run 1")


def test_the_error_of_a_generator_is_told_to_the_hooks_too(tmp_path: Path) -> None:
    def generate() -> Any:
        yield 1
        raise ValueError("no")

    recorder = Recorder()
    with pytest.raises(NodeRunError):
        run(Pipeline([node(generate, None, "a", name="n")]), catalog_of(tmp_path, "a"), recorder)
    assert recorder.names()[-1] == "error n"
    assert list(tmp_path.iterdir()) == []


def test_an_error_of_saving_is_no_error_of_the_node(tmp_path: Path) -> None:
    recorder = Recorder()
    with pytest.raises(NodeRunError):
        run(graph("() -> a", functions={"a": object}), catalog_of(tmp_path, "a"), recorder)
    assert [name for name in recorder.names() if name.startswith("error")] == []


@pytest.mark.parametrize("hook", ["before_dataset_loaded", "after_node_run", "after_dataset_saved"])
def test_a_hook_that_raises_fails_its_node(tmp_path: Path, hook: str) -> None:
    def fail(self: Any) -> None:
        raise RuntimeError(f"in {hook}")

    hooks = type("Hooks", (), {hook: hook_impl(fail)})()
    with pytest.raises(NodeRunError, match=f"node 'a' failed: RuntimeError: in {hook}"):
        run(graph("raw -> a"), catalog_of(tmp_path, "a", raw=1), hooks)


def test_an_attribute_error_in_a_hook_is_not_swallowed(tmp_path: Path) -> None:
    class Hooks:
        @hook_impl
        def after_plan_created(self, plan: Any) -> None:
            _ = plan.summry

    with pytest.raises(AttributeError, match="summry"):
        run(graph("raw -> a"), catalog_of(tmp_path, raw=1), Hooks())


def test_a_hook_manager_of_kedro_lacks_our_hooks_and_is_no_error(tmp_path: Path) -> None:
    import pluggy

    marker = pluggy.HookspecMarker("kedro")

    class Specs:
        @marker
        def before_node_run(self, node: Any) -> None: ...

        @marker
        def after_node_run(self, node: Any) -> None: ...

        @marker
        def before_dataset_loaded(self, dataset_name: str) -> None: ...

        @marker
        def after_dataset_loaded(self, dataset_name: str) -> None: ...

        @marker
        def before_dataset_saved(self, dataset_name: str) -> None: ...

        @marker
        def after_dataset_saved(self, dataset_name: str) -> None: ...

    manager = pluggy.PluginManager("kedro")
    manager.add_hookspecs(Specs)
    catalog = catalog_of(tmp_path, "a", raw=1)
    for missing in (False, True):
        result = SequentialRunner().run(graph("raw -> a"), catalog, manager, only_missing_outputs=missing)
        assert result["a"].load() == "a(1)"


def test_hooks_are_called_in_an_asynchronous_run_too(tmp_path: Path) -> None:
    recorder = Recorder()
    run(graph("x, y -> a, b"), catalog_of(tmp_path, "a", "b", x=1, y=2), recorder, is_async=True)
    assert sorted(recorder.names()[1:5]) == ["loaded x", "loaded y", "loading x", "loading y"]
    assert recorder.names()[5:7] == ["before a_b", "after a_b"]
    assert recorder.calls[5][4] is True


# -- events


def events_of(pipeline: Pipeline, catalog: DataCatalog, listener: Any = None) -> list[Event]:
    events: list[Event] = []
    ledger = MemoryLedger()
    plan = plan_missing(select(pipeline), gather_facts(pipeline, catalog, Marks()))
    around = Surroundings("run 1", None, ledger, listeners=(events.append, *([listener] if listener else [])))
    try:
        SequentialRunner().run_plan(plan, catalog, around)
    except (Exception, KeyboardInterrupt) as error:
        events.append(error)  # type: ignore[arg-type]
    return events


def names_of(events: list[Event]) -> list[str]:
    return [type(event).__name__ for event in events]


def test_the_events_of_a_run_tell_its_story(tmp_path: Path) -> None:
    catalog = catalog_of(tmp_path, "a", "b", raw="RAW")
    catalog.save("a", "made before")
    events = events_of(graph("raw -> a -> b"), catalog)
    assert names_of(events) == ["RunStarted", "NodeSkipped", "NodeStarted", "NodeFinished", "RunFinished"]
    started, skipped, node_started, finished, ended = events
    assert (started.run_id, started.planned, started.skipped) == ("run 1", 1, 1)  # type: ignore[union-attr]
    assert (skipped.node, skipped.reason) == ("a", "a present")  # type: ignore[union-attr]
    assert (node_started.node, node_started.position) == ("b", 1)  # type: ignore[union-attr]
    assert isinstance(finished, NodeFinished)
    assert finished.seconds == finished.load_seconds + finished.compute_seconds + finished.save_seconds > 0
    assert isinstance(ended, RunFinished)
    assert (ended.status, ended.executed) == ("succeeded", 1)


@pytest.mark.parametrize(
    ("error", "names", "status"),
    [
        (ValueError("no"), ["NodeFailed", "RunFinished", "NodeRunError"], "failed"),
        (KeyboardInterrupt(), ["RunFinished", "KeyboardInterrupt"], "interrupted"),
        (SystemExit(3), ["NodeFailed", "RunFinished", "NodeRunError"], "failed"),
    ],
)
def test_how_a_run_ends_is_told(tmp_path: Path, error: BaseException, names: list[str], status: str) -> None:
    def fail() -> Any:
        raise error

    pipeline = graph("() -> a", functions={"a": fail})
    events = events_of(pipeline, DataCatalog())
    assert names_of(events) == ["RunStarted", "NodeStarted", *names]
    (ended,) = [event for event in events if isinstance(event, RunFinished)]
    assert ended.status == status


def test_a_listener_that_raises_fails_the_run(tmp_path: Path) -> None:
    def listener(event: Event) -> None:
        if isinstance(event, NodeFinished):
            raise DatasetError("no room for history")

    events = events_of(graph("() -> a -> b"), DataCatalog(), listener)
    assert "RunFinished" in names_of(events)
    assert str(events[-1]) == "node 'a' failed: DatasetError: no room for history"
