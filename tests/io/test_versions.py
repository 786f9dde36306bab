"""Versions: newest first, whole ones only, never overwritten, never outside their folder."""

from __future__ import annotations

import pickle
import re
import warnings
from pathlib import Path, PurePosixPath
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from incremental.errors import DatasetError, VersionAlreadyExistsError, VersionNotFoundError
from incremental.io.dataset import Version
from incremental.io.files.formats import JSONDataset, TextDataset
from incremental.io.files.staging import staging_name
from incremental.io.files.versions import AbstractVersionedDataset, check_version_name, generate_timestamp


class KedroStyle(AbstractVersionedDataset[str, str]):
    """As Kedro's documentation teaches."""

    def __init__(self, filepath: str, version: Version | None = None, **functions: Any) -> None:
        super().__init__(PurePosixPath(filepath), version, **functions)

    def _load(self) -> str:
        return Path(self._get_load_path()).read_text()

    def _save(self, data: str) -> None:
        path = Path(self._get_save_path())
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(data)

    def _exists(self) -> bool:
        return Path(self._get_load_path()).exists()


class PublicKedroStyle(KedroStyle):
    def load(self) -> str:
        return self._load()

    def save(self, data: str) -> None:
        self._save(data)


ALL = pytest.mark.parametrize("kind", [KedroStyle, PublicKedroStyle, TextDataset])


def make(kind: Any, path: Path, load: str | None = None, save: str | None = None) -> Any:
    return kind(filepath=str(path), version=Version(load, save))


