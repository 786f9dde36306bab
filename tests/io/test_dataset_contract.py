"""The contract of datasets: ours and a foreign one keep it, and it notices those that do not."""

from __future__ import annotations

import sys
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest import SkipTest

import pandas as pd
import pytest

from incremental.errors import DatasetError
from incremental.io import AbstractDataset, CachedDataset, MemoryDataset, Version
from incremental.io.files.formats import (
    CSVDataset,
    JSONDataset,
    ParquetDataset,
    PickleDataset,
    TextDataset,
    YAMLDataset,
)
from incremental.io.files.staging import staging_name
from incremental.io.files.storage import storage_for
from incremental.testing import DatasetContract

sys.path.insert(0, str(Path(__file__).parents[2] / "examples" / "foreign_dataset"))

from table_dataset import TableDataset


class Unwritable:
    """Breaks whatever wants to write it down, or to copy it."""

    def __reduce__(self) -> Any:
        raise RuntimeError("cannot be written")

    def __str__(self) -> str:
        raise RuntimeError("cannot be written")


class FileContract(DatasetContract):
    """What our datasets of one file have in common."""

    has_versions = True
    kind: Any = None

    def make(self, folder: str, version: Version | None = None, **more: Any) -> AbstractDataset[Any, Any]:
        return self.kind(filepath=f"{folder}/made/data.file", version=version, **more)

    def make_secret(self, folder: str, secret: str) -> AbstractDataset[Any, Any]:
        return self.make(folder, credentials={"secret": secret})

    def examples(self) -> Sequence[Any]:
        return [{"a": [1, "ü", None]}, ["other"], "text"]

    def unwritable(self) -> Any:
        return [*["x" * 1000] * 3000, Unwritable()]

    def leave_half(self, folder: str) -> None:
        made = Path(folder, "made")
        made.mkdir()
        (made / staging_name("data.file")).write_text("ha")


class TestText(FileContract):
    kind = TextDataset

    def examples(self) -> Sequence[Any]:
        return ["one\ntwo\n", "", "größer 🚀"]

    def unwritable(self) -> Any:
        return 7


class TestJSON(FileContract):
    kind = JSONDataset


class TestYAML(FileContract):
    kind = YAMLDataset


class TestPickle(FileContract):
    kind = PickleDataset

    def examples(self) -> Sequence[Any]:
        return [{1, 2}, b"bytes", ("tuple", 1.5)]


class FrameContract(FileContract):
    def examples(self) -> Sequence[Any]:
        return [pd.DataFrame({"a": [1, 2], "b": ["x", "ü"]}), pd.DataFrame({"c": [0.5]})]

    def same(self, one: Any, other: Any) -> bool:
        return one.equals(other)


class TestCSV(FrameContract):
    kind = CSVDataset

    def unwritable(self) -> Any:
        return pd.DataFrame({"a": [*["x" * 1000] * 3000, Unwritable()]})


class TestParquet(FrameContract):
    kind = ParquetDataset

    def unwritable(self) -> Any:
        return pd.DataFrame({"a": ["text", 3.0, Unwritable()]})


class TestAppendedText(TestText):
    has_versions = False

    def make(self, folder: str, version: Version | None = None, **more: Any) -> AbstractDataset[Any, Any]:
        return super().make(folder, version, fs_args={"open_args_save": {"mode": "a"}}, **more)

    def after(self, former: Any, data: Any) -> Any:
        return former + data


class Remote(DatasetContract):
    """What is not on the local disk."""

    root: str = ""
    options: dict[str, Any] = {}  # noqa: RUF012 - replaced, not changed

    @contextmanager
    def folder(self) -> Iterator[str]:
        yield f"{self.root}{uuid.uuid4().hex}"

    def names(self, folder: str) -> set[str]:
        return set(storage_for(folder, self.options)[0].find(folder))


class InTheMemoryOfFsspec(Remote):
    root = "memory://"
    is_shared = False

    def leave_half(self, folder: str) -> None:
        raise SkipTest("an object is there or not")


class TestJSONInTheMemoryOfFsspec(InTheMemoryOfFsspec, TestJSON):
    pass


class TestParquetInTheMemoryOfFsspec(InTheMemoryOfFsspec, TestParquet):
    pass


@pytest.fixture(scope="module")
def bucket(s3_options: dict[str, str]) -> dict[str, str]:
    import s3fs

    s3fs.S3FileSystem(**s3_options, skip_instance_cache=True).mkdir("bucket")
    return s3_options


