"""Which node of a plan may start next. Pure bookkeeping: it starts nothing."""

from __future__ import annotations

import heapq
from typing import TYPE_CHECKING

from incremental.pipeline.transcoding import base_name

if TYPE_CHECKING:
    from incremental.pipeline import Node
    from incremental.planner import Plan


class Schedule:
    """The running nodes of a plan and what each still waits for.

    Of the nodes that are ready, the first in topological order comes first, so that one worker
    always goes through a plan in the same way.
    """

    def __init__(self, plan: Plan) -> None:
        self._nodes = [step.node for step in plan.running]
        place_by_name = {node.name: place for place, node in enumerate(self._nodes)}
        self._place_by_name = place_by_name
        self._waiting = [0] * len(self._nodes)
        self._followers: list[list[int]] = [[] for _ in self._nodes]
        producers = plan.pipeline.producers
        for place, node in enumerate(self._nodes):
            before = set()
            for name in node.reads:
                producer = producers.get(base_name(name))
                if producer is not None and producer.name in place_by_name:
                    before.add(place_by_name[producer.name])
            self._waiting[place] = len(before)
            for other in before:
                self._followers[other].append(place)
        self._ready = [place for place, count in enumerate(self._waiting) if not count]

    def __bool__(self) -> bool:
        """Whether a node is ready to start."""
        return bool(self._ready)

    def __len__(self) -> int:
        return len(self._nodes)

    def next(self) -> Node:
        """Take the next ready node."""
        return self._nodes[heapq.heappop(self._ready)]

    def done(self, node: Node) -> None:
        """Note that a node's outputs are there: nodes that waited for them only become ready."""
        for follower in self._followers[self._place_by_name[node.name]]:
            self._waiting[follower] -= 1
            if not self._waiting[follower]:
                heapq.heappush(self._ready, follower)
