"""Folders with a checkpoint: what is new is loaded, and what was loaded is confirmed once it is safe."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import pytest

from incremental.errors import DatasetError, IncrementalError
from incremental.io import DataCatalog, survey
from incremental.io.files.checkpoints import IncrementalDataset
from incremental.pipeline import Pipeline, node
from incremental.planner.facts import State
from incremental.runner import ParallelRunner, SequentialRunner, ThreadRunner


def entry(folder: Path, **arguments: Any) -> dict[str, Any]:
    return {
        "type": "partitions.IncrementalDataset",
        "path": str(folder),
        "dataset": "text.TextDataset",
        "filename_suffix": ".txt",
        **arguments,
    }


def put(folder: Path, *names: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        (folder / f"{name}.txt").write_text(name)


def state_of(config: dict[str, Any]) -> State:
    return survey(DataCatalog.from_config({"parts": config}), ["parts"]).states["parts"]


def test_data_that_is_all_confirmed_is_still_there_for_the_survey(tmp_path: Path) -> None:
    config = entry(tmp_path / "in")
    assert state_of(config) is State.ABSENT
    put(tmp_path / "in", "a")
    IncrementalDataset(path=tmp_path / "in", dataset="text.TextDataset").confirm()
    assert state_of(config) is State.PRESENT
    (tmp_path / "in" / "a.txt").unlink()
    assert state_of(config) is State.PRESENT  # worked on, confirmed and put away
    built = IncrementalDataset(path=tmp_path / "in", dataset="text.TextDataset", filename_suffix=".txt")
    assert not built.exists()
    assert survey(DataCatalog({"parts": built}), ["parts"]).states["parts"] is State.PRESENT
    (tmp_path / "in" / "CHECKPOINT").unlink()
    assert survey(DataCatalog({"parts": built}), ["parts"]).states["parts"] is State.ABSENT


def test_a_checkpoint_of_another_name_counts_for_the_survey(tmp_path: Path) -> None:
    folder = tmp_path / "in"
    put(folder, "a")
    config = entry(folder, checkpoint={"filepath": f"{folder}/seen"})
    DataCatalog.from_config({"parts": config}).confirm("parts")
    (folder / "a.txt").unlink()
    assert state_of(config) is State.PRESENT
    assert state_of(entry(folder)) is State.ABSENT


def longest(parts: dict[str, str]) -> str:
    return " ".join(parts) or "none"


def failing(parts: dict[str, str]) -> str:
    raise ValueError("no")


def ready(text: str) -> str:
    return text


RUNNERS = [SequentialRunner(), ThreadRunner(max_workers=2), ParallelRunner(max_workers=1)]


@pytest.mark.parametrize("runner", RUNNERS[:2], ids=lambda runner: type(runner).__name__)
def test_a_node_confirms_what_was_loaded_and_the_next_run_loads_the_rest(tmp_path: Path, runner: Any) -> None:
    config = {
        "in": entry(tmp_path / "in"),
        "seen": {"type": "text.TextDataset", "filepath": str(tmp_path / "seen.txt")},
        "done": {"type": "text.TextDataset", "filepath": str(tmp_path / "done.txt")},
    }
    pipeline = Pipeline(
        [node(longest, "in", "seen", name="read"), node(ready, "seen", "done", name="last", confirms="in")]
    )
    put(tmp_path / "in", "a", "b")
    seen = []
    for more in ((), ("c",), ()):
        put(tmp_path / "in", *more)
        runner.run(pipeline, DataCatalog.from_config(config))
        seen.append((tmp_path / "seen.txt").read_text())
    assert seen == ["a b", "c", "none"]


def late(parts: dict[str, str]) -> str:
    """Work on what was loaded while more arrives."""
    put(Path(next(iter(parts.values()))).parent, "zzz")
    return "done"


@pytest.mark.parametrize("runner", RUNNERS, ids=lambda runner: type(runner).__name__)
def test_what_arrives_while_a_node_works_is_not_confirmed_unseen(tmp_path: Path, runner: Any) -> None:
    folder = tmp_path / "in"
    put(folder, "a")
    (folder / "a.txt").write_text(str(folder / "a.txt"))
    catalog = DataCatalog.from_config({"in": entry(folder)})
    runner.run(Pipeline([node(late, "in", "out", name="late", confirms="in")]), catalog)
    assert (folder / "zzz.txt").exists()
    assert (folder / "CHECKPOINT").read_text() == "a"


def test_a_node_that_fails_confirms_nothing(tmp_path: Path) -> None:
    put(tmp_path / "in", "a")
    catalog = DataCatalog.from_config({"in": entry(tmp_path / "in")})
    with pytest.raises(IncrementalError):
        SequentialRunner().run(Pipeline([node(failing, "in", "out", name="f", confirms="in")]), catalog)
    assert not (tmp_path / "in" / "CHECKPOINT").exists()


def test_what_was_listed_travels_with_the_dataset(tmp_path: Path) -> None:
    put(tmp_path / "in", "a")
    dataset = IncrementalDataset(path=tmp_path / "in", dataset="text.TextDataset")
    dataset.load()
    put(tmp_path / "in", "b")
    again = pickle.loads(pickle.dumps(dataset))
    assert list(again.load()) == ["a.txt"]


@pytest.mark.parametrize(
    ("checkpoint", "told"),
    [
        ({"versioned": True}, "a checkpoint has no versions; remove 'versioned' from 'checkpoint'"),
        ({"filepath": "s3://me:secret@bucket/x"}, "outside of the folder of its partitions"),
        ({"filepath": "CHECKPOINT"}, "checkpoint 'CHECKPOINT' is outside of the folder"),
        ({"comparison_func": "nodots"}, "comparison_func 'nodots' cannot be imported"),
        ({"comparison_func": 7}, "comparison_func 7 is no function"),
        ({"type": "text.TextDataset", "filepth": "x"}, "'filepth' is no argument"),
    ],
)
def test_a_checkpoint_that_cannot_be_is_refused(tmp_path: Path, checkpoint: Any, told: str) -> None:
    with pytest.raises(DatasetError) as caught:
        IncrementalDataset(path=tmp_path / "in", dataset="text.TextDataset", checkpoint=checkpoint)
    assert told in str(caught.value)
    assert "secret" not in str(caught.value)


def test_a_folder_in_a_store_is_confirmed_there(tmp_path: Path) -> None:
    import fsspec

    store = fsspec.filesystem("memory")
    dataset = IncrementalDataset(path="memory://arrivals/in", dataset="text.TextDataset")
    store.pipe({"/arrivals/in/a": b"1", "/arrivals/in/b": b"2"})
    try:
        assert dataset.load() == {"a": "1", "b": "2"}
        dataset.confirm()
        assert store.cat("/arrivals/in/CHECKPOINT") == b"b"
        dataset.release()
        assert dataset.load() == {}
        assert dataset.is_confirmed
        with pytest.raises(DatasetError, match="outside of the folder"):
            IncrementalDataset(
                path="memory://arrivals/in", dataset="text.TextDataset",
                checkpoint={"filepath": "memory://arrivals/in/../CHECKPOINT"},
            )  # fmt: skip
    finally:
        store.rm("/arrivals", recursive=True)
