"""Versions in a run: what the plan saw, what was pinned, and what this run made."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from graphs import graph

from incremental.errors import NodeRunError, UnmetInputsError
from incremental.io import DataCatalog
from incremental.io.dataset import Version
from incremental.io.files.formats import TextDataset
from incremental.pipeline import Pipeline, node
from incremental.pipeline.selection import select
from incremental.planner import plan_all, plan_missing
from incremental.runner import RunResult, SequentialRunner
from incremental.runner.prepare import gather_facts
from incremental.state import Marks, MemoryLedger


def entry(folder: Path, name: str) -> dict[str, Any]:
    return {"type": "text.TextDataset", "filepath": str(folder / name), "versioned": True}


def write(folder: Path, name: str, version: str, text: str) -> None:
    file = folder / name / version / name
    file.parent.mkdir(parents=True)
    file.write_text(text)


def run(pipeline: Pipeline, catalog: DataCatalog, *, missing: bool = False) -> RunResult:
    facts = gather_facts(pipeline, catalog, Marks())
    plan = (plan_missing if missing else plan_all)(select(pipeline), facts)
    return SequentialRunner().run_plan(plan, catalog)


@pytest.mark.parametrize("save_version", ["2030", None])
@pytest.mark.parametrize("is_object", [False, True])
def test_readers_get_the_version_that_this_run_made(
    tmp_path: Path, save_version: str | None, is_object: bool
) -> None:
    write(tmp_path, "a", "2020", "old")
    if is_object:
        version = Version(None, save_version)
        catalog = DataCatalog({"a": TextDataset(filepath=str(tmp_path / "a"), version=version)})
    else:
        catalog = DataCatalog.from_config({"a": entry(tmp_path, "a")}, save_version=save_version)

    def make() -> str:
        write(tmp_path, "a", "9999", "from another process")
        return "new"

    result = run(graph("() -> a -> b", functions={"a": make}), catalog)
    assert result["b"] == "b(new)"


def test_the_result_is_the_version_that_was_made_and_for_skipped_nodes_the_one_that_was_planned(
    tmp_path: Path,
) -> None:
    write(tmp_path, "b", "2020", "planned")
    catalog = DataCatalog.from_config(
        {name: entry(tmp_path, name) for name in ("a", "b")}, save_version="2030"
    )
    result = run(graph("() -> a; () -> b"), catalog, missing=True)
    for name in ("a", "b"):
        write(tmp_path, name, "9999", "later")
    assert result.executed == ("a",)
    assert dict(result) == {"a": "a()", "b": "planned"}
    assert [result.dataset(name).load() for name in "ab"] == ["a()", "planned"]


def test_the_version_that_the_plan_saw_is_the_one_that_is_read(tmp_path: Path) -> None:
    write(tmp_path, "raw", "2020", "planned")
    catalog = DataCatalog.from_config({"raw": entry(tmp_path, "raw")})

    def first() -> int:
        write(tmp_path, "raw", "2030", "arrived meanwhile")
        return 1

    assert run(graph("() -> x; raw, x -> out", functions={"x": first}), catalog)["out"] == "out(planned, 1)"


def test_a_pinned_version_is_read_and_one_that_is_not_there_is_refused(tmp_path: Path) -> None:
    write(tmp_path, "raw", "2020", "old")
    write(tmp_path, "raw", "2021", "new")
    config = {"raw": entry(tmp_path, "raw")}
    catalog = DataCatalog.from_config(config, load_versions={"raw": "2020"})
    assert run(graph("raw -> out"), catalog)["out"] == "out(old)"
    with pytest.raises(UnmetInputsError, match="2022"):
        run(graph("raw -> out"), DataCatalog.from_config(config, load_versions={"raw": "2022"}))


def test_a_version_is_never_overwritten_not_by_a_second_run_either(tmp_path: Path) -> None:
    catalog = DataCatalog.from_config({"a": entry(tmp_path, "a")}, save_version="2030")
    run(graph("() -> a"), catalog)
    with pytest.raises(NodeRunError, match="VersionAlreadyExistsError: dataset 'a': version '2030'"):
        run(graph("() -> a"), catalog)
    assert catalog.load("a") == "a()"


def test_two_formats_of_one_versioned_file_read_what_was_made(tmp_path: Path) -> None:
    write(tmp_path, "x", "2020", '"old"')
    catalog = DataCatalog.from_config(
        {"x@json": {**entry(tmp_path, "x"), "type": "json.JSONDataset"}, "x@text": entry(tmp_path, "x")},
        save_version="2030",
    )
    assert run(graph("() -> x@json; x@text -> out"), catalog)["out"] == 'out("x@json()")'


def test_a_new_version_beside_an_old_one_is_begun_before_it_can_be_seen(tmp_path: Path) -> None:
    write(tmp_path, "a", "2020", "old")

    class Told(MemoryLedger):
        seen: Any = None

        def begin(self, run_id: str, node: str, outputs: Any) -> None:
            self.seen = (
                {output.dataset for output in outputs},
                sorted(path.parent.name for path in tmp_path.glob("a/*/a")),
            )
            super().begin(run_id, node, outputs)

    catalog = DataCatalog.from_config({"a": entry(tmp_path, "a")}, save_version="2030")
    catalog.ledger = Told()
    SequentialRunner().run(graph("() -> a"), catalog)
    names, versions = catalog.ledger.seen
    assert names == {"a"}
    assert versions == ["2020"]
    assert catalog.ledger.marks().begun == frozenset()


def test_a_cached_dataset_with_versions_is_read_from_its_cache(tmp_path: Path) -> None:
    inner = {"type": "text.TextDataset", "filepath": str(tmp_path / "a")}
    catalog = DataCatalog.from_config(
        {"a": {"type": "CachedDataset", "versioned": True, "dataset": inner}}, save_version="2030"
    )
    seen = []

    def look(a: str) -> str:
        (tmp_path / "a" / "2030" / "a").write_text("changed on disk")
        seen.append(a)
        return a

    pipeline = Pipeline(
        [
            node(lambda: "new", None, "a", name="make"),
            node(look, "a", "b", name="first"),
            node(lambda a, b: seen.append(a) or a, ["a", "b"], "c", name="second"),
        ]
    )
    run(pipeline, catalog)
    assert seen == ["new", "new"]
