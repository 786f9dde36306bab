"""What has failed in a run so far, what runs again and when, what is lost with it. It runs nothing."""

from __future__ import annotations

import heapq
import time
from typing import TYPE_CHECKING

from incremental.errors import NodeRunError, RunError, text_of
from incremental.pipeline.results import who

if TYPE_CHECKING:
    from collections.abc import Callable

    from incremental.pipeline import Node
    from incremental.runner.policy import FailurePolicy
    from incremental.runner.travel import Trace

_MOST_NAMED = 5


class Failures:
    """Decides what a failure means, by a policy, and keeps count."""

    def __init__(self, policy: FailurePolicy, clock: Callable[[], float] = time.monotonic) -> None:
        self._policy = policy
        self._clock = clock
        self._attempts: dict[str, int] = {}
        self._paused: list[tuple[float, int, Node]] = []
        self._count = 0
        self._again: dict[str, tuple[Node, BaseException, Trace | None]] = {}  # to run again, not begun yet
        self._final: list[tuple[Node, BaseException, Trace | None]] = []
        self._lost: dict[str, None] = {}

    def __bool__(self) -> bool:
        """Whether a node has failed for good."""
        return bool(self._final)

    @property
    def lets_others_start(self) -> bool:
        """Whether nodes may still be started."""
        return not self._final or self._policy.keep_going

    @property
    def has_paused(self) -> bool:
        """Whether a node waits for its next attempt."""
        return bool(self._paused)

    def attempt_of(self, node: Node) -> int:
        """Return which attempt of a node is, or will be, the next; counted from 1."""
        return self._attempts.get(node.name, 0) + 1

    def pause_before_retry(
        self, node: Node, error: BaseException, trace: Trace | None = None
    ) -> float | None:
        """Note the failure of an attempt; return the seconds until the next, None if there is none."""
        attempt = self.attempt_of(node)
        self._attempts[node.name] = attempt
        if attempt > self._policy.retries_of(node) or not self.lets_others_start:
            return None
        pause = self._policy.pause(attempt)
        self._count += 1
        heapq.heappush(self._paused, (self._clock() + pause, self._count, node))
        self._again[node.name] = (node, error, trace)
        return pause

    def begin(self, node: Node) -> None:
        """Note that a node begins, perhaps again."""
        self._again.pop(node.name, None)

    def abandon(self) -> list[tuple[Node, BaseException]]:
        """Take those for failed that were to run again, now that nothing more is started; return them."""
        abandoned = list(self._again.values())
        self._final.extend(abandoned)
        self._again.clear()
        return [(node, error) for node, error, _ in abandoned]

    def note_restart(self, node: Node) -> int:
        """Note that an executor began a node anew by itself; return which attempt was lost."""
        attempt = self.attempt_of(node)
        self._attempts[node.name] = attempt
        return attempt

    def give_up(self, node: Node, error: BaseException, trace: Trace | None, lost: tuple[Node, ...]) -> None:
        """Note that a node has failed for good, and what cannot run without it."""
        self._final.append((node, error, trace))
        self._lost.update(dict.fromkeys(other.name for other in lost))
        if not self.lets_others_start:
            self._paused.clear()

    def due(self) -> list[Node]:
        """Take the nodes whose pause is over."""
        now = self._clock()
        found = []
        while self._paused and self._paused[0][0] <= now:
            found.append(heapq.heappop(self._paused)[2])
        return found

    def seconds_to_next(self) -> float | None:
        """Return how long until a paused node is due, None when none is paused."""
        return max(0.0, self._paused[0][0] - self._clock()) if self._paused else None

    def error(self) -> NodeRunError:
        """Return the one error of the run: every node that failed, and what could not run without them."""
        sentences = [_sentence(node, error, trace) for node, error, trace in self._final]
        if self._lost and self._policy.keep_going:
            names = [repr(name) for name in self._lost]
            more = f" and {len(names) - _MOST_NAMED} more" if len(names) > _MOST_NAMED else ""
            sentences.append(f"not run for lack of them: {', '.join(names[:_MOST_NAMED])}{more}")
        node, error, trace = self._final[0]
        frames = None if trace is None else trace.summaries()
        raised = NodeRunError(sentences[0], node.name, frames, tuple(sentences[1:]))
        raised.__cause__ = error
        return raised


def _sentence(node: Node, error: BaseException, trace: Trace | None) -> str:
    if trace is not None:
        trace.attach(error)
    text = text_of(error).replace(who(node), f"function {node.func_name!r}", 1)  # it is named before
    if isinstance(error, SystemExit):
        text = f"it calls sys.exit({', '.join(map(repr, error.args))})"
    elif not isinstance(error, RunError) or type(error) is NodeRunError or not text:
        text = f"{type(error).__name__}: {text}" if text else type(error).__name__
    return f"node {node.name!r} failed: {text}"
