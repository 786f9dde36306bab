"""What a ledger tells of a commit is what it was told of it, whichever ledger it is."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from dataclasses import fields, replace
from pathlib import Path

import pytest

from incremental.errors import LedgerError
from incremental.planner.facts import Facts, State
from incremental.state import FileLedger, Ledger, MemoryLedger, Output, apply_marks, database, seals
from incremental.state.records import Marks, Records, record_of

MADE = Output("model", "/elsewhere/model", "v1", 10, 20, 30, 40, "d" * 32, 2)


@pytest.fixture(params=["memory", "file"])
def ledger(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Ledger]:
    if request.param == "memory":
        yield MemoryLedger()
        return
    found = FileLedger(tmp_path / "ledger.db", tmp_path, durable=False)
    yield found
    found.close()


def test_a_record_tells_all_that_was_committed(ledger: Ledger) -> None:
    generation = ledger.commit("run 1", "train", [MADE], {})
    assert generation.startswith("run 1#1:")
    assert generation.endswith(":train")
    marks = ledger.marks()
    record = marks.records["/elsewhere/model"]
    assert {field.name: getattr(MADE, field.name) for field in fields(Output)} == {
        "location": record.key,
        **{field.name: getattr(record, field.name) for field in fields(Output) if field.name != "location"},
    }
    assert (record.run_id, record.node, record.generation) == ("run 1", "train", generation)
    assert not record.is_begun
    assert marks.generations == {"/elsewhere/model": generation}


def test_only_the_record_of_what_was_begun_again_says_so(ledger: Ledger) -> None:
    other = replace(MADE, location="/elsewhere/other")
    ledger.commit("run 1", "train", [MADE, other], {})
    ledger.begin("run 2", "train", [MADE])
    records = ledger.marks().records
    assert {location: record.is_begun for location, record in records.items()} == {
        "/elsewhere/model": True,
        "/elsewhere/other": False,
    }
    assert records["/elsewhere/model"].run_id == "run 1"


def test_generations_of_one_run_have_numbers_that_order_them(ledger: Ledger) -> None:
    told = [ledger.commit("run", "n", [MADE], {}).split("#")[1].split(":")[0] for _ in range(3)]
    assert told == ["1", "2", "3"]


def test_what_was_made_from_nothing_has_no_inputs_recorded(tmp_path: Path) -> None:
    ledger = FileLedger(tmp_path / "ledger.db", tmp_path, durable=False)
    ledger.commit("run", "n", [MADE], {})
    ledger.commit("run", "m", [replace(MADE, location="/b")], {"/elsewhere/model": "g"})
    records = ledger.marks().records
    ledger.close()
    assert records["/elsewhere/model"].reads is None
    assert records["/b"].reads == '{"/elsewhere/model": "g"}'


def test_an_input_of_which_no_commit_is_known_is_not_newer(ledger: Ledger) -> None:
    ledger.commit("run", "n", [MADE], {"/of another ledger": "g"})
    assert ledger.marks().outdated == {}


def test_an_output_is_outdated_from_the_next_commit_of_an_input_until_it_is_begun_itself(
    ledger: Ledger,
) -> None:
    source, made = replace(MADE, location="/a"), replace(MADE, location="/b")
    ledger.commit("run", "m", [made], {"/a": ledger.commit("run", "n", [source], {})})
    assert ledger.marks().outdated == {}
    ledger.commit("run", "n", [source], {})
    assert ledger.marks().outdated == {"/b": ("/a",)}
    ledger.begin("run", "m", [made])
    assert ledger.marks().outdated == {}


def test_locations_of_every_kind_come_back_as_they_were(ledger: Ledger, tmp_path: Path) -> None:
    kinds = [f"{tmp_path}/data/x", f"{tmp_path}/a:b", "/elsewhere/x", "s3://bucket/x", "dataset:x"]
    for location in kinds:
        ledger.commit("run", "n", [replace(MADE, location=location)], {})
    assert set(ledger.marks().generations) == set(ledger.marks().records) == set(kinds)


def test_of_what_is_no_file_everything_but_the_file_is_kept(tmp_path: Path) -> None:
    told = Output.of_file("model", "dataset:model", "v1", None, digest="d", attempt=2)
    assert told == Output("model", "dataset:model", "v1", digest="d", attempt=2)
    found = tmp_path.stat()
    assert Output.of_file("model", "/m", "v1", found, digest="d", attempt=2) == Output(
        "model", "/m", "v1", found.st_size, found.st_mtime_ns, found.st_ino, found.st_ctime_ns, "d", 2
    )


def test_nobody_waits_for_records_that_are_still_to_be_written(tmp_path: Path) -> None:
    ledger = FileLedger(tmp_path / "ledger.db", tmp_path, durable=False)
    ledger.commit("run", "n", [MADE], {})
    timers = [thread for thread in threading.enumerate() if isinstance(thread, threading.Timer)]
    assert all(timer.daemon for timer in timers)
    assert timers
    ledger.close()


# -- facts from marks: each dataset and node is looked at, whatever was found of those before it

PRESENT = dict.fromkeys("abcde", State.PRESENT)
FACTS = Facts(states=PRESENT, locations={name: f"/{name}" for name in PRESENT})


def test_a_node_of_one_output_before_it_does_not_hide_a_parted_pair() -> None:
    marks = Marks(generations={"/a": "1", "/b": "2", "/c": "3"})
    assert apply_marks(FACTS, marks, [("a",), ("b", "c")]).parted == {"b", "c"}


def test_each_strange_file_is_judged_with_its_own_version(tmp_path: Path) -> None:
    stamps = {}
    rows = {}
    for name in "abcd":
        path = tmp_path / name
        path.write_text("x")
        stamps[name] = found = path.stat()
        size = 99 if name in "bd" else found.st_size
        output = Output(
            name, f"/{name}", "v1", size, found.st_mtime_ns, found.st_ino, found.st_ctime_ns, "digest"
        )
        rows[f"/{name}"] = record_of(output, "run 1", "n", "g")
    states = {**PRESENT, "a": State.ABSENT}
    facts = replace(FACTS, states=states, versions=dict.fromkeys("abcd", "v1"))
    marks = Marks(generations=dict.fromkeys(rows, "g"), records=Records(rows))
    judged = apply_marks(facts, marks, [("a",), ("b",), ("c",), ("d",)], stamps)
    assert (judged.changed, judged.touched) == ({"b": "run 1", "d": "run 1"}, {})


# -- the file


@pytest.mark.parametrize("words", ["database is locked", "database table is BUSY", "disk is full"])
def test_a_file_that_is_in_use_or_out_of_reach_is_not_damaged(words: str) -> None:
    assert not database.is_damage(sqlite3.OperationalError(words))
    assert database.is_damage(sqlite3.OperationalError("no such table: output"))
    assert database.is_damage(sqlite3.DatabaseError(words))


def test_what_sqlite_put_beside_a_damaged_ledger_goes_with_it(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    path.write_bytes(b"no database at all" * 100)
    for suffix in ("-wal", "-shm", "-journal"):
        Path(f"{path}{suffix}").write_bytes(b"of another file")
    ledger = FileLedger(path, tmp_path, durable=False)
    ledger.commit("run", "n", [MADE], {})
    ledger.close()
    assert len(ledger.marks().generations) == 1
    assert sorted(found.suffix for found in tmp_path.iterdir()) == [".db", ".db"]


def test_a_journal_that_another_process_keeps_locked_for_a_moment_is_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Busy(sqlite3.Connection):
        def execute(self, sql: str, *arguments: object) -> sqlite3.Cursor:
            if sql == "PRAGMA journal_mode=WAL" and len(tried) < 2:
                tried.append(sql)
                raise sqlite3.OperationalError("database is locked")
            return super().execute(sql, *arguments)

    tried: list[str] = []
    pauses: list[float] = []
    connect = sqlite3.connect
    monkeypatch.setattr(sqlite3, "connect", lambda *a, **k: connect(*a, **k, factory=Busy))
    monkeypatch.setattr(database.time, "sleep", pauses.append)
    ledger = FileLedger(tmp_path / "ledger.db", tmp_path, durable=False)
    ledger.begin("run", "n", [MADE])
    ledger.close()
    assert len(tried) == len(pauses) == 2
    assert all(0 < pause < 0.1 for pause in pauses)


@pytest.mark.parametrize(("words", "pauses"), [("database is locked", 10), ("disk I/O error", 0)])
def test_a_journal_that_stays_locked_or_fails_otherwise_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: str, pauses: int
) -> None:
    class Bad(sqlite3.Connection):
        def execute(self, sql: str, *arguments: object) -> sqlite3.Cursor:
            if sql == "PRAGMA journal_mode=WAL":
                raise sqlite3.OperationalError(words)
            return super().execute(sql, *arguments)

    clock = iter(range(1000))
    slept: list[float] = []
    connect = sqlite3.connect
    monkeypatch.setattr(sqlite3, "connect", lambda *a, **k: connect(*a, **k, factory=Bad))
    monkeypatch.setattr(database.time, "sleep", slept.append)
    monkeypatch.setattr(database.time, "monotonic", lambda: float(next(clock)))
    monkeypatch.setattr(database, "_set_aside", lambda *_: None)
    ledger = FileLedger(tmp_path / "ledger.db", tmp_path, durable=False)
    with pytest.raises(LedgerError, match=words):
        ledger.begin("run", "n", [MADE])
    assert len(slept) == pauses


def test_a_record_that_is_there_twice_tells_that_another_is_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    ledger = FileLedger(tmp_path / "ledger.db", tmp_path, durable=False)
    ledger.commit("run", "n", [MADE], {})
    ledger.close()
    assert len(ledger.marks().generations) == 1
    monkeypatch.setattr(seals, "SELECT", f"{seals.SELECT} UNION ALL {seals.SELECT}")
    assert ledger.marks() == Marks()
    assert caplog.messages == [
        f"the ledger {ledger.path} is damaged (a record is there twice): it counts as empty"
    ]
