"""Which runs there were, what each had planned and how far it came. Outputs are the ledger's part."""

from __future__ import annotations

import dataclasses
import json
import logging
import os
import socket
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from incremental.state.ids import claim_id
from incremental.state.liveness import is_alive

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Collection, Iterable, Iterator, Mapping

    from incremental.state.ledger import FileLedger

logger = logging.getLogger(__name__)

_MOST = 1e18  # no time span and no size is as large
_LATEST = 253_402_300_800.0  # the end of the year 9999, in seconds since the epoch


@dataclass(frozen=True, slots=True)
class StepRecord:
    """One planned node of a run and what became of it."""

    node: str
    reason: str
    status: str
    """planned, running, done, failed, or interrupted: begun when its run ended without it."""
    started: float | None = None
    """Seconds since the epoch."""
    seconds: float | None = None
    load_seconds: float | None = None
    compute_seconds: float | None = None
    save_seconds: float | None = None
    bytes_in: int | None = None
    """Read from storage; None where that is not known."""
    bytes_out: int | None = None
    worker: str | None = None
    attempt: int | None = None
    """The last one, counted from 1."""
    error: str | None = None


@dataclass(frozen=True, slots=True)
class RunRecord:
    """One run: what was asked, on what, how it ended."""

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
    details: Mapping[str, Any] = field(default_factory=dict)
    """Who ran it, how and on what: command, parameters, code, versions; the skipped nodes by cause."""
    counts: tuple[int, int] | None = None
    """Planned and done nodes, where the steps themselves were not read."""
    pid: int | None = None
    host: str | None = None

    @property
    def owed(self) -> tuple[str, ...]:
        """The planned nodes that were not committed."""
        return tuple(step.node for step in self.steps if step.status != "done")

    @property
    def has_plan(self) -> bool:
        """Whether it came as far as a plan: each plan has nodes, planned or skipped."""
        return self.planned > 0 or self.skipped > 0

    @property
    def planned(self) -> int:
        """How many nodes were to run."""
        return len(self.steps) if self.counts is None else self.counts[0]

    @property
    def done(self) -> int:
        """How many of them did."""
        return sum(step.status == "done" for step in self.steps) if self.counts is None else self.counts[1]

    @property
    def skipped_by_cause(self) -> Mapping[str, tuple[str, ...]]:
        """The nodes that did not have to run, by the cause of that; empty where it was not written down."""
        found = self.details.get("skipped")
        if not isinstance(found, dict):
            return {}
        return {cause: tuple(map(str, names)) for cause, names in found.items() if isinstance(names, list)}


