"""Storage: local paths without fsspec, all else with it; no stale listings; whole objects only."""

from __future__ import annotations

import gc
import os
import subprocess
import sys
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from incremental.errors import DatasetError
from incremental.io.files.storage import (
    Entry,
    FsspecStorage,
    Kind,
    LocalStorage,
    Storage,
    bare_path,
    split_address,
    storage_for,
)
from incremental.io.files.uploads import SpoolStage, UploadStage
from incremental.secrets import conceal

MB = 1 << 20


# -- addresses


@pytest.mark.parametrize(
    ("filepath", "expected"),
    [
        ("data/a.csv", ("file", "data/a.csv")),
        (Path("data/a.csv"), ("file", "data/a.csv")),
        ("/data/a b%20.csv", ("file", "/data/a b%20.csv")),
        ("file:///data/a.csv", ("file", "/data/a.csv")),
        ("file://localhost/data/a.csv", ("file", "/data/a.csv")),
        ("file://data/a.csv", ("file", "data/a.csv")),
        ("local:///data/a.csv", ("file", "/data/a.csv")),
        ("file:///C:/data/a.csv", ("file", "C:/data/a.csv")),
        (r"C:\data\a.csv", ("file", r"C:\data\a.csv")),
        ("c://data/a.csv", ("file", "c://data/a.csv")),
        ("~/a.csv", ("file", str(Path.home() / "a.csv"))),
        ("a~/b.csv", ("file", "a~/b.csv")),
        ("s3://bucket/a.csv", ("s3", "s3://bucket/a.csv")),
        ("S3://bucket/a.csv", ("s3", "s3://bucket/a.csv")),
        ("s3://key:secret@bucket/a@b.csv", ("s3", "s3://bucket/a@b.csv")),
        ("abfss://box@account/a.csv", ("abfss", "abfss://box@account/a.csv")),
        ("https://host/a.csv?x=1#y", ("https", "https://host/a.csv?x=1#y")),
        ("memory://a.csv", ("memory", "memory://a.csv")),
        ("odd name://a", ("file", "odd name://a")),
    ],
)
def test_an_address_is_local_or_has_a_scheme(filepath: Any, expected: tuple[str, str]) -> None:
    assert split_address(filepath) == expected


def test_chained_file_systems_are_refused() -> None:
    with pytest.raises(DatasetError, match="filepath 'simplecache::s3://b/a' chains file systems"):
        split_address("simplecache::s3://b/a")


@pytest.mark.parametrize(
    ("filepath", "expected"),
    [("data/a.csv", "data/a.csv"), ("s3://b/a.csv", "b/a.csv"), ("https://h/a.csv", "https:/h/a.csv")],
)
def test_a_bare_path_has_no_scheme(filepath: str, expected: str) -> None:
    assert str(bare_path(filepath)) == expected


def test_fsspec_is_not_imported_for_local_paths(tmp_path: Path) -> None:
    code = f"""
import sys
from incremental.io.files.formats import JSONDataset
dataset = JSONDataset(filepath={str(tmp_path / "a.json")!r}, credentials={{"key": "k"}})
dataset.save([1]); assert dataset.exists() and dataset.load() == [1]
JSONDataset(filepath="s3://bucket/a.json")
print([name for name in ("fsspec", "pandas", "yaml", "s3fs") if name in sys.modules])
"""
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert result.stdout == "[]\n", result.stderr


def test_local_storage_is_shared_and_knows_whether_to_make_folders(tmp_path: Path) -> None:
    assert storage_for("a")[0] is storage_for("b", {"key": 1}, {"other": 2})[0]
    storage, _ = storage_for("a", None, {"auto_mkdir": False})
    with pytest.raises(FileNotFoundError), storage.stage(str(tmp_path / "new" / "a")):
        raise AssertionError
    assert storage.connection("a") == {}


def test_open_arguments_are_not_handed_to_the_file_system() -> None:
    storage, path = storage_for(
        "s3://b/a", {"key": "k"}, {"anon": True, "open_args_load": {}, "open_args_save": {}}
    )
    assert isinstance(storage, FsspecStorage)
    assert (storage.protocol, dict(storage.options), path) == ("s3", {"key": "k", "anon": True}, "s3://b/a")


def test_an_unknown_scheme_is_an_error_of_the_dataset() -> None:
    with pytest.raises(DatasetError, match="cannot open 'nosuch://host/a': Protocol not known: nosuch"):
        storage_for("nosuch://host/a")[0].exists("nosuch://host/a")


