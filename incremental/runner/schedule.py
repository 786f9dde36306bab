"""Which node of a plan may start next, and which never will. Pure bookkeeping: it starts nothing."""

from __future__ import annotations

import heapq
from typing import TYPE_CHECKING

from incremental.pipeline.transcoding import base_name

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from incremental.pipeline import Node
    from incremental.planner import Plan


class Schedule:
    """The running nodes of a plan and what each still waits for.

    Of the nodes that are ready, the one with the longest way still to go after it comes first; ties go
    to the first in topological order, so that one worker always goes through a plan in the same way.
    Each edge is looked at once, however many nodes there are.

    Args:
        plan: what runs.
        seconds_by_node: how long nodes took before; one that is no key counts as their mean, and
            without any each node counts the same, so that the deepest way is the longest.
    """

    def __init__(self, plan: Plan, seconds_by_node: Mapping[str, float] | None = None) -> None:
        self._nodes = [step.node for step in plan.running]
        self._place_by_name = {node.name: place for place, node in enumerate(self._nodes)}
        self._waiting = [0] * len(self._nodes)
        self._followers: list[list[int]] = [[] for _ in self._nodes]
        producers = plan.pipeline.producers
        for place, node in enumerate(self._nodes):
            makers = (producers.get(base_name(name)) for name in node.reads)
            before = {self._place_by_name.get(maker.name) for maker in makers if maker is not None} - {None}
            self._waiting[place] = len(before)
            for other in before:
                assert other is not None
                self._followers[other].append(place)
        self._urgency = self._longest_ways(seconds_by_node or {})
        self._ready = [
            (-self._urgency[place], place) for place, count in enumerate(self._waiting) if not count
        ]
        heapq.heapify(self._ready)
        self._lost: set[int] = set()

    def __bool__(self) -> bool:
        """Whether a node is ready to start."""
        return bool(self._ready)

    def __len__(self) -> int:
        return len(self._nodes)

    def next(self) -> Node:
        """Take the most urgent of the ready nodes."""
        return self._nodes[heapq.heappop(self._ready)[1]]

    def again(self, node: Node) -> None:
        """Make a node ready that was taken and has to run once more."""
        self._add(self._place_by_name[node.name])

    def urgency_of(self, node: Node) -> float:
        """Return the length of the longest way from the start of a node to the end of the plan."""
        return self._urgency[self._place_by_name[node.name]]

    def done(self, node: Node) -> Sequence[Node]:
        """Note that a node's outputs are there: nodes that waited for them only become ready.

        Returns:
            Nodes that had been taken before, and can begin now; this schedule hands out none such.
        """
        for follower in self._followers[self._place_by_name[node.name]]:
            self._waiting[follower] -= 1
            if not self._waiting[follower] and follower not in self._lost:
                self._add(follower)
        return ()

    def lose(self, node: Node) -> tuple[Node, ...]:
        """Note that a node's outputs will not be there; return the nodes that cannot run without them.

        A node that an earlier loss took already is not returned again.
        """
        found: list[int] = []
        stack = [self._place_by_name[node.name]]
        while stack:
            for follower in self._followers[stack.pop()]:
                if follower not in self._lost:
                    self._lost.add(follower)
                    found.append(follower)
                    stack.append(follower)
        return tuple(self._nodes[place] for place in sorted(found))

    def _add(self, place: int) -> None:
        heapq.heappush(self._ready, (-self._urgency[place], place))

    def _longest_ways(self, seconds_by_node: Mapping[str, float]) -> list[float]:
        """Return for each node the length of the longest way from its start to the end of the plan."""
        known = [seconds_by_node[node.name] for node in self._nodes if node.name in seconds_by_node]
        otherwise = sum(known) / len(known) if known else 1.0
        ways = [0.0] * len(self._nodes)
        for place in reversed(range(len(self._nodes))):
            after = 0.0
            for follower in self._followers[place]:
                after = max(after, ways[follower])
            ways[place] = after + seconds_by_node.get(self._nodes[place].name, otherwise)
        return ways
