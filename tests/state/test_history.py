"""The history of runs: ids that nobody else has, what was planned, how far it came."""

from __future__ import annotations

import os
import re
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from incremental.state import FileLedger, History, Output, RunRecord, StepRecord, database
from incremental.state.liveness import birth_of


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


# -- what is written down, and for which run


def test_a_run_is_told_with_who_made_it_and_when_it_ended(ledger: FileLedger) -> None:
    history = History(ledger)
    details = {"user": "ana", "skipped": {"present": ["x"]}}
    history.start(replace(record("r"), request={}, details=details))
    before = time.time()
    history.end("r", "succeeded")
    found = history.run("r")
    assert found is not None
    assert (found.run_id, found.session_id, found.status, found.started) == ("r", "session", "succeeded", 1.0)
    assert (found.pid, found.host, found.details) == (os.getpid(), socket.gethostname(), details)
    assert found.ended is not None
    assert before <= found.ended <= time.time()


def test_details_are_replaced_for_one_run_and_kept_when_a_run_ends_without_new_ones(
    ledger: FileLedger,
) -> None:
    history = History(ledger)
    for name in ("r1", "r2"):
        history.start(replace(record(name), details={"user": "ana"}))

    def details() -> list[object]:
        return [run and run.details for run in map(history.run, ("r1", "r2"))]

    history.describe("r2", {"user": "eva"})
    assert details() == [{"user": "ana"}, {"user": "eva"}]
    history.end("r2", "failed", "no")
    assert details() == [{"user": "ana"}, {"user": "eva"}]
    history.end("r2", "failed", "no", {"user": "kim"})
    assert details() == [{"user": "ana"}, {"user": "kim"}]
    history.plan("r2", [], 7, {"user": "bo"})
    assert details() == [{"user": "ana"}, {"user": "bo"}]
    assert {run.run_id: (run.status, run.skipped) for run in history.runs()} == {
        "r1": ("running", 2),
        "r2": ("failed", 7),
    }


def test_keys_that_json_does_not_know_cost_nothing_but_themselves(ledger: FileLedger) -> None:
    history = History(ledger)
    parameters = {"b": 1, 2: "two", date(2024, 1, 31): "a day", "when": date(2024, 1, 31)}
    history.start(replace(record("r"), details={"parameters": parameters}))
    found = history.run("r")
    assert found is not None
    assert found.details["parameters"] == {"b": 1, "2": "two", "when": "2024-01-31"}


def test_a_run_that_is_forgotten_leaves_the_others_and_its_id_stays_taken(ledger: FileLedger) -> None:
    history = History(ledger)
    for name in ("r1", "r2"):
        history.start(record(history.claim(name), 1.0, StepRecord("a", "missing", "planned")))
    ledger.commit("r1", "a", [Output("x", "x.txt")], {})
    history.forget("r1")
    assert history.run("r1") is None
    kept = history.run("r2")
    assert kept is not None
    assert len(kept.steps) == 1
    assert history.claim("r1") != "r1"
    assert len(ledger.marks().generations) == 1
    history.start(record("r1"))
    again = history.run("r1")
    assert again is not None
    assert again.steps == ()


def test_how_long_nodes_take_is_what_they_took_when_they_last_came_to_an_end(ledger: FileLedger) -> None:
    history = History(ledger)
    assert history.seconds_by_node() == {}
    planned = [StepRecord(name, "", "planned") for name in "abc"]
    for place, name in enumerate(["r1", "r2", "r3"]):
        history.start(record(name, float(place), *planned))
    history.note("r1", StepRecord("a", "", "done", 10.0, 0.1), StepRecord("b", "", "done", 10.0, 0.2))
    history.note("r2", StepRecord("a", "", "done", 20.0, 0.3), StepRecord("b", "", "failed", 20.0, 0.4))
    history.note("r3", StepRecord("b", "", "running", 30.0))
    assert history.seconds_by_node() == {"a": 0.3, "b": 0.2}


def test_what_later_runs_did_counts_from_the_very_run_on(ledger: FileLedger) -> None:
    history = History(ledger)
    assert history.done_since(record("r")) == frozenset()
    for name, node in (("r1", "a"), ("r2", "b"), ("r3", "c")):
        history.start(record(name, 1.0, StepRecord(node, "", "planned")))  # in one moment
        history.note(name, StepRecord(node, "", "done", 1.0, 0.1))
    assert history.done_since(record("r2")) == {"c"}


def test_a_session_has_its_own_runs(ledger: FileLedger) -> None:
    history = History(ledger)
    assert history.of_session("session") == ()
    history.start(record("r2"))
    history.start(record("r1"))
    history.start(replace(record("r3"), session_id="another"))
    assert [run.run_id for run in history.of_session("session")] == ["r1", "r2"]


def test_the_newest_of_those_that_are_wanted_are_listed(ledger: FileLedger) -> None:
    history = History(ledger)
    for place, (name, status) in enumerate({"r1": "failed", "r2": "failed", "r3": "succeeded"}.items()):
        history.start(record(name, float(place), StepRecord("a", "", "planned")))
        history.end(name, status)
    history.start(record("r4", 9.0, StepRecord("b", "", "planned")))
    history.start(record("r5", 9.0))
    assert [run.run_id for run in history.runs()] == ["r5", "r4", "r3", "r2", "r1"]
    assert [run.run_id for run in history.runs(1, ("a",), unfinished=True)] == ["r2"]
    assert [run.run_id for run in history.runs(0)] == []


