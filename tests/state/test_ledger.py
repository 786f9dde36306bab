"""Ledgers: what was begun and committed, told by two of them alike; none believed that is not whole."""

from __future__ import annotations

import logging
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from incremental.errors import LedgerError
from incremental.state import FileLedger, Ledger, MemoryLedger, Output, database
from incremental.state.database import _MIGRATIONS, SCHEMA_VERSION


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[FileLedger]:
    found = FileLedger(tmp_path / ".incremental" / "ledger.db", tmp_path)
    yield found
    found.close()


def another(ledger: FileLedger, **how: Any) -> FileLedger:
    """A second one on the same file, as another process would open it."""
    return FileLedger(ledger.path, ledger.path.parent.parent, **how)


def out(location: str) -> Output:
    return Output(location, location)


def snapshot(folder: Path) -> dict[str, tuple[int, int, bytes]]:
    """All files with what a reader must not change."""
    return {
        str(path): (path.stat().st_mtime_ns, path.stat().st_ino, path.read_bytes() if path.is_file() else b"")
        for path in sorted(folder.rglob("*"))
    }


# -- the law


@dataclass
class Model:
    """What a ledger is, in the simplest words."""

    begun: set[str] = field(default_factory=set)
    generations: dict[str, str] = field(default_factory=dict)
    reads: dict[str, dict[str, str]] = field(default_factory=dict)

    def derived(self) -> set[str]:
        """What an outdated one went into, over any number of steps."""
        found = set(self.outdated())
        while True:
            more = {
                location
                for location, made_from in self.reads.items()
                if location not in self.begun and not found.isdisjoint(made_from)
            } | found
            if more == found:
                break
            found = more
        return {
            location
            for location in found
            if location not in self.begun and not found.isdisjoint(self.reads[location])
        }

    def outdated(self) -> dict[str, tuple[str, ...]]:
        found = {
            location: tuple(sorted(name for name, was in reads.items() if self.generations[name] != was))
            for location, reads in self.reads.items()
            if location not in self.begun
        }
        return {location: names for location, names in found.items() if names}


locations = st.lists(st.sampled_from(["/p/a", "/p/b", "/elsewhere/c", "s3://x/d", "dataset:e"]), unique=True)
steps = st.lists(
    st.tuples(st.sampled_from(["begin", "commit", "abandon", "reopen"]), locations, locations), max_size=12
)


def follow(ledger: Ledger, model: Model, verb: str, which: list[str], inputs: list[str]) -> None:
    outputs = [out(location) for location in which]
    if verb == "begin":
        ledger.begin("run", "node", outputs)
        model.begun |= set(which)
    elif verb == "abandon":
        ledger.abandon(outputs)
        model.begun -= set(which)
    elif verb == "commit":
        reads = {name: model.generations[name] for name in inputs if name in model.generations}
        generation = ledger.commit("run", "node", outputs, reads)
        assert generation not in model.generations.values()
        model.begun -= set(which)
        model.generations |= dict.fromkeys(which, generation)
        model.reads |= dict.fromkeys(which, reads)


@pytest.mark.parametrize("kind", ["memory", "file"])
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=steps)
def test_any_sequence_of_begin_commit_and_abandon_leads_to_the_marks_of_a_simple_model(
    tmp_path: Path, kind: str, steps: list[tuple[str, list[str], list[str]]]
) -> None:
    shutil.rmtree(tmp_path / ".incremental", ignore_errors=True)
    ledger: Ledger
    ledger = (
        MemoryLedger()
        if kind == "memory"
        else FileLedger(tmp_path / ".incremental/l.db", Path("/p"), durable=False)
    )
    model = Model()
    for verb, which, inputs in steps:
        if verb == "reopen" and isinstance(ledger, FileLedger):
            ledger.close()
        follow(ledger, model, verb, which, inputs)
    marks = ledger.marks()
    assert marks.begun == model.begun
    assert marks.generations == model.generations
    assert marks.outdated == model.outdated()
    assert marks.derived.keys() == model.derived()
    newer = {name for names in marks.outdated.values() for name in names}
    assert all(newer.issuperset(names) for names in marks.derived.values())
    if isinstance(ledger, FileLedger):
        ledger.close()
        assert ledger.marks() == marks


