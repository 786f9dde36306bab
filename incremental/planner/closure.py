"""What running one node drags along: backwards to what it needs, forwards to what it outdates. No policy here."""

from __future__ import annotations

from typing import TYPE_CHECKING

from incremental.pipeline.transcoding import base_name, is_parameter
from incremental.planner.facts import AVAILABLE, IN_MEMORY, State
from incremental.planner.plan import Cause, Reason, Unmet

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from incremental.pipeline.node import Node
    from incremental.pipeline.pipeline import Pipeline
    from incremental.pipeline.selection import Selected
    from incremental.planner.facts import Facts

Reasons = dict[str, tuple[Reason, ...]]
"""Why each node runs, by node name; a node that is no key does not run."""

_CHANGES_ITS_RESULT = frozenset(
    {Cause.PARAMETER_OUTPUT, Cause.FORCED, Cause.OUTDATED, Cause.UPSTREAM, Cause.OWED, Cause.SELECTED}
)


def close_backwards(selected: Selected, wanted: Reasons, facts: Facts) -> tuple[Reasons, tuple[Unmet, ...]]:
    """Add the producers of every input that a running node reads and that is not there.

    One pass against the topological order: all readers of a dataset are seen before its producer.

    Returns:
        The reasons of all running nodes, and the inputs for which there is no producer to run.
    """
    running = dict(wanted)
    if not running:
        return running, ()
    unmet: list[Unmet] = []
    needs: dict[str, dict[str, list[str]]] = {}  # producer -> dataset -> its running readers
    producers = selected.pipeline.producers
    for node in reversed(selected.pipeline.nodes):
        if needed := needs.get(node.name):
            readers = tuple(dict.fromkeys(name for names in needed.values() for name in names))
            reason = Reason(Cause.NEEDED, tuple(needed), readers)
            running[node.name] = (*running.get(node.name, ()), reason)
        elif node.name not in running:
            continue
        for name in node.reads:
            if facts.states.get(name) in AVAILABLE:
                continue
            producer = producers.get(base_name(name))
            if producer is not None:
                if not is_parameter(name):
                    needs.setdefault(producer.name, {}).setdefault(name, []).append(node.name)
            elif (gap := _gap(name, node, selected.whole, facts)) is not None:
                unmet.append(gap)
    return running, tuple(reversed(unmet))


def _gap(name: str, node: Node, whole: Pipeline, facts: Facts) -> Unmet | None:
    """Return what is wrong with an input that no selected node makes, or None if it may be loaded.

    A source that cannot be asked whether it exists, and that nothing makes, can only be tried: refusing
    it would shut out every database query. The plan warns of it instead.
    """
    maker = whole.producers.get(base_name(name))
    producer = None if maker is None else maker.name
    if is_parameter(name):
        absent = name in facts.absent_parameters
        return Unmet(name, node.name, State.ABSENT, producer=producer) if absent else None
    state = facts.state(name)
    if state is State.UNKNOWN and producer is None:
        return None
    return Unmet(name, node.name, state, facts.locations.get(name), producer)


def moved_datasets(pipeline: Pipeline, running: Mapping[str, tuple[Reason, ...]], facts: Facts) -> set[str]:
    """Return the base names of the datasets whose content this plan may change.

    A running node changes what it persists. What lives in memory is made again from the same inputs,
    so it changes only with them, or where the node itself is run for a reason of its own.
    """
    moved: set[str] = set()
    if not running:
        return moved
    for node in pipeline.nodes:
        reasons = running.get(node.name, ())
        wholly = any(reason.cause in _CHANGES_ITS_RESULT for reason in reasons)
        through = wholly or any(base_name(name) in moved for name in node.reads)
        for name in node.writes:
            in_memory = facts.state(name) in IN_MEMORY
            if (through and in_memory) or (reasons and not in_memory) or wholly:
                moved.add(base_name(name))
    return moved


def outdated_readers(
    pipeline: Pipeline, running: Mapping[str, tuple[Reason, ...]], moved: set[str]
) -> Iterator[tuple[Node, tuple[str, ...]]]:
    """Yield each node that does not run although it reads something that moves, with those inputs."""
    if not moved:
        return
    for node in pipeline.nodes:
        if node.name in running:
            continue
        names = tuple(name for name in node.reads if base_name(name) in moved)
        if names:
            yield node, names
