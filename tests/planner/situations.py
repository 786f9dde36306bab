"""Situations to plan in, written as text. It decides nothing.

``situation("raw -> x -> y", "raw, x present; y absent")`` is a pipeline's selection and the facts about it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from graphs import graph

from incremental.pipeline import Selection, select
from incremental.planner import Facts, Plan, State

if TYPE_CHECKING:
    from collections.abc import Iterable

    from incremental.pipeline import Selected


def states(text: str) -> dict[str, State]:
    """Read ``x, y present; z handed in``."""
    found = {}
    for state in State:
        for clause in text.split(";"):
            names, _, _ = clause.strip().rpartition(f" {state.value}")
            found |= {name.strip(): state for name in names.split(",") if name.strip()}
    return found


def facts(text: str = "", **more: Any) -> Facts:
    """Make facts of states; what is stored lives at ``/data/<name without format>`` unless told otherwise."""
    known = states(text)
    in_memory = (State.EPHEMERAL, State.HANDED_IN)
    locations = {
        name: f"/data/{name.split('@')[0]}" for name, state in known.items() if state not in in_memory
    }
    return Facts(states=known, locations=locations | more.pop("locations", {}), **more)


def selection(
    text: str, forced: Iterable[str] = (), select_by: dict[str, Any] | None = None, **more: Any
) -> Selected:
    """Select from the graph that ``text`` draws; ``more`` goes to ``graph``."""
    return select(graph(text, **more), Selection.of(**(select_by or {})), forced)


def story(plan: Plan) -> dict[str, str]:
    """Return what a plan says of each node: ``run: x missing; forced``."""
    return {
        step.node.name: f"{step.verdict.value}: {'; '.join(map(str, step.reasons))}" for step in plan.steps
    }


def running(plan: Plan) -> list[str]:
    """Return the names of the nodes that run, in order."""
    return [step.node.name for step in plan.running]


def suspects(plan: Plan) -> dict[str, tuple[str, ...]]:
    """Return the inputs that make each suspect one."""
    return {suspect.dataset: suspect.inputs for suspect in plan.suspects}


def unmet(plan: Plan) -> list[tuple[str, str]]:
    """Return (dataset, reader) of each unmet input."""
    return [(gap.dataset, gap.node) for gap in plan.unmet]
