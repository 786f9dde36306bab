"""Digests: of what was written, however it was written, without reading it again where that can be."""

from __future__ import annotations

import io
import os
import pickle
import time
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import xxhash
from hypothesis import given, settings
from hypothesis import strategies as st

from incremental.io import CachedDataset
from incremental.io.files import digests, staging
from incremental.io.files.digests import BLOCK, TappedFile, TappedStream, digest_at, digest_of
from incremental.io.files.formats import JSONDataset, ParquetDataset, PickleDataset, TextDataset
from incremental.io.files.staging import LocalStage


def expected(path: Path) -> str:
    return xxhash.xxh3_128_hexdigest(path.read_bytes())


operations = st.lists(
    st.one_of(
        st.tuples(st.just("write"), st.binary(max_size=200_000)),
        st.tuples(st.just("seek"), st.integers(0, 300_000)),
        st.tuples(st.just("back"), st.integers(0, 50)),
        st.tuples(st.just("truncate"), st.integers(0, 300_000)),
        st.tuples(st.just("flush"), st.none()),
        st.tuples(st.just("past us"), st.binary(min_size=1, max_size=20)),
    ),
    max_size=8,
)


@settings(max_examples=150)
@given(steps=operations, are_large=st.booleans())
def test_the_digest_of_a_staged_file_is_that_of_its_bytes_whatever_was_done_to_it(
    tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[str, Any]], are_large: bool
) -> None:
    target = tmp_path_factory.mktemp("digest") / "file"
    stage = LocalStage(str(target), durable=False)
    with pytest.MonkeyPatch.context() as patch, stage as file:
        if are_large:
            patch.setattr(digests, "_PIECE", 70_000)
            patch.setattr(digests, "_ASIDE", 10_000)
        for verb, value in steps:
            if verb == "write":
                file.write(value)
            elif verb == "seek":
                file.seek(value)
            elif verb == "back":
                file.seek(max(file.tell() - value, 0))
            elif verb == "truncate":
                file.truncate(value)
            elif verb == "flush":
                file.flush()
            else:
                file.flush()
                os.pwrite(file.fileno(), value, 3)
    stage.publish()
    assert stage.digest == expected(target)


def test_what_is_written_in_order_is_not_read_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(file: Any) -> str:
        raise AssertionError("read again")

    monkeypatch.setattr(staging, "digest_of", refuse)
    data = {"large": os.urandom(9 << 20), "small": list(range(100))}
    for dataset in (
        PickleDataset(filepath=tmp_path / "a.pkl"),
        TextDataset(filepath=tmp_path / "a.txt"),
        TextDataset(filepath=tmp_path / "b.txt", fs_args={"open_args_save": {"compression": "gzip"}}),
        JSONDataset(filepath=tmp_path / "a.json"),
    ):
        staged = dataset.stage(data if isinstance(dataset, PickleDataset) else "x" * 300_000)
        staged.publish()
        assert staged.digest == expected(Path(dataset.location))


def write_zip(file: Any) -> None:
    with zipfile.ZipFile(file, "w") as archive:  # goes back to write the sizes
        with archive.open("entry", "w") as entry:
            entry.write(b"x" * 100_000)


def write_past_python(file: Any) -> None:
    numpy = pytest.importorskip("numpy")
    numpy.save(file, numpy.arange(50_000))  # through the descriptor


@pytest.mark.parametrize("write", [write_zip, write_past_python])
def test_libraries_that_go_back_or_write_past_python_get_the_digest_of_their_file(
    tmp_path: Path, write: Callable[[Any], None]
) -> None:
    stage = LocalStage(str(tmp_path / "file"))
    with stage as file:
        write(file)
    stage.publish()
    assert stage.digest == expected(tmp_path / "file")


def test_parquet_gets_a_digest(tmp_path: Path) -> None:
    pandas = pytest.importorskip("pandas")
    staged = ParquetDataset(filepath=tmp_path / "a.parquet").stage(pandas.DataFrame({"a": range(1000)}))
    staged.publish()
    assert staged.digest == expected(tmp_path / "a.parquet")


def test_a_digest_travels_with_what_was_staged(tmp_path: Path) -> None:
    staged = CachedDataset(TextDataset(filepath=tmp_path / "a.txt")).stage("abc")
    again = pickle.loads(pickle.dumps(LocalStage(str(tmp_path / "b.txt"))))
    assert again.digest is None
    assert staged.digest == xxhash.xxh3_128_hexdigest(b"abc")


def test_what_arrives_in_pieces_has_the_digest_of_the_whole(tmp_path: Path) -> None:
    dataset = TextDataset(filepath=tmp_path / "a.txt", fs_args={"open_args_save": {"mode": "a"}})
    chunks = dataset.stage_chunks()
    for piece in ("one", "two", "three"):
        chunks.write(piece)
    staged = chunks.finish()
    staged.publish()
    assert staged.digest == expected(tmp_path / "a.txt") == xxhash.xxh3_128_hexdigest(b"onetwothree")


def test_an_object_that_is_spooled_has_a_digest_that_reading_it_confirms() -> None:
    dataset = TextDataset(filepath="memory://digests/a.txt")
    staged = dataset.stage("abc")
    staged.publish()
    assert staged.digest == dataset.content_digest() == xxhash.xxh3_128_hexdigest(b"abc")