class TestJSONInS3(Remote, TestJSON):
    root = "s3://bucket/"

    @pytest.fixture(autouse=True)
    def _in_a_bucket(self, bucket: dict[str, Any]) -> None:
        self.options = bucket

    def make(self, folder: str, version: Version | None = None, **more: Any) -> AbstractDataset[Any, Any]:
        return super().make(folder, version, **{"credentials": self.options, **more})

    def make_secret(self, folder: str, secret: str) -> AbstractDataset[Any, Any]:
        return self.make(folder, credentials={**self.options, "secret": secret})

    def leave_half(self, folder: str) -> None:
        import s3fs

        files = s3fs.S3FileSystem(**self.options, skip_instance_cache=True)
        path = f"{folder.removeprefix('s3://bucket/')}/made/data.file"
        begun = files.call_s3("create_multipart_upload", Bucket="bucket", Key=path)
        files.call_s3(
            "upload_part", Bucket="bucket", Key=path, PartNumber=1, UploadId=begun["UploadId"], Body=b"ha"
        )


class TestMemory(DatasetContract):
    writes_in_place = True
    is_ephemeral = True
    is_shared = False

    def make(self, folder: str, version: Version | None = None) -> AbstractDataset[Any, Any]:
        return MemoryDataset()

    def examples(self) -> Sequence[Any]:
        return [[1, {"a": 2}], "text"]

    def unwritable(self) -> Any:
        return [Unwritable()]


class TestCached(TestJSON):
    def make(self, folder: str, version: Version | None = None, **more: Any) -> AbstractDataset[Any, Any]:
        entry = {"type": "json.JSONDataset", "filepath": f"{folder}/made/data.file", **more}
        return CachedDataset(dataset=entry, version=version)


class TestForeign(DatasetContract):
    writes_in_place = True

    def make(self, folder: str, version: Version | None = None) -> AbstractDataset[Any, Any]:
        return TableDataset(f"{folder}/data.db", "cars")

    def examples(self) -> Sequence[Any]:
        return [[{"name": "Ente", "seats": 4}, {"name": "Käfer", "seats": None}], [{"wheels": 3}]]

    def unwritable(self) -> Any:
        return [{"name": "fine"}, {"name": Unwritable()}]

    def leave_half(self, folder: str) -> None:
        Path(folder, "data.db").touch()


def test_a_foreign_save_that_fails_changes_nothing(tmp_path: Path) -> None:
    table = TableDataset(str(tmp_path / "data.db"), "cars")
    table.save([{"name": "Ente"}])
    with pytest.raises(Exception, match="cannot save data to"):
        table.save([{"name": "fine"}, {"name": Unwritable()}])
    assert table.load() == [{"name": "Ente"}]


# -- what breaks a law


class Sloppy(JSONDataset):
    """Says that it stages, and writes in place; takes anything for whole; is one with all others."""

    def exists(self) -> bool:
        return Path(self._path).parent.is_dir()

    def stage(self, data: Any) -> Any:
        Path(self._path).parent.mkdir(exist_ok=True)
        Path(self._path).write_text("[1]")
        Path(f"{self._path}.lock").touch()
        return super().stage(data)

    @property
    def location(self) -> str:
        return "here"

    def __repr__(self) -> str:
        return f"Sloppy({self._credentials})"


class Forgetful(JSONDataset):
    """Keeps the first save only, with no regard to versions, places and failures."""

    kept: Any = None

    def save(self, data: Any) -> None:
        self.kept = self.kept or data

    def load(self) -> Any:
        return self.kept

    def exists(self) -> bool:
        return self.kept is not None


@pytest.mark.parametrize(
    ("kind", "law"),
    [
        (Sloppy, "test_nothing_shows_before_it_is_published"),
        (Sloppy, "test_a_published_save_leaves_what_a_plain_one_leaves"),
        (Sloppy, "test_a_discarded_save_leaves_no_trace"),
        (Sloppy, "test_a_failed_save_leaves_no_trace"),
        (Sloppy, "test_what_a_killed_save_left_does_not_exist_and_is_in_nobodys_way"),
        (Sloppy, "test_its_location_is_absolute_the_same_for_one_place_and_without_a_password"),
        (Sloppy, "test_it_shows_no_credentials"),
        (Forgetful, "test_what_is_loaded_after_a_second_save_is_what_it_says"),
        (Forgetful, "test_what_was_never_saved_cannot_be_loaded"),
        (Forgetful, "test_none_is_refused_and_changes_nothing"),
        (Forgetful, "test_two_of_one_place_agree"),
        (Forgetful, "test_a_save_that_fails_is_an_error"),
        (Forgetful, "test_it_says_of_itself_what_the_contract_says_of_it"),
        (Forgetful, "test_its_configuration_makes_an_equal_one"),
        (Forgetful, "test_the_latest_version_is_loaded_and_the_one_announced_is_saved"),
        (Forgetful, "test_a_version_is_never_overwritten"),
        (Forgetful, "test_a_pinned_version_is_the_one_that_is_loaded"),
        (Forgetful, "test_a_save_that_fails_makes_no_version"),
    ],
)
def test_a_dataset_that_breaks_a_law_is_noticed(kind: Any, law: str) -> None:
    contract = type("Contract", (FileContract,), {"kind": kind})()
    with pytest.raises((AssertionError, DatasetError)):
        getattr(contract, law)()
