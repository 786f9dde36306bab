"""What a catalog does in a run: the same nodes and entries under Kedro's runner and under ours."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

pytest.importorskip("kedro", reason="compares with Kedro, which is not installed")
pytest.importorskip("kedro_datasets", reason="uses datasets of kedro-datasets, which is not installed")

import kedro.io
import kedro.pipeline
import kedro.runner
import kedro.validation

import incremental.io
import incremental.pipeline
import incremental.runner
import incremental.validation

WORLDS = {
    "kedro": (kedro.io, kedro.pipeline, kedro.runner),
    "incremental": (incremental.io, incremental.pipeline, incremental.runner),
}


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    logging.disable(logging.WARNING)
    yield
    logging.disable(logging.NOTSET)


def frames(io: ModuleType) -> tuple[Any, Any]:
    """Return two datasets of one file: one loads it as Spark would, lazily, the other as pandas would."""

    class Spark(io.AbstractDataset):  # type: ignore[name-defined,misc]
        def __init__(self, filepath: str) -> None:
            self._filepath = Path(filepath)

        def _load(self) -> Any:
            return lambda: self._filepath.read_text().split()

        def _save(self, data: list[str]) -> None:
            self._filepath.write_text("\n".join(data))

        def _exists(self) -> bool:
            return self._filepath.exists()

        def _describe(self) -> dict[str, Any]:
            return {"filepath": self._filepath}

    class Pandas(Spark):
        def _load(self) -> list[str]:
            return self._filepath.read_text().split()

    return Spark, Pandas


def test_a_transcoded_pair_is_one_dataset_and_each_reader_gets_its_own_form(tmp_path: Path) -> None:
    def run(name: str) -> Any:
        io, pipeline, runner = WORLDS[name]
        spark, pandas = frames(io)
        place = str(tmp_path / f"{name}.txt")
        catalog = io.DataCatalog.from_config(
            {
                "cars@spark": {"type": spark, "filepath": place},
                "cars@pandas": {"type": pandas, "filepath": place},
                "count": {"type": "json.JSONDataset", "filepath": f"{place}.json"},
            }
        )
        nodes = [
            pipeline.node(lambda: ["b", "a"], None, "cars@spark", name="make"),
            pipeline.node(sorted, "cars@pandas", "sorted", name="sort"),
            pipeline.node(lambda lazy: len(lazy()), "cars@spark", "count", name="count"),
        ]
        found = runner.SequentialRunner().run(pipeline.Pipeline(nodes), catalog)
        return [{key: dataset.load() for key, dataset in found.items()}, catalog.load("count")]

    assert run("incremental") == run("kedro")


def test_a_node_confirms_what_it_has_worked_on(tmp_path: Path) -> None:
    def run(name: str) -> Any:
        io, pipeline, runner = WORLDS[name]
        folder = tmp_path / name
        folder.mkdir()
        config = {
            "in": {
                "type": "partitions.IncrementalDataset",
                "path": str(folder),
                "dataset": "text.TextDataset",
            }
        }
        nodes = [
            pipeline.node(lambda parts: " ".join(parts), "in", "seen", name="read"),
            pipeline.node(str.upper, "seen", "done", name="last", confirms="in"),
        ]
        found = []
        for more in ("a", "b", None):
            if more:
                (folder / more).write_text(more)
            result = runner.SequentialRunner().run(
                pipeline.Pipeline(nodes), io.DataCatalog.from_config(config)
            )
            found.append(result["done"].load())
        return [*found, (folder / "CHECKPOINT").read_text()]

    assert run("incremental") == run("kedro") == ["A", "B", "", "b"]


def doubled(data: list[int]) -> list[int]:
    return [2 * each for each in data]


def no_negatives(data: list[int]) -> None:
    if min(data) < 0:
        raise ValueError("negative")


def refusal(error: BaseException) -> Any:
    """Return the error of a validator that stands behind that of a run."""
    while not hasattr(error, "mode"):
        if error.__cause__ is None:
            raise error
        error = error.__cause__
    return error


@pytest.mark.parametrize("kind", ["json.JSONDataset", "MemoryDataset", "kedro_datasets.json.JSONDataset"])
@pytest.mark.parametrize("made", ["at once", "in pieces"])
def test_what_nodes_hand_on_is_validated_in_files_and_in_memory(tmp_path: Path, kind: str, made: str) -> None:
    def run(name: str, data: list[int], validator: str) -> Any:
        io, pipeline, runner = WORLDS[name]
        place = {} if kind == "MemoryDataset" else {"filepath": str(tmp_path / f"{name}.json")}
        entry = {"type": kind, **place, "validator": f"{__name__}.{validator}"}
        catalog = io.DataCatalog.from_config({"x": entry})

        def pieces() -> Iterator[list[int]]:
            yield data

        nodes = [
            pipeline.node(pieces if made == "in pieces" else lambda: data, None, "x", name="make"),
            pipeline.node(doubled, "x", "y", name="read"),
        ]
        try:
            return runner.SequentialRunner().run(pipeline.Pipeline(nodes), catalog)["y"].load()
        except Exception as error:
            found = refusal(error)
            return found.dataset_name, found.mode, type(found).__name__

    assert run("incremental", [1], "doubled") == run("kedro", [1], "doubled") == [8]
    found = run("incremental", [-1], "no_negatives")
    assert found == run("kedro", [-1], "no_negatives") == ("x", "save", "DataValidationError")
    assert (
        not (tmp_path / "incremental.json").exists() or (tmp_path / "incremental.json").read_text() != "[-1]"
    )


def test_a_runtime_pattern_that_stores_makes_intermediate_results_persistent(tmp_path: Path) -> None:
    def run(name: str) -> Any:
        io, pipeline, runner = WORLDS[name]
        folder = tmp_path / name

        class Catalog(io.DataCatalog):  # type: ignore[name-defined,misc]
            default_runtime_patterns = {  # noqa: RUF012
                "{default}": {"type": "json.JSONDataset", "filepath": f"{folder}/{{default}}.json"}
            }

        nodes = [
            pipeline.node(lambda: [1], None, "x", name="make"),
            pipeline.node(doubled, "x", "y", name="double"),
        ]
        runner.SequentialRunner().run(pipeline.Pipeline(nodes), Catalog.from_config({}))
        return sorted((path.name, path.read_text().split()) for path in folder.iterdir())

    assert run("incremental") == run("kedro")


@pytest.mark.parametrize("mode", ["assign", "deepcopy"])
def test_a_runtime_pattern_says_how_values_in_memory_are_copied(mode: str) -> None:
    def run(name: str) -> Any:
        io, pipeline, runner = WORLDS[name]

        class Catalog(io.DataCatalog):  # type: ignore[name-defined,misc]
            default_runtime_patterns = {"{default}": {"type": "MemoryDataset", "copy_mode": mode}}  # noqa: RUF012

        made: list[Any] = []
        nodes = [
            pipeline.node(lambda: made.append([]) or made, None, "x", name="make"),  # type: ignore[func-returns-value]
            pipeline.node(lambda data: data is made, "x", "same", name="look"),
        ]
        return runner.SequentialRunner().run(pipeline.Pipeline(nodes), Catalog.from_config({}))["same"].load()

    assert run("incremental") == run("kedro") == (mode == "assign")
