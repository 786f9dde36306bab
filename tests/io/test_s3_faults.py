"""A real S3 API that fails: no half object is ever seen, the former one still loads, nothing is left behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from incremental.errors import DatasetError
from incremental.io import DataCatalog
from incremental.io.catalog.survey import survey
from incremental.io.catalog.sweeping import sweep
from incremental.io.files.formats import TextDataset
from incremental.io.files.leftovers import leftovers
from incremental.io.files.partitions import PartitionedDataset
from incremental.planner.facts import State

pytest.importorskip("moto")
pytest.importorskip("s3fs")

from faulty_s3 import Fault, FaultyS3

LARGE = 12_000_000  # bytes: three parts
PART = {"open_args_save": {"block_size": 5 << 20}, "fixed_upload_size": True}  # S3 takes no smaller parts
OLD, SMALL, BIG = "old", "new", "n" * LARGE
AT_EACH_REQUEST = [
    (SMALL, "PutObject", 1),
    (BIG, "CreateMultipartUpload", 1),
    (BIG, "UploadPart", 1),
    (BIG, "UploadPart", 2),
    (BIG, "UploadPart", 3),
    (BIG, "CompleteMultipartUpload", 1),
]


@pytest.fixture(autouse=True)
def _few_retries(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("s3fs.S3FileSystem.retries", 1)


@pytest.fixture(scope="module")
def proxy(endpoint: str) -> Iterator[FaultyS3]:
    found = FaultyS3(endpoint)
    yield found
    found.released.set()
    found.shutdown()
    found.server_close()


@pytest.fixture(scope="module")
def somebody(endpoint: str) -> Any:
    """Return another client, that no fault befalls and that remembers nothing."""
    import boto3

    return boto3.client(
        "s3", endpoint_url=endpoint, aws_access_key_id="k", aws_secret_access_key="s", region_name="us-east-1"
    )


@pytest.fixture
def bucket(proxy: FaultyS3, somebody: Any) -> str:
    proxy.fail(None)
    name = f"b{os.urandom(6).hex()}"
    somebody.create_bucket(Bucket=name)
    return name


@pytest.fixture
def credentials(proxy: FaultyS3) -> dict[str, Any]:
    return {
        "key": "k",
        "secret": "s",
        "endpoint_url": proxy.endpoint,
        "config_kwargs": {"retries": {"max_attempts": 0}, "read_timeout": 20},
    }


def text(bucket: str, credentials: dict[str, Any], key: str = "data/a.txt", **arguments: Any) -> TextDataset:
    return TextDataset(filepath=f"s3://{bucket}/{key}", credentials=credentials, fs_args=PART, **arguments)


def content(somebody: Any, bucket: str, key: str = "data/a.txt") -> str:
    body: bytes = somebody.get_object(Bucket=bucket, Key=key)["Body"].read()
    return body.decode()


def is_whole(found: str, data: str) -> bool:
    """Compare, without a failing test showing megabytes."""
    return found == data


def keys(somebody: Any, bucket: str) -> list[str]:
    return [found["Key"] for found in somebody.list_objects_v2(Bucket=bucket).get("Contents", ())]


def unfinished(somebody: Any, bucket: str) -> list[str]:
    return [found["Key"] for found in somebody.list_multipart_uploads(Bucket=bucket).get("Uploads", ())]


# -- one object


@pytest.mark.parametrize("how", ["refuse", "cut"])
@pytest.mark.parametrize(("data", "operation", "at"), AT_EACH_REQUEST)
def test_whatever_request_fails_the_former_object_stays_and_no_upload_is_left(
    proxy: FaultyS3,
    somebody: Any,
    bucket: str,
    credentials: dict[str, Any],
    data: str,
    operation: str,
    at: int,
    how: str,
) -> None:
    dataset = text(bucket, credentials)
    dataset.save(OLD)
    proxy.fail(Fault(operation, how, at))
    with pytest.raises(DatasetError, match=f"cannot save data to TextDataset.*{bucket}/data/a.txt"):
        dataset.save(data)
    assert proxy.seen[operation] >= at
    assert content(somebody, bucket) == OLD
    assert unfinished(somebody, bucket) == []
    proxy.fail(None)
    assert dataset.load() == OLD
    dataset.save(data)
    assert is_whole(content(somebody, bucket), data)


@pytest.mark.parametrize(("data", "operation", "at"), AT_EACH_REQUEST)
def test_a_new_object_never_shows_in_part(
    proxy: FaultyS3,
    somebody: Any,
    bucket: str,
    credentials: dict[str, Any],
    data: str,
    operation: str,
    at: int,
) -> None:
    proxy.fail(Fault(operation, "refuse", at))
    dataset = text(bucket, credentials)
    with pytest.raises(DatasetError):
        dataset.save(data)
    assert keys(somebody, bucket) == []
    proxy.fail(None)
    assert not dataset.exists()


@pytest.mark.parametrize(("data", "operation"), [(SMALL, "PutObject"), (BIG, "CompleteMultipartUpload")])
def test_a_last_request_whose_answer_is_lost_leaves_the_old_object_or_the_new_one(
    proxy: FaultyS3, somebody: Any, bucket: str, credentials: dict[str, Any], data: str, operation: str
) -> None:
    dataset = text(bucket, credentials)
    dataset.save(OLD)
    proxy.fail(Fault(operation, "unanswered"))
    with pytest.raises(DatasetError):
        dataset.save(data)
    assert is_whole(content(somebody, bucket), data)
    assert unfinished(somebody, bucket) == []


def test_an_upload_that_cannot_be_taken_back_is_told_by_its_first_failure_and_swept_later(
    proxy: FaultyS3, somebody: Any, bucket: str, credentials: dict[str, Any]
) -> None:
    class Failing(TextDataset):
        def _write(self, data: str, file: Any) -> None:
            file.write(data)
            file.flush()
            raise ValueError("half way")

    proxy.fail(Fault("AbortMultipartUpload", "refuse"))
    dataset = Failing(filepath=f"s3://{bucket}/data/a.txt", credentials=credentials, fs_args=PART)
    with pytest.raises(DatasetError, match="half way"):
        dataset.save(BIG)
    assert unfinished(somebody, bucket) == ["data/a.txt"]
    proxy.fail(None)
    for leftover in leftovers([dataset.staging_place]):
        leftover.remove()
    assert unfinished(somebody, bucket) == []


KILLED = """
import json, sys
from incremental.io.files.formats import TextDataset
TextDataset(**json.loads(sys.argv[1])).save("n" * int(sys.argv[2]))
"""


@pytest.mark.parametrize("at", ["UploadPart", "CompleteMultipartUpload"])
def test_a_process_killed_in_an_upload_leaves_the_former_object_and_the_next_run_sweeps_the_rest(
    proxy: FaultyS3, somebody: Any, bucket: str, credentials: dict[str, Any], at: str
) -> None:
    import json

    dataset = text(bucket, credentials)
    dataset.save(OLD)
    theirs = somebody.create_multipart_upload(Bucket=bucket, Key="data/a.txt.bak")
    proxy.fail(Fault(at, "hang", 2 if at == "UploadPart" else 1))
    arguments = {"filepath": f"s3://{bucket}/data/a.txt", "credentials": credentials, "fs_args": PART}
    child = subprocess.Popen([sys.executable, "-c", KILLED, json.dumps(arguments), str(LARGE)])
    try:
        assert proxy.hanging.wait(60)
    finally:
        child.send_signal(signal.SIGKILL)
        child.wait()
    proxy.fail(None)
    assert content(somebody, bucket) == OLD
    assert dataset.load() == OLD
    assert sorted(unfinished(somebody, bucket)) == ["data/a.txt", "data/a.txt.bak"]

    entry = {**arguments, "type": "text.TextDataset", "credentials": "s3"}
    catalog = DataCatalog.from_config({"a": entry}, {"s3": credentials})
    facts = survey(catalog, ["a"])
    assert facts.states["a"] is State.PRESENT
    assert sweep(catalog, ["a"], facts.locations) == 1
    assert unfinished(somebody, bucket) == [theirs["Key"]]


def test_uploads_to_many_objects_are_found_with_one_request_a_prefix(
    proxy: FaultyS3, somebody: Any, bucket: str, credentials: dict[str, Any]
) -> None:
    for key in ("data/a", "data/b", "data/model/v1/model", "data/c", "other/a"):
        somebody.create_multipart_upload(Bucket=bucket, Key=key)
    entry = {"type": "text.TextDataset", "credentials": "s3"}
    config = {
        "a": {**entry, "filepath": f"s3://{bucket}/data/a"},
        "b": {**entry, "filepath": f"s3://{bucket}/data/b"},
        "model": {**entry, "filepath": f"s3://{bucket}/data/model", "versioned": True},
    }
    catalog = DataCatalog.from_config(config, {"s3": credentials})
    places = [catalog[name].staging_place for name in config]
    proxy.fail(Fault("GET", "forward"))
    assert len(list(leftovers(places))) == 3
    assert proxy.seen["GET"] == 1
    sweep(catalog, config, {name: config[name]["filepath"] for name in config})
    assert unfinished(somebody, bucket) == ["data/c", "other/a"]


# -- what is remembered is not trusted


def test_what_another_client_wrote_or_removed_is_seen_at_once(
    somebody: Any, bucket: str, credentials: dict[str, Any]
) -> None:
    dataset = text(bucket, credentials)
    entry = {"type": "text.TextDataset", "filepath": f"s3://{bucket}/data/a.txt", "credentials": "s3"}
    catalog = DataCatalog.from_config({"a": entry, "b": {**entry, "filepath": f"s3://{bucket}/data/b.txt"}},
                                      {"s3": credentials})  # fmt: skip
    parts = PartitionedDataset(
        path=f"s3://{bucket}/data", dataset="text.TextDataset", credentials=credentials
    )
    for _ in range(2):
        assert (dataset.exists(), parts.exists()) == (False, False)
        assert survey(catalog, ["a", "b"]).states["a"] is State.ABSENT
        somebody.put_object(Bucket=bucket, Key="data/a.txt", Body=b"theirs")
        assert (dataset.exists(), parts.exists()) == (True, True)
        assert survey(catalog, ["a", "b"]).states["a"] is State.PRESENT
        assert dataset.load() == "theirs"
        assert list(parts.load()) == ["a.txt"]
        somebody.put_object(Bucket=bucket, Key="data/a.txt", Body=b"theirs, and longer")
        assert dataset.load() == "theirs, and longer"
        somebody.delete_object(Bucket=bucket, Key="data/a.txt")


# -- partitions


def parts_of(
    bucket: str, credentials: dict[str, Any], overwrite: bool = False
) -> tuple[PartitionedDataset, DataCatalog]:
    arguments: dict[str, Any] = {
        "path": f"s3://{bucket}/parts", "dataset": "text.TextDataset", "fs_args": PART, "overwrite": overwrite,
    }  # fmt: skip
    entry = {**arguments, "type": "partitions.PartitionedDataset", "credentials": "s3"}
    return (
        PartitionedDataset(**arguments, credentials=credentials),
        DataCatalog.from_config({"parts": entry}, {"s3": credentials}),
    )


def loaded(dataset: PartitionedDataset) -> dict[str, str]:
    return {name: load() for name, load in dataset.load().items()}


@pytest.mark.parametrize("overwrite", [False, True])
def test_partitions_in_s3_are_kept_added_or_replaced(
    somebody: Any, bucket: str, credentials: dict[str, Any], overwrite: bool
) -> None:
    dataset, _ = parts_of(bucket, credentials, overwrite)
    dataset.save({"a": OLD, "deep/b": OLD})
    dataset.save({"a": SMALL, "c": BIG})
    kept = {} if overwrite else {"deep/b": OLD}
    assert is_whole(loaded(dataset).pop("c"), BIG)
    assert {name: text for name, text in loaded(dataset).items() if name != "c"} == {"a": SMALL, **kept}
    assert ".incremental" not in "".join(keys(somebody, bucket))


@pytest.mark.parametrize(
    ("operation", "path", "state"),
    [
        ("UploadPart", "parts/c", State.PRESENT),
        ("PutObject", "parts/a", State.PRESENT),
        ("PutObject", "parts/b", State.INCOMPLETE),
        ("CompleteMultipartUpload", "parts/c", State.INCOMPLETE),
        ("DeleteObject", "parts/z", State.INCOMPLETE),
    ],
)
def test_partitions_that_cannot_all_be_published_are_incomplete_until_they_are(
    proxy: FaultyS3,
    somebody: Any,
    bucket: str,
    credentials: dict[str, Any],
    operation: str,
    path: str,
    state: State,
) -> None:
    dataset, catalog = parts_of(bucket, credentials, overwrite=True)
    old = {"a": OLD, "b": OLD, "c": OLD, "z": OLD}
    dataset.save(old)
    proxy.fail(Fault(operation, "refuse", path=path))
    with pytest.raises(DatasetError, match="of PartitionedDataset|to PartitionedDataset"):
        catalog["parts"].save({"a": SMALL, "b": SMALL, "c": BIG})
    proxy.fail(None)
    assert survey(catalog, ["parts"]).states["parts"] is state
    assert dataset.exists() is (state is State.PRESENT)
    assert state is State.INCOMPLETE or loaded(dataset) == old
    assert unfinished(somebody, bucket) == []
    dataset.save({"a": SMALL})
    assert survey(catalog, ["parts"]).states["parts"] is State.PRESENT
    assert loaded(dataset) == {"a": SMALL}


def test_small_partitions_wait_in_memory_only_up_to_a_limit(
    proxy: FaultyS3,
    somebody: Any,
    bucket: str,
    credentials: dict[str, Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("incremental.io.files.members._MOST_HELD", 10)
    dataset, _ = parts_of(bucket, credentials)
    staged = dataset.stage({"a": "12345678", "b": "12345678", "c": "1"})
    assert staged is not None
    assert unfinished(somebody, bucket) == ["parts/b"]
    assert keys(somebody, bucket) == []
    staged.publish()
    assert loaded(dataset) == {"a": "12345678", "b": "12345678", "c": "1"}
    assert unfinished(somebody, bucket) == []


def test_the_survey_of_many_partitions_is_one_listing_of_them(
    proxy: FaultyS3, somebody: Any, bucket: str, credentials: dict[str, Any]
) -> None:
    _, catalog = parts_of(bucket, credentials)
    for number in range(20):
        somebody.put_object(Bucket=bucket, Key=f"parts/{number}", Body=b"x")
    proxy.fail(Fault("GET", "forward"))
    assert survey(catalog, ["parts"]).states["parts"] is State.PRESENT
    assert proxy.seen["GET"] <= 2  # the members; and the mark