def test_a_timestamp_is_sortable_and_in_milliseconds() -> None:
    stamps = [generate_timestamp() for _ in range(3)]
    assert stamps == sorted(stamps)
    assert all(re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d\.\d\d\.\d\d\.\d{3}Z", stamp) for stamp in stamps)


@ALL
def test_each_save_makes_a_version_and_the_newest_is_loaded(kind: Any, tmp_path: Path) -> None:
    dataset = make(kind, tmp_path / "a.txt")
    assert not dataset.exists()
    with pytest.raises(VersionNotFoundError, match=r"no version of .* has been saved"):
        dataset.load()
    dataset.save("one")
    assert dataset.load() == "one"
    dataset.save("two")
    assert dataset.load() == "two"
    assert dataset.exists()
    versions = dataset.list_versions(full_path=False)
    assert len(versions) == 2
    assert versions == sorted(versions, reverse=True)
    assert dataset.list_versions() == [f"{tmp_path}/a.txt/{version}/a.txt" for version in versions]
    assert make(kind, tmp_path / "a.txt", load=versions[1]).load() == "one"


@ALL
def test_the_version_saved_is_the_one_announced(kind: Any, tmp_path: Path) -> None:
    dataset = make(kind, tmp_path / "a.txt")
    announced = dataset.resolve_save_version()
    dataset.save("one")
    assert dataset.list_versions(full_path=False) == [announced]


@ALL
def test_the_version_looked_up_stays_until_it_is_released(kind: Any, tmp_path: Path) -> None:
    dataset = make(kind, tmp_path / "a.txt")
    dataset.save("one")
    assert dataset.load() == "one"
    make(kind, tmp_path / "a.txt", save="9999").save("later")
    assert dataset.load() == "one"
    dataset.release()
    assert dataset.load() == "later"
    assert dataset.resolve_load_version() == "9999"


@ALL
def test_a_version_is_never_overwritten(kind: Any, tmp_path: Path) -> None:
    make(kind, tmp_path / "a.txt", save="v1").save("one")
    with pytest.raises(
        VersionAlreadyExistsError, match=r"version 'v1' of .* exists, and a version is never overwr"
    ):
        make(kind, tmp_path / "a.txt", save="v1").save("two")
    assert make(kind, tmp_path / "a.txt", load="v1").load() == "one"


def test_two_that_stage_one_version_do_not_overwrite_each_other(tmp_path: Path) -> None:
    stages = [make(TextDataset, tmp_path / "a.txt", save="v1").stage(text) for text in ("one", "two")]
    stages[0].publish()
    with pytest.raises(VersionAlreadyExistsError):
        stages[1].publish()
    assert make(TextDataset, tmp_path / "a.txt").load() == "one"


@ALL
def test_saving_one_version_and_loading_another_is_warned_of(kind: Any, tmp_path: Path) -> None:
    make(kind, tmp_path / "a.txt", save="v9").save("newest")
    dataset = make(kind, tmp_path / "a.txt", save="v1")
    if kind is PublicKedroStyle:
        return  # its save is its own
    with pytest.warns(
        UserWarning, match=r"saved version 'v1', but loads version 'v9'; it is newer by its name"
    ):
        dataset.save("older")


def test_a_pinned_load_version_that_is_not_saved_is_warned_of(tmp_path: Path) -> None:
    make(TextDataset, tmp_path / "a.txt", save="v9").save("newest")
    with pytest.warns(UserWarning, match=r"but loads version 'v9'; pin no load version of what is saved"):
        make(TextDataset, tmp_path / "a.txt", "v9", "v10").save("x")


def test_saving_and_loading_one_version_is_not_warned_of(tmp_path: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        make(TextDataset, tmp_path / "a.txt", "v1", "v1").save("one")


def test_a_pinned_version_that_is_missing_names_those_that_are_there(tmp_path: Path) -> None:
    dataset = make(TextDataset, tmp_path / "a.txt", load="v0")
    assert not dataset.exists()
    with pytest.raises(VersionNotFoundError, match=r"version 'v0' of .* was not found; there is none"):
        dataset.load()
    for version in ("v1", "v2", "v3", "v4"):
        make(TextDataset, tmp_path / "a.txt", save=version).save("x")
    with pytest.raises(VersionNotFoundError, match=r"was not found; the latest are 'v4', 'v3', 'v2'\Z"):
        dataset.load()


@ALL
def test_a_version_without_its_file_does_not_count(kind: Any, tmp_path: Path) -> None:
    make(kind, tmp_path / "a.txt", save="v1").save("whole")
    (tmp_path / "a.txt" / "v2").mkdir()
    (tmp_path / "a.txt" / "v2" / staging_name("a.txt")).write_text("half")
    (tmp_path / "a.txt" / "v3").mkdir()
    staged_folder = tmp_path / "a.txt" / staging_name("v4")
    staged_folder.mkdir()
    (staged_folder / "a.txt").write_text("half")
    (tmp_path / "a.txt" / "v5").write_text("a file where a version would be")
    dataset = make(kind, tmp_path / "a.txt")
    assert dataset.list_versions(full_path=False) == ["v1"]
    assert dataset.load() == "whole"


BAD = ["", ".", "..", "a/b", "/a", "a\\b", "a\0b", "../../x", ".v1.0123456789abcdef.incremental-tmp"]


@pytest.mark.parametrize("name", BAD)
def test_a_version_never_leaves_its_folder(tmp_path: Path, name: str) -> None:
    with pytest.raises(DatasetError, match=r"cannot be used"):
        check_version_name(name)
    if name:
        for kind in (KedroStyle, TextDataset):
            dataset = make(kind, tmp_path / "a.txt", name, name)
            for act in (dataset.load, lambda to=dataset: to.save("x")):
                with pytest.raises(DatasetError, match=r"cannot be used"):
                    act()
    assert list(tmp_path.iterdir()) == []


@given(st.text(max_size=30))
def test_law_a_version_name_that_is_accepted_is_one_name_in_its_folder(name: str) -> None:
    try:
        check_version_name(name)
    except DatasetError:
        return
    path = PurePosixPath("/root/file") / name / "file"
    assert len(path.parts) == 5
    assert ".." not in path.parts


@ALL
def test_without_a_version_the_filepath_is_the_file(kind: Any, tmp_path: Path) -> None:
    dataset = kind(filepath=str(tmp_path / "a.txt"), version=None)
    dataset.save("one")
    assert (tmp_path / "a.txt").read_text() == "one"
    assert dataset.load() == "one"
    assert dataset.resolve_load_version() is dataset.resolve_save_version() is None
    assert dataset._get_load_path() == PurePosixPath(tmp_path / "a.txt")


def test_paths_are_those_of_kedro_for_subclasses_of_ours(tmp_path: Path) -> None:
    dataset = make(TextDataset, tmp_path / "a.txt", "v1", "v2")
    assert dataset._filepath == PurePosixPath(tmp_path / "a.txt")
    assert dataset._get_load_path() == PurePosixPath(tmp_path / "a.txt" / "v1" / "a.txt")
    assert dataset._get_save_path() == PurePosixPath(tmp_path / "a.txt" / "v2" / "a.txt")


def test_a_file_where_versions_should_go_is_explained(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("unversioned")
    dataset = make(TextDataset, tmp_path / "a.txt", save="v1")
    assert not dataset.exists()
    with pytest.raises(
        DatasetError, match=r"a file is there that was saved without versions; remove it, or move"
    ):
        dataset.save("x")
    assert (tmp_path / "a.txt").read_text() == "unversioned"


def test_versions_where_a_file_should_go_are_explained(tmp_path: Path) -> None:
    make(TextDataset, tmp_path / "a.txt", save="v1").save("one")
    dataset = TextDataset(filepath=tmp_path / "a.txt")
    assert not dataset.exists()
    with pytest.raises(DatasetError, match=r"a folder is there, perhaps of its versions; remove it, or give"):
        dataset.save("x")
    assert make(TextDataset, tmp_path / "a.txt").load() == "one"


def test_a_failed_save_leaves_no_version_behind(tmp_path: Path) -> None:
    dataset = make(JSONDataset, tmp_path / "a.json")
    with pytest.raises(DatasetError):
        dataset.save({"a": object()})
    assert list(tmp_path.iterdir()) == []
    assert not dataset.exists()


def test_http_has_no_versions() -> None:
    with pytest.raises(
        DatasetError, match=r"https:// has no versions; remove 'versioned' of 'https://host/a.txt'"
    ):
        TextDataset(filepath="https://me:secret@host/a.txt", version=Version())


def test_functions_of_the_subclass_find_the_versions() -> None:
    there = ["box/a.txt/v1/a.txt", "box/a.txt/v2/a.txt"]
    dataset = KedroStyle(
        "box/a.txt",
        Version(),
        exists_function=lambda path: path.endswith("v1/a.txt"),
        glob_function=lambda pattern: there if pattern == "box/a.txt/*/a.txt" else [],
    )
    assert dataset.list_versions() == ["box/a.txt/v1/a.txt"]
    assert dataset.describe() == {"filepath": "box/a.txt", "version": Version()}


def test_versions_that_cannot_be_listed_are_an_error_with_its_cause(tmp_path: Path) -> None:
    def refuse(pattern: str) -> list[str]:
        raise PermissionError(13, "Permission denied")

    with pytest.raises(VersionNotFoundError, match=r"cannot list the versions of .*Permission denied"):
        KedroStyle("a.txt", Version(), glob_function=refuse).load()

    loop = tmp_path / "loop"
    loop.symlink_to("loop")
    with pytest.raises(DatasetError, match=r"cannot list the versions of"):
        make(TextDataset, loop / "a.txt").exists()


def test_a_published_version_is_loaded_even_if_the_one_before_was_looked_up_meanwhile(tmp_path: Path) -> None:
    dataset = make(TextDataset, tmp_path / "a.txt")
    dataset.save("one")
    staged = dataset.stage("two")
    assert dataset.load() == "one"
    staged.publish()
    assert dataset.load() == "two"


def test_a_staged_version_published_elsewhere_is_loaded(tmp_path: Path) -> None:
    dataset = make(TextDataset, tmp_path / "a.txt")
    dataset.save("one")
    assert dataset.load() == "one"
    pickle.loads(pickle.dumps(dataset.stage("two"))).publish()
    assert dataset.load() == "two"
