"""What a run does when a node fails: try again, go on elsewhere, give up on time. It runs nothing."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from incremental.pipeline import Node

RETRY, TIMEOUT = "retry-", "timeout-"
_NUMBER = re.compile(r"\d+(\.\d+)?")
_LONGEST_PAUSE = 60.0  # seconds
_MOST_DOUBLINGS = 60  # more than any pause needs, and fewer than a number can have


@dataclass(frozen=True, slots=True)
class FailurePolicy:
    """How a run meets failures.

    A node says otherwise for itself by a tag, which also works for nodes of pipelines that one only
    re-uses: ``retry-3`` and ``timeout-60``. Tags travel with a node through namespaces and filters, and
    a Kedro pipeline with them is still a Kedro pipeline.

    Args:
        keep_going: run what does not depend on a failed node.
        retries: how often a failed node runs again.
        backoff: seconds before the first retry; each further one waits twice as long, at most a minute.
        timeout: seconds that a node may take, where the executor can stop it.
    """

    keep_going: bool = False
    retries: int = 0
    backoff: float = 0.5
    timeout: float | None = None

    def retries_of(self, node: Node) -> int:
        """Return how often a node runs again after a failure."""
        number = _number(node, RETRY)
        return self.retries if number is None else int(number)

    def timeout_of(self, node: Node) -> float | None:
        """Return how many seconds a node may take, None for as long as it likes."""
        number = _number(node, TIMEOUT)
        return self.timeout if number is None else number

    def pause(self, attempt: int) -> float:
        """Return the seconds to wait after the failure of an attempt, counted from 1."""
        return min(_LONGEST_PAUSE, self.backoff * 2.0 ** min(attempt - 1, _MOST_DOUBLINGS))


def _number(node: Node, prefix: str) -> float | None:
    """Return the number in a tag such as ``retry-3``, the largest of several."""
    words = [tag.removeprefix(prefix) for tag in node.tags if tag.startswith(prefix)]
    return max((float(word) for word in words if _NUMBER.fullmatch(word)), default=None)
