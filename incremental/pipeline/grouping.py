"""Groups of nodes to deploy together, and namespaces that cannot be such groups. It runs nothing."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from incremental.pipeline.node import Node
    from incremental.pipeline.topology import Topology


@dataclass(frozen=True, slots=True)
class GroupedNodes:
    """Nodes that go together: a namespace, or one node.

    ``type`` is ``"namespace"`` or ``"nodes"``; ``dependencies`` names the groups that must come before.
    """

    name: str
    type: str
    nodes: list[str] = field(default_factory=list)
    dependencies: list[str] = field(default_factory=list)


def each_alone(nodes: Iterable[Node], topology: Topology) -> list[GroupedNodes]:
    """Return a group for each node."""
    return [
        GroupedNodes(
            node.name, "nodes", [node.name], sorted(parent.name for parent in topology.parents(node))
        )
        for node in nodes
    ]


def by_namespace(nodes: Iterable[Node], topology: Topology) -> list[GroupedNodes]:
    """Return a group for each outermost namespace, and one for each node that has none."""
    groups: dict[str, GroupedNodes] = {}
    for node in nodes:
        key = _outermost(node)
        kind = "namespace" if node.namespace else "nodes"
        group = groups.setdefault(key, GroupedNodes(key, kind))
        group.nodes.append(node.name)
        before = [_outermost(parent) for parent in sorted(topology.parents(node), key=_name)]
        group.dependencies.extend(
            name for name in dict.fromkeys(before) if name != key and name not in group.dependencies
        )
    return list(groups.values())


def interrupted_namespaces(nodes: Sequence[Node], topology: Topology) -> dict[str, list[str]]:
    """Return each namespace that a path leaves and enters again, with the nodes on the way between.

    Such a namespace cannot run as one group: something outside needs it and is needed by it.
    """
    members: dict[str, set[str]] = defaultdict(set)
    for node in nodes:
        for prefix in node.namespace_prefixes:
            members[prefix].add(node.name)
    depths = {prefix.count(".") + 1 for prefix in members}
    found = {}
    for prefix in sorted(name for depth in depths for name in _in_circles(nodes, topology, depth)):
        inside = members[prefix]
        between = (topology.downstream(inside) & topology.upstream(inside)) - inside
        if between:
            found[prefix] = [node.name for node in nodes if node.name in between]
    return found


def _in_circles(nodes: Sequence[Node], topology: Topology, depth: int) -> set[str]:
    """Return the namespaces of this depth that lie in circles, once each is drawn together to a point.

    None, in most pipelines; so that the costly question of paths need not be asked.
    """
    point = {node.name: _point(node, depth) for node in nodes}
    after: dict[str, set[str]] = {each: set() for each in point.values()}
    before: dict[str, set[str]] = {each: set() for each in after}
    for node in nodes:
        here = point[node.name]
        for base in node.write_bases:
            for reader in topology.readers.get(base, ()):
                there = point[reader]
                if there != here:
                    after[here].add(there)
                    before[there].add(here)
    _peel(before, after)
    _peel(after, before)
    return {each.removesuffix(".") for each in after if each.endswith(".")}


def _peel(towards: dict[str, set[str]], back: dict[str, set[str]]) -> None:
    """Remove the points that nothing leads towards, and those that are such points then."""
    ends = [each for each, others in towards.items() if not others]
    while ends:
        end = ends.pop()
        del towards[end]
        for other in back.pop(end):
            towards[other].discard(end)
            if not towards[other]:
                ends.append(other)


def _point(node: Node, depth: int) -> str:
    prefixes = node.namespace_prefixes
    return f"{prefixes[depth - 1]}." if len(prefixes) >= depth else node.name


def _outermost(node: Node) -> str:
    return node.namespace.partition(".")[0] if node.namespace else node.name


def _name(node: Node) -> str:
    return node.name
