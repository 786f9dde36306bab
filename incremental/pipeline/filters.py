"""Which nodes a selector picks, and words that it does not know. It builds no pipeline."""

from __future__ import annotations

from typing import TYPE_CHECKING

from incremental.errors import SelectionError, did_you_mean
from incremental.pipeline.faults import told
from incremental.pipeline.transcoding import SEPARATOR, base_name

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from incremental.pipeline.node import Node
    from incremental.pipeline.topology import Topology


def with_tags(topology: Topology, tags: Iterable[str]) -> set[str]:
    """Return the nodes that have any of the tags."""
    wanted = set(tags)
    return {name for name, node in topology.by_name.items() if not wanted.isdisjoint(node.tags)}


def named(topology: Topology, names: Iterable[str]) -> set[str]:
    """Return the nodes of these names."""
    return {name for name in names if name in topology.by_name}


def after_nodes(topology: Topology, names: Iterable[str]) -> set[str]:
    """Return these nodes and all that follow."""
    return topology.downstream(named(topology, names))


def up_to_nodes(topology: Topology, names: Iterable[str]) -> set[str]:
    """Return these nodes and all that they need."""
    return topology.upstream(named(topology, names))


def reading(topology: Topology, datasets: Iterable[str]) -> set[str]:
    """Return the nodes that read these datasets; a name without format stands for every format."""
    return {
        name
        for dataset in datasets
        for name in topology.readers.get(base_name(dataset), ())
        if SEPARATOR not in dataset or dataset in topology.by_name[name].reads
    }


def making(topology: Topology, datasets: Iterable[str]) -> set[str]:
    """Return the nodes that make these datasets; a name without format stands for every format."""
    makers = ((dataset, topology.producers.get(base_name(dataset))) for dataset in datasets)
    return {
        maker.name
        for dataset, maker in makers
        if maker is not None and (SEPARATOR not in dataset or dataset in maker.writes)
    }


def after_inputs(topology: Topology, datasets: Iterable[str]) -> set[str]:
    """Return the nodes that need these datasets, at first or second hand."""
    return topology.downstream(reading(topology, datasets))


def up_to_outputs(topology: Topology, datasets: Iterable[str]) -> set[str]:
    """Return the nodes that these datasets need, at first or second hand."""
    return topology.upstream(making(topology, datasets))


def within(topology: Topology, namespaces: Iterable[str]) -> set[str]:
    """Return the nodes in these namespaces, and in those nested in them."""
    wanted = set(namespaces)
    return {
        name
        for name, node in topology.by_name.items()
        if node.namespace and not wanted.isdisjoint(node.namespace_prefixes)
    }


_MOST_LISTED = 5

PICKS: Mapping[str, Callable[[Topology, Iterable[str]], set[str]]] = {
    "tags": with_tags,
    "from_nodes": after_nodes,
    "to_nodes": up_to_nodes,
    "node_names": named,
    "from_inputs": after_inputs,
    "to_outputs": up_to_outputs,
    "node_namespaces": within,
}


def check_known(topology: Topology, words_by_selector: Mapping[str, Iterable[str]]) -> None:
    """Raise one ``SelectionError`` for all words that their selectors do not know."""
    lines = []
    for selector, words in words_by_selector.items():
        kind, known = _vocabulary(topology, selector)
        for word in dict.fromkeys(words):
            if word not in known:
                lines.append(f"no {kind} {word!r} ({selector}){_hint(word, known)}")
    if lines:
        raise SelectionError(told("the pipeline has", lines))


def intersect(topology: Topology, words_by_selector: Mapping[str, Iterable[str]]) -> set[str]:
    """Return the nodes that every selector picks, each of them asked about all nodes.

    Raises ``SelectionError`` when nothing is left, with what each selector left by itself.
    """
    left = set(topology.by_name)
    counts = []
    for selector, words in words_by_selector.items():
        picked = PICKS[selector](topology, words)
        counts.append(f"{selector} {', '.join(map(repr, words))}: {_nodes(len(picked))}")
        left &= picked
    if not left:
        raise SelectionError(
            "\n  ".join([f"no node of {len(topology.by_name)} is left by the selectors together", *counts])
            if counts
            else "the pipeline has no nodes, so there is nothing to select from"
        )
    return left


def _vocabulary(topology: Topology, selector: str) -> tuple[str, set[str]]:
    nodes: Iterable[Node] = topology.by_name.values()
    if selector == "tags":
        return "tag", {tag for node in nodes for tag in node.tags}
    if selector in ("from_inputs", "to_outputs", "datasets"):
        names = {name for node in nodes for name in (*node.reads, *node.writes)}
        return "dataset", names | {base_name(name) for name in names}
    if selector == "node_namespaces":
        return "namespace", {prefix for node in nodes for prefix in node.namespace_prefixes}
    return "node", set(topology.by_name)


def _hint(word: str, known: set[str]) -> str:
    inside = sorted(name for name in known if name.endswith(f".{word}"))
    if inside:
        return "; did you mean " + " or ".join(map(repr, inside[:3])) + "?"
    return did_you_mean(word, sorted(known)) or f"; it has {_listed(sorted(known))}"


def _listed(known: list[str]) -> str:
    shown = ", ".join(map(repr, known[:_MOST_LISTED])) or "none"
    return shown if len(known) <= _MOST_LISTED else f"{shown} and {len(known) - _MOST_LISTED} more"


def _nodes(count: int) -> str:
    return "1 node" if count == 1 else f"{count} nodes"