# -- the file


def test_a_ledger_is_made_when_something_is_written_private_and_out_of_sight_of_git(
    ledger: FileLedger,
) -> None:
    assert ledger.marks().begun == frozenset()
    assert not ledger.path.parent.exists()
    ledger.begin("run", "node", [out("/x")])
    assert (ledger.path.parent / ".gitignore").read_text() == "*\n"
    assert ledger.path.parent.stat().st_mode & 0o777 == 0o700
    assert ledger.path.stat().st_mode & 0o777 == 0o600


def test_closing_folds_the_journal_into_the_file(ledger: FileLedger) -> None:
    ledger.begin("run", "node", [out("/x")])
    assert {path.name for path in ledger.path.parent.iterdir()} > {"ledger.db", "ledger.db-wal"}
    ledger.close()
    ledger.close()
    assert {path.name for path in ledger.path.parent.iterdir()} == {"ledger.db", ".gitignore"}
    ledger.commit("run", "node", [out("/x")], {})
    assert ledger.marks().begun == frozenset()


def test_locations_in_the_project_move_with_it(ledger: FileLedger, tmp_path: Path) -> None:
    inside, outside = f"{tmp_path}/data/x", "/elsewhere/x"
    ledger.commit("run", "node", [out(inside), out(outside)], {})
    ledger.close()
    moved = FileLedger(ledger.path, Path("/other/project"))
    assert set(moved.marks().generations) == {"/other/project/data/x", outside}


def test_what_is_known_of_an_output_is_kept(ledger: FileLedger) -> None:
    ledger.commit("run 1", "node", [Output("x", "/x", "v1", 10, 20, 30, 40, "d", 2)], {})
    ledger.flush()
    with sqlite3.connect(ledger.path) as connection:
        row = connection.execute(
            "SELECT dataset, state, run_id, node, version, size, mtime_ns, inode, ctime_ns, digest, attempt "
            "FROM output"
        ).fetchone()
    assert row == ("x", "committed", "run 1", "node", "v1", 10, 20, 30, 40, "d", 2)


def test_a_new_commit_forgets_what_the_former_one_was_made_from(ledger: FileLedger) -> None:
    first = ledger.commit("run", "a", [out("/a")], {})
    ledger.commit("run", "b", [out("/b")], {"/a": first})
    ledger.commit("run", "a", [out("/a")], {})
    assert ledger.marks().outdated == {"/b": ("/a",)}
    ledger.commit("run", "b", [out("/b")], {})
    assert ledger.marks().outdated == {}


# -- lost, damaged, too new


def test_a_lost_ledger_costs_what_it_knew_and_nothing_else(ledger: FileLedger) -> None:
    ledger.commit("run", "node", [out("/x")], {})
    ledger.close()
    ledger.path.unlink()
    assert ledger.marks().generations == {}
    ledger.commit("run", "node", [out("/y")], {})
    assert set(ledger.marks().generations) == {"/y"}


def garbage(path: Path) -> None:
    path.write_bytes(b"this is no database, " * 500)


def truncated(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:5000])


