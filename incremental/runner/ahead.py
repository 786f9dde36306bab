"""Which nodes may be handed over before what they read is there. Pure bookkeeping: it hands nothing over."""

from __future__ import annotations

import heapq
from typing import TYPE_CHECKING

from incremental.runner.schedule import Schedule

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from incremental.pipeline import Node
    from incremental.planner import Plan


class AheadSchedule(Schedule):
    """A schedule for executors that take calls ahead of their inputs.

    A node may go ahead once all that it still waits for is under way and passes values on. It is looked
    at again only when one of those changes, so that each edge costs the same however many nodes there are.

    Args:
        plan: what runs.
        seconds_by_node: as for every schedule.
        passes_on: whether readers of a node may be handed over while it is under way.
        can_wait: whether a node may be handed over before it can begin.
    """

    def __init__(
        self,
        plan: Plan,
        seconds_by_node: Mapping[str, float] | None,
        passes_on: Callable[[Node], bool],
        can_wait: Callable[[Node], bool],
    ) -> None:
        super().__init__(plan, seconds_by_node)
        self._passes_on = [passes_on(node) for node in self._nodes]
        self._can_wait = [can_wait(node) for node in self._nodes]
        self._held = list(self._waiting)  # how many producers keep each from going ahead
        self._passing: set[int] = set()  # under way, and what they hold back no more is free
        self._early: set[int] = set()  # handed over, and still waiting
        self._candidates: list[tuple[float, int]] = []  # a heap; what has changed since is passed over

    @property
    def early(self) -> int:
        """How many nodes were handed over and still wait."""
        return len(self._early)

    def next(self) -> Node:
        """Take the most urgent of the ready nodes."""
        node = super().next()
        self._pass_on(self._place_by_name[node.name])
        return node

    def next_ahead(self) -> Node | None:
        """Take the most urgent of the nodes that may go ahead; None when there is none."""
        while self._candidates:
            _, place = heapq.heappop(self._candidates)
            if self._may_go(place):
                self._early.add(place)
                self._pass_on(place)
                return self._nodes[place]
        return None

    def done(self, node: Node) -> list[Node]:
        """Note that a node's outputs are there; return those handed over that wait no more."""
        place = self._place_by_name[node.name]
        has_passed_on = place in self._passing
        self._passing.discard(place)
        ready = []
        for follower in self._followers[place]:
            self._waiting[follower] -= 1
            self._held[follower] -= not has_passed_on
            if self._waiting[follower]:
                self._consider(follower)
            elif follower in self._early:
                self._early.remove(follower)
                ready.append(self._nodes[follower])
            elif follower not in self._lost:
                self._add(follower)
        return ready

    def again(self, node: Node) -> None:
        """Make a node ready that was taken and has to run once more, or have it wait as before."""
        place = self._place_by_name[node.name]
        if self._waiting[place]:
            self._consider(place)
        else:
            self._add(place)

    def lose(self, node: Node) -> tuple[Node, ...]:
        """Note that a node's outputs will not be there; return the nodes that cannot run without them."""
        self._lost.add(self._place_by_name[node.name])
        return super().lose(node)

    def waiting_for(self, nodes: Iterable[Node] | None = None) -> list[Node]:
        """Return what was handed over and waits for these nodes, or for any."""
        if nodes is None:
            return [self._nodes[place] for place in sorted(self._early)]
        found: set[int] = set()
        stack = [self._place_by_name[node.name] for node in nodes]
        while stack:
            after = self._early.intersection(self._followers[stack.pop()]) - found
            found |= after
            stack.extend(after)
        return [self._nodes[place] for place in sorted(found)]

    def put_back(self, node: Node, *, in_time: bool = False) -> None:
        """Note that a node is under way no more, and left nothing.

        Args:
            node: which one.
            in_time: hand it over again only when it can begin.
        """
        place = self._place_by_name[node.name]
        self._early.discard(place)
        if in_time:
            self._can_wait[place] = False
        if place in self._passing:
            self._passing.remove(place)
            for follower in self._followers[place]:
                self._held[follower] += 1
        self._consider(place)

    def _pass_on(self, place: int) -> None:
        if self._passes_on[place]:
            self._passing.add(place)
            for follower in self._followers[place]:
                self._held[follower] -= 1
                self._consider(follower)

    def _consider(self, place: int) -> None:
        if self._may_go(place):
            heapq.heappush(self._candidates, (-self._urgency[place], place))

    def _may_go(self, place: int) -> bool:
        return bool(
            self._waiting[place]
            and not self._held[place]
            and self._can_wait[place]
            and place not in self._early
            and place not in self._lost
        )
