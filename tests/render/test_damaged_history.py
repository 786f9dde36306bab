"""Damaged rows of the history are left out or shown as far as they can be read; they end no command."""

from __future__ import annotations

import random
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from incremental.errors import IncrementalError
from incremental.render.comparison import comparison_document, comparison_text
from incremental.render.document import json_text
from incremental.render.runs import run_document, run_text, runs_document, runs_text
from incremental.render.text import Look
from incremental.session.request import Request
from incremental.state import FileLedger, History, RunRecord, StepRecord
from incremental.state.comparison import compare

DETAILS = {
    "command": ["incremental", "run"],
    "user": "ana",
    "python": "3.11.7",
    "incremental": "0.1.0",
    "packages": {"pandas": "2.1"},
    "parameters": {"model": {"rate": 1}},
    "git": {"commit": "1" * 40, "dirty": True},
    "process": "boot/12",
    "skipped": {"present": ["old"]},
}


@pytest.fixture
def history(tmp_path: Path):
    ledger = FileLedger(tmp_path / "ledger.sqlite", tmp_path, durable=False)
    found = History(ledger)
    request = Request.of(tags=["daily"], force=["a"], load_versions={"x": "1"}).as_dict()
    steps = tuple(StepRecord(name, f"{name} missing", "planned") for name in "ab")
    for place, name in enumerate(("whole", "hurt")):
        found.start(RunRecord(name, "s", "running", float(place), None, request, 1, None, steps, DETAILS))
        found.note(name, StepRecord("a", "", "done", 1.0, 0.6, 0.1, 0.2, 0.3, 10, 20, "w1", 2))
        found.note(name, StepRecord("b", "", "failed", 1.0, 0.6, attempt=1, error="ValueError: no"))
        found.end(name, "failed", "it broke")
    yield found, ledger
    ledger.close()


def damaged(value: Any, chance: random.Random) -> Any:
    """Return what a cell may hold after its page was damaged."""
    if isinstance(value, str) and value and chance.random() < 0.7:
        data = bytearray(value.encode())
        for _ in range(chance.choice([1, 1, 3])):
            data[chance.randrange(len(data))] ^= 1 << chance.randrange(7)
        return data.decode("utf-8", "replace")[: chance.choice([None, chance.randrange(len(data))])]
    return chance.choice([None, 0, -1, 2**62, 1.5, float("inf"), "", "x", b"\xff\x00", "[]", "{}", "null"])


def look_at_all(history: History) -> None:
    """Make every text and document of the history, as the commands do."""
    runs = history.runs()
    assert "whole" in [run.run_id for run in runs]
    runs_text(runs, Look())
    json_text(runs_document(runs), str)
    shown = [run for run in map(history.run, [run.run_id for run in runs]) if run is not None]
    for run in shown:
        run_text(run, Look(width=80))
        json_text(run_document(run), str)
        found = compare(shown[0], run)
        comparison_text(found, Look())
        json_text(comparison_document(found), str)


@pytest.mark.parametrize("damages", [300, pytest.param(10_000, marks=pytest.mark.slow)])
def test_damaged_cells_end_no_command(history, damages: int) -> None:
    records, ledger = history
    chance = random.Random(damages)
    cells = [
        ("run", column)
        for column in (
            "session_id",
            "status",
            "started",
            "ended",
            "pid",
            "host",
            "request",
            "skipped",
            "error",
            "details",
        )
    ]
    cells += [
        ("step", column)
        for column in (
            "reason",
            "status",
            "started",
            "seconds",
            "load_seconds",
            "bytes_in",
            "bytes_out",
            "worker",
            "attempt",
            "error",
            "position",
        )
    ]
    with ledger.transaction() as connection:
        connection.execute("SELECT 1")
    raw = sqlite3.connect(ledger.path, isolation_level=None)
    raw.execute("PRAGMA ignore_check_constraints=ON")
    for _ in range(damages):
        table, column = chance.choice(cells)
        where = f"FROM {table} WHERE run_id = 'hurt'"
        (before,) = raw.execute(f"SELECT {column} {where}").fetchone()
        update = f"UPDATE {table} SET {column} = ? WHERE run_id = 'hurt'"
        if table == "step":
            update += " AND node = 'a'"
            (before,) = raw.execute(f"SELECT {column} {where} AND node = 'a'").fetchone()
        try:
            raw.execute(update, (damaged(before, chance),))
        except sqlite3.IntegrityError:
            continue
        try:
            look_at_all(records)
        except IncrementalError as error:
            assert "ledger" in str(error)  # noqa: PT017 - the whole file counts as damaged
        finally:
            raw.execute(update, (before,))
    look_at_all(records)
    raw.close()
