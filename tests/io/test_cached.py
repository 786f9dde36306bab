"""CachedDataset: loaded once, written through, asked where the data is; safe under threads."""

from __future__ import annotations

import pickle
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from incremental.errors import DatasetError
from incremental.io.cached import CachedDataset
from incremental.io.dataset import AbstractDataset, Version
from incremental.io.files.formats import JSONDataset
from incremental.io.memory import MemoryDataset


class Counting(AbstractDataset[Any, Any]):
    """Counts its loads and can be made to fail."""

    def __init__(self, value: Any = None) -> None:
        self.value = value
        self.loads = 0
        self.fails = False

    def load(self) -> Any:
        self.loads += 1
        time.sleep(0.01)
        return self.value

    def save(self, data: Any) -> None:
        if self.fails:
            raise OSError(28, "No space left on device")
        self.value = data

    def exists(self) -> bool:
        return self.value is not None


class Foreign:
    """Has Kedro's methods and none of ours."""

    def load(self) -> Any:
        return 1

    def save(self, data: Any) -> None: ...

    def exists(self) -> bool:
        return True


def test_it_is_loaded_once_however_many_threads_ask() -> None:
    wrapped = Counting([1])
    cached = CachedDataset(wrapped)
    results: list[Any] = []
    threads = [threading.Thread(target=lambda: results.append(cached.load())) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == [[1]] * 8
    assert wrapped.loads == 1
    assert results[0] is not results[1]


def test_a_save_is_written_through_and_kept() -> None:
    wrapped = Counting()
    cached = CachedDataset(wrapped)
    cached.save([2])
    assert wrapped.value == [2]
    assert cached.load() == [2]
    assert wrapped.loads == 0


def test_a_failed_save_leaves_nothing_stale_in_memory() -> None:
    wrapped = Counting()
    cached = CachedDataset(wrapped)
    cached.save([1])
    wrapped.fails = True
    with pytest.raises(DatasetError, match="No space left"):
        cached.save([2])
    wrapped.value = ["what is on disk now"]
    assert cached.load() == ["what is on disk now"]


def test_existence_is_a_question_to_the_wrapped_dataset(tmp_path: Path) -> None:
    cached = CachedDataset(JSONDataset(filepath=tmp_path / "a.json"))
    assert not cached.exists()
    cached.save([1])
    assert cached.exists()
    (tmp_path / "a.json").unlink()
    assert not cached.exists()
    assert cached.load() == [1]


def test_a_release_drops_the_copy() -> None:
    wrapped = Counting([1])
    cached = CachedDataset(wrapped)
    cached.load()
    cached.release()
    cached.load()
    assert wrapped.loads == 2


def test_staging_fills_the_cache_only_when_it_is_published(tmp_path: Path) -> None:
    cached = CachedDataset(JSONDataset(filepath=tmp_path / "a.json"))
    cached.save([1])
    dropped = cached.stage([2])
    assert dropped is not None
    dropped.discard()
    assert cached.load() == [1]
    staged = cached.stage([3])
    assert staged is not None
    assert cached.load() == [1]
    staged.publish()
    assert cached.load() == [3]
    assert JSONDataset(filepath=tmp_path / "a.json").load() == [3]


def test_pieces_are_read_back_as_a_whole_once_they_are_published(tmp_path: Path) -> None:
    cached = CachedDataset(JSONDataset(filepath=tmp_path / "a.json"))
    cached.save([1])
    assert cached.can_stage
    chunks = cached.stage_chunks()
    assert chunks is not None
    chunks.write([2])
    chunks.write([3])
    staged = chunks.finish()
    assert cached.load() == [1]
    staged.publish()
    assert cached.load() == [3]
    dropped = cached.stage_chunks()
    assert dropped is not None
    dropped.write([4])
    dropped.discard()
    assert cached.load() == [3]


def test_pieces_that_are_saved_in_place_pass_the_cache_by() -> None:
    wrapped = Counting([1])
    cached = CachedDataset(wrapped)
    assert cached.load() == [1]
    assert cached.stage_chunks() is None
    wrapped.save([2])
    assert cached.load() == [2]
    assert not cached.can_stage


def test_what_is_asked_of_it_is_answered_by_the_wrapped_dataset(tmp_path: Path) -> None:
    inner = JSONDataset(filepath=tmp_path / "a.json", version=Version("l", "s"))
    cached = CachedDataset(inner)
    assert cached.location == str(tmp_path / "a.json")
    assert cached.resolve_load_version() == "l"
    assert cached.resolve_save_version() == "s"
    assert cached.can_test_existence
    assert not cached.ephemeral
    assert CachedDataset(MemoryDataset(1)).ephemeral


def test_a_foreign_dataset_can_be_cached() -> None:
    cached = CachedDataset(Foreign())  # type: ignore[arg-type]
    assert cached.load() == 1
    assert cached.exists()
    assert cached.location is None
    assert cached.stage(1) is None
    assert cached.resolve_load_version() is None
    assert cached.resolve_save_version() is None
    assert cached.can_test_existence
    assert CachedDataset(Counting()).stage(1) is None


def test_an_entry_can_be_wrapped_with_versions_beside_it(tmp_path: Path) -> None:
    entry = {"type": "json.JSONDataset", "filepath": str(tmp_path / "a.json")}
    cached = CachedDataset(entry, version=Version(None, "v1"))
    cached.save([1])
    assert (tmp_path / "a.json" / "v1" / "a.json").exists()
    assert "versioned" not in entry
    assert CachedDataset(entry).resolve_save_version() is None


def test_versions_inside_the_entry_are_refused() -> None:
    with pytest.raises(DatasetError, match="'versioned' belongs beside 'dataset'"):
        CachedDataset({"type": "json.JSONDataset", "filepath": "a", "versioned": True})


def test_something_that_is_no_dataset_is_refused() -> None:
    with pytest.raises(DatasetError, match="a CachedDataset wraps a dataset or its catalog entry, not 3"):
        CachedDataset(3)  # type: ignore[arg-type]


def test_the_configuration_can_be_built_again() -> None:
    cached = CachedDataset(JSONDataset(filepath="a", version=Version()), copy_mode="assign")
    config = cached.to_config()
    assert config == {
        "type": "incremental.io.cached.CachedDataset",
        "dataset": {"type": "incremental.io.files.formats.JSONDataset", "filepath": "a"},
        "copy_mode": "assign",
        "versioned": True,
    }
    assert AbstractDataset.from_config("x", config).to_config() == config


def test_it_travels_without_its_copy_and_its_lock() -> None:
    cached = CachedDataset(Counting([1]), copy_mode="assign")
    cached.load()
    travelled = pickle.loads(pickle.dumps(cached))
    assert travelled.load() == [1]
    assert travelled._dataset.loads == 2


def test_it_shows_what_it_wraps() -> None:
    assert repr(CachedDataset(JSONDataset(filepath="a"))) == (
        "CachedDataset(dataset=JSONDataset(filepath='a', save_args={'indent': 2}), cache=MemoryDataset())"
    )
