"""The history of runs: ids that nobody else has, what was planned, how far it came."""

from __future__ import annotations

import os
import re
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from incremental.state import FileLedger, History, RunRecord, StepRecord


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[FileLedger]:
    found = FileLedger(tmp_path / ".incremental" / "ledger.db", tmp_path, durable=False)
    yield found
    found.close()


def record(run_id: str, started: float = 1.0, *steps: StepRecord) -> RunRecord:
    return RunRecord(
        run_id, "session", "running", started, None, {"tags": ["x"], "path": Path("p")}, 2, None, steps
    )


def test_an_id_is_the_moment_in_utc_and_no_id_is_given_twice(ledger: FileLedger) -> None:
    history = History(ledger)
    names = [history.claim() for _ in range(200)]
    assert len(set(names)) == 200
    assert names == sorted(names)
    assert all(re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d\.\d\d\.\d\d\.\d{3}Z", name) for name in names)


def test_four_processes_that_claim_at_once_get_different_ids(tmp_path: Path) -> None:
    program = """
import sys
from pathlib import Path
from incremental.state import FileLedger, History
root = Path(sys.argv[1])
history = History(FileLedger(root / "l.db", root, durable=False))
print(*[history.claim() for _ in range(150)])
"""
    claimers = [
        subprocess.Popen([sys.executable, "-c", program, str(tmp_path)], stdout=subprocess.PIPE, text=True)
        for _ in range(4)
    ]
    names = [name for claimer in claimers for name in claimer.communicate()[0].split()]
    assert [claimer.returncode for claimer in claimers] == [0, 0, 0, 0]
    assert len(names) == len(set(names)) == 600


def test_a_run_is_told_with_its_steps_and_how_it_ended(ledger: FileLedger) -> None:
    history = History(ledger)
    assert history.runs() == ()
    assert history.run("r1") is None
    steps = (StepRecord("b", "missing", "planned"), StepRecord("a", "needed", "planned"))
    history.start(record("r1", 1.0, *steps))
    history.note("r1", StepRecord("b", "", "done", 10.0, 0.5))
    history.note("r1", StepRecord("a", "", "failed"))
    running = history.run("r1")
    assert running is not None
    assert (running.status, running.ended, running.skipped) == ("running", None, 2)
    assert running.request == {"tags": ["x"], "path": "p"}
    assert running.steps == (
        StepRecord("b", "missing", "done", 10.0, 0.5),
        StepRecord("a", "needed", "failed"),
    )
    assert running.owed == ("a",)
    history.end("r1", "failed", "it broke")
    ended = history.run("r1")
    assert ended is not None
    assert (ended.status, ended.error) == ("failed", "it broke")
    assert ended.ended is not None


def test_runs_are_listed_newest_first_without_steps(ledger: FileLedger) -> None:
    history = History(ledger)
    for place, name in enumerate(["r1", "r3", "r2"]):
        history.start(record(name, float(place), StepRecord("a", "", "planned")))
    assert [run.run_id for run in history.runs()] == ["r2", "r3", "r1"]
    assert [run.run_id for run in history.runs(limit=1)] == ["r2"]
    assert history.runs()[0].steps == ()


@pytest.mark.parametrize(
    ("host", "pid", "status"),
    [
        (None, os.getpid(), "running"),
        (None, 2**22 + 5, "interrupted"),  # above the highest that Linux gives
        ("elsewhere", 2**22 + 5, "running"),
        (None, 1, "running"),
    ],
    ids=["ours", "gone", "on another host", "of another user"],
)
def test_a_run_whose_process_is_gone_is_interrupted(
    ledger: FileLedger, host: str | None, pid: int, status: str
) -> None:
    history = History(ledger)
    history.start(record("r"))
    ledger.close()
    with sqlite3.connect(ledger.path) as connection:
        connection.execute("UPDATE run SET pid = ?, host = coalesce(?, host)", (pid, host))
    connection.close()
    (found,) = history.runs()
    assert found.status == status


def test_a_process_of_somebody_else_is_alive(ledger: FileLedger, monkeypatch: pytest.MonkeyPatch) -> None:
    history = History(ledger)
    history.start(record("r"))

    def refuse(pid: int, number: int) -> None:
        raise PermissionError

    monkeypatch.setattr(os, "kill", refuse)
    assert history.runs()[0].status == "running"
