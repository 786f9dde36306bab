"""What killed saves leave is found, told apart from what is not ours, and removed by who owns the place."""

from __future__ import annotations

import logging
import os
from pathlib import Path
from typing import Any

import pytest

from incremental.io import CachedDataset, DataCatalog, Version
from incremental.io.catalog.sweeping import places, sweep
from incremental.io.files.formats import TextDataset
from incremental.io.files.leftovers import Leftover, Place, leftovers, place_of
from incremental.io.files.partitions import PartitionedDataset
from incremental.io.files.staging import LocalStage, staging_name
from incremental.io.files.storage import storage_for
from incremental.io.memory import MemoryDataset
from incremental.pipeline import Pipeline, node
from incremental.pipeline.transcoding import is_parameter

LOCAL = storage_for("")[0]


def left(folder: Path, name: str) -> Path:
    """Leave what a save of this name leaves when it is killed."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / staging_name(name)
    path.write_bytes(b"half")
    return path


def found(*made: Place) -> set[str]:
    return {leftover.path for leftover in leftovers(made)}


def test_a_killed_save_is_found_by_its_target_and_no_other_is(tmp_path: Path) -> None:
    stage = LocalStage(str(tmp_path / "a.txt"))
    stage.__enter__().write(b"half")
    other = left(tmp_path, "b.txt")
    (tmp_path / "a.txt").write_text("whole")
    (tmp_path / ".a.txt.swp").write_text("theirs")
    dataset = TextDataset(filepath=tmp_path / "a.txt")
    assert len(found(dataset.staging_place)) == 1
    assert str(other) not in found(dataset.staging_place)
    for leftover in leftovers([dataset.staging_place]):
        leftover.remove()
        leftover.remove()
    stage.discard()
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([".a.txt.swp", "a.txt", other.name])


def test_versions_and_members_are_looked_for_below_their_folder(tmp_path: Path) -> None:
    version = left(tmp_path / "model" / "v1", "model")
    member = left(tmp_path / "parts" / "deep", "a.txt")
    whole = tmp_path / staging_name("parts")
    left(whole / "deep", "a.txt")
    versioned = TextDataset(filepath=tmp_path / "model", version=Version())
    parts = PartitionedDataset(path=tmp_path / "parts", dataset="text.TextDataset")
    assert found(versioned.staging_place) == {str(version)}
    assert found(parts.staging_place) == {str(member), str(whole)}
    plain = TextDataset(filepath=tmp_path / "model")
    assert found(plain.staging_place) == set()
    for leftover in leftovers([parts.staging_place]):
        assert leftover.size() == 4
        leftover.remove()
    assert not whole.exists()
    assert not member.exists()


def test_a_link_in_the_place_of_a_folder_is_not_followed(tmp_path: Path) -> None:
    theirs = left(tmp_path / "outside", "a.txt")
    parts = tmp_path / "parts"
    parts.mkdir()
    (parts / "link").symlink_to(tmp_path / "outside")
    (tmp_path / staging_name("parts")).symlink_to(tmp_path / "outside")
    for leftover in leftovers([Place(LOCAL, str(parts), below=True)]):
        leftover.remove()
    assert theirs.exists()


def test_a_name_so_long_that_its_staging_names_are_cut_is_left_alone(tmp_path: Path) -> None:
    one, other = "x" * 230 + "1", "x" * 230 + "2"
    left(tmp_path, one)
    left(tmp_path, other)
    assert found(Place(LOCAL, str(tmp_path / one)), Place(LOCAL, str(tmp_path / ("x" * 200)))) == set()


def test_each_folder_is_listed_once_for_all_its_datasets(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    listed: list[str] = []
    scandir = os.scandir
    monkeypatch.setattr(os, "scandir", lambda path: (listed.append(str(path)), scandir(path))[1])
    assert found(*(Place(LOCAL, str(tmp_path / f"{number}.txt")) for number in range(100))) == set()
    assert listed == [str(tmp_path)]


def test_a_dataset_that_stages_nothing_has_no_place_and_a_cached_one_that_of_what_it_wraps(
    tmp_path: Path,
) -> None:
    inner = TextDataset(filepath=tmp_path / "a.txt")
    assert place_of(MemoryDataset(1)) is None
    assert place_of(object()) is None
    assert place_of(CachedDataset(inner)) == inner.staging_place
    assert place_of(CachedDataset(MemoryDataset())) is None


def test_local_entries_are_swept_without_being_built_and_the_others_too(tmp_path: Path) -> None:
    config: dict[str, Any] = {
        "plain": {"type": "text.TextDataset", "filepath": str(tmp_path / "a.txt")},
        "versioned": {"type": "text.TextDataset", "filepath": str(tmp_path / "model"), "versioned": True},
        "parts": {
            "type": "partitions.PartitionedDataset", "path": str(tmp_path / "parts"), "dataset": "text.TextDataset",
        },
        "cached": {"type": "CachedDataset", "dataset": {"type": "text.TextDataset", "filepath": str(tmp_path / "c")}},
        "memory": {"type": "MemoryDataset"},
        "broken": {"type": "text.TextDataset", "filepath": str(tmp_path / "d"), "nonsense": 1},
    }  # fmt: skip
    catalog = DataCatalog.from_config(config)
    ours = [
        left(tmp_path, "a.txt"), left(tmp_path / "model" / "v", "model"),
        left(tmp_path / "parts", "x"), left(tmp_path, "c"),
    ]  # fmt: skip
    theirs = left(tmp_path, "somebody.txt")
    locations = {
        "plain": str(tmp_path / "a.txt"), "versioned": str(tmp_path / "model"), "broken": str(tmp_path / "d"),
        "parts": str(tmp_path / "parts"), "cached": str(tmp_path / "c"),
    }  # fmt: skip
    assert sweep(catalog, config, locations) == len(ours)
    assert not any(path.exists() for path in ours)
    assert theirs.exists()
    assert catalog.built("plain") is None
    assert catalog.built("versioned") is None
    assert len(list(places(catalog, ["plain", "memory"], locations))) == 1


def test_what_cannot_be_removed_is_told_and_stops_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    left(tmp_path, "a.txt")
    catalog = DataCatalog.from_config(
        {"a": {"type": "text.TextDataset", "filepath": str(tmp_path / "a.txt")}}, {"cloud": {"key": "s3cret"}}
    )

    def refuse(self: Leftover) -> None:
        raise PermissionError(13, "Permission denied: s3cret", self.path)

    monkeypatch.setattr(Leftover, "remove", refuse)
    with caplog.at_level(logging.WARNING):
        assert sweep(catalog, ["a"], {"a": str(tmp_path / "a.txt")}) == 0
    assert "Permission denied: ***" in caplog.text


def test_names_of_parameters_and_of_memory_have_no_place(tmp_path: Path) -> None:
    catalog = DataCatalog(parameters={"a": 1})
    names = {
        name for each in Pipeline([node(len, "params:a", "x")]).nodes for name in (*each.reads, *each.writes)
    }
    assert any(map(is_parameter, names))
    assert list(places(catalog, names, {})) == []
