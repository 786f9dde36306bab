"""Records that wait for others: nobody is told wrong while they do, and none is lost that can be kept."""

from __future__ import annotations

import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from incremental.errors import LedgerError
from incremental.state import FileLedger, Output


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[FileLedger]:
    found = FileLedger(tmp_path / ".incremental" / "ledger.db", tmp_path)
    yield found
    found.close()


@pytest.fixture
def statements(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What is sent to the database from now on."""
    told: list[str] = []
    real = sqlite3.connect

    def connect(*arguments: Any, **options: Any) -> sqlite3.Connection:
        connection = real(*arguments, **options)
        connection.set_trace_callback(told.append)
        return connection

    monkeypatch.setattr(sqlite3, "connect", connect)
    return told


def never(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let nothing be written by the clock."""
    monkeypatch.setattr("incremental.state.writer.GROUPED_FOR", 3600)


def out(name: str) -> Output:
    return Output(name, f"/{name}")


def another(ledger: FileLedger) -> FileLedger:
    return FileLedger(ledger.path, ledger.path.parent.parent)


def test_many_commits_are_one_transaction(
    ledger: FileLedger, statements: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    never(monkeypatch)
    for place in range(20):
        ledger.commit("run", "node", [out(f"x{place}")], {})
    assert not ledger.path.exists()
    ledger.begin("run", "node", [out("y")])
    begins = [place for place, each in enumerate(statements) if each == "BEGIN IMMEDIATE"]
    assert len(begins) == 2  # of the schema, and of all that waited
    assert sum("INSERT INTO output" in each for each in statements[begins[1] :]) == 21
    assert len(another(ledger).marks().generations) == 20


def test_a_begin_is_on_disk_when_it_returns_and_a_commit_need_not_be(
    ledger: FileLedger, statements: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    never(monkeypatch)
    ledger.begin("run", "node", [out("x")])
    assert "PRAGMA synchronous=FULL" in statements
    statements.clear()
    ledger.commit("run", "node", [out("x")], {})
    assert statements == []
    assert another(ledger).marks().begun == {"/x"}
    assert ledger.marks().begun == frozenset()  # who asks the same ledger is told the truth
    assert "PRAGMA synchronous=FULL" not in statements


@pytest.mark.parametrize("settle", ["flush", "close", "begin", "read", "transaction"])
def test_what_waits_is_written_before_anything_else(
    ledger: FileLedger, monkeypatch: pytest.MonkeyPatch, settle: str
) -> None:
    never(monkeypatch)
    ledger.commit("run", "node", [out("x")], {})
    if settle == "begin":
        ledger.begin("run", "node", [out("y")])
    elif settle == "read":
        ledger.marks()
    elif settle == "transaction":
        with ledger.transaction():
            pass
    else:
        getattr(ledger, settle)()
    assert set(another(ledger).marks().generations) == {"/x"}


def test_what_waits_is_written_soon_though_nothing_follows(ledger: FileLedger) -> None:
    ledger.commit("run", "node", [out("x")], {})
    end = time.monotonic() + 30
    while not another(ledger).marks().generations:
        assert time.monotonic() < end
        time.sleep(0.01)
    ledger.commit("run", "node", [out("y")], {})
    while len(another(ledger).marks().generations) < 2:
        assert time.monotonic() < end
        time.sleep(0.01)


def test_a_ledger_that_was_closed_writes_soon_what_it_is_told_then(ledger: FileLedger) -> None:
    ledger.commit("run", "node", [out("x")], {})
    ledger.close()
    ledger.commit("run", "node", [out("y")], {})
    end = time.monotonic() + 30
    while len(another(ledger).marks().generations) < 2:
        assert time.monotonic() < end
        time.sleep(0.01)


def test_a_ledger_that_was_closed_keeps_no_thread(
    ledger: FileLedger, monkeypatch: pytest.MonkeyPatch
) -> None:
    never(monkeypatch)
    before = set(threading.enumerate())
    ledger.commit("run", "node", [out("x")], {})
    [timer] = set(threading.enumerate()) - before
    ledger.close()
    timer.join(30)
    assert not timer.is_alive()


def test_records_are_written_in_the_order_they_came(
    ledger: FileLedger, monkeypatch: pytest.MonkeyPatch
) -> None:
    never(monkeypatch)
    ledger.commit("run", "node", [out("x")], {})
    ledger.begin("run", "node", [out("x")])
    assert another(ledger).marks().begun == {"/x"}
    ledger.abandon([out("x")])
    ledger.commit("run 2", "node", [out("x")], {})
    ledger.begin("run 2", "node", [out("y")])
    marks = another(ledger).marks()
    assert (marks.begun, marks.generations["/x"]) == ({"/y"}, "run 2#2:node")


def test_what_cannot_be_written_now_is_kept_and_told_of_by_who_writes_next(
    ledger: FileLedger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("incremental.state.database._PATIENCE", 0.01)
    ledger.begin("run", "node", [out("y")])
    other = another(ledger)
    other.begin("run", "node", [out("z")])
    with other.transaction():
        ledger.commit("run", "node", [out("x")], {})
        time.sleep(0.3)  # the clock tries, and says nothing
        with pytest.raises(LedgerError, match="locked"):
            ledger.flush()
        with pytest.raises(LedgerError, match="locked"):
            ledger.begin("run", "node", [out("w")])
    ledger.flush()
    marks = another(ledger).marks()
    assert (marks.begun, set(marks.generations)) == ({"/y", "/z"}, {"/x"})  # the begin that failed is not
    other.close()


KILLED = """
import os, signal, sys
from pathlib import Path
from types import SimpleNamespace
from incremental.state import FileLedger, Output, writer
writer.GROUPED_FOR = 3600
root = Path(sys.argv[1])
ledger = FileLedger(root / ".incremental" / "ledger.db", root)
ledger.commit("run", "n", [Output("old", "/old")], {})
ledger.begin("run", "n", [Output("old", "/old")])
ledger.commit("run", "n", [Output("old", "/old")], {})
ledger.commit("run", "n", [Output("new", "/new")], {})
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_kill_before_commits_are_written_leaves_what_was_overwritten_begun_and_what_is_new_unknown(
    ledger: FileLedger, tmp_path: Path
) -> None:
    done = subprocess.run([sys.executable, "-c", KILLED, str(tmp_path)], check=False)
    assert done.returncode == -signal.SIGKILL
    marks = ledger.marks()
    assert marks.begun == {"/old"}
    assert set(marks.generations) == {"/old"}


def test_new_times_of_the_same_content_keep_generation_and_inputs(ledger: FileLedger) -> None:
    source = ledger.commit("run", "a", [out("a")], {})
    first = Output("b", "/b", None, 1, 2, 3, 4, "digest", 1)
    generation = ledger.commit("run", "b", [first], {"/a": source})
    ledger.restamp([Output("b", "/b", None, 1, 20, 30, 40, "digest")])
    marks = ledger.marks()
    record = marks.records["/b"]
    assert (record.size, record.mtime_ns, record.inode, record.ctime_ns) == (1, 20, 30, 40)
    assert (record.digest, record.attempt, marks.generations["/b"]) == ("digest", 1, generation)
    ledger.commit("run", "a", [out("a")], {})
    assert ledger.marks().outdated == {"/b": ("/a",)}


@pytest.mark.parametrize("how", ["removed", "replaced", "set aside"])
def test_a_file_that_goes_while_it_is_open_is_left(ledger: FileLedger, how: str) -> None:
    ledger.commit("run 1", "n", [out("a")], {})
    ledger.flush()
    if how == "set aside":
        ledger.path.rename(ledger.path.with_name("aside"))
    else:
        shutil.rmtree(ledger.path.parent)
    if how == "replaced":
        other = another(ledger)
        other.commit("run 2", "n", [out("b")], {})
        other.close()
    ledger.begin("run 3", "n", [out("c")])
    assert ledger.marks().begun == another(ledger).marks().begun == {"/c"}
    assert ledger.marks().generations.keys() == ({"/b"} if how == "replaced" else set())


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_forked_child_writes_over_a_connection_of_its_own_and_nothing_of_its_parents(
    ledger: FileLedger,
) -> None:
    ledger.commit("run 1", "n", [out("a")], {})
    ledger.flush()
    ledger.commit("run 2", "n", [out("b")], {})  # it waits, here and in the child
    waits, tells = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.read(waits, 1)
            ledger.begin("run 3", "n", [out("a")])
        finally:
            os._exit(0)
    ledger.begin("run 4", "n", [out("b")])
    ledger.close()
    os.write(tells, b".")
    os.waitpid(child, 0)
    assert another(ledger).marks().begun == {"/a", "/b"}


@pytest.mark.parametrize("number", [2**63, 2**64 - 1, 13_569_465_600 * 10**9, -1])
def test_a_number_of_a_file_that_needs_64_bits_is_kept_and_told_from_others(
    ledger: FileLedger, number: int
) -> None:
    def seen(number: int) -> Any:
        return SimpleNamespace(st_size=1, st_mtime_ns=number, st_ino=number, st_ctime_ns=number)

    ledger.commit("run", "n", [Output.of_file("b", "/b", None, seen(number))], {})
    record = ledger.marks().records["/b"]
    assert record.fits(seen(number))
    assert not record.fits(seen(number - 1))


def test_a_path_that_is_no_text_is_kept(ledger: FileLedger, tmp_path: Path) -> None:
    inside, outside = f"{tmp_path}/caf\udce9", "/elsewhere/caf\udce9"
    source = ledger.commit("run", "n", [Output("x", inside), Output("y", outside)], {})
    ledger.commit("run", "m", [Output("z", f"{tmp_path}/é")], {inside: source})
    ledger.begin("run", "n", [Output("y", outside)])
    marks = another(ledger).marks()
    assert set(marks.generations) == {inside, outside, f"{tmp_path}/é"}
    assert marks.begun == {outside}
    ledger.commit("run", "n", [Output("x", inside)], {})
    assert ledger.marks().outdated == {f"{tmp_path}/é": (inside,)}
