"""What events tell of a node: bytes in and out, the attempt."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from graphs import graph

from incremental.events import NodeFailed, NodeFinished
from incremental.io import AbstractDataset, CachedDataset, DataCatalog, Version
from incremental.io.files.formats import TextDataset
from incremental.pipeline.selection import select
from incremental.planner import plan_all
from incremental.runner import ParallelRunner, SequentialRunner, Surroundings
from incremental.runner.policy import FailurePolicy
from incremental.runner.prepare import gather_facts
from incremental.state import Marks


class Table(AbstractDataset[str, str]):
    """A dataset without a place: nobody can tell how large it is."""

    def load(self) -> str:
        return "rows"

    def save(self, data: str) -> None:
        return

    def exists(self) -> bool:
        return True


def told(pipeline: Any, catalog: DataCatalog, runner: Any = None) -> dict[str, Any]:
    """Run a pipeline and return what was told of each node that ended."""
    events: list[Any] = []
    plan = plan_all(select(pipeline), gather_facts(pipeline, catalog, Marks()))
    try:
        (runner or SequentialRunner()).run_plan(plan, catalog, Surroundings("r", listeners=(events.append,)))
    except RuntimeError:
        raise
    except Exception:
        assert any(isinstance(event, NodeFailed) for event in events)
    return {event.node: event for event in events if isinstance(event, NodeFinished | NodeFailed)}


@pytest.mark.parametrize("runner", [SequentialRunner(), ParallelRunner(1)], ids=["inline", "processes"])
def test_bytes_are_those_of_the_files_read_and_written(tmp_path: Path, runner: Any) -> None:
    (tmp_path / "raw.txt").write_text("12345")
    catalog = DataCatalog(
        {
            "raw": TextDataset(filepath=str(tmp_path / "raw.txt")),
            "clean": TextDataset(filepath=str(tmp_path / "clean.txt")),
        }
    )
    found = told(graph("raw -> clean -> shown"), catalog, runner)
    assert (found["clean"].bytes_in, found["clean"].bytes_out) == (5, len("clean(12345)"))
    assert (found["shown"].bytes_in, found["shown"].bytes_out) == (len("clean(12345)"), 0)


def test_memory_is_neither_read_from_storage_nor_written_to_it() -> None:
    found = told(graph("a -> b"), DataCatalog({"a": 1}))
    assert (found["b"].bytes_in, found["b"].bytes_out) == (0, 0)


def test_bytes_are_unknown_where_a_dataset_has_no_file(tmp_path: Path) -> None:
    (tmp_path / "raw.txt").write_text("12345")
    raw = TextDataset(filepath=str(tmp_path / "raw.txt"))
    found = told(graph("raw, table -> made"), DataCatalog({"raw": raw, "table": Table(), "made": Table()}))
    assert (found["made"].bytes_in, found["made"].bytes_out) == (None, None)


def test_the_size_of_a_folder_of_versions_is_never_taken_for_that_of_the_data(tmp_path: Path) -> None:
    made = TextDataset(filepath=str(tmp_path / "made.txt"), version=Version(None, None))
    found = told(graph("a -> made; made -> b"), DataCatalog({"a": "x", "made": made}))
    assert found["made"].bytes_out in (None, len("made(x)"))
    assert found["b"].bytes_in == len("made(x)")


def test_what_a_cached_dataset_keeps_is_not_read_again(tmp_path: Path) -> None:
    (tmp_path / "raw.txt").write_text("12345")
    cached = CachedDataset(TextDataset(filepath=str(tmp_path / "raw.txt")))
    found = told(graph("raw -> a; raw, a -> b"), DataCatalog({"raw": cached}))
    assert (found["a"].bytes_in, found["b"].bytes_in) == (5, 0)


def test_the_attempt_that_succeeded_is_told(tmp_path: Path) -> None:
    calls: list[int] = []

    def flaky(value: str) -> str:
        calls.append(1)
        if len(calls) < 3:
            raise ValueError("not yet")
        return value

    runner = SequentialRunner(policy=FailurePolicy(retries=2, backoff=0.0))
    found = told(graph("a -> b", functions={"b": flaky}), DataCatalog({"a": "x"}), runner)
    assert found["b"].attempt == 3


def test_the_last_attempt_of_a_failed_node_is_told() -> None:
    def fail(value: str) -> str:
        raise ValueError("never")

    runner = SequentialRunner(policy=FailurePolicy(retries=1, backoff=0.0))
    found = told(graph("a -> b", functions={"b": fail}), DataCatalog({"a": "x"}), runner)
    assert isinstance(found["b"], NodeFailed)
    assert found["b"].attempt == 2
