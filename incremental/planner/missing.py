"""Plan the least set of nodes that leaves no output missing, or all of them. Pure: facts in, plan out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from incremental.pipeline.transcoding import base_name, is_parameter
from incremental.planner.closure import Reasons, close_backwards, moved_datasets, outdated_readers
from incremental.planner.conflicts import find_conflicts, find_warnings
from incremental.planner.facts import IN_MEMORY, MISSING, State
from incremental.planner.plan import Cause, Mode, Plan, Reason, Step, Suspect, Unmet, Verdict

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from incremental.pipeline.node import Node
    from incremental.pipeline.pipeline import Pipeline
    from incremental.pipeline.selection import Selected
    from incremental.planner.facts import Facts


def plan_missing(
    selected: Selected, facts: Facts, *, propagate: bool = False, owed: Collection[str] = ()
) -> Plan:
    """Plan the least set of nodes after which no output of the selection is missing.

    Args:
        selected: what the user picked.
        facts: what the survey found.
        propagate: also make again what is outdated, and everything that follows from it.
        owed: nodes that an unfinished run had planned and did not commit.

    Raises nothing: what cannot be satisfied is in ``Plan.unmet`` and ``Plan.conflicts``.
    """

    def seeds(node: Node) -> tuple[Reason, ...]:
        reasons = seed_reasons(node, selected, facts)
        if node.name in owed:
            reasons = (*reasons, Reason(Cause.OWED))
        if propagate and (inputs := _outdated_inputs(node, facts)):
            reasons = (*reasons, Reason(Cause.OUTDATED, inputs))
        return reasons

    wanted = _wanted(selected.pipeline, seeds)
    running, unmet = close_backwards(selected, wanted, facts)
    while propagate and (more := _upstream(selected.pipeline, running, facts)):
        wanted |= more
        running, unmet = close_backwards(selected, wanted, facts)
    return _assemble(Mode.MISSING, selected, facts, running, unmet)


def plan_all(selected: Selected, facts: Facts) -> Plan:
    """Plan every selected node, whatever exists: the plain run."""

    def reasons(node: Node) -> tuple[Reason, ...]:
        return (Reason(Cause.FORCED if node.name in selected.forced else Cause.SELECTED),)

    wanted = _wanted(selected.pipeline, reasons)
    _, unmet = close_backwards(selected, wanted, facts)
    return _assemble(Mode.ALL, selected, facts, wanted, unmet)


def seed_reasons(node: Node, selected: Selected, facts: Facts) -> tuple[Reason, ...]:
    """Return why a node runs on its own account: rules S1 to S5, empty when none applies."""
    reasons: list[Reason] = []
    absent: dict[State, list[str]] = {}
    for name in node.writes:
        state = facts.state(name)
        if is_parameter(name):
            reasons.append(Reason(Cause.PARAMETER_OUTPUT, (name,)))
        elif state in MISSING:
            absent.setdefault(state, []).append(name)
        elif state is State.EPHEMERAL and base_name(name) in selected.requested:
            absent.setdefault(state, []).append(name)
    reasons += [Reason(cause, tuple(absent[state])) for state, cause in _CAUSE_BY_STATE if state in absent]
    if not node.writes:
        reasons.append(Reason(Cause.NO_OUTPUTS))
    if node.confirms:
        reasons.append(Reason(Cause.CONFIRMS, tuple(node.confirms)))
    if node.name in selected.forced:
        reasons.append(Reason(Cause.FORCED))
    return tuple(reasons)


_CAUSE_BY_STATE = (
    (State.ABSENT, Cause.MISSING),
    (State.INCOMPLETE, Cause.INCOMPLETE),
    (State.UNKNOWN, Cause.UNKNOWN),
    (State.EPHEMERAL, Cause.RESULT),
)


def _wanted(pipeline: Pipeline, reasons_of: Callable[[Node], tuple[Reason, ...]]) -> Reasons:
    return {node.name: reasons for node in pipeline.nodes if (reasons := reasons_of(node))}


def _outdated_inputs(node: Node, facts: Facts) -> tuple[str, ...]:
    if not facts.outdated:
        return ()
    return tuple(dict.fromkeys(name for out in node.writes for name in facts.outdated.get(out, ())))


def _upstream(pipeline: Pipeline, running: Reasons, facts: Facts) -> Reasons:
    """Return the skipped nodes that persist something and read what this plan makes again."""
    moved = moved_datasets(pipeline, running, facts)
    return {
        node.name: (Reason(Cause.UPSTREAM, names),)
        for node, names in outdated_readers(pipeline, running, moved)
        if any(facts.state(name) not in IN_MEMORY for name in node.writes)
    }


def _assemble(
    mode: Mode, selected: Selected, facts: Facts, running: Reasons, unmet: tuple[Unmet, ...]
) -> Plan:
    steps = tuple(
        Step(node, Verdict.RUN, running[node.name])
        if node.name in running
        else Step(node, Verdict.SKIP, (_skip_reason(node, facts),))
        for node in selected.pipeline.nodes
    )
    return Plan(
        mode,
        selected,
        facts,
        steps,
        unmet,
        _suspects(selected.pipeline, running, facts),
        find_conflicts(selected.pipeline, running, facts),
        find_warnings(selected.pipeline, running, facts),
    )


def _skip_reason(node: Node, facts: Facts) -> Reason:
    stored = tuple(name for name in node.writes if facts.state(name) is State.PRESENT)
    if stored:
        return Reason(Cause.PRESENT, stored)
    return Reason(Cause.UNUSED, node.writes)


def _suspects(pipeline: Pipeline, running: Reasons, facts: Facts) -> tuple[Suspect, ...]:
    """Name the outputs that stay although what they were made from is newer, or will be after this plan."""
    moved = moved_datasets(pipeline, running, facts)
    newer = {
        name: inputs
        for node, inputs in outdated_readers(pipeline, running, moved)
        for name in node.writes
        if facts.state(name) is State.PRESENT
    }
    if facts.outdated:
        for node in pipeline.nodes:
            if node.name not in running:
                for name in node.writes:
                    older = facts.outdated.get(name, ())
                    if older:
                        newer[name] = tuple(dict.fromkeys((*newer.get(name, ()), *older)))
    return tuple(Suspect(name, newer[name]) for name in sorted(newer))
