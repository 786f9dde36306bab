"""The history of runs: ids that nobody else has, what was planned, how far it came."""

from __future__ import annotations

import os
import re
import socket
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from incremental.state import FileLedger, History, Output, RunRecord, StepRecord, database


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


def test_runs_are_listed_by_id_newest_first_without_steps(ledger: FileLedger) -> None:
    """Whatever the clock said when they began."""
    history = History(ledger)
    for place, name in enumerate(["r1", "r3", "r2"]):
        history.start(record(name, float(place), StepRecord("a", "", "planned")))
    assert [run.run_id for run in history.runs()] == ["r3", "r2", "r1"]
    assert [run.run_id for run in history.runs(limit=1)] == ["r3"]
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


def test_what_is_measured_of_a_node_is_kept(ledger: FileLedger) -> None:
    history = History(ledger)
    history.start(
        record("r", 1.0, StepRecord("a", "missing", "planned"), StepRecord("b", "missing", "planned"))
    )
    done = StepRecord("a", "missing", "done", 10.0, 0.6, 0.1, 0.2, 0.3, 11, 22, "worker 1", 2)
    history.note("r", done, StepRecord("b", "", "failed", 10.5, 1.0, attempt=3, error="ValueError: no"))
    found = history.run("r")
    assert found is not None
    assert found.steps == (
        done,
        StepRecord("b", "missing", "failed", 10.5, 1.0, attempt=3, error="ValueError: no"),
    )
    assert (found.planned, found.done) == (2, 1)


def test_a_node_that_has_begun_runs_until_its_run_is_over(ledger: FileLedger) -> None:
    history = History(ledger)
    history.start(
        record("r", 1.0, StepRecord("a", "missing", "planned"), StepRecord("b", "missing", "planned"))
    )
    history.note("r", StepRecord("a", "", "running", 10.0))
    running = history.run("r")
    assert running is not None
    assert [step.status for step in running.steps] == ["running", "planned"]
    history.end("r", "interrupted")
    ended = history.run("r")
    assert ended is not None
    assert [(step.status, step.started) for step in ended.steps] == [("interrupted", 10.0), ("planned", None)]
    assert ended.owed == ("a", "b")


def test_a_node_whose_note_was_lost_is_done_when_its_outputs_were_committed(ledger: FileLedger) -> None:
    history = History(ledger)
    history.start(
        record("r", 1.0, StepRecord("a", "missing", "planned"), StepRecord("b", "missing", "planned"))
    )
    ledger.commit("r", "a", [Output("x", "x.txt")], {})
    ledger.begin("r", "b", [Output("y", "y.txt")])
    history.end("r", "interrupted")
    found = history.run("r")
    assert found is not None
    assert found.owed == ("b",)
    assert (history.runs()[0].planned, history.runs()[0].done) == (2, 1)


def test_what_another_run_committed_is_still_owed(ledger: FileLedger) -> None:
    history = History(ledger)
    ledger.commit("earlier", "a", [Output("x", "x.txt")], {})
    history.start(record("r", 1.0, StepRecord("a", "missing", "planned")))
    found = history.run("r")
    assert found is not None
    assert found.owed == ("a",)


def test_a_run_that_began_before_it_was_planned_has_no_plan_yet(ledger: FileLedger) -> None:
    history = History(ledger)
    history.start(RunRecord("r", "s", "running", 1.0, None, {}, 0, None, (), {"user": "ana"}))
    begun = history.run("r")
    assert begun is not None
    assert not begun.has_plan
    history.plan("r", [StepRecord("a", "missing", "planned")], 2, {"skipped": {"present": ["b", "c"]}})
    planned = history.run("r")
    assert planned is not None
    assert (planned.has_plan, planned.skipped) == (True, 2)
    assert planned.skipped_by_cause == {"present": ("b", "c")}


def test_unfinished_runs_are_listed_and_what_later_ones_did(ledger: FileLedger) -> None:
    history = History(ledger)
    for place, (name, status) in enumerate({"r1": "succeeded", "r2": "failed", "r3": "succeeded"}.items()):
        history.start(record(name, float(place), *(StepRecord(n, "", "planned") for n in "abc")))
        history.note(name, StepRecord("abc"[place], "", "done", 1.0, 0.1))
        history.end(name, status)
    (unfinished,) = history.runs(unfinished=True)
    assert unfinished.run_id == "r2"
    assert history.done_since(unfinished) == {"c"}


def test_runs_can_be_narrowed_to_nodes(ledger: FileLedger) -> None:
    history = History(ledger)
    for name, node in (("r1", "a"), ("r2", "b"), ("r3", "c")):
        history.start(record(name, 1.0, StepRecord(node, "", "planned")))
    assert [run.run_id for run in history.runs(nodes=("a", "c"))] == ["r3", "r1"]
    assert [run.run_id for run in history.of_session("session")] == ["r1", "r2", "r3"]


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("request", "{"),
        ("request", "[1]"),
        ("details", "nonsense"),
        ("details", "[" * 100_000),
        ("started", "yesterday"),
        ("pid", "x"),
    ],
)
def test_a_damaged_record_is_told_and_left_out(
    ledger: FileLedger, caplog: pytest.LogCaptureFixture, column: str, value: str
) -> None:
    history = History(ledger)
    history.start(record("good"))
    history.start(record("bad"))
    with ledger.transaction() as connection:
        connection.execute(f"UPDATE run SET {column} = ? WHERE run_id = 'bad'", (value,))
    assert [run.run_id for run in history.runs()] == ["good"]
    assert history.run("bad") is None
    assert "the record of run bad is damaged" in caplog.text


def test_runs_of_the_first_schema_are_still_told(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    with sqlite3.connect(path) as connection:
        connection.executescript(database._MIGRATIONS[0])
        connection.execute("PRAGMA user_version=1")
        connection.execute(
            "INSERT INTO run VALUES ('r1', 's', 'running', 1.0, NULL, 4194309, ?, '{}', 3, NULL)",
            (socket.gethostname(),),
        )
        connection.execute("INSERT INTO step VALUES ('r1', 0, 'a', 'missing', 'done', 1.0, 0.5)")
    connection.close()
    before = path.read_bytes()
    history = History(FileLedger(path, tmp_path))
    (listed,) = history.runs()
    assert (listed.status, listed.planned, listed.done, listed.skipped) == ("interrupted", 1, 1, 3)
    shown = history.run("r1")
    assert shown is not None
    assert shown.steps == (StepRecord("a", "missing", "done", 1.0, 0.5),)
    assert shown.details == {}
    assert path.read_bytes() == before


def test_a_text_that_names_a_file_which_is_no_unicode_is_kept_readable(ledger: FileLedger) -> None:
    history = History(ledger)
    history.start(record("r", 1.0))
    history.plan("r", [StepRecord("a", "caf\udce9 missing", "planned")], 0, {})
    history.note("r", StepRecord("a", "", "failed", 10.0, 1.0, error="cannot read caf\udce9"))
    history.end("r", "failed", "cannot read caf\udce9")
    found = history.run("r")
    assert found is not None
    assert (found.steps[0].reason, found.steps[0].error) == (r"caf\udce9 missing", r"cannot read caf\udce9")
    assert (found.status, found.error) == ("failed", r"cannot read caf\udce9")
