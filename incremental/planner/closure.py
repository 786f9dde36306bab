"""What running a node drags along: backwards what it needs, forwards what it outdates. No policy here."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from incremental.pipeline.transcoding import base_name, distinct, is_parameter
from incremental.planner.facts import AVAILABLE, State
from incremental.planner.steps import Cause, Reason, Unmet

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
    needs: defaultdict[str, list[tuple[str, str]]] = defaultdict(list)  # producer -> (its dataset, a reader)
    producers = selected.pipeline.producers
    states = facts.states
    for node in reversed(selected.pipeline.nodes):
        reader = node.name
        if reader in needs:
            running[reader] = (*running.get(reader, ()), _needed(needs[reader]))
        elif reader not in running:
            continue
        for name in reversed(node.reads):
            if states.get(name) in AVAILABLE:
                continue
            producer = producers.get(base_name(name))
            if producer is None:
                if (gap := _gap(name, node, selected.whole, facts)) is not None:
                    unmet.append(gap)
            elif not is_parameter(name):
                needs[producer.name].append((name, reader))
    return running, tuple(reversed(unmet))


def _needed(uses: list[tuple[str, str]]) -> Reason:
    datasets, readers = zip(*reversed(uses), strict=True)
    return Reason(Cause.NEEDED, distinct(datasets), distinct(readers))


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


def stale_readers(
    pipeline: Pipeline, running: Mapping[str, tuple[Reason, ...]], facts: Facts
) -> Iterator[tuple[Node, tuple[str, ...]]]:
    """Yield each node that does not run although it reads something that will change, with those inputs.

    One pass in topological order. A node that the caller puts into ``running`` while it is yielded counts
    as running from then on.
    """
    if not running or len(running) == len(pipeline.nodes):
        return
    changing: set[str] = set()
    for node in pipeline.nodes:
        inputs = tuple([name for name in node.reads if base_name(name) in changing])
        if inputs and node.name not in running:
            yield node, inputs
        reasons = running.get(node.name, ())
        if inputs or reasons:
            changing.update(_changing_outputs(node, bool(inputs), reasons, facts))


def _changing_outputs(
    node: Node, reads_change: bool, reasons: tuple[Reason, ...], facts: Facts
) -> Iterator[str]:
    """Yield the base names of the outputs whose content this plan may change.

    A running node changes what it persists. What lives in memory is made again from the same inputs,
    so it changes only with them, or where the node itself is run for a reason of its own.
    """
    anew = reads_change or any(reason.cause in _CHANGES_ITS_RESULT for reason in reasons)
    for name in node.writes:
        state = facts.state(name)
        if state is State.EPHEMERAL:
            changes = anew
        elif state is State.HANDED_IN:
            changes = anew and bool(reasons)
        else:
            changes = bool(reasons)
        if changes:
            yield base_name(name)