def test_only_of_runs_that_may_be_on_a_list_has_details(ledger: FileLedger) -> None:
    history = History(ledger)
    for name in ("r1", "r2"):
        history.start(replace(record(name), details={"user": "ana"}))
    history.end("r1", "succeeded")
    assert [(run.run_id, run.details) for run in history.runs()] == [("r2", {"user": "ana"}), ("r1", {})]


def test_skipped_nodes_are_told_by_cause_as_far_as_they_were_written_down() -> None:
    def causes(details: dict[str, object]) -> object:
        return replace(record("r"), details=details).skipped_by_cause

    assert causes({}) == causes({"skipped": ["x"]}) == {}
    assert causes({"skipped": {"present": ["x", 1], "damaged": "y"}}) == {"present": ("x", "1")}


def test_a_plan_in_which_everything_is_skipped_is_a_plan() -> None:
    assert replace(record("r"), skipped=1).has_plan
    assert replace(record("r", 1.0, StepRecord("a", "", "planned")), skipped=0).has_plan
    assert not replace(record("r"), skipped=0).has_plan
    assert replace(record("r"), skipped=0, counts=(1, 0)).has_plan


@pytest.mark.parametrize(
    ("column", "value", "told"),
    [
        ("seconds", "soon", None),
        ("seconds", 1e300, None),
        ("bytes_out", -5, -5),
        ("started", 1e12, None),
        ("worker", 7, "7"),
        ("attempt", b"x", None),
        ("error", 7, "7"),
        ("compute_seconds", 2, 2),
    ],
)
def test_of_a_damaged_step_is_told_what_can_be_read(
    ledger: FileLedger, column: str, value: object, told: object
) -> None:
    history = History(ledger)
    history.start(record("r", 1.0, StepRecord("a", "missing", "planned")))
    done = StepRecord("a", "missing", "done", 10.0, 0.6, 0.1, 0.2, 0.3, 11, 22, "worker 1", 2, "no")
    history.note("r", done)
    with ledger.transaction() as connection:
        connection.execute(f"UPDATE step SET {column} = ?", (value,))
    found = history.run("r")
    assert found is not None
    assert found.steps == (replace(done, **{column: told}),)


def test_a_run_with_a_moment_that_no_calendar_has_is_left_out_and_says_why(
    ledger: FileLedger, caplog: pytest.LogCaptureFixture
) -> None:
    history = History(ledger)
    history.start(record("r"))
    history.end("r", "succeeded")
    with ledger.transaction() as connection:
        connection.execute("UPDATE run SET ended = 1e12")
    assert history.runs() == ()
    assert caplog.messages == [
        "the record of run r is damaged (1000000000000.0 is no moment): it is left out"
    ]


def test_a_run_with_a_number_that_no_machine_has_is_left_out_and_says_why(
    ledger: FileLedger, caplog: pytest.LogCaptureFixture
) -> None:
    history = History(ledger)
    history.start(record("r"))
    with ledger.transaction() as connection:
        connection.execute("UPDATE run SET skipped = 9e999")
    assert history.runs() == ()
    assert caplog.messages == [
        "the record of run r is damaged (cannot convert float infinity to integer): it is left out"
    ]


@pytest.mark.parametrize(("birth", "status"), [("another boot/1", "interrupted"), (None, "running")])
def test_a_run_whose_number_another_process_has_by_now_is_interrupted(
    ledger: FileLedger, birth: str | None, status: str
) -> None:
    if birth_of(os.getpid()) is None:
        pytest.skip("this system does not tell when a process began")
    history = History(ledger)
    history.start(replace(record("r"), details={"process": birth or birth_of(os.getpid())}))
    assert [run.status for run in history.runs()] == [status]


def test_what_is_no_mapping_is_told_as_such(ledger: FileLedger, caplog: pytest.LogCaptureFixture) -> None:
    history = History(ledger)
    history.start(record("r"))
    with ledger.transaction() as connection:
        connection.execute("UPDATE run SET request = '[1]'")
    assert history.run("r") is None
    assert caplog.messages == ["the record of run r is damaged (a mapping was expected): it is left out"]


def test_a_list_counts_what_was_planned_and_what_was_done(ledger: FileLedger) -> None:
    history = History(ledger)
    history.start(record("r", 1.0, *(StepRecord(name, "", "planned") for name in "abc")))
    history.note("r", StepRecord("a", "", "done", 1.0, 0.1), StepRecord("b", "", "failed", 2.0, 0.1))
    for status, error in (("failed", "no"), ("interrupted", None), ("succeeded", None)):
        history.end("r", status, error)
        [listed] = history.runs()
        assert (listed.planned, listed.done, listed.status, listed.error) == (3, 1, status, error)


def test_to_ask_for_a_run_that_is_not_there_is_no_damage(
    ledger: FileLedger, caplog: pytest.LogCaptureFixture
) -> None:
    history = History(ledger)
    history.start(record("r"))
    assert history.run("another") is None
    assert caplog.messages == []
