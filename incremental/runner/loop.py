"""The one loop that carries a plan out, whatever the executor. It decides the order, not what runs."""

from __future__ import annotations

import logging
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from incremental.errors import LedgerError, RunError
from incremental.events import (
    Event,
    NodeFailed,
    NodeFinished,
    NodeRetried,
    NodeSkipped,
    NodeStarted,
    RunFinished,
    RunStarted,
)
from incremental.pipeline.transcoding import base_name
from incremental.runner.ahead import AheadSchedule
from incremental.runner.failures import Failures
from incremental.runner.memory import Memory
from incremental.runner.publisher import Publisher
from incremental.runner.result import RunResult
from incremental.runner.schedule import Schedule
from incremental.runner.task import Outcome, Task, Worker, tells_saved
from incremental.runner.travel import check_hooks, check_nodes, travelling

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

    from incremental.executors import Executor, Finished
    from incremental.io import DataCatalog
    from incremental.pipeline import Node
    from incremental.planner import Plan
    from incremental.runner.surroundings import Surroundings
    from incremental.runner.travel import Trace

logger = logging.getLogger(__name__)


class Loop:
    """Carries out one plan on one executor."""

    def __init__(
        self, plan: Plan, catalog: DataCatalog, executor: Executor[Node], around: Surroundings
    ) -> None:
        self._plan = plan
        self._catalog = catalog
        self._executor = executor
        self._around = around
        self._memory = Memory(plan, catalog)
        self._publisher = Publisher(
            plan,
            catalog,
            around.ledger,
            around.marks,
            around.run_id,
            durable=catalog.durable,
            in_process=executor.in_process,
        )
        self._executed: list[str] = []
        self._in_flight: dict[str, Node] = {}
        self._confirmable: dict[str, Any] = {}  # datasets as workers have loaded them
        self._remade: set[str] = set()  # completed once, and running again for a value that was lost
        self._failures = Failures(around.policy)
        # one worker always goes through a plan in the same way, whatever the last runs took
        seconds = around.seconds_by_node if executor.capacity > 1 else None
        self._ahead: AheadSchedule | None = None
        if executor.ahead:
            self._ahead = AheadSchedule(plan, seconds, self._passes_on, self._can_wait)
        self._schedule = Schedule(plan, seconds) if self._ahead is None else self._ahead
        self._handed_ahead: set[str] = set()  # of those in flight

    def run(self) -> RunResult:
        """Run every planned node and return the result.

        Raises:
            NodeRunError: a node failed. What had been committed stays, and so does what was there before.
        """
        begin = time.perf_counter()
        status = "interrupted"
        try:
            self._catalog.build_foreign(self._names())
            self._open()
            self._executor.on_restart = self._note_restart
            self._executor.sources = self._around.sources
            self._start()
            self._go_through()
            self._around.ledger.flush()
            if self._executor.keeps_values and not self._failures:
                self._memory.bring_back(self._executor.fetch)
            status = "failed" if self._failures else "succeeded"
        except Exception:
            status = "failed"
            raise
        finally:
            self._executor.on_restart = None  # or each would keep the other, and the values, alive
            with suppress(LedgerError):  # what ended the run is what the user is to hear of
                self._around.ledger.flush()
            seconds = time.perf_counter() - begin
            self._tell(RunFinished, self._around.run_id, status, len(self._executed), seconds)
        if self._failures:
            raise self._failures.error()
        return RunResult(
            self._plan,
            self._catalog,
            self._memory.datasets(),
            self._around.run_id,
            self._publisher.versions,
            self._publisher.digest_of,
        )

    def _names(self) -> Iterator[str]:
        for step in self._plan.running:
            yield from step.node.reads
            yield from step.node.writes

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

    def _start(self) -> None:
        try:
            self._executor.start(self._worker())
        except RunError:
            if not self._executor.in_process:  # say which node it is, if it is one
                check_nodes(step.node for step in self._plan.running)
            raise

    def _worker(self) -> Worker:
        """Return what all tasks share, fit for where they run."""
        around, catalog, is_apart = self._around, self._catalog, not self._executor.in_process
        if is_apart:
            if around.pickle_by_value is not None:
                around.pickle_by_value()
            check_hooks(around.hooks)
            catalog = travelling(catalog, self._plan)
        nodes = {step.node.name: step.node for step in self._plan.running} if is_apart else None
        hooks, measures = around.hooks, bool(around.listeners)
        return Worker(catalog, around.run_id, hooks, around.is_async, self._executor, nodes, measures)

    def _go_through(self) -> None:
        try:
            while True:
                for node in self._failures.due() if self._failures.has_paused else ():
                    self._schedule.again(node)
                while self._schedule and self._failures.lets_others_start and self._has_room():
                    self._submit(self._schedule.next())
                if self._ahead is not None and self._failures.lets_others_start:
                    self._submit_ahead(self._ahead)
                pause = self._failures.seconds_to_next() if self._failures.has_paused else None
                if self._in_flight:
                    self._take(self._executor.wait(pause))  # kept in no variable: its values are to be freed
                elif pause is not None:
                    time.sleep(pause)
                else:
                    break
            for node, error in self._failures.abandon():
                self._tell(NodeFailed, node.name, error)
        except KeyboardInterrupt as interrupt:
            self._wind_down(patient=type(interrupt) is KeyboardInterrupt)
            raise

    def _has_room(self) -> bool:
        return len(self._in_flight) - len(self._handed_ahead) < self._executor.capacity

    def _submit_ahead(self, schedule: AheadSchedule) -> None:
        """Hand over nodes whose inputs are still to be made, many at once, so that they travel together."""
        most = self._executor.ahead
        if len(self._handed_ahead) > most // 2:
            return
        while len(self._handed_ahead) < most and (node := schedule.next_ahead()) is not None:
            try:
                self._submit_with_kept(self._task_of(node, self._publisher.persistent(node)))
            except Exception:  # noqa: BLE001 - whatever it is fails the node when its time has come
                schedule.put_back(node, in_time=True)
            else:
                self._handed_ahead.add(node.name)
                self._in_flight[node.name] = node

    def _passes_on(self, node: Node) -> bool:
        """Whether the readers of a node may be with the workers before it has ended.

        Nothing that the driver does, or decides, may then come between what it leaves and them.
        """
        return (
            self._memory.only_passes_on(node)
            and not node.confirms
            and self._around.policy.timeout_of(node) is None
            and not tells_saved(self._around.hooks)
        )

    def _can_wait(self, node: Node) -> bool:
        """Whether a node may be with the workers before it can begin: no mark may say that it has begun."""
        return not self._publisher.announces(node)

    def _take_back(self, nodes: list[Node]) -> None:
        """Have nodes not begin that wait for what others were to leave."""
        assert self._ahead is not None
        for node in self._executor.recall(nodes) if nodes else ():
            del self._in_flight[node.name]
            self._handed_ahead.discard(node.name)
            self._memory.forget_kept(node)
            self._ahead.put_back(node)

    def _wind_down(self, *, patient: bool) -> None:
        """After an interrupt, start nothing more; wait for what cannot be stopped, and keep what it made.

        Whoever sends another signal than Ctrl-C (a kind of KeyboardInterrupt) has no patience.
        """
        self._executor.cancel()
        if self._in_flight and self._executor.in_process:
            if not patient:
                return
            names = ", ".join(map(repr, self._in_flight))
            logger.warning("interrupted: waiting for %s; interrupt again to give up", names)
        while self._in_flight:
            finished = self._executor.wait()
            if finished is None:  # the rest ended in the very moment of the interrupt
                return
            if finished.value is None:  # stopped: that is no failure of the node
                self._in_flight.pop(finished.key.name, None)
                self._publisher.withdraw(finished.key, finished.key.writes)
            else:
                self._take(finished)

    def _submit(self, node: Node) -> None:
        self._failures.begin(node)
        self._tell_started(node, 1)
        try:
            persistent = self._publisher.persistent(node)
            in_place = self._publisher.announce(node, persistent) if persistent else persistent
            task = self._task_of(node, persistent, in_place)
            if self._executor.keeps_values:
                self._submit_with_kept(task)
            else:
                self._executor.submit(node, task, self._timeout_of(node))
            self._in_flight[node.name] = node
        except LedgerError:
            raise
        except Exception as error:  # noqa: BLE001 - an output cannot be built or marked, an input not sent
            self._fail(node, error, ())

    def _task_of(
        self, node: Node, persistent: frozenset[str], in_place: frozenset[str] = frozenset()
    ) -> Task:
        versions = self._versions_of(node)
        found = ((name, self._publisher.digest_of(name, versions.get(name))) for name in node.reads)
        digests = {name: digest for name, digest in found if digest is not None}
        return Task(node, self._memory.inputs_of(node), versions, persistent, in_place, digests=digests)

    def _timeout_of(self, node: Node) -> float | None:
        return None if self._executor.in_process else self._around.policy.timeout_of(node)

    def _submit_with_kept(self, task: Task) -> None:
        """Hand over a node whose values stay with the workers, as far as no dataset has to see them."""
        node, memory = task.node, self._memory
        kept = memory.kept_for(node, self._executor.keep)
        task.memory = {name: dataset for name, dataset in task.memory.items() if name not in kept}
        task.copy_modes = memory.copy_modes_for(node) if self._executor.shares_kept else {}
        in_memory = [name for name in node.writes if name not in task.persistent]
        leaves = tuple([name for name in in_memory if memory.stays(name)])
        task.returned = frozenset(in_memory).difference(leaves)
        urgency = self._schedule.urgency_of(node)
        memory.put_kept(self._executor.submit_with(node, task, kept, self._timeout_of(node), leaves, urgency))

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

    def _take(self, finished: Finished[Node] | None) -> None:
        """Complete a node that ended well; else take back what it announced, and raise an interrupt again."""
        if finished is None:
            return
        node = finished.key
        self._in_flight.pop(node.name, None)
        self._handed_ahead.discard(node.name)
        outcome: Outcome | None = finished.value
        if outcome is None:  # its worker is gone: nobody knows what it had touched
            self._fail(node, finished.error or RuntimeError("it ended without an outcome"), node.writes)
            return
        error = outcome.error
        if error is None:
            try:
                self._complete(node, outcome, finished)
                return
            except BaseException as failure:  # noqa: BLE001 - publishing failed: the node has failed
                outcome.discard()
                error = failure
        self._fail(node, error, outcome.touched, outcome.trace)

    def _fail(
        self, node: Node, error: BaseException, touched: Collection[str], trace: Trace | None = None
    ) -> None:
        self._publisher.withdraw(node, touched)
        if isinstance(error, KeyboardInterrupt):
            raise error
        if self._ahead is not None:
            self._take_back(self._ahead.waiting_for([node]))
            if node.name not in self._remade:
                self._memory.forget_kept(node)
            self._ahead.put_back(node)
        attempt = self._failures.attempt_of(node)
        can_retry = node.name not in self._remade and self._may_run_again(node, touched)
        pause = self._failures.pause_before_retry(node, error, trace) if can_retry else None
        if pause is not None:
            self._tell(NodeRetried, node.name, error, attempt, pause)
            return
        self._failures.give_up(node, error, trace, self._schedule.lose(node))
        self._tell(NodeFailed, node.name, error, attempt)
        if self._ahead is not None and not self._failures.lets_others_start:
            self._take_back(self._ahead.waiting_for())

    def _note_restart(self, node: Node, error: BaseException) -> None:
        """Tell that an executor runs a node again by itself, and announce what it writes once more."""
        attempt = self._failures.note_restart(node)
        self._tell(NodeRetried, node.name, error, attempt, 0.0)
        if node.name not in self._in_flight:
            self._remade.add(node.name)
            self._in_flight[node.name] = node
            self._publisher.announce(node, self._publisher.persistent(node))

    def _may_run_again(self, node: Node, touched: Collection[str]) -> bool:
        """Whether another attempt is safe: a dataset that appends would hold the pieces of both."""
        if not node.is_generator:
            return True
        pieces = self._publisher.persistent(node).intersection(touched)
        return all(self._catalog.can_stage(name) or hasattr(self._catalog[name], "reset") for name in pieces)

    def _complete(self, node: Node, outcome: Outcome, finished: Finished[Node]) -> None:
        begun: Sequence[Node] = ()
        is_first = node.name not in self._remade
        if is_first:
            self._memory.put(outcome.values)
            if finished.kept:
                self._memory.put_kept(finished.kept)
        outcome.attempt = self._failures.attempt_of(node)
        bytes_out = self._publisher.publish(node, outcome, self._publisher.persistent(node))
        hooks = self._around.hooks
        for name, data in outcome.saved.items():
            hooks.hook.after_dataset_saved(dataset_name=name, data=data, node=node)
        if is_first:
            self._confirmable.update(outcome.confirmable)
            for name in node.confirms:
                self._catalog.confirm_loaded(name, self._confirmable.get(name))
            self._memory.release_after(node)
            begun = self._schedule.done(node)
            self._executed.append(node.name)
        self._remade.discard(node.name)
        if self._around.listeners:
            seconds = (outcome.load_seconds, outcome.compute_seconds, outcome.save_seconds)
            about = (finished.worker, self._failures.attempt_of(node), outcome.bytes_in, bytes_out)
            self._tell(NodeFinished, node.name, outcome.started, *seconds, *about)
        for other in begun:
            self._tell_started(other)

    def _tell_started(self, node: Node, more: int = 0) -> None:
        waiting = self._ahead.early if self._ahead is not None else 0
        self._tell(NodeStarted, node.name, len(self._executed) + len(self._in_flight) - waiting + more)

    def _tell(self, kind: type[Event], *details: Any) -> None:
        """Build an event only if somebody listens."""
        if self._around.listeners:
            event = kind(*details)
            for listener in self._around.listeners:
                listener(event)
