"""The one loop that carries a plan out, whatever the executor. It decides the order, not what runs."""

from __future__ import annotations

import functools
import logging
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from incremental.errors import LedgerError, NodeRunError
from incremental.events import (
    Event,
    NodeFailed,
    NodeFinished,
    NodeSkipped,
    NodeStarted,
    RunFinished,
    RunStarted,
)
from incremental.pipeline.transcoding import base_name
from incremental.runner.memory import Memory
from incremental.runner.publisher import Publisher
from incremental.runner.result import RunResult
from incremental.runner.schedule import Schedule
from incremental.runner.task import Outcome, Task, perform
from incremental.state.ledger import Marks, MemoryLedger

if TYPE_CHECKING:
    from collections.abc import Collection

    from incremental.events import Listener
    from incremental.executors import Executor, Finished
    from incremental.io import DataCatalog
    from incremental.pipeline import Node
    from incremental.planner import Plan
    from incremental.state import Ledger

logger = logging.getLogger(__name__)


@dataclass(slots=True)
class Surroundings:
    """Who else takes part in a run: each may be absent."""

    run_id: str
    hooks: Any = None
    ledger: Ledger = field(default_factory=MemoryLedger)
    marks: Marks = field(default_factory=Marks)
    listeners: tuple[Listener, ...] = ()
    is_async: bool = False


class Loop:
    """Carries out one plan on one executor."""

    def __init__(
        self, plan: Plan, catalog: DataCatalog, executor: Executor[Node], around: Surroundings
    ) -> None:
        self._plan = plan
        self._catalog = catalog
        self._executor = executor
        self._around = around
        self._schedule = Schedule(plan)
        self._memory = Memory(plan, catalog)
        self._publisher = Publisher(
            plan, catalog, around.ledger, around.marks, around.run_id, durable=catalog.durable
        )
        self._executed: list[str] = []
        self._in_flight = 0
        self._failure: tuple[Node, BaseException] | None = None

    def run(self) -> RunResult:
        """Run every planned node and return the result.

        Raises:
            NodeRunError: a node failed. What had been committed stays, and so does what was there before.
        """
        begin = time.perf_counter()
        status = "interrupted"
        try:
            self._open()
            self._go_through()
            status = "failed" if self._failure else "succeeded"
        except Exception:
            status = "failed"
            raise
        finally:
            seconds = time.perf_counter() - begin
            self._tell(RunFinished, self._around.run_id, status, len(self._executed), seconds)
        if self._failure is not None:
            node, error = self._failure
            text = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
            raise NodeRunError(f"node {node.name!r} failed: {text}", node.name) from error
        return RunResult(
            self._plan,
            self._catalog,
            self._memory.datasets(),
            self._around.run_id,
            self._publisher.versions,
        )

    def _open(self) -> None:
        self._tell(RunStarted, self._around.run_id, len(self._schedule), len(self._plan.skipped))
        hooks = self._around.hooks
        if hooks is None and not self._around.listeners:
            return
        on_node_skipped = getattr(hooks.hook, "on_node_skipped", None) if hooks is not None else None
        for step in self._plan.skipped:
            reason = "; ".join(map(str, step.reasons))
            self._tell(NodeSkipped, step.node.name, reason)
            if on_node_skipped is not None:  # managers made by Kedro do not have it
                on_node_skipped(node=step.node, reason=reason)

    def _go_through(self) -> None:
        while True:
            while self._schedule and self._failure is None and self._in_flight < self._executor.capacity:
                self._submit(self._schedule.next())
            if not self._in_flight:
                return
            self._take(self._executor.wait())  # kept in no variable: the values in it are to be freed

    def _submit(self, node: Node) -> None:
        self._tell(NodeStarted, node.name, len(self._executed) + self._in_flight + 1)
        try:
            persistent = self._publisher.persistent(node)
            in_place = self._publisher.announce(node, persistent) if persistent else persistent
        except LedgerError:
            raise
        except Exception as error:  # noqa: BLE001 - an output cannot be built or marked: the node has failed
            self._fail(node, error, ())
            return
        task = Task(
            node,
            self._catalog,
            self._memory.inputs_of(node),
            self._versions_of(node),
            persistent,
            in_place,
            self._around.run_id,
            self._around.hooks,
            self._around.is_async,
        )
        self._executor.submit(node, functools.partial(perform, task))
        self._in_flight += 1

    def _versions_of(self, node: Node) -> dict[str, str]:
        """Return which version of each input to read: what this run saved, else what the plan saw."""
        planned, saved = self._plan.facts.versions, self._publisher.versions
        if not planned and not saved:
            return {}
        versions = {}
        for name in node.reads:
            base = base_name(name)
            version = saved[base] if base in saved else planned.get(name)
            if version is not None:
                versions[name] = version
        return versions

    def _take(self, finished: Finished[Node]) -> None:
        """Complete a node that ended well; else take back what it announced, and raise an interrupt again."""
        self._in_flight -= 1
        node = finished.key
        outcome: Outcome | None = finished.value
        if outcome is None:  # its worker is gone: nobody knows what it had touched
            self._fail(node, finished.error or RuntimeError("it ended without an outcome"), node.writes)
            return
        error = outcome.error
        if error is None:
            try:
                self._complete(node, outcome)
                return
            except BaseException as failure:  # noqa: BLE001 - publishing failed: the node has failed
                outcome.discard()
                error = failure
        self._fail(node, error, outcome.touched)

    def _fail(self, node: Node, error: BaseException, touched: Collection[str]) -> None:
        self._publisher.withdraw(node, touched)
        if not isinstance(error, Exception):
            raise error
        if self._failure is None:
            self._failure = (node, error)
        self._tell(NodeFailed, node.name, error)

    def _complete(self, node: Node, outcome: Outcome) -> None:
        self._memory.put(outcome.values)
        self._publisher.publish(node, outcome, self._publisher.persistent(node))
        hooks = self._around.hooks
        for name, data in outcome.saved.items():
            hooks.hook.after_dataset_saved(dataset_name=name, data=data, node=node)
        for name in node.confirms:
            self._catalog.confirm(name)
        self._memory.release_after(node)
        self._schedule.done(node)
        self._executed.append(node.name)
        if self._around.listeners:
            seconds = (outcome.load_seconds, outcome.compute_seconds, outcome.save_seconds)
            self._tell(NodeFinished, node.name, outcome.started, *seconds)

    def _tell(self, kind: type[Event], *details: Any) -> None:
        """Build an event only if somebody listens."""
        if self._around.listeners:
            event = kind(*details)
            for listener in self._around.listeners:
                listener(event)
