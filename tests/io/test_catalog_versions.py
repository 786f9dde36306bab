"""Versions in a catalog: pinned, latest, just saved."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from incremental.errors import DatasetError, VersionNotFoundError
from incremental.io import DataCatalog
from incremental.io.dataset import AbstractDataset, Version
from incremental.io.files.formats import TextDataset


def config(path: Path, kind: str = "text.TextDataset") -> dict[str, Any]:
    return {"t": {"type": kind, "filepath": str(path / "t.txt"), "versioned": True}}


def write(path: Path, version: str, text: str) -> None:
    file = path / "t.txt" / version / "t.txt"
    file.parent.mkdir(parents=True)
    file.write_text(text)


def test_the_latest_version_is_read_unless_another_is_asked_for(tmp_path: Path) -> None:
    write(tmp_path, "v1", "one")
    write(tmp_path, "v2", "two")
    catalog = DataCatalog.from_config(config(tmp_path))
    assert catalog.load("t") == "two"
    assert catalog.load("t", version="v1") == "one"
    assert catalog.get("t", version=Version("v1", None)).load() == "one"
    assert catalog.get("t", version="v1") is catalog.get("t", version="v1")
    assert catalog.load("t") == "two"
    assert catalog.version_read("t") == "v2"
    with pytest.raises(VersionNotFoundError, match="dataset 't': version 'v3' of TextDataset"):
        catalog.load("t", version="v3")


def test_a_pinned_version_is_the_one_that_is_read(tmp_path: Path) -> None:
    write(tmp_path, "v1", "one")
    write(tmp_path, "v2", "two")
    catalog = DataCatalog.from_config(config(tmp_path), load_versions={"t": "v1"})
    assert catalog.load("t") == "one"
    assert catalog.get("t", version="v1") is catalog["t"]
    assert catalog.load("t", version="v2") == "two"


@pytest.mark.parametrize("save_version", [None, "2030"])
def test_the_version_that_was_saved_is_noted_and_can_be_read(
    tmp_path: Path, save_version: str | None
) -> None:
    write(tmp_path, "2020", "one")
    catalog = DataCatalog.from_config(config(tmp_path), save_version=save_version)
    assert catalog.load("t") == "one"
    catalog.save("t", "new")
    version = catalog.note_saved("t")
    assert version == save_version or save_version is None
    assert catalog.load("t", version=version) == "new"
    assert catalog.get("t", version=version) is catalog["t"]
    write(tmp_path, "9999", "from somebody else")
    catalog["t"].release()
    assert catalog.load("t", version=version) == "new"
    assert catalog.load("t") == "from somebody else"


def test_a_cached_dataset_that_was_just_saved_is_not_read_again(tmp_path: Path) -> None:
    catalog = DataCatalog.from_config(
        {
            "t": {
                "type": "CachedDataset",
                "versioned": True,
                "dataset": {"type": "text.TextDataset", "filepath": str(tmp_path / "t.txt")},
            }
        },
        save_version="v1",
    )
    catalog.save("t", "mine")
    assert catalog.note_saved("t") == "v1"
    (tmp_path / "t.txt" / "v1" / "t.txt").write_text("changed on disk")
    assert catalog.load("t", version="v1") == "mine"
    catalog.release("t")
    assert catalog.load("t", version="v1") == "changed on disk"


def test_releasing_a_dataset_releases_the_versions_of_it_that_were_read(tmp_path: Path) -> None:
    write(tmp_path, "v1", "one")
    catalog = DataCatalog.from_config(config(tmp_path))
    pinned = catalog.get("t", version="v1")
    catalog.release("t")
    assert catalog.get("t", version="v1") is not pinned


def test_a_version_of_a_dataset_without_versions_is_the_dataset_itself(tmp_path: Path) -> None:
    entry = {"type": "text.TextDataset", "filepath": str(tmp_path / "t.txt")}
    catalog = DataCatalog.from_config({"t": entry})
    catalog["o"] = TextDataset(filepath=tmp_path / "o.txt")
    for name in ("t", "o"):
        assert catalog.get(name, version="v1") is catalog[name]
        catalog.save(name, "x")
        assert catalog.note_saved(name) is None
        assert catalog.version_read(name) is None


def test_an_object_with_versions_can_be_pinned_as_an_entry_can(tmp_path: Path) -> None:
    write(tmp_path, "v1", "one")
    write(tmp_path, "v2", "two")
    dataset = TextDataset(filepath=str(tmp_path / "t.txt"), version=Version())
    plain = TextDataset(filepath=str(tmp_path / "p.txt"))
    catalog = DataCatalog({"t": dataset, "p": plain}, load_versions={"t": "v1", "p": "v1"})
    assert catalog.load("t") == "one"
    assert catalog["p"] is plain
    assert catalog.load("t", version="v2") == "two"
    assert dataset.load() == "two"


def test_an_object_without_any_version_yet_has_none_to_read(tmp_path: Path) -> None:
    catalog = DataCatalog({"t": TextDataset(filepath=str(tmp_path / "t.txt"), version=Version())})
    assert catalog.version_read("t") is None
    with pytest.raises(VersionNotFoundError):
        catalog.load("t", version="v1")


def test_an_object_that_cannot_be_made_again_cannot_be_read_at_a_version() -> None:
    class Fixed:
        def load(self) -> int:
            return 1

        def save(self, data: Any) -> None: ...

        def resolve_load_version(self) -> str:
            return "v1"

    catalog = DataCatalog({"t": Fixed()})
    with pytest.raises(DatasetError) as caught:
        catalog.load("t", version="v2")
    assert str(caught.value) == (
        "dataset 't' cannot be read at version 'v2': "
        "test_an_object_that_cannot_be_made_again_cannot_be_read_at_a_version.<locals>.Fixed has no 'to_config' "
        "to make another one from"
    )


def test_a_dataset_that_fails_to_tell_its_version_is_named() -> None:
    class Failing(AbstractDataset[Any, Any]):
        def load(self) -> Any: ...

        def save(self, data: Any) -> None: ...

        def resolve_load_version(self) -> str:
            raise OSError(5, "no disk")

        resolve_save_version = resolve_load_version

    catalog = DataCatalog({"t": Failing()})
    with pytest.raises(DatasetError, match=r"^dataset 't': cannot find its version: \[Errno 5\] no disk$"):
        catalog.version_read("t")
    with pytest.raises(DatasetError, match=r"^dataset 't': cannot tell its version: \[Errno 5\] no disk$"):
        catalog.note_saved("t")