class History:
    """The runs of a project, kept in the same file as its ledger."""

    def __init__(self, ledger: FileLedger) -> None:
        self._ledger = ledger

    def claim(self, wanted: str | None = None) -> str:
        """Return an id that no other session or run has, see :func:`incremental.state.ids.claim_id`."""
        return claim_id(self._ledger, wanted)

    def start(self, run: RunRecord) -> None:
        """Note that a run begins, and what it plans to do where that is known already."""
        about = (run.run_id, run.session_id, run.started, os.getpid(), socket.gethostname())
        with self._ledger.transaction() as connection:
            connection.execute(_START, (*about, _text(run.request), run.skipped, _text(run.details)))
            connection.executemany(_PLAN_STEP, _step_rows(run.run_id, run.steps))

    def plan(
        self, run_id: str, steps: Iterable[StepRecord], skipped: int, details: Mapping[str, Any]
    ) -> None:
        """Note what a run plans to do that has begun."""
        with self._ledger.transaction() as connection:
            connection.execute(_PLAN, (skipped, _text(details), run_id))
            connection.executemany(_PLAN_STEP, _step_rows(run_id, steps))

    def describe(self, run_id: str, details: Mapping[str, Any]) -> None:
        """Replace the details of a run."""
        with self._ledger.transaction() as connection:
            connection.execute("UPDATE run SET details = ? WHERE run_id = ?", (_text(details), run_id))

    def note(self, run_id: str, *steps: StepRecord) -> None:
        """Note what became of nodes; written a moment later, with what else is to be."""
        rows = [
            (
                "planned" if step.status == "running" else step.status,
                step.started,
                step.seconds,
                step.load_seconds,
                step.compute_seconds,
                step.save_seconds,
                step.bytes_in,
                step.bytes_out,
                step.worker,
                step.attempt,
                _readable_text(step.error),
                run_id,
                step.node,
            )
            for step in steps
        ]
        self._ledger.later(_NOTE, rows)

    def end(
        self, run_id: str, status: str, error: str | None = None, details: Mapping[str, Any] | None = None
    ) -> None:
        """Note how a run ended, and its details if they are given."""
        with self._ledger.transaction() as connection:
            connection.execute(
                "UPDATE run SET status = ?, ended = ?, error = ?, details = coalesce(?, details) "
                "WHERE run_id = ?",
                (
                    status,
                    time.time(),
                    _readable_text(error),
                    None if details is None else _text(details),
                    run_id,
                ),
            )

    def forget(self, run_id: str) -> None:
        """Remove one run with its steps. Its id stays claimed, and what it committed stays committed."""
        with self._ledger.transaction() as connection:
            connection.execute("DELETE FROM step WHERE run_id = ?", (run_id,))
            connection.execute("DELETE FROM run WHERE run_id = ?", (run_id,))

    def runs(
        self, limit: int | None = None, nodes: Collection[str] = (), *, unfinished: bool = False
    ) -> tuple[RunRecord, ...]:
        """Return the runs, newest first, without steps and details; a row that cannot be read is left out.

        With ``nodes`` only those in which any of them was to run, with ``unfinished`` no succeeded ones.
        """
        most = -1 if limit is None else limit
        marks = ", ".join("?" * len(nodes))
        where = f"WHERE run_id IN (SELECT run_id FROM step WHERE node IN ({marks}))" if nodes else "WHERE 1"
        where += " AND status != 'succeeded'" if unfinished else ""
        # the few that are wanted before anything is counted or read of them
        wanted = f"SELECT run_id FROM run {where} ORDER BY run_id DESC LIMIT ?"
        query = f"{_LIST_RUNS} WHERE run_id IN ({wanted}) ORDER BY run_id DESC"

        def find(connection: sqlite3.Connection) -> tuple[RunRecord, ...]:
            rows = connection.execute(query, (*nodes, most))
            return tuple(_counted(run, connection) for run in _readable(rows.fetchall()))

        return self._ledger.read(find, ())

    def done_since(self, run: RunRecord) -> frozenset[str]:
        """Return the nodes that ran to their end in later runs."""

        def find(connection: sqlite3.Connection) -> frozenset[str]:
            return frozenset(node for (node,) in connection.execute(_DONE_SINCE, (run.run_id,)))

        return self._ledger.read(find, frozenset())

    def of_session(self, session_id: str) -> tuple[RunRecord, ...]:
        """Return the runs of one session, oldest first, without their steps."""

        def find(connection: sqlite3.Connection) -> tuple[RunRecord, ...]:
            rows = connection.execute(f"{_SELECT_RUN} WHERE session_id = ? ORDER BY run_id", (session_id,))
            return tuple(_readable(rows.fetchall()))

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
            record = None if row is None else next(_readable([row]), None)
            return None if record is None else _with_steps(record, connection)

        return self._ledger.read(find, None)


_START = """
INSERT INTO run (run_id, session_id, status, started, pid, host, request, skipped, details)
VALUES (?, ?, 'running', ?, ?, ?, ?, ?, ?)
"""
_PLAN = "UPDATE run SET skipped = ?, details = ? WHERE run_id = ?"
_PLAN_STEP = "INSERT INTO step (run_id, position, node, reason, status) VALUES (?, ?, ?, ?, 'planned')"
_NOTE = """
UPDATE step SET status = ?, started = coalesce(?, started), seconds = ?, load_seconds = ?,
    compute_seconds = ?, save_seconds = ?, bytes_in = ?, bytes_out = ?, worker = ?, attempt = ?, error = ?
WHERE run_id = ? AND node = ?
"""
_COMMITTED = "SELECT node FROM output WHERE run_id = :run AND state = 'committed'"
_DONE = f"(status = 'done' OR (status = 'planned' AND node IN ({_COMMITTED})))"
_LAST_SECONDS = """
SELECT node, seconds, max(started) FROM step
WHERE status = 'done' AND run_id IN (SELECT run_id FROM run ORDER BY run_id DESC LIMIT 50)
GROUP BY node
"""
_DONE_SINCE = """
SELECT DISTINCT node FROM step WHERE status = 'done' AND run_id IN (
    SELECT run_id FROM run WHERE run_id > ?
)
"""
_SELECT_RUN = """
SELECT run_id, session_id, status, started, ended, request, skipped, error, pid, host, details,
    (SELECT count(*) FROM step WHERE step.run_id = run.run_id),
    (SELECT count(*) FROM step WHERE step.run_id = run.run_id AND step.status = 'done')
FROM run
"""
_LIST_RUNS = _SELECT_RUN.replace(
    "details,",
    "CASE WHEN status = 'running' THEN details END,",  # they tell whether it is alive
)
_STEPS = f"""
SELECT node, reason, CASE WHEN {_DONE} THEN 'done' ELSE status END, started, seconds, load_seconds,
    compute_seconds, save_seconds, bytes_in, bytes_out, worker, attempt, error
FROM step WHERE run_id = :run ORDER BY position
"""


