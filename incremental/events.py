"""What happens in a run, as typed values for those who only listen: progress, logs. It calls nobody.

The ledger and the hooks are no listeners: the loop calls those itself, because they may refuse.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class RunStarted:
    """A plan begins to be carried out."""

    run_id: str
    planned: int
    """Nodes that will run."""
    skipped: int


@dataclass(frozen=True, slots=True)
class NodeSkipped:
    """A node does not run, and why."""

    node: str
    reason: str


@dataclass(frozen=True, slots=True)
class NodeStarted:
    """The executor has a node, and all that it reads."""

    node: str
    position: int
    """Counted from 1, of ``RunStarted.planned``."""


@dataclass(frozen=True, slots=True)
class NodeFinished:
    """A node ran and its outputs are committed."""

    node: str
    started: float
    """Seconds since the epoch."""
    load_seconds: float
    compute_seconds: float
    save_seconds: float
    worker: str = ""
    """Which worker ran it; empty for the thread of the runner itself."""
    attempt: int = 1
    """The one that succeeded, counted from 1."""
    bytes_in: int | None = None
    """Read from storage: the size of what was loaded; None where that is not known."""
    bytes_out: int | None = None
    """Written to storage; None where that is not known."""

    @property
    def seconds(self) -> float:
        """Wall time of the node: loading, computing and saving."""
        return self.load_seconds + self.compute_seconds + self.save_seconds


@dataclass(frozen=True, slots=True)
class NodeFailed:
    """A node raised; its outputs are as they were before."""

    node: str
    error: BaseException
    attempt: int = 1
    """The last one, counted from 1."""


@dataclass(frozen=True, slots=True)
class NodeRetried:
    """An attempt of a node failed, and there will be another."""

    node: str
    error: BaseException
    attempt: int
    """The one that failed, counted from 1."""
    pause: float
    """Seconds until the next."""


@dataclass(frozen=True, slots=True)
class RunFinished:
    """The run is over: ``succeeded``, ``failed`` or ``interrupted``."""

    run_id: str
    status: str
    executed: int
    seconds: float


Event = RunStarted | NodeSkipped | NodeStarted | NodeFinished | NodeFailed | NodeRetried | RunFinished
Listener = Callable[[Event], None]
