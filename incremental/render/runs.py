"""What runs there were, how one went, what one came to that just ended. It reads no record itself."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from incremental.render.text import Look, Row, Style, aligned, count, cut, duration, listed, moment, row

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from incremental.state import RunRecord, StepRecord

_STYLES = {
    "succeeded": Style.GOOD,
    "done": Style.GOOD,
    "failed": Style.BAD,
    "interrupted": Style.WORK,
    "running": Style.WORK,
    "planned": Style.FAINT,
}
_REQUEST_WORDS = ("tags", "node_names", "from_nodes", "to_nodes", "from_inputs", "to_outputs", "namespaces")


def runs_text(runs: Sequence[RunRecord], look: Look, total: int | None = None) -> str:
    """Return a line a run, newest first."""
    if not runs:
        return "no runs yet"
    head = row("status", "run", "started", "took", "nodes", style=Style.FAINT)
    rows = [
        row(
            run.status,
            run.run_id,
            moment(run.started),
            _took(run),
            _nodes(run),
            style=_STYLES.get(run.status),
        )
        for run in runs
    ]
    lines = aligned([head, *rows], look)
    if total is not None and total > len(runs):
        lines.append(f"and {total - len(runs):,} more; --limit 0 shows all")
    return "\n".join(lines)


def run_text(run: RunRecord, look: Look) -> str:
    """Return one run: what was asked, how it ended, and a line for each node that was planned."""
    facts = [
        ("run", run.run_id),
        ("status", run.status),
        ("started", moment(run.started)),
        ("took", _took(run)),
        ("nodes", _nodes(run)),
        ("asked", _asked(run.request)),
        ("error", run.error or ""),
    ]
    lines = aligned([row(name, _first_line(value)) for name, value in facts if value], look)
    steps = aligned([_step_row(step) for step in run.steps], look)
    return "\n".join([*lines, *([""] if steps else []), *cut(steps, None if look.width is None else 200)])


def runs_document(runs: Sequence[RunRecord]) -> dict[str, Any]:
    """Return runs as ``incremental-runs/1``."""
    return {"format": "incremental-runs/1", "runs": [_record(run) for run in runs]}


def run_document(run: RunRecord) -> dict[str, Any]:
    """Return one run as ``incremental-run-record/1``."""
    steps = [
        {
            "node": step.node,
            "reason": step.reason,
            "status": step.status,
            "started": step.started,
            "seconds": step.seconds,
        }
        for step in run.steps
    ]
    return {
        "format": "incremental-run-record/1",
        **_record(run),
        "request": dict(run.request),
        "error": run.error,
        "steps": steps,
    }


def outcome_text(run_id: str, executed: Sequence[str], skipped: Sequence[str], seconds: float) -> str:
    """Return what a run came to, in one line."""
    if not executed:
        return f"nothing to do: {count(len(skipped), 'node')} up to date · run {run_id}"
    left = f", skipped {len(skipped):,}" if skipped else ""
    return f"ran {count(len(executed), 'node')} in {duration(seconds)}{left} · run {run_id}"


def _record(run: RunRecord) -> dict[str, Any]:
    return {
        "run_id": run.run_id,
        "session_id": run.session_id,
        "status": run.status,
        "started": run.started,
        "ended": run.ended,
        "planned": len(run.steps),
        "done": sum(step.status == "done" for step in run.steps),
        "skipped": run.skipped,
    }


def _took(run: RunRecord) -> str:
    return "" if run.ended is None else duration(max(run.ended - run.started, 0))


def _nodes(run: RunRecord) -> str:
    done = sum(step.status == "done" for step in run.steps)
    ran = f"{done:,} done" if done == len(run.steps) else f"{done:,} of {len(run.steps):,} done"
    return f"{ran}, {run.skipped:,} skipped"


def _asked(request: Mapping[str, Any]) -> str:
    """Return a request as the options that ask for it."""
    words = [f"pipelines {listed(request.get('pipeline_names') or ['__default__'])}"]
    selection = request.get("selection") or {}
    words += [
        f"{name.replace('_', '-')} {listed(selection[name])}"
        for name in _REQUEST_WORDS
        if selection.get(name)
    ]
    if request.get("env"):
        words.append(f"env {request['env']}")
    if request.get("only_missing_outputs"):
        words.append("only missing outputs")
    words += [flag for flag in ("propagate", "resume") if request.get(flag)]
    if request.get("force"):
        words.append(f"force {listed(request['force'])}")
    if request.get("load_versions"):
        words.append(f"load versions {listed(f'{name}:{v}' for name, v in request['load_versions'].items())}")
    return "; ".join(words)


def _step_row(step: StepRecord) -> Row:
    started = "" if step.started is None else time.strftime("%H:%M:%S", time.localtime(step.started))
    took = "" if step.seconds is None else duration(step.seconds)
    return row(step.status, step.node, started, took, step.reason, style=_STYLES.get(step.status))


def _first_line(text: str) -> str:
    first, newline, _ = text.partition("\n")
    return f"{first} …" if newline else first
