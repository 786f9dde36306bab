"""Which runs there were, what each had planned and how far it came. Outputs are the ledger's part."""

from __future__ import annotations

import json
import os
import socket
import sqlite3
import time
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from incremental.state.ledger import FileLedger


@dataclass(frozen=True, slots=True)
class StepRecord:
    """One planned node of a run and what became of it: planned, done or failed."""

    node: str
    reason: str
    status: str
    started: float | None = None
    """Seconds since the epoch."""
    seconds: float | None = None


@dataclass(frozen=True, slots=True)
class RunRecord:
    """One run: what was asked, how it ended."""

    run_id: str
    session_id: str | None
    status: str
    """running, succeeded, failed or interrupted; a run whose process is gone is interrupted."""
    started: float
    ended: float | None
    request: Mapping[str, Any]
    skipped: int
    error: str | None
    steps: tuple[StepRecord, ...] = field(default=())

    @property
    def owed(self) -> tuple[str, ...]:
        """The planned nodes that were not committed."""
        return tuple(step.node for step in self.steps if step.status != "done")


class History:
    """The runs of a project, kept in the same file as its ledger."""

    def __init__(self, ledger: FileLedger) -> None:
        self._ledger = ledger

    def claim(self) -> str:
        """Return an id that no other session or run has: the present moment, or the next free millisecond.

        Ids sort by time and look like ``2024-01-15T10.30.45.123Z``. Two processes that ask in the same
        millisecond get different ones, because each id is inserted exclusively.
        """
        moment = datetime.now(timezone.utc)
        while True:
            name = f"{moment:%Y-%m-%dT%H.%M.%S}.{moment.microsecond // 1000:03d}Z"
            try:
                with self._ledger.transaction() as connection:
                    connection.execute("INSERT INTO name VALUES (?)", (name,))
            except sqlite3.IntegrityError:
                moment += timedelta(milliseconds=1)
            else:
                return name

    def start(self, run: RunRecord) -> None:
        """Note that a run begins, and what it plans to do."""
        steps = [(run.run_id, place, step.node, step.reason) for place, step in enumerate(run.steps)]
        request = json.dumps(run.request, sort_keys=True, default=str)
        with self._ledger.transaction() as connection:
            connection.execute(
                _START,
                (
                    run.run_id,
                    run.session_id,
                    run.started,
                    os.getpid(),
                    socket.gethostname(),
                    request,
                    run.skipped,
                ),
            )
            connection.executemany(_PLAN_STEP, steps)

    def note(self, run_id: str, step: StepRecord) -> None:
        """Note what became of one node."""
        with self._ledger.transaction() as connection:
            connection.execute(
                "UPDATE step SET status = ?, started = ?, seconds = ? WHERE run_id = ? AND node = ?",
                (step.status, step.started, step.seconds, run_id, step.node),
            )

    def end(self, run_id: str, status: str, error: str | None = None) -> None:
        """Note how a run ended."""
        with self._ledger.transaction() as connection:
            connection.execute(
                "UPDATE run SET status = ?, ended = ?, error = ? WHERE run_id = ?",
                (status, time.time(), error, run_id),
            )

    def runs(self, limit: int | None = None) -> tuple[RunRecord, ...]:
        """Return the runs, newest first, without their steps."""
        most = -1 if limit is None else limit

        def find(connection: sqlite3.Connection) -> tuple[RunRecord, ...]:
            rows = connection.execute(f"{_SELECT_RUN} ORDER BY started DESC, run_id DESC LIMIT ?", (most,))
            return tuple(_record(row, ()) for row in rows)

        return self._ledger.read(find, ())

    def seconds_by_node(self) -> dict[str, float]:
        """Return how long each node took when it last succeeded."""

        def find(connection: sqlite3.Connection) -> dict[str, float]:
            return {node: seconds for node, seconds, _ in connection.execute(_LAST_SECONDS)}

        return self._ledger.read(find, {})

    def run(self, run_id: str) -> RunRecord | None:
        """Return one run with its steps, or None when there is no such run."""

        def find(connection: sqlite3.Connection) -> RunRecord | None:
            row = connection.execute(f"{_SELECT_RUN} WHERE run_id = ?", (run_id,)).fetchone()
            return None if row is None else _record(row, _steps(connection, run_id))

        return self._ledger.read(find, None)


_START = """
INSERT INTO run (run_id, session_id, status, started, pid, host, request, skipped)
VALUES (?, ?, 'running', ?, ?, ?, ?, ?)
"""
_PLAN_STEP = "INSERT INTO step (run_id, position, node, reason, status) VALUES (?, ?, ?, ?, 'planned')"
_LAST_SECONDS = "SELECT node, seconds, max(started) FROM step WHERE status = 'done' GROUP BY node"
_SELECT_RUN = "SELECT run_id, session_id, status, started, ended, request, skipped, error, pid, host FROM run"


def _steps(connection: sqlite3.Connection, run_id: str) -> Iterable[StepRecord]:
    rows = connection.execute(
        "SELECT node, reason, status, started, seconds FROM step WHERE run_id = ? ORDER BY position",
        (run_id,),
    )
    return [StepRecord(*row) for row in rows]


def _record(row: tuple[Any, ...], steps: Iterable[StepRecord]) -> RunRecord:
    run_id, session_id, status, started, ended, request, skipped, error, pid, host = row
    if status == "running" and not _is_alive(pid, host):
        status = "interrupted"
    return RunRecord(
        run_id, session_id, status, started, ended, json.loads(request), skipped, error, tuple(steps)
    )


def _is_alive(pid: int, host: str) -> bool:
    """Whether the process of a run may still be there; on another host nobody can tell, so it may."""
    if host != socket.gethostname() or os.name == "nt":  # there os.kill() would end it
        return True
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
