"""What runs there were, how one went, what one came to that just ended. It reads no record itself."""

from __future__ import annotations

import shlex
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from incremental.render.text import (
    Look,
    Row,
    Style,
    aligned,
    clock,
    count,
    cut,
    duration,
    listed,
    moment,
    row,
    volume,
)
from incremental.state.comparison import flat

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from incremental.planner import Plan
    from incremental.state import RunRecord, StepRecord

_STYLES = {
    "succeeded": Style.GOOD,
    "done": Style.GOOD,
    "failed": Style.BAD,
    "interrupted": Style.WORK,
    "running": Style.WORK,
    "planned": Style.FAINT,
}
_HEAD = row(
    "status", "node", "started", "took", "load", "compute", "save", "read", "wrote", "worker", "attempt",
    "why",
    style=Style.FAINT,
)  # fmt: skip
_NO_FIGURES = ("",) * (len(_HEAD.cells) - 3)
_CAUSES = {
    "present": "its outputs are present",
    "handed in": "its outputs were handed in",
    "unused": "in memory, and nothing that ran reads it",
}
_REQUEST_WORDS = ("tags", "node_names", "from_nodes", "to_nodes", "from_inputs", "to_outputs", "namespaces")


def runs_text(runs: Sequence[RunRecord], look: Look, total: int | None = None, narrowed: bool = False) -> str:
    """Return a line a run, newest first; ``narrowed`` says that others were left out on request."""
    if not runs:
        return "no such runs" if narrowed else "no runs yet"
    head = row("status", "run", "started", "took", "nodes", style=Style.FAINT)
    rows = [
        row(
            run.status,
            run.run_id,
            moment(run.started)[:-3],  # its id has the seconds
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
    """Return one run: what was asked, on what, how it ended, and a line for each node."""
    facts = [
        ("run", run.run_id),
        ("status", run.status),
        ("started", moment(run.started)),
        ("took", _took(run)),
        ("nodes", _nodes(run)),
        ("asked", _asked(run.request)),
        *_circumstances(run),
        ("error", run.error or ""),
    ]
    lines = aligned([row(name, _first_line(value)) for name, value in facts if value], look)
    rows = [_step_row(step) for step in run.steps]
    for cause, names in run.skipped_by_cause.items():
        told = told_cause(cause)
        rows += [row("skipped", name, *_NO_FIGURES, told, style=Style.FAINT) for name in names]
    table = aligned(_without_empty_columns(_HEAD, rows), look)
    table = [*table[:1], *cut(table[1:], None if look.width is None else 200)]
    errors = [
        f"{step.node}: {_first_line(step.error)}"
        for step in run.steps
        if step.error and step.error not in (run.error or "")
    ]
    return "\n".join([*lines, *([""] if rows else []), *table, *([""] if errors else []), *errors])


def runs_document(runs: Sequence[RunRecord]) -> dict[str, Any]:
    """Return runs as ``incremental-runs/1``."""
    return {"format": "incremental-runs/1", "runs": [_record(run) for run in runs]}


def run_document(run: RunRecord) -> dict[str, Any]:
    """Return one run as ``incremental-run-record/1``."""
    return {
        "format": "incremental-run-record/1",
        **_record(run),
        "host": run.host,
        "pid": run.pid,
        "request": dict(run.request),
        "error": run.error,
        "details": {key: value for key, value in run.details.items() if key not in ("process", "skipped")},
        "steps": [asdict(step) for step in run.steps],
        "skipped_nodes": {cause: list(names) for cause, names in run.skipped_by_cause.items()},
    }


def outcome_text(run_id: str, plan: Plan, seconds: float) -> str:
    """Return what a run came to, in one line, with the number of outputs that are doubtful as before."""
    if not plan.running:
        return f"{plan.summary} · run {run_id}"
    left = f", skipped {len(plan.skipped):,}" if plan.skipped else ""
    kept = {name for step in plan.skipped for name in step.node.writes}
    doubts = {"suspect": len(plan.suspects), "changed": len(kept & plan.facts.changed.keys())}
    told = "".join(f" · {count(number, 'output')} {word}" for word, number in doubts.items() if number)
    return f"ran {count(len(plan.running), 'node')} in {duration(seconds)}{left}{told} · run {run_id}"


def _record(run: RunRecord) -> dict[str, Any]:
    return {
        "run_id": run.run_id,
        "session_id": run.session_id,
        "status": run.status,
        "started": run.started,
        "ended": run.ended,
        "planned": run.planned,
        "done": run.done,
        "skipped": run.skipped,
    }


def _took(run: RunRecord) -> str:
    return "" if run.ended is None else duration(max(run.ended - run.started, 0))


def _nodes(run: RunRecord) -> str:
    if not run.has_plan:
        return "not planned"
    ran = f"{run.done:,} done" if run.done == run.planned else f"{run.done:,} of {run.planned:,} done"
    return f"{ran}, {run.skipped:,} skipped" if run.skipped else ran


def _asked(request: Mapping[str, Any]) -> str:
    try:
        return _request_text(request)
    except (TypeError, AttributeError, ValueError):
        return "cannot be read: the record is damaged"


def _request_text(request: Mapping[str, Any]) -> str:
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


def _circumstances(run: RunRecord) -> list[tuple[str, str]]:
    """Return who ran it, how, and on what, as far as that was written down."""
    details = run.details
    by = " on ".join(str(part) for part in (details.get("user"), run.host) if part)
    engine = f", incremental {details['incremental']}" if details.get("incremental") else ""
    return [
        ("by", f"{by}, process {run.pid}" if by and run.pid else by),
        ("command", _command(details)),
        ("runner", str(details.get("runner") or "")),
        ("code", code_of(details)),
        ("python", f"{details['python']}{engine}" if details.get("python") else ""),
        ("packages", listed((f"{name} {version}" for name, version in _pairs(details, "packages")), 12)),
        ("parameters", listed((f"{name}={value}" for name, value in _pairs(details, "parameters")), 12)),
    ]


def code_of(details: Mapping[str, Any]) -> str:
    """Return the commit that a run was made from; empty where there was none."""
    git = details.get("git")
    if not isinstance(git, dict) or not git.get("commit"):
        return ""
    dirty = git.get("dirty")
    state = "" if dirty is None else ", with changes" if dirty else ", no changes"
    return f"git {str(git['commit'])[:12]}{state}"


def _pairs(details: Mapping[str, Any], key: str) -> list[tuple[str, Any]]:
    return sorted(flat(details.get(key)).items())


def _command(details: Mapping[str, Any]) -> str:
    """Return a command line as it was typed: Python puts the path of our module first."""
    words = list(map(str, details.get("command") or ()))
    if words and words[0].replace("\\", "/").endswith(("/incremental", "/incremental/__main__.py")):
        words[0] = "incremental"
    return shlex.join(words)


def told_cause(cause: str) -> str:
    """Return why a node was skipped, in words."""
    return _CAUSES.get(cause, cause)


def _step_row(step: StepRecord) -> Row:
    attempt = str(step.attempt) if step.attempt is not None and step.attempt > 1 else ""
    return row(
        step.status,
        step.node,
        "" if step.started is None else clock(step.started),
        *map(_span, (step.seconds, step.load_seconds, step.compute_seconds, step.save_seconds)),
        *(volume(size) if size else "" for size in (step.bytes_in, step.bytes_out)),
        step.worker or "",
        attempt,
        step.reason,
        style=_STYLES.get(step.status),
    )


def _span(seconds: float | None) -> str:
    return "" if seconds is None else duration(seconds)


def _without_empty_columns(head: Row, rows: list[Row]) -> list[Row]:
    """Return head and rows without the columns in which nothing stands."""
    kept = [place for place in range(len(head.cells)) if any(each.cells[place] for each in rows)]
    return (
        [Row(tuple(each.cells[place] for place in kept), each.style) for each in (head, *rows)]
        if rows
        else []
    )


def _first_line(text: str) -> str:
    first, newline, _ = text.partition("\n")
    return f"{first} …" if newline else first
