"""What is wrong with a set of nodes, in words. It changes nothing."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from incremental.errors import (
    CircularDependencyError,
    ConfirmNotUniqueError,
    OutputNotUniqueError,
    PipelineError,
)
from incremental.pipeline.faults import told
from incremental.pipeline.transcoding import base_name

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    import networkx

    from incremental.pipeline.node import Node
    from incremental.pipeline.topology import Topology


def check(nodes: Sequence[Node], topology: Topology) -> None:
    """Raise the ``PipelineError`` that says what keeps these nodes from being a pipeline, if anything.

    The good case costs a look at each node; only the bad one is taken apart.
    """
    if len(topology.by_name) < len(nodes):
        raise _repeated_names(nodes)
    made = 0
    confirming = []
    transcoded = False
    for node in nodes:
        made += len(node.write_bases)
        if node.confirms:
            confirming.append(node)
        if node.reads is not node.read_bases or node.writes is not node.write_bases:
            transcoded = True
    if transcoded:
        _check_formats(nodes)
    if made > len(topology.producers):
        raise _repeated_outputs(nodes)
    if confirming:
        _check_confirms(confirming)


def cycle_error(topology: Topology, sorted_nodes: Iterable[Node]) -> CircularDependencyError:
    """Return the error that names one cycle among the nodes that could not be sorted."""
    import networkx as nx

    done = {node.name for node in sorted_nodes}
    graph: networkx.DiGraph[tuple[str, str]] = nx.DiGraph()
    for name in sorted(topology.by_name):
        if name not in done:
            node = topology.by_name[name]
            graph.add_edges_from((("dataset", base), ("node", name)) for base in node.read_bases)
            graph.add_edges_from((("node", name), ("dataset", base)) for base in node.write_bases)
    edges = nx.find_cycle(graph)
    ring = [source for source, _ in edges]
    first = min(range(len(ring)), key=lambda place: (ring[place][0] != "node", ring[place]))
    ring = ring[first:] + ring[:first]
    path = " -> ".join(name for _, name in [*ring, ring[0]])
    return CircularDependencyError(f"nodes need each other in a circle: {path}")


def _repeated_names(nodes: Sequence[Node]) -> PipelineError:
    by_name: dict[str, list[Node]] = defaultdict(list)
    for node in nodes:
        by_name[node.name].append(node)
    lines = [
        f"{name!r} is {_listed(node.func_name + _wiring(node) for node in same)}"
        for name, same in sorted(by_name.items())
        if len(same) > 1
    ]
    return PipelineError(told("node names must be unique, give these nodes names of their own:", lines))


def _repeated_outputs(nodes: Sequence[Node]) -> OutputNotUniqueError:
    lines = [
        f"{base!r} is made by {_listed(makers)}"
        for base, makers in _shared(nodes, lambda node: node.write_bases).items()
    ]
    return OutputNotUniqueError(told("a dataset can be made by one node only:", lines))


def _check_confirms(nodes: Sequence[Node]) -> None:
    shared = _shared(nodes, lambda node: [base_name(name) for name in node.confirms])
    if shared:
        lines = [f"{base!r} is confirmed by {_listed(names)}" for base, names in shared.items()]
        raise ConfirmNotUniqueError(told("a dataset can be confirmed by one node only:", lines))


def _check_formats(nodes: Sequence[Node]) -> None:
    """Raise when a dataset is named with a format here and without one there."""
    users: dict[str, list[str]] = defaultdict(list)
    for node in nodes:
        for name in node.reads + node.writes:
            users[name].append(node.name)
    lines = []
    for name in sorted(users):
        base = base_name(name)
        if base != name and base in users:
            lines.append(
                f"{base!r} by {_listed(sorted(users[base]))}, but {name!r} by {_listed(sorted(users[name]))}"
            )
    if lines:
        raise PipelineError(
            told("a dataset must be named with a format everywhere or nowhere, say which is meant:", lines)
        )


def _shared(nodes: Sequence[Node], names_of: Callable[[Node], Iterable[str]]) -> dict[str, list[str]]:
    owners: dict[str, list[str]] = defaultdict(list)
    for node in nodes:
        for name in names_of(node):
            owners[name].append(node.name)
    return {name: owners[name] for name in sorted(owners) if len(owners[name]) > 1}


def _wiring(node: Node) -> str:
    return f"({', '.join(node.inputs)}) -> {', '.join(node.outputs) or None}"


def _listed(names: Iterable[str]) -> str:
    return " and ".join(repr(name) for name in names)
