"""Plan the least set of nodes that leaves no output missing, or all of them. Pure: facts in, plan out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from incremental.pipeline.transcoding import base_name, is_parameter
from incremental.planner.closure import Reasons, close_backwards, stale_readers
from incremental.planner.conflicts import find_conflicts, find_warnings
from incremental.planner.facts import IN_MEMORY, State
from incremental.planner.plan import Plan
from incremental.planner.steps import Cause, Mode, Reason, Step, Suspect, Unmet, Verdict

if TYPE_CHECKING:
    from collections.abc import Collection

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
    pipeline = selected.pipeline
    wanted = {node.name: found for node in pipeline.nodes if (found := seed_reasons(node, selected, facts))}
    for name in pipeline.topology.by_name.keys() & set(owed):
        wanted[name] = (*wanted.get(name, ()), Reason(Cause.OWED))
    if propagate:
        _add_outdated(wanted, pipeline, facts)
    running, unmet = close_backwards(selected, wanted, facts)
    while propagate and (stale := _stale_savers(pipeline, running, facts)):
        wanted |= stale
        running, unmet = close_backwards(selected, wanted, facts)
    return _assemble(Mode.MISSING, selected, facts, running, unmet)


def plan_forced(selected: Selected, facts: Facts) -> Plan:
    """Plan the forced nodes of the selection and what they need, and nothing else."""
    nodes = selected.pipeline.nodes
    wanted: Reasons = {node.name: (Reason(Cause.FORCED),) for node in nodes if node.name in selected.forced}
    running, unmet = close_backwards(selected, wanted, facts)
    return _assemble(Mode.MISSING, selected, facts, running, unmet)


def plan_all(selected: Selected, facts: Facts) -> Plan:
    """Plan every selected node, whatever exists: the plain run."""
    plain, forced = (Reason(Cause.SELECTED),), (Reason(Cause.FORCED),)
    names = (node.name for node in selected.pipeline.nodes)
    wanted: Reasons = {name: forced if name in selected.forced else plain for name in names}
    _, unmet = close_backwards(selected, wanted, facts)
    return _assemble(Mode.ALL, selected, facts, wanted, unmet)


def seed_reasons(node: Node, selected: Selected, facts: Facts) -> tuple[Reason, ...]:
    """Return why a node runs on its own account: rules S1 to S5, empty when none applies."""
    outputs: dict[Cause, list[str]] = {}
    for name in node.writes:
        cause = _cause_of_output(name, selected, facts)
        if cause is not None:
            outputs.setdefault(cause, []).append(name)
    reasons = [Reason(cause, tuple(names)) for cause, names in outputs.items()] if outputs else []
    if not node.writes:
        reasons.append(Reason(Cause.NO_OUTPUTS))
    if confirms := node.confirms:
        reasons.append(Reason(Cause.CONFIRMS, tuple(confirms)))
    if node.name in selected.forced:
        reasons.append(Reason(Cause.FORCED))
    return tuple(reasons)


_CAUSE_BY_STATE = {
    State.ABSENT: Cause.MISSING,
    State.INCOMPLETE: Cause.INCOMPLETE,
    State.UNKNOWN: Cause.UNKNOWN,
}


def _cause_of_output(name: str, selected: Selected, facts: Facts) -> Cause | None:
    if is_parameter(name):
        return Cause.PARAMETER_OUTPUT
    state = facts.states.get(name, State.EPHEMERAL)
    if state is State.EPHEMERAL:
        return Cause.RESULT if base_name(name) in selected.requested else None
    if name in facts.parted:
        return Cause.PARTED
    return _CAUSE_BY_STATE.get(state)


def _add_outdated(wanted: Reasons, pipeline: Pipeline, facts: Facts) -> None:
    for node in pipeline.nodes if facts.outdated else ():
        inputs = dict.fromkeys(name for output in node.writes for name in facts.outdated.get(output, ()))
        if inputs:
            wanted[node.name] = (*wanted.get(node.name, ()), Reason(Cause.OUTDATED, tuple(inputs)))


def _stale_savers(pipeline: Pipeline, running: Reasons, facts: Facts) -> Reasons:
    """Return the skipped nodes that persist something and read what this plan makes again.

    They are put into ``running`` on the way, so that what follows from them is found in the same pass.
    """
    found: Reasons = {}
    for node, inputs in stale_readers(pipeline, running, facts):
        if any(facts.state(name) not in IN_MEMORY for name in node.writes):
            running[node.name] = found[node.name] = (Reason(Cause.UPSTREAM, inputs),)
    return found


def _assemble(
    mode: Mode, selected: Selected, facts: Facts, running: Reasons, unmet: tuple[Unmet, ...]
) -> Plan:
    steps = tuple(
        [
            Step(node, Verdict.RUN, running[node.name])
            if node.name in running
            else Step(node, Verdict.SKIP, (_skip_reason(node, facts),))
            for node in selected.pipeline.nodes
        ]
    )
    return Plan(
        mode=mode,
        selected=selected,
        facts=facts,
        steps=steps,
        unmet=unmet,
        suspects=_suspects(selected, running, facts),
        conflicts=find_conflicts(selected, running, facts),
        warnings=find_warnings(selected, running, facts),
    )


_SKIP_CAUSES = ((State.PRESENT, Cause.PRESENT), (State.HANDED_IN, Cause.HANDED_IN))


def _skip_reason(node: Node, facts: Facts) -> Reason:
    """Return why a node need not run: the best thing that can be said of its outputs."""
    for state, cause in _SKIP_CAUSES:
        if names := tuple([name for name in node.writes if facts.states.get(name) is state]):
            return Reason(cause, names)
    return Reason(Cause.UNUSED, node.writes)


def _suspects(selected: Selected, running: Reasons, facts: Facts) -> tuple[Suspect, ...]:
    """Name the outputs that stay although what they were made from is newer, or will be after this plan.

    What the selection reads from nodes outside of it, which stay as they are, counts like its own outputs.
    """
    if not running and not facts.outdated:
        return ()
    pipeline = selected.pipeline
    from_outside = _read_from_outside(selected)
    newer: dict[str, dict[str, None]] = {}
    for node, inputs in stale_readers(selected.whole, running, facts):
        is_ours = node.name in pipeline.topology.by_name
        for name in node.writes if is_ours else _named(from_outside, node):
            if facts.state(name) is State.PRESENT:
                newer[name] = dict.fromkeys(inputs)
    staying = (name for node in pipeline.nodes if node.name not in running for name in node.writes)
    outside = (name for names in from_outside.values() for name in names)
    for name in (*staying, *outside) if facts.outdated else ():
        if older := facts.outdated.get(name):
            newer.setdefault(name, {}).update(dict.fromkeys(older))
    return tuple(Suspect(name, tuple(newer[name])) for name in sorted(newer))


def _read_from_outside(selected: Selected) -> dict[str, dict[str, None]]:
    """Return what the selection reads and nodes outside of it make: by base name, the names it reads."""
    pipeline = selected.pipeline
    found: dict[str, dict[str, None]] = {}
    if len(pipeline.nodes) < len(selected.whole.nodes):
        made, made_by_all = pipeline.producers, selected.whole.producers
        for node in pipeline.nodes:
            for name in node.reads:
                base = base_name(name)
                if base not in made and base in made_by_all:
                    found.setdefault(base, {})[name] = None
    return found


def _named(from_outside: dict[str, dict[str, None]], node: Node) -> list[str]:
    return [name for written in node.writes for name in from_outside.get(base_name(written), ())]
