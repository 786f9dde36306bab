"""A plan as text and as JSON types. It plans nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from incremental.pipeline.transcoding import base_name
from incremental.planner.document import as_dict
from incremental.planner.steps import Cause, Verdict
from incremental.render.text import Look, Row, Style, aligned, count, cut, listed, row

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from incremental.planner import Plan, Reason, Step

MOST_ON_SCREEN = 200
_FEW = 8
"""Suspects, warnings and the like that are shown; a report that nobody reads to its end helps nobody."""

_STYLES = {Verdict.RUN: Style.WORK, Verdict.MAYBE: Style.WORK, Verdict.SKIP: Style.FAINT}


def plan_text(plan: Plan, look: Look, obstacles: Sequence[str] = (), *, full: bool = False) -> str:
    """Return a line for each node that runs, one for all that do not, what is doubtful, and the summary.

    Args:
        plan: what to show.
        look: what the screen can show; a long plan is cut where there is a screen.
        obstacles: why it cannot be carried out, a sentence each; only their number is shown.
        full: cut nothing.
    """
    rows = [
        row(step.verdict.value, step.node.name, why(plan, step), style=_STYLES[step.verdict])
        for step in plan.running
    ]
    lines = aligned([*rows, *_asides(plan)], look)
    most = MOST_ON_SCREEN if look.width is not None and not full else None
    running = cut(lines[: len(rows)], most, "nodes to run (-v shows all)")
    return "\n".join([*running, *lines[len(rows) :], summary(plan, obstacles)])


def why(plan: Plan, step: Step) -> str:
    """Return the reasons of a step, and what it overwrites, in one line."""
    reasons = "; ".join(map(str, own_reasons(step)))
    over = plan.overwrites(step) if step.verdict is not Verdict.SKIP else ()
    return f"{reasons}; overwrites {listed(over)}" if over else reasons


def own_reasons(step: Step) -> tuple[Reason, ...]:
    """Return the reasons of a step but that others need it, unless there is no better one."""
    return tuple(each for each in step.reasons if each.cause is not Cause.NEEDED) or step.reasons


def summary(plan: Plan, obstacles: Sequence[str] = ()) -> str:
    """Return the plan in one line."""
    if obstacles:
        return f"{plan.summary} · cannot run: {count(len(obstacles), 'problem')}"
    return plan.summary


def plan_document(plan: Plan, obstacles: Sequence[str] = ()) -> dict[str, Any]:
    """Return the plan as ``incremental-plan/1``, which ``Plan.from_json`` reads, with sentences besides."""
    document = as_dict(plan)
    for step, described in zip(plan.steps, document["steps"], strict=True):
        described["why"] = why(plan, step)
    return {
        **document,
        "digest": plan.digest,
        "valid": plan.is_valid,
        "obstacles": list(obstacles),
        "to_run": [step.node.name for step in plan.running],
        "news": [step.node.name for step in plan.news],
    }


def _asides(plan: Plan) -> list[Row]:
    rows = []
    if plan.skipped and plan.running:
        rows.append(row("skip", f"{count(len(plan.skipped), 'node')} up to date", style=Style.FAINT))
    suspects = [
        row("suspect", f"{each.dataset} is older than {listed(each.inputs, 3)}", style=Style.BAD)
        for each in plan.suspects
    ]
    rows += _first(suspects)
    outside = [
        each.dataset for each in plan.suspects if base_name(each.dataset) not in plan.pipeline.producers
    ]
    if len(outside) < len(suspects):
        rows.append(row("", "--propagate makes suspects again"))
    if outside:
        rows.append(row("", f"{_some(outside)} of nodes that are not selected: select them too"))
    rows += _doubts(plan)
    return rows + _first([row("warning", text, style=Style.WORK) for text in plan.warnings])


def _doubts(plan: Plan) -> list[Row]:
    """Return what the records say of outputs that are there: at most a few lines, however many outputs."""
    facts = plan.facts
    changed = [
        row("changed", f"{name} changed since run {run}", style=Style.BAD)
        for name, run in sorted(facts.changed.items())
    ]
    rows = _first(changed)
    if changed:
        rows.append(row("", "incremental adopt accepts what is there; --force NODE makes it again"))
    if facts.touched:
        told = f"{_some(facts.touched)} moved or touched since committed: incremental verify compares"
        rows.append(row("touched", told, style=Style.WORK))
    kept = {name for step in plan.skipped for name in step.node.writes if name in facts.unproven}
    if kept:
        told = f"{_some(kept)} without a record of who made it: incremental adopt records it"
        rows.append(row("unproven", told, style=Style.FAINT))
    return rows


def _some(names: Collection[str]) -> str:
    """Return how many outputs, and the first of them."""
    return f"{count(len(names), 'output')} ({listed(sorted(names), 3)})"


def _first(rows: list[Row]) -> list[Row]:
    if len(rows) <= _FEW:
        return rows
    return [*rows[:_FEW], row("", f"and {len(rows) - _FEW:,} more")]
