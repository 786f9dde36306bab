"""Who makes and who reads each dataset: plain dictionaries over base names. It holds no selection."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from incremental.pipeline.node import Node


class Topology:
    """The adjacency of some nodes, made in one pass over them.

    ``by_name`` holds each node, ``producers`` who makes a base name, ``readers`` the names of those who
    read it. Where names or outputs clash the last one is kept; ``validation`` finds such faults.
    """

    __slots__ = ("by_name", "producers", "readers")

    def __init__(self, nodes: Sequence[Node]) -> None:
        by_name: dict[str, Node] = {}
        producers: dict[str, Node] = {}
        readers: dict[str, list[str]] = {}
        for node in nodes:
            name = node.name
            by_name[name] = node
            for base in node.write_bases:
                producers[base] = node
            for base in node.read_bases:
                if base in readers:
                    readers[base].append(name)
                else:
                    readers[base] = [name]
        self.by_name = by_name
        self.producers = producers
        self.readers = readers

    def levels(self) -> list[list[Node]]:
        """Return the nodes by their longest distance from an input, each level sorted by name.

        Nodes of a cycle, and those after it, are left out.
        """
        by_name, readers = self.by_name, self.readers
        waiting = self._inputs_made_here()
        ready = [name for name in by_name if name not in waiting]
        levels = []
        while ready:
            ready.sort()
            level = [by_name[name] for name in ready]
            levels.append(level)
            ready = []
            for node in level:
                for base in node.write_bases:
                    for name in readers.get(base, ()):
                        waiting[name] -= 1
                        if not waiting[name]:
                            ready.append(name)
        return levels

    def parents(self, node: Node) -> frozenset[Node]:
        """Return the nodes that make what this one reads."""
        producers = self.producers
        return frozenset([producers[base] for base in node.read_bases if base in producers])

    def children(self, node: Node) -> frozenset[Node]:
        """Return the nodes that read what this one makes."""
        readers = self.readers
        return frozenset([self.by_name[name] for base in node.write_bases for name in readers.get(base, ())])

    def downstream(self, names: Iterable[str]) -> set[str]:
        """Return these nodes and all that come after them."""
        found = set(names)
        ahead = list(found)
        while ahead:
            for base in self.by_name[ahead.pop()].write_bases:
                for name in self.readers.get(base, ()):
                    if name not in found:
                        found.add(name)
                        ahead.append(name)
        return found

    def upstream(self, names: Iterable[str]) -> set[str]:
        """Return these nodes and all that come before them."""
        found = set(names)
        ahead = list(found)
        while ahead:
            for base in self.by_name[ahead.pop()].read_bases:
                producer = self.producers.get(base)
                if producer is not None and producer.name not in found:
                    found.add(producer.name)
                    ahead.append(producer.name)
        return found

    def _inputs_made_here(self) -> dict[str, int]:
        producers = self.producers
        counts: dict[str, int] = {}
        for name, node in self.by_name.items():
            count = 0
            for base in node.read_bases:
                if base in producers:
                    count += 1
            if count:
                counts[name] = count
        return counts
