"""Values in memory: freed with their last reader, kept where somebody asked for them."""

from __future__ import annotations

import gc
import weakref
from pathlib import Path
from typing import Any

import pytest
from graphs import graph

from incremental.errors import NodeRunError
from incremental.io import CachedDataset, DataCatalog, MemoryDataset
from incremental.io.files.formats import JSONDataset
from incremental.pipeline import Pipeline, node
from incremental.pipeline.selection import Selection, select
from incremental.planner import plan_all
from incremental.runner import RunResult, SequentialRunner
from incremental.runner.prepare import gather_facts
from incremental.state import Marks


class Value:
    """Something that can be watched; its copy is itself."""

    def __deepcopy__(self, memo: Any) -> Value:
        return self


def run(pipeline: Pipeline, catalog: DataCatalog, **selection: list[str]) -> RunResult:
    selected = select(pipeline, Selection.of(**selection))
    return SequentialRunner().run_plan(
        plan_all(selected, gather_facts(selected.pipeline, catalog, Marks())), catalog
    )


class Watch:
    """Makes values and tells which of them are still alive."""

    def __init__(self) -> None:
        self.made: dict[str, weakref.ref[Value]] = {}
        self.alive: dict[str, set[str]] = {}

    def maker(self, name: str) -> Any:
        def make(*inputs: Any) -> Value:
            del inputs
            self.alive[name] = {each for each, found in self.made.items() if found() is not None}
            value = Value()
            self.made[name] = weakref.ref(value)
            return value

        return make

    def pipeline(self, text: str) -> Pipeline:
        return graph(text, functions={each.name: self.maker(each.name) for each in graph(text).nodes})


@pytest.fixture(autouse=True)
def without_collector() -> Any:
    """What is freed has to be freed by counting references, at once."""
    gc.disable()
    yield
    gc.enable()


def test_a_value_is_gone_when_the_node_after_its_last_reader_begins() -> None:
    watch = Watch()
    run(watch.pipeline("() -> a -> b -> c -> d"), DataCatalog())
    assert watch.alive == {"a": set(), "b": {"a"}, "c": {"b"}, "d": {"c"}}


def test_a_value_with_two_readers_is_kept_for_the_second() -> None:
    watch = Watch()
    run(watch.pipeline("() -> a -> b -> c -> d; a, c -> e; e, d -> f"), DataCatalog())
    assert watch.alive["d"] >= {"a", "c"} or watch.alive["e"] >= {"a", "c"}
    assert "a" not in watch.alive["f"]


def test_nothing_is_kept_that_nobody_reads_and_nobody_asked_for() -> None:
    watch = Watch()
    pipeline = watch.pipeline("() -> a -> b -> c")
    result = run(pipeline, DataCatalog(), to_nodes=["b"])
    assert list(result) == ["b"]
    assert watch.made["a"]() is None
    assert watch.made["b"]() is result["b"]


def test_results_are_kept_as_long_as_the_result_is() -> None:
    watch = Watch()
    result = run(watch.pipeline("() -> a -> b; a -> c"), DataCatalog(), to_outputs=["a", "b"])
    assert [watch.made[name]() is not None for name in "ab"] == [True, True]
    del result
    assert [watch.made[name]() is not None for name in "ab"] == [False, False]


def test_a_value_that_was_asked_for_is_kept_although_it_has_a_last_reader() -> None:
    watch = Watch()
    result = run(watch.pipeline("() -> a -> b"), DataCatalog(), to_outputs=["a"])
    assert result["a"] is watch.made["a"]()


def test_a_value_in_a_dataset_of_the_catalog_is_released_with_it() -> None:
    watch = Watch()
    catalog = DataCatalog({"a": MemoryDataset(copy_mode="assign")})
    run(watch.pipeline("() -> a -> b -> c"), catalog)
    assert watch.made["a"]() is None
    assert not catalog.exists("a")
    run(watch.pipeline("() -> a -> b -> c"), catalog)


def test_a_value_that_was_handed_in_is_never_released() -> None:
    catalog = DataCatalog({"raw": Value()})
    pipeline = graph("raw -> a -> b")
    assert run(pipeline, catalog)["b"] == run(pipeline, catalog)["b"]
    assert catalog.exists("raw")


def test_what_a_cached_dataset_keeps_is_freed_with_its_last_reader(tmp_path: Path) -> None:
    cached = CachedDataset(JSONDataset(filepath=str(tmp_path / "a.json")))
    seen = []
    pipeline = Pipeline(
        [
            node(lambda: [1], None, "a", name="a"),
            node(lambda a: seen.append(cached._cache.exists()) or 1, "a", "b", name="b"),
            node(lambda b: seen.append(cached._cache.exists()) or 1, "b", "c", name="c"),
        ]
    )
    run(pipeline, DataCatalog({"a": cached}))
    assert seen == [True, False]


def test_a_failed_run_keeps_no_value() -> None:
    watch = Watch()
    pipeline = watch.pipeline("() -> a -> b -> c")

    def fail(b: Any) -> Any:
        raise ValueError

    failing = Pipeline(
        [*(each for each in pipeline.nodes if each.name != "c"), node(fail, "b", "c", name="c")]
    )
    with pytest.raises(NodeRunError):
        run(failing, DataCatalog())
    gc.collect()
    assert [found() for found in watch.made.values()] == [None, None]


@pytest.mark.parametrize(
    ("mode", "is_same"), [("assign", True), ("deepcopy", False), ("copy", False), (None, False)]
)
def test_the_copy_mode_of_the_catalog_holds_between_nodes(mode: Any, is_same: bool) -> None:
    made = []

    def make() -> list[int]:
        made.append([1])
        return made[0]

    def change(a: list[int]) -> list[int]:
        a.append(2)
        return a

    pipeline = graph("() -> a -> b; a, b -> c", functions={"a": make, "b": change})
    assert run(pipeline, DataCatalog({"a": MemoryDataset(copy_mode=mode)}))["c"] == (
        "c([1, 2], [1, 2])" if is_same else "c([1], [1, 2])"
    )
    assert (made[0] == [1, 2]) is is_same


def test_two_runs_share_no_value_in_memory() -> None:
    catalog = DataCatalog({"raw": [1]})
    pipeline = graph("raw -> a -> b", functions={"a": lambda raw: [*raw, len(raw)]})
    first, second = run(pipeline, catalog), run(pipeline, catalog)
    assert first["b"] == second["b"]
    assert first.dataset("b") is not second.dataset("b")
    assert list(catalog) == ["raw"]