def _text(value: Mapping[str, Any]) -> str:
    """Return JSON; what it cannot express as text, and without the keys that it cannot express."""
    return json.dumps(value, default=str, skipkeys=True)


def _step_rows(run_id: str, steps: Iterable[StepRecord]) -> list[tuple[Any, ...]]:
    return [(run_id, place, step.node, _readable_text(step.reason)) for place, step in enumerate(steps)]


def _readable_text(text: str | None) -> str | None:
    """Return a text that may name any file as one that SQLite takes: what is no Unicode is escaped."""
    return None if text is None else text.encode("utf-8", "backslashreplace").decode()


def _with_steps(run: RunRecord, connection: sqlite3.Connection) -> RunRecord:
    """Return a run with its steps.

    A node counts as done when its outputs were committed, even if the note of it was lost in a kill.
    """
    begun = "running" if run.status == "running" else "interrupted"
    steps = []
    for row in connection.execute(_STEPS, {"run": run.run_id}):
        step = _step(row)
        if step.status == "planned" and step.started is not None:
            step = dataclasses.replace(step, status=begun)
        steps.append(step)
    return dataclasses.replace(run, steps=tuple(steps), counts=None)


def _counted(run: RunRecord, connection: sqlite3.Connection) -> RunRecord:
    """Return a run whose count of done nodes has those too whose note a kill may have lost."""
    if run.status in ("succeeded", "failed"):
        return run
    whole = _with_steps(run, connection)
    return dataclasses.replace(run, counts=(whole.planned, whole.done))


def _readable(rows: Iterable[tuple[Any, ...]]) -> Iterator[RunRecord]:
    for row in rows:
        try:
            yield _record(row)
        except (ValueError, TypeError, OverflowError, RecursionError) as error:
            logger.warning("the record of run %s is damaged (%s): it is left out", row[0], error)


def _record(row: tuple[Any, ...]) -> RunRecord:
    run_id, session_id, status, started, ended, request, skipped, error, pid, host, details, *counts = row
    about = {} if details is None else _mapping(details)
    if status == "running" and not is_alive(int(pid), host, about.get("process")):
        status = "interrupted"
    planned, done = counts
    return RunRecord(
        str(run_id), session_id, str(status), _moment(started), None if ended is None else _moment(ended),
        _mapping(request), int(skipped), _word(error), (), about, (planned, done), int(pid), str(host),
    )  # fmt: skip


def _step(row: tuple[Any, ...]) -> StepRecord:
    """Return a step; of a damaged one what can be read."""
    node, reason, status, started, *figures, worker, attempt, error = row
    seconds, load, compute, save, bytes_in, bytes_out = map(_number, figures)
    return StepRecord(
        str(node), str(reason), str(status), _number(started, _LATEST), seconds, load, compute, save,
        bytes_in, bytes_out, _word(worker), _number(attempt), _word(error),
    )  # fmt: skip


def _word(value: Any) -> str | None:
    return None if value is None else str(value)


def _number(value: Any, most: float = _MOST) -> Any:
    """Return a number of a record, None where it is none that can be: a damaged record may hold anything."""
    return value if isinstance(value, int | float) and abs(value) < most else None


def _moment(value: Any) -> float:
    """Return seconds since the epoch. Raises ValueError where it is no moment."""
    moment: float | None = _number(value, _LATEST)
    if moment is None:
        raise ValueError(f"{value!r} is no moment")
    return moment


def _mapping(text: str) -> dict[str, Any]:
    found = json.loads(text)
    if not isinstance(found, dict):
        raise ValueError("a mapping was expected")
    return found