def test_a_stream_is_hashed_and_left_open() -> None:
    stream = io.BytesIO()
    tapped = TappedStream(stream)
    with io.TextIOWrapper(tapped, encoding="utf-8") as text:
        text.write("ä" * 10)
        text.flush()
        assert tapped.tell() == 20
    assert not stream.closed
    assert tapped.digest() == xxhash.xxh3_128_hexdigest(("ä" * 10).encode())


class Unbuffered:
    """A file as some file systems have it: ``read`` and no ``readinto``."""

    def __init__(self, content: bytes) -> None:
        self._file = io.BytesIO(content)

    def read(self, size: int) -> bytes:
        return self._file.read(size)


def test_reading_tells_of_each_block(tmp_path: Path) -> None:
    content = os.urandom(2 * BLOCK + 5)
    (tmp_path / "file").write_bytes(content)
    counts: list[int] = []
    assert digest_at(str(tmp_path / "file"), counts.append) == xxhash.xxh3_128_hexdigest(content)
    assert counts == [BLOCK, BLOCK, 5]
    assert digest_of(Unbuffered(content)) == xxhash.xxh3_128_hexdigest(content)  # type: ignore[arg-type]


# -- what is not in order is never believed


def staged(target: Path, write: Callable[[Any], None]) -> LocalStage:
    stage = LocalStage(str(target), durable=False)
    with stage as file:
        write(file)
    stage.publish()
    return stage


def overwrite_and_leave_a_hole(file: Any) -> None:
    """As many bytes as the file has in the end, but others."""
    file.write(b"abcd")
    file.seek(2)
    file.write(b"XY")
    file.seek(6)
    file.write(b"gh")


def cut_and_leave_a_hole(file: Any) -> None:
    file.write(b"abcde")
    file.truncate(3)
    file.seek(5)
    file.write(b"f")


def go_to_the_end(file: Any) -> None:
    file.write(b"abc")
    file.seek(0)
    file.seek(0, os.SEEK_END)
    file.write(b"def")


@pytest.mark.parametrize("write", [overwrite_and_leave_a_hole, cut_and_leave_a_hole, go_to_the_end])
def test_as_many_bytes_as_were_written_are_not_enough(tmp_path: Path, write: Callable[[Any], None]) -> None:
    assert staged(tmp_path / "file", write).digest == expected(tmp_path / "file")


@pytest.mark.parametrize("size", [1 << 20, 9 << 20])
def test_what_the_system_takes_in_part_is_told_and_not_believed(size: int) -> None:
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    try:
        file = TappedFile(writing)
        taken = file.write(b"x" * size)
        assert 0 < taken < size
        assert len(os.read(reading, size)) == taken
        assert file.digest(taken) is None
    finally:
        os.close(reading)
        os.close(writing)


class SlowHasher:
    def __init__(self) -> None:
        self._hasher = xxhash.xxh3_128()
        self.hexdigest = self._hasher.hexdigest

    def update(self, data: Any) -> None:
        time.sleep(0.05)
        self._hasher.update(data)


def test_a_write_ends_when_it_is_hashed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(digests, "_hasher", SlowHasher)
    data = os.urandom(5 << 20)
    with (tmp_path / "file").open("wb") as opened:
        file = TappedFile(opened.fileno())
        assert file.write(data) == len(data)
        assert file.digest(len(data)) == xxhash.xxh3_128_hexdigest(data)


class Blocks:
    """A file that can be read in one way only."""

    def __init__(self, content: bytes) -> None:
        self._file = io.BytesIO(content)


class ReadInto(Blocks):
    def readinto(self, buffer: Any) -> int:
        return self._file.readinto(buffer)


class Read(Blocks):
    def read(self, size: int) -> bytes:
        return self._file.read(size)


@pytest.mark.parametrize("kind", [ReadInto, Read])
def test_a_file_is_read_in_blocks_whatever_way_of_reading_it_has(kind: type[Any]) -> None:
    content, told = os.urandom(2 * BLOCK + 5), list[int]()
    assert digest_of(kind(content), told.append) == xxhash.xxh3_128_hexdigest(content)
    assert told == [BLOCK, BLOCK, 5]


def test_a_tapped_file_goes_where_it_is_told_and_is_cut_where_it_is_told(tmp_path: Path) -> None:
    path = tmp_path / "file"
    with path.open("wb") as file, TappedFile(file.fileno()) as tapped:
        tapped.write(b"abcdef")
        assert tapped.seek(-2, os.SEEK_END) == 4
        assert tapped.seek(5) == 5
        assert tapped.truncate(3) == 3
        assert tapped.digest(3) is None
    assert path.read_bytes() == b"abc"


def test_what_is_written_in_pieces_is_told_and_hashed_as_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(digests, "_PIECE", 10)
    with (tmp_path / "file").open("wb") as opened:
        file = TappedFile(opened.fileno())
        assert [file.write(b"x" * 35), file.write(b""), file.write(b"y" * 20)] == [35, 0, 20]
        assert file.digest(55) == xxhash.xxh3_128_hexdigest(b"x" * 35 + b"y" * 20)


def test_a_large_output_is_saved_where_no_thread_can_be_started(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: Any) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(digests, "start_new_thread", refuse)
    stage = LocalStage(str(tmp_path / "file"), durable=False)
    with stage as file:
        file.write(bytes(range(256)) * (digests._ASIDE // 128))
    stage.publish()
    assert stage.digest == expected(tmp_path / "file")
