"""Partitioned and incremental folders: the same script run with kedro-datasets and with ours."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("kedro_datasets", reason="compares with kedro-datasets, which is not installed")

import kedro.io
from kedro_datasets.partitions import IncrementalDataset as TheirIncremental
from kedro_datasets.partitions import PartitionedDataset as TheirPartitioned

from incremental.errors import DatasetError
from incremental.io.files.checkpoints import IncrementalDataset
from incremental.io.files.partitions import PartitionedDataset

BOTH = (TheirIncremental, IncrementalDataset)


def alike(script: Any, tmp_path: Path, kinds: tuple[Any, Any] = BOTH) -> Any:
    theirs, ours = (
        script(kind, tmp_path / name / "parts") for kind, name in zip(kinds, ("theirs", "ours"), strict=True)
    )
    assert ours == theirs
    return ours


def put(folder: Path, **texts: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in texts.items():
        (folder / f"{name}.txt").write_text(text)


def of(kind: Any, folder: Path, **arguments: Any) -> Any:
    arguments = {"filename_suffix": ".txt", "dataset": "text.TextDataset", **arguments}
    return kind(path=str(folder), **arguments)


def outcome(call: Any) -> Any:
    try:
        return call()
    except (DatasetError, kedro.io.DatasetError) as error:
        return type(error).__name__


def test_what_is_confirmed_is_loaded_no_more(tmp_path: Path) -> None:
    def script(kind: Any, folder: Path) -> Any:
        dataset = of(kind, folder)
        found: list[Any] = [dataset.exists(), dataset.load()]
        dataset.release()
        put(folder, a="1", b="2")
        found += [dataset.exists(), dataset.load()]
        put(folder, c="3")  # arrives while a and b are worked on
        dataset.confirm()
        found += [(folder / "CHECKPOINT").read_text(), dataset.load()]
        dataset.release()
        found += [dataset.exists(), dataset.load()]
        dataset.confirm()
        dataset.release()
        found += [dataset.exists(), dataset.load(), (folder / "CHECKPOINT").read_text()]
        dataset.confirm()  # nothing is new
        return [*found, (folder / "CHECKPOINT").read_text()]

    assert alike(script, tmp_path)[4] == "b"


def test_another_process_sees_the_checkpoint(tmp_path: Path) -> None:
    def script(kind: Any, folder: Path) -> Any:
        put(folder, a="1", b="2")
        of(kind, folder).confirm()
        put(folder, c="3")
        return [of(kind, folder).load(), of(kind, folder).exists()]

    assert alike(script, tmp_path) == [{"c": "3"}, True]


def test_partitions_that_are_saved_are_loaded_and_confirmed(tmp_path: Path) -> None:
    def script(kind: Any, folder: Path) -> Any:
        dataset = of(kind, folder)
        dataset.save({"2024/b": "2", "2024/a": "1"})
        found = [dataset.load()]
        dataset.confirm()
        dataset.save({"2024/c": "3", "2024/a": "old"})
        found += [dataset.load(), (folder / "CHECKPOINT").read_text()]
        dataset.save({"2024/d": lambda: "lazy"})
        return [*found, dataset.load(), sorted(path.name for path in folder.rglob("*.txt"))]

    alike(script, tmp_path)


CHECKPOINTS = [
    "a",
    {"force_checkpoint": "b"},
    {"force_checkpoint": ""},
    {"comparison_func": "operator.ge", "force_checkpoint": "b"},
    {"comparison_func": "operator.lt", "force_checkpoint": "b"},
    {"type": "json.JSONDataset"},
    {"type": "json.JSONDataset", "filepath": "{folder}/deep/here.json"},
    {"filepath": "{folder}/seen.txt"},
    {},
]


@pytest.mark.parametrize("checkpoint", CHECKPOINTS, ids=str)
def test_checkpoints_are_kept_and_compared_alike(tmp_path: Path, checkpoint: Any) -> None:
    def script(kind: Any, folder: Path) -> Any:
        put(folder, a="1", b="2", c="3")
        config = checkpoint
        if "filepath" in checkpoint:
            config = {**checkpoint, "filepath": checkpoint["filepath"].format(folder=folder)}
        dataset = of(kind, folder, checkpoint=config)
        found = [dataset.load(), dataset.exists()]
        dataset.confirm()
        dataset.release()
        names = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
        return [*found, dataset.load(), names]

    alike(script, tmp_path)


def test_without_a_suffix_the_checkpoint_is_no_partition(tmp_path: Path) -> None:
    def script(kind: Any, folder: Path) -> Any:
        put(folder, Z="1", a="2")
        dataset = of(kind, folder, filename_suffix="")
        dataset.confirm()
        put(folder, b="3")
        dataset.release()
        return [dataset.load(), dataset.exists()]

    assert alike(script, tmp_path) == [{"b.txt": "3"}, True]


@pytest.mark.parametrize(
    "checkpoint",
    [
        {"versioned": True},
        {"version": "x"},
        {"filepath": "/elsewhere/CHECKPOINT"},
        {"filepath": "{folder}/../CHECKPOINT"},
    ],
    ids=str,
)
def test_a_checkpoint_that_cannot_be_is_refused_alike(tmp_path: Path, checkpoint: Any) -> None:
    def script(kind: Any, folder: Path) -> Any:
        config = {key: str(value).format(folder=folder) for key, value in checkpoint.items()}
        return outcome(lambda: of(kind, folder, checkpoint=config))

    assert alike(script, tmp_path) == "DatasetError"


def test_a_checkpoint_that_cannot_be_read_is_not_taken_for_none_with_us(tmp_path: Path) -> None:
    found = []
    for kind, name in zip(BOTH, ("theirs", "ours"), strict=True):
        put(tmp_path / name, a="1", b="2")
        (tmp_path / name / "CHECKPOINT").write_text("not JSON")
        found.append(outcome(of(kind, tmp_path / name, checkpoint={"type": "json.JSONDataset"}).load))
    assert found == [{"a": "1", "b": "2"}, "DatasetError"]  # Kedro would work on all of them again


def test_a_partitioned_folder_behaves_alike(tmp_path: Path) -> None:
    def script(kind: Any, folder: Path) -> Any:
        dataset = of(kind, folder)
        found: list[Any] = [dataset.exists(), outcome(dataset.load)]
        dataset.save({"b": "2", "a": lambda: "1", "deep/c": "3"})
        found += [dataset.exists(), {name: load() for name, load in dataset.load().items()}]
        put(folder, d="4")
        found.append(sorted(dataset.load()))
        of(kind, folder, overwrite=True).save({"z": "9"})
        dataset.release()
        found.append(sorted(dataset.load()))
        found.append(outcome(lambda: dataset.save({"../out": "x"})))
        return found

    alike(script, tmp_path, (TheirPartitioned, PartitionedDataset))
