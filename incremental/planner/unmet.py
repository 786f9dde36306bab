"""Say in a sentence each what a plan lacks and how to get it. Text only; the closure finds the gaps."""

from __future__ import annotations

from typing import TYPE_CHECKING

from incremental.errors import did_you_mean
from incremental.pipeline.transcoding import is_parameter
from incremental.planner.facts import State

if TYPE_CHECKING:
    from collections.abc import Iterable

    from incremental.pipeline.selection import Selected
    from incremental.planner.plan import Plan
    from incremental.planner.steps import Unmet


_PREFIX = "params:"


def obstacles(plan: Plan, known: Iterable[str] = ()) -> tuple[str, ...]:
    """Return a sentence for everything that makes the plan invalid, one a missing dataset.

    Args:
        plan: the plan to explain.
        known: the names of the catalog and its parameters, to offer the nearest ones.
    """
    readers: dict[str, list[str]] = {}
    gaps: dict[str, Unmet] = {}
    for gap in plan.unmet:
        if gap.dataset in plan.facts.pins:
            continue  # a version that is not there is a conflict, and that is told
        gaps.setdefault(gap.dataset, gap)
        readers.setdefault(gap.dataset, []).append(gap.node)
    there = [word for word in dict.fromkeys((*known, *plan.pipeline.datasets())) if word not in gaps]
    sentences = [_sentence(gap, readers[name], plan.selected, there) for name, gap in gaps.items()]
    return (*sentences, *plan.conflicts)


def _sentence(gap: Unmet, readers: list[str], selected: Selected, known: list[str]) -> str:
    kind = "parameter" if is_parameter(gap.dataset) else "dataset"
    nodes = ", ".join(repr(name) for name in readers[:3]) + (" and others" if len(readers) > 3 else "")
    start = f"{kind} {gap.dataset!r}, read by {nodes},"
    if gap.producer is not None:
        return (
            f"{start} is made by node {gap.producer!r}, which the selection leaves out: "
            f"{_remedy(gap.producer, selected)}"
        )
    if kind == "parameter":
        # without the prefix, which makes any two of them look alike
        names = [word.removeprefix(_PREFIX) for word in known if word.startswith(_PREFIX)]
        near = did_you_mean(gap.dataset.removeprefix(_PREFIX), names)
        return f"{start} is not in the parameters{near or '; add it to parameters.yml or pass --params'}"
    if gap.state is State.EPHEMERAL:
        is_like_one = ":" in gap.dataset  # as in 'param:rate'
        near = did_you_mean(gap.dataset, (word for word in known if is_like_one or not is_parameter(word)))
        return f"{start} is not in the catalog and no node makes it{near or '; add it to catalog.yml'}"
    where = "" if gap.location is None else f" at {gap.location}"
    if gap.state is State.INCOMPLETE:
        return f"{start} is incomplete{where}: its last save never ended; make it again"
    remedy = "put it there or correct its path" if where else "make it first"
    return f"{start} does not exist{where}; {remedy}"


def _remedy(producer: str, selected: Selected) -> str:
    """Return the flag that would bring a node back in, for the first selector that leaves it out."""
    selection = selected.selection
    node = next(node for node in selected.whole.nodes if node.name == producer)
    if selection.node_names and producer not in selection.node_names:
        return f"add it with --nodes={','.join((producer, *selection.node_names))}"
    if selection.tags and not node.tags & set(selection.tags):
        return (
            f"add one of its tags to --tags: {', '.join(sorted(node.tags))}" if node.tags else "drop --tags"
        )
    if selection.namespaces and not set(node.namespace_prefixes) & set(selection.namespaces):
        return f"add {node.namespace!r} to --namespaces" if node.namespace else "drop --namespaces"
    if selection.from_inputs and node not in selected.whole.from_inputs(*selection.from_inputs).nodes:
        return f"use --from-nodes={producer} in place of --from-inputs"
    return f"add it with --from-nodes={','.join((producer, *selection.from_nodes))}"
