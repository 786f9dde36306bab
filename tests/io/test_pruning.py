"""Old versions: which there are, and that removing one removes nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest

from incremental.io.dataset import Version
from incremental.io.files.formats import TextDataset
from incremental.io.files.leftovers import Place
from incremental.io.files.pruning import remove_version, version_sizes
from incremental.io.files.staging import staging_name


def place_at(path: str, *versions: str) -> Place:
    for version in sorted(versions):
        TextDataset(filepath=path, version=Version(None, version)).save("data")
    return TextDataset(filepath=path, version=Version()).staging_place


@pytest.fixture(params=["local", "memory"])
def path(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    return str(tmp_path / "model") if request.param == "local" else f"memory://{tmp_path.name}/model"


def test_versions_come_newest_first_with_their_bytes(path: str) -> None:
    assert version_sizes(place_at(path)) == {}
    sizes = version_sizes(place_at(path, "v1", "v2", "v3"))
    assert list(sizes.items()) == [("v3", 4), ("v2", 4), ("v1", 4)]


def test_removing_a_version_leaves_the_others(path: str) -> None:
    place = place_at(path, "v1", "v2")
    remove_version(place, "v1")
    assert list(version_sizes(place)) == ["v2"]
    assert TextDataset(filepath=path, version=Version()).load() == "data"


def test_a_version_that_is_no_whole_one_is_none(tmp_path: Path) -> None:
    place = place_at(str(tmp_path / "model"), "v1")
    (tmp_path / "model" / "v2").mkdir()
    (tmp_path / "model" / "v2" / staging_name("model")).write_text("half")
    (tmp_path / "model" / "notes.txt").write_text("theirs")
    assert list(version_sizes(place)) == ["v1"]


def test_what_else_lies_beside_a_version_stays(tmp_path: Path) -> None:
    place = place_at(str(tmp_path / "model"), "v1")
    (tmp_path / "model" / "v1" / "notes.txt").write_text("theirs")
    remove_version(place, "v1")
    remove_version(place, "v1")
    assert [file.name for file in (tmp_path / "model" / "v1").iterdir()] == ["notes.txt"]


def test_a_version_that_is_a_link_or_that_a_link_points_at_is_left_out(tmp_path: Path) -> None:
    place = place_at(str(tmp_path / "model"), "v1", "v2")
    (tmp_path / "model" / "latest").symlink_to("v1")
    assert list(version_sizes(place)) == ["v2"]


def test_a_version_may_be_a_folder(tmp_path: Path) -> None:
    place = place_at(str(tmp_path / "model"), "v2")
    parts = tmp_path / "model" / "v1" / "model"
    parts.mkdir(parents=True)
    (parts / "a").write_text("12345")
    assert version_sizes(place) == {"v2": 4, "v1": 5}
    remove_version(place, "v1")
    assert [each.name for each in (tmp_path / "model").iterdir()] == ["v2"]
