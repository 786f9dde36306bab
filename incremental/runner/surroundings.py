"""Who else takes part in a run besides plan, catalog and executor. It runs nothing."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from incremental.runner.policy import FailurePolicy
from incremental.state.ledger import MemoryLedger
from incremental.state.records import Marks

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from incremental.events import Listener
    from incremental.state import Ledger


@dataclass(slots=True)
class Surroundings:
    """Who else takes part in a run: each may be absent."""

    run_id: str
    hooks: Any = None
    ledger: Ledger = field(default_factory=MemoryLedger)
    marks: Marks = field(default_factory=Marks)
    listeners: tuple[Listener, ...] = ()
    is_async: bool = False
    pickle_by_value: Callable[[], None] | None = None
    """Tells cloudpickle what no other process can import."""
    sources: tuple[str, ...] = ()
    """Folders of the project's code, for workers on other machines."""
    policy: FailurePolicy = field(default_factory=FailurePolicy)
    seconds_by_node: Mapping[str, float] = field(default_factory=dict)
    """How long nodes took before, to start the longest way through the plan first."""