def test_a_scheme_whose_library_is_missing_is_named() -> None:
    with pytest.raises(DatasetError, match="gs:// needs a library that is not installed"):
        storage_for("gs://b/a")[0].exists("gs://b/a")


# -- the same contract for the disk, for memory and for S3


@pytest.fixture(scope="module")
def make_bucket(s3_options: dict[str, Any]) -> Callable[[str], None]:
    """Make a bucket as somebody else."""
    import s3fs

    return s3fs.S3FileSystem(**s3_options, skip_instance_cache=True).mkdir


@pytest.fixture
def s3(make_bucket: Callable[[str], None], s3_options: dict[str, Any]) -> tuple[Storage, str]:
    """An empty bucket, with its listing cache on as by default."""
    bucket = f"b{uuid.uuid4().hex}"
    make_bucket(bucket)
    storage, root = storage_for(f"s3://{bucket}", conceal(s3_options))
    return storage, root


def other_client(s3_options: dict[str, Any]) -> Any:
    import s3fs

    return s3fs.S3FileSystem(**s3_options, skip_instance_cache=True, use_listings_cache=False)


@pytest.fixture(params=["local", "memory", "s3"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[Storage, str]:
    gc.freeze()  # botocore's models would be searched for garbage, again and again
    if request.param == "local":
        return storage_for(tmp_path / "root")
    if request.param == "memory":
        return storage_for(f"memory://{uuid.uuid4().hex}")
    return request.getfixturevalue("s3")


def put(storage: Storage, path: str, data: bytes, exclusive: bool = False) -> None:
    stage = storage.stage(path, exclusive=exclusive)
    with stage as file:
        file.write(data)
    stage.publish()


def get(storage: Storage, path: str) -> bytes:
    with storage.read(path) as file:
        return file.read()


def test_what_is_written_is_read_listed_found_and_removed(place: tuple[Storage, str]) -> None:
    storage, root = place
    assert storage.kinds(root) == storage.entries(root) == storage.find(root) == {}
    assert storage.children(root) == []
    put(storage, f"{root}/a.txt", b"abc")
    put(storage, f"{root}/folder/deeper/b.txt", b"de")
    assert get(storage, f"{root}/a.txt") == b"abc"
    assert storage.kinds(root) == {"a.txt": Kind.FILE, "folder": Kind.FOLDER}
    assert sorted(storage.children(root)) == ["a.txt", "folder"]
    assert storage.children(f"{root}/a.txt") == []
    entries = storage.entries(root)
    assert (entries["a.txt"].kind, entries["a.txt"].size) == (Kind.FILE, 3)
    assert entries["folder"].kind is Kind.FOLDER
    assert entries["a.txt"].mtime_ns is not None
    assert {name: entry.size for name, entry in storage.find(root).items()} == {
        "a.txt": 3,
        "folder/deeper/b.txt": 2,
    }
    assert storage.kind(f"{root}/a.txt") is Kind.FILE
    assert storage.kind(f"{root}/folder") is Kind.FOLDER
    assert storage.exists(f"{root}/folder/deeper/b.txt")
    storage.remove(f"{root}/a.txt")
    assert not storage.exists(f"{root}/a.txt")
    assert storage.kind(f"{root}/a.txt") is None
    with pytest.raises(FileNotFoundError):
        get(storage, f"{root}/a.txt")


def test_two_readers_of_one_object_do_not_disturb_each_other(place: tuple[Storage, str]) -> None:
    storage, root = place
    put(storage, f"{root}/a.txt", b"abc")
    with storage.read(f"{root}/a.txt") as one, storage.read(f"{root}/a.txt") as other:
        assert (one.read(1), other.read(), one.read()) == (b"a", b"abc", b"bc")


def test_a_file_is_no_folder_with_itself_in_it(place: tuple[Storage, str]) -> None:
    storage, root = place
    put(storage, f"{root}/a.txt", b"abc")
    assert storage.kinds(f"{root}/a.txt") == {}
    assert storage.find(f"{root}/a.txt") == {}


def test_a_folder_can_be_made(place: tuple[Storage, str]) -> None:
    storage, root = place
    storage.make_folder(f"{root}/new/deeper")
    if storage.protocol != "s3":  # which has none
        assert storage.kind(f"{root}/new/deeper") is Kind.FOLDER


@pytest.mark.parametrize("size", [12, 12 * MB], ids=["small", "in parts"])
def test_an_object_shows_only_when_it_is_published(place: tuple[Storage, str], size: int) -> None:
    storage, root = place
    stage = storage.stage(f"{root}/a.bin", block_size=5 * MB)
    with stage as file:
        for _ in range(4):
            file.write(b"x" * (size // 4))
        assert not storage.exists(f"{root}/a.bin")
    assert not storage.exists(f"{root}/a.bin")
    stage.publish()
    stage.publish()
    stage.discard()
    assert get(storage, f"{root}/a.bin") == b"x" * size


@pytest.mark.parametrize("size", [0, 10, 12 * MB], ids=["empty", "small", "in parts"])
def test_an_exception_half_way_keeps_the_old_object(place: tuple[Storage, str], size: int) -> None:
    storage, root = place
    put(storage, f"{root}/a.bin", b"old")

    def fail_half_way() -> None:
        with storage.stage(f"{root}/a.bin", block_size=5 * MB) as file:
            file.write(b"x" * size)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fail_half_way()
    gc.collect()  # a destructor must not finish the upload
    assert get(storage, f"{root}/a.bin") == b"old"
    assert list(storage.find(root)) == ["a.bin"]


@pytest.mark.filterwarnings("error::pytest.PytestUnraisableExceptionWarning")
def test_what_is_discarded_after_sealing_never_shows(place: tuple[Storage, str]) -> None:
    storage, root = place
    for size in (10, 12 * MB):
        stage = storage.stage(f"{root}/a.bin")
        with stage as file:
            file.write(b"x" * size)
        stage.discard()
        stage.publish()
        stage.discard()
        del stage
        gc.collect()
        assert not storage.exists(f"{root}/a.bin")


def test_an_empty_object_can_be_published(place: tuple[Storage, str]) -> None:
    storage, root = place
    put(storage, f"{root}/empty", b"")
    assert get(storage, f"{root}/empty") == b""


def test_an_exclusive_object_is_never_overwritten(place: tuple[Storage, str]) -> None:
    storage, root = place
    first, second = (storage.stage(f"{root}/a.bin", exclusive=True) for _ in range(2))
    for stage, data in ((first, b"first"), (second, b"second")):
        with stage as file:
            file.write(data)
    first.publish()
    with pytest.raises(FileExistsError):
        second.publish()
    with pytest.raises(FileExistsError), storage.stage(f"{root}/a.bin", exclusive=True):
        raise AssertionError
    assert get(storage, f"{root}/a.bin") == b"first"


# -- S3 only


def test_what_another_client_did_is_seen_at_once(s3: tuple[Storage, str], s3_options: dict[str, Any]) -> None:
    storage, root = s3
    other = other_client(s3_options)
    put(storage, f"{root}/f/mine.txt", b"1")
    assert set(storage.kinds(f"{root}/f")) == {"mine.txt"}
    other.pipe_file(f"{root}/f/theirs.txt", b"22")
    with pytest.raises(FileExistsError), storage.stage(f"{root}/f/theirs.txt", exclusive=True):
        raise AssertionError
    assert storage.exists(f"{root}/f/theirs.txt")
    assert set(storage.kinds(f"{root}/f")) == {"mine.txt", "theirs.txt"}
    other.pipe_file(f"{root}/f/theirs.txt", b"4444")
    assert get(storage, f"{root}/f/theirs.txt") == b"4444"
    with pytest.raises(FileExistsError), storage.stage(f"{root}/f/theirs.txt", exclusive=True):
        raise AssertionError
    other.rm_file(f"{root}/f/theirs.txt")
    assert not storage.exists(f"{root}/f/theirs.txt")
    assert set(storage.find(f"{root}/f")) == {"mine.txt"}


def test_a_discarded_upload_is_not_left_unfinished(
    s3: tuple[Storage, str], s3_options: dict[str, Any]
) -> None:
    storage, root = s3
    stage = storage.stage(f"{root}/a.bin")
    with stage as file:
        file.write(b"x" * 12 * MB)
    bucket = root.removeprefix("s3://")
    assert (
        len(other_client(s3_options).call_s3("list_multipart_uploads", Bucket=bucket).get("Uploads", [])) == 1
    )
    stage.discard()
    assert other_client(s3_options).call_s3("list_multipart_uploads", Bucket=bucket).get("Uploads", []) == []
    late = storage.stage(f"{root}/b.bin", exclusive=True)
    with late as file:
        file.write(b"x" * 12 * MB)
    other_client(s3_options).pipe_file(f"{root}/b.bin", b"first")
    with pytest.raises(FileExistsError):
        late.publish()
    assert other_client(s3_options).call_s3("list_multipart_uploads", Bucket=bucket).get("Uploads", []) == []


def test_a_transaction_of_somebody_else_does_not_publish_what_is_staged(s3: tuple[Storage, str]) -> None:
    import fsspec

    storage, root = s3
    stage = storage.stage(f"{root}/a.bin")
    with stage as file:
        file.write(b"x")
    fs, _ = fsspec.core.url_to_fs(root, **storage.connection(root))
    assert not fs.transaction.files
    with fs.transaction:
        pass
    assert not storage.exists(f"{root}/a.bin")
    stage.publish()
    assert storage.exists(f"{root}/a.bin")


def test_an_upload_that_fails_when_it_is_published_is_discarded(s3: tuple[Storage, str]) -> None:
    storage, root = s3
    stage = storage.stage("s3://no-such-bucket-at-all/a.bin")
    with stage as file:
        file.write(b"x")
    with pytest.raises(FileNotFoundError):
        stage.publish()
    stage.discard()
    assert isinstance(stage, UploadStage)
    assert not storage.exists(f"{root}/a.bin")


def test_masked_credentials_do_not_share_a_connection() -> None:
    pytest.importorskip("s3fs")
    import fsspec

    def connection(key: str) -> Any:
        options = conceal({"key": key, "secret": "s"})
        storage, path = storage_for("s3://b/a", options)
        return fsspec.core.url_to_fs(path, **{**storage.connection(path), "skip_instance_cache": False})[0]

    assert connection("first-account") is not connection("second-account")
    assert connection("first-account") is connection("first-account")


# -- spooling


def test_a_large_object_is_sent_from_its_spool(monkeypatch: pytest.MonkeyPatch) -> None:
    import fsspec

    monkeypatch.setattr(SpoolStage, "in_one_piece", 3)

    class Remote(fsspec.get_filesystem_class("memory")):  # type: ignore[misc]
        protocol = "remote"

    stage = SpoolStage(Remote(), "/large/a.bin", False, {})
    with stage as file:
        file.write(b"12345")
    stage.publish()
    assert Remote().cat_file("/large/a.bin") == b"12345"


def test_folders_are_made_where_the_remote_has_them() -> None:
    import fsspec

    made: list[str] = []

    class Strict(fsspec.get_filesystem_class("memory")):  # type: ignore[misc]
        def pipe_file(self, path: str, value: bytes, **kwargs: Any) -> None:
            if not made:
                raise FileNotFoundError(path)
            super().pipe_file(path, value, **kwargs)

        def makedirs(self, path: str, exist_ok: bool = False) -> None:
            made.append(path)

    fs = Strict()
    stage = SpoolStage(fs, "/strict/folder/a.bin", False, {})
    with stage as file:
        file.write(b"1")
    stage.publish()
    assert made == ["/strict/folder"]
    assert fs.cat_file("/strict/folder/a.bin") == b"1"


def test_no_spool_is_left_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    storage, root = storage_for("memory://spool")
    put(storage, f"{root}/a", b"1")
    with pytest.raises(FileExistsError):
        put(storage, f"{root}/a", b"2", exclusive=True)
    stage = storage.stage(f"{root}/b")
    stage.__enter__().write(b"1")
    assert len(list(tmp_path.iterdir())) == 1
    stage.discard()
    assert list(tmp_path.iterdir()) == []


# -- the disk only


def test_links_and_other_things_in_a_folder_are_told_apart(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("abc")
    (tmp_path / "link").symlink_to("file")
    (tmp_path / "folder").mkdir()
    (tmp_path / "to_folder").symlink_to("folder")
    (tmp_path / "nowhere").symlink_to("missing")
    os.mkfifo(tmp_path / "pipe")
    storage = LocalStorage()
    kinds = storage.kinds(str(tmp_path))
    assert kinds == {
        "file": Kind.FILE,
        "link": Kind.FILE,
        "folder": Kind.FOLDER,
        "to_folder": Kind.FOLDER,
        "nowhere": Kind.OTHER,
        "pipe": Kind.OTHER,
    }
    assert "nowhere" not in storage.entries(str(tmp_path))
    assert storage.entries(str(tmp_path))["link"] == Entry(
        Kind.FILE, 3, (tmp_path / "file").stat().st_mtime_ns
    )
    assert storage.kind(str(tmp_path / "nowhere")) is None
    assert storage.kind(str(tmp_path / "file" / "below")) is None
    assert storage.kind(str(tmp_path / "pipe")) is Kind.OTHER