def damaged_page(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[4096:] = b"\xff" * (len(content) - 4096)
    path.write_bytes(content)


@pytest.mark.parametrize("damage", [garbage, truncated, damaged_page])
def test_a_damaged_ledger_counts_as_empty_and_is_set_aside_when_written_with_one_warning_each(
    ledger: FileLedger, caplog: pytest.LogCaptureFixture, damage: Any
) -> None:
    for place in range(200):
        ledger.commit("run", "node", [out(f"/{place}")], {})
    ledger.close()
    damage(ledger.path)
    before = snapshot(ledger.path.parent)

    assert ledger.marks().begun == frozenset()
    assert ledger.marks().generations == {}
    assert snapshot(ledger.path.parent) == before
    assert len(caplog.records) == 2
    assert caplog.records[0].getMessage().startswith(f"the ledger {ledger.path} is damaged (")
    assert caplog.records[0].getMessage().endswith("): it counts as empty")

    caplog.clear()
    ledger.commit("run", "node", [out("/new")], {})
    assert set(ledger.marks().generations) == {"/new"}
    (aside,) = ledger.path.parent.glob("ledger.damaged-*.db")
    [told] = caplog.messages
    assert told.startswith("the ledger was damaged (")
    assert told.endswith(f"): set aside as {aside}, a new one begins")
    assert aside.read_bytes() == before[str(ledger.path)][2]


def an_older_ledger(path: Path) -> None:
    path.parent.mkdir()
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(f"{_MIGRATIONS[0]} PRAGMA user_version=1;")
        connection.execute(
            "INSERT INTO output VALUES ('a.txt', 'a', 'committed', 'g1', 'r', 'n', NULL, 1, 2, 3, 4.0)"
        )
        connection.commit()


def test_a_ledger_of_an_older_version_is_read_as_it_is_and_brought_forward_by_the_first_write(
    ledger: FileLedger,
) -> None:
    an_older_ledger(ledger.path)
    before = ledger.path.read_bytes()
    assert ledger.marks().generations == {ledger.location("a.txt"): "g1"}
    assert ledger.path.read_bytes() == before
    assert [path.name for path in ledger.path.parent.iterdir()] == [ledger.path.name]
    ledger.begin("r", "n", [Output("b", ledger.location("b.txt"))])
    assert ledger.marks().generations == {ledger.location("a.txt"): "g1"}
    ledger.close()
    with closing(sqlite3.connect(ledger.path)) as connection:
        assert connection.execute("PRAGMA user_version").fetchone() == (SCHEMA_VERSION,)
        columns = {row[1] for row in connection.execute("PRAGMA table_info(output)")}
    assert {"digest", "ctime_ns", "attempt"} <= columns


def test_a_migration_that_fails_leaves_the_older_ledger_whole(
    ledger: FileLedger, monkeypatch: pytest.MonkeyPatch
) -> None:
    an_older_ledger(ledger.path)
    broken = (*_MIGRATIONS, "CREATE TABLE fresh (a TEXT); NO STATEMENT;")
    monkeypatch.setattr(database, "_MIGRATIONS", broken)
    monkeypatch.setattr(database, "SCHEMA_VERSION", len(broken))
    with pytest.raises(LedgerError, match="syntax error"):
        ledger.begin("r", "n", [Output("b", ledger.location("b.txt"))])
    with closing(sqlite3.connect(ledger.path)) as connection:
        assert connection.execute("PRAGMA user_version").fetchone() == (1,)
        assert connection.execute("SELECT location FROM output").fetchall() == [("a.txt",)]


def test_a_ledger_of_a_newer_version_is_left_alone(ledger: FileLedger) -> None:
    ledger.commit("run", "node", [out("/x")], {})
    ledger.close()
    with sqlite3.connect(ledger.path) as connection:
        connection.execute("PRAGMA user_version=99")
        connection.execute(f"PRAGMA application_id={database._MARK + 99}")
    connection.close()
    before = snapshot(ledger.path.parent)
    for use in (ledger.marks, lambda: ledger.begin("run", "node", [out("/x")])):
        with pytest.raises(LedgerError) as caught:
            use()
        assert str(caught.value) == (
            f"the ledger {str(ledger.path)!r} has version 99, this engine reads up to {SCHEMA_VERSION}: "
            "upgrade incremental-engine, or move the file away to start a new history"
        )
    assert snapshot(ledger.path.parent).keys() == before.keys()


def test_an_empty_file_is_a_ledger_that_is_about_to_be_made(
    ledger: FileLedger, caplog: pytest.LogCaptureFixture
) -> None:
    ledger.path.parent.mkdir()
    ledger.path.touch()
    assert ledger.marks().begun == frozenset()
    assert caplog.records == []
    ledger.begin("run", "node", [out("/x")])
    assert ledger.marks().begun == {"/x"}


def test_a_ledger_that_cannot_be_written_or_read_says_so(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    inside_a_file = FileLedger(tmp_path / "file" / "ledger.db", tmp_path)
    assert inside_a_file.marks().begun == frozenset()
    with pytest.raises(
        LedgerError, match=r"^cannot write the ledger '.*/file/ledger.db': .*; check the rights"
    ):
        inside_a_file.begin("run", "node", [out("/x")])
    (tmp_path / "folder.db").mkdir()
    with pytest.raises(LedgerError, match=r"^cannot read the ledger '.*/folder.db': .*; check its rights$"):
        FileLedger(tmp_path / "folder.db", tmp_path).marks()
    (tmp_path / "link.db").symlink_to(tmp_path / "elsewhere.db")
    with pytest.raises(LedgerError, match="cannot write the ledger"):
        FileLedger(tmp_path / "link.db", tmp_path).begin("run", "node", [out("/x")])


def test_an_error_of_the_database_in_a_transaction_is_ours_and_leaves_nothing_open(
    ledger: FileLedger,
) -> None:
    ledger.begin("run", "node", [out("/x")])
    with pytest.raises(LedgerError, match=r"^cannot write the ledger '.*': no such table: no_table$"):
        with ledger.transaction(synced=True) as connection:
            connection.execute("DELETE FROM output")
            connection.execute("DELETE FROM no_table")
    with pytest.raises(LedgerError, match=r"^cannot read the ledger '.*': no such table: no_table$"):
        ledger.read(lambda connection: connection.execute("SELECT * FROM no_table").fetchall(), [])
    with pytest.raises(ZeroDivisionError):
        with ledger.transaction() as connection:
            connection.execute("DELETE FROM output")
            _ = 1 / 0
    assert ledger.marks().begun == {"/x"}
    ledger.begin("run", "node", [out("/y")])
    assert ledger.marks().begun == {"/x", "/y"}


def test_a_writer_waits_for_no_longer_than_it_must(
    ledger: FileLedger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("incremental.state.database._PATIENCE", 0.05)
    ledger.begin("run", "node", [out("/x")])
    other = another(ledger)
    other.begin("run", "node", [out("/y")])
    with ledger.transaction():
        with pytest.raises(LedgerError, match="database is locked"):
            other.begin("run", "node", [out("/z")])
    other.begin("run", "node", [out("/z")])
    assert another(ledger).marks().begun == {"/x", "/y", "/z"}
    other.close()


# -- reading without a trace


def test_reading_a_ledger_at_rest_leaves_no_trace(ledger: FileLedger) -> None:
    ledger.begin("run", "node", [out("/x")])
    ledger.close()
    before = snapshot(ledger.path.parent)
    assert another(ledger).marks().begun == {"/x"}
    assert snapshot(ledger.path.parent) == before


WRITER = """
import os, sys, time
from pathlib import Path
from incremental.state import FileLedger, Output
root = Path(sys.argv[1])
ledger = FileLedger(root / ".incremental" / "ledger.db", root)
ledger.begin("run", "node", [Output("x", "/x")])
ledger.commit("run", "node", [Output("y", "/y")], {})
ledger.flush()
print("ready", flush=True)
time.sleep(60)
"""


@pytest.mark.parametrize("is_killed", [False, True])
def test_reading_while_another_process_writes_or_was_killed_leaves_no_trace(
    ledger: FileLedger, tmp_path: Path, is_killed: bool
) -> None:
    with subprocess.Popen([sys.executable, "-c", WRITER, str(tmp_path)], stdout=subprocess.PIPE) as writer:
        assert writer.stdout is not None
        assert writer.stdout.readline() == b"ready\n"
        if is_killed:
            writer.send_signal(signal.SIGKILL)
            writer.wait()
        try:
            before = snapshot(tmp_path)
            assert f"{ledger.path}-wal" in before
            marks = ledger.marks()
            assert (marks.begun, set(marks.generations)) == ({"/x"}, {"/y"})
            assert snapshot(tmp_path) == before
        finally:
            writer.kill()
    ledger.commit("run", "node", [out("/x")], {})
    assert ledger.marks().begun == frozenset()


def test_a_reader_beside_a_busy_writer_sees_whole_transactions(tmp_path: Path) -> None:
    program = """
import sys, time
from pathlib import Path
from incremental.state import FileLedger, Output
root = Path(sys.argv[1])
end = time.monotonic() + 2
while time.monotonic() < end:
    ledger = FileLedger(root / "l.db", root, durable=False)
    for _ in range(20):
        ledger.commit("run", "node", [Output(str(n), f"/{n}") for n in range(50)], {})
    ledger.close()
"""
    ledger = FileLedger(tmp_path / "l.db", tmp_path)
    with subprocess.Popen([sys.executable, "-c", program, str(tmp_path)]) as writer:
        reads = 0
        while writer.poll() is None:
            generations = ledger.marks().generations
            assert len(generations) in (0, 50)
            assert len(set(generations.values())) <= 1
            reads += bool(generations)
        assert writer.returncode == 0
    assert reads > 10


def test_a_reader_tries_again_when_the_journal_was_folded_meanwhile(ledger: FileLedger) -> None:
    ledger.begin("run", "node", [out("/x")])
    asked = []

    def query(connection: sqlite3.Connection) -> int:
        asked.append(1)
        if len(asked) == 1:
            ledger.close()
        return len(connection.execute("SELECT * FROM output").fetchall())

    assert another(ledger).read(query, 0) == 1
    assert len(asked) == 2


def test_two_processes_may_make_the_ledger_at_once(tmp_path: Path) -> None:
    program = """
import sys, time
from pathlib import Path
from incremental.state import FileLedger, Output
root, start = Path(sys.argv[1]), float(sys.argv[2])
time.sleep(max(0, start - time.time()))
for place in range(10):
    ledger = FileLedger(root / str(place) / "l.db", root, durable=False)
    ledger.begin("run", "node", [Output("x", f"/{sys.argv[3]}")])
    ledger.close()
"""
    start = time.time() + 1
    writers = [
        subprocess.Popen([sys.executable, "-c", program, str(tmp_path), str(start), str(each)])
        for each in range(4)
    ]
    assert [writer.wait() for writer in writers] == [0, 0, 0, 0]
    for place in range(10):
        assert len(FileLedger(tmp_path / str(place) / "l.db", tmp_path).marks().begun) == 4


def test_a_ledger_that_another_process_makes_meanwhile_is_not_taken_for_damaged(
    ledger: FileLedger, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    class Overtaken(sqlite3.Connection):
        def execute(self, sql: str, *arguments: Any) -> sqlite3.Cursor:
            if sql == "PRAGMA application_id" and not others:
                others.append(another(ledger))
                monkeypatch.undo()
                others[0].begin("run", "node", [out("/theirs")])
            return super().execute(sql, *arguments)

    others: list[FileLedger] = []
    connect = sqlite3.connect
    monkeypatch.setattr(sqlite3, "connect", lambda *a, **k: connect(*a, **k, factory=Overtaken))
    ledger.begin("run", "node", [out("/ours")])
    others[0].close()
    assert ledger.marks().begun == {"/ours", "/theirs"}
    assert caplog.records == []


def test_without_durability_nothing_waits_for_the_disk(ledger: FileLedger) -> None:
    fast = another(ledger, durable=False)
    fast.begin("run", "node", [out("/x")])
    with fast.transaction() as connection:
        assert connection.execute("PRAGMA synchronous").fetchone() == (0,)
    fast.close()
    ledger.begin("run", "node", [out("/x")])
    with ledger.transaction() as connection:
        assert connection.execute("PRAGMA synchronous").fetchone() == (1,)
    with ledger.transaction(synced=True) as connection:
        assert connection.execute("PRAGMA synchronous").fetchone() == (2,)


def test_the_modules_of_the_ledger_log_nothing_in_peace(
    ledger: FileLedger, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    ledger.begin("run", "node", [out("/x")])
    assert another(ledger).marks().begun == {"/x"}
    assert caplog.records == []
    assert os.environ.get("INCREMENTAL") is None


def test_a_file_that_somebody_holds_for_himself_is_waited_for(
    ledger: FileLedger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("incremental.state.database._PATIENCE", 0.05)
    ledger.path.parent.mkdir()
    holder = sqlite3.connect(ledger.path, isolation_level=None)
    holder.execute("CREATE TABLE x (y)")
    holder.execute("BEGIN EXCLUSIVE")
    with pytest.raises(LedgerError, match="database is locked"):
        ledger.begin("run", "node", [out("/x")])
    holder.close()
    ledger.begin("run", "node", [out("/x")])
