"""Runners: plan a pipeline and carry the plan out, with or without a project. The loop does the work."""

from __future__ import annotations

import dataclasses
import logging
import uuid
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any

from incremental.errors import PlanError, RunError, UnmetInputsError
from incremental.executors import Executor, InlineExecutor
from incremental.executors.cores import cores
from incremental.pipeline.selection import select
from incremental.planner import plan_all, plan_missing
from incremental.planner.unmet import obstacles
from incremental.runner.loop import Loop
from incremental.runner.permissions import denials
from incremental.runner.policy import FailurePolicy
from incremental.runner.prepare import gather_facts
from incremental.runner.surroundings import Surroundings
from incremental.state.ledger import Ledger, MemoryLedger

if TYPE_CHECKING:
    from incremental.io import DataCatalog
    from incremental.pipeline import Node, Pipeline
    from incremental.planner import Plan
    from incremental.runner.result import RunResult

logger = logging.getLogger(__name__)


class AbstractRunner(ABC):
    """Carries pipelines out on an executor; a subclass says on which.

    Args:
        is_async: load the inputs of a node, and save its outputs, in threads.
        policy: what to do when a node fails; by default nothing more is started.
    """

    can_stop_nodes: bool = False
    """Whether a node that takes too long can be stopped."""

    def __init__(self, is_async: bool = False, *, policy: FailurePolicy | None = None) -> None:
        self.is_async = is_async
        self.policy = policy or FailurePolicy()

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if hasattr(cls, "_run"):
            raise RunError(
                f"runner {cls.__qualname__!r} overrides '_run', which this engine never calls: new ways to "
                "execute come as executors; define 'open_executor' and return one"
            )

    @abstractmethod
    def open_executor(self) -> Executor[Node]:
        """Return a new executor for one run; the runner closes it."""

    def run(
        self,
        pipeline: Pipeline,
        catalog: DataCatalog,
        hook_manager: Any = None,
        run_id: str | None = None,
        only_missing_outputs: bool = False,
    ) -> dict[str, Any]:
        """Plan and run a pipeline without a project.

        What this process knows of begun and committed outputs is kept with the catalog object. Nothing
        keeps apart two of these that write to one place: sessions claim what they write.

        Returns:
            The dataset of each free output by name, of skipped nodes too.

        Raises:
            UnmetInputsError: the plan cannot be carried out; nothing ran.
            NodeRunError: a node failed.
        """
        ledger = _ledger_of(catalog)
        marks = ledger.marks()
        facts = gather_facts(pipeline, catalog, marks)
        selected = select(pipeline)
        plan = plan_missing(selected, facts) if only_missing_outputs else plan_all(selected, facts)
        if hook_manager is not None:
            after_plan_created = getattr(hook_manager.hook, "after_plan_created", None)
            if after_plan_created is not None:  # managers made by Kedro do not have it
                after_plan_created(plan=plan, catalog=catalog)
        around = Surroundings(run_id or uuid.uuid4().hex, hook_manager, ledger, marks)
        result = self.run_plan(plan, catalog, around)
        return {name: result.dataset(name) for name in result}

    def run_plan(self, plan: Plan, catalog: DataCatalog, around: Surroundings | None = None) -> RunResult:
        """Carry out a plan: the layer below, which sessions use.

        Raises:
            UnmetInputsError: the plan is invalid; nothing ran.
            RunError: a generator node with ``is_async``; nothing ran.
            NodeRunError: a node failed.
        """
        self.check_plan(plan, catalog)
        if around is None:
            ledger = _ledger_of(catalog)
            around = Surroundings(uuid.uuid4().hex, None, ledger, ledger.marks())
        around = dataclasses.replace(around, is_async=self.is_async, policy=self.policy)
        for warning in plan.warnings:
            logger.warning("%s", warning)
        with self.open_executor() as executor:
            return Loop(plan, catalog, executor, around).run()

    def check_plan(self, plan: Plan, catalog: DataCatalog) -> None:
        """Refuse a plan that cannot be carried out, or not by this runner.

        Raises:
            UnmetInputsError: with one line for everything that is missing or in conflict.
            PlanError: files that may not be read or written.
            RunError: a generator node with ``is_async``, a time-out that this runner cannot keep.
        """
        check_plan(plan, catalog)
        if self.is_async:
            _refuse_generators(plan)
        if not self.can_stop_nodes:
            self._refuse_timeouts(plan)

    def _refuse_timeouts(self, plan: Plan) -> None:
        timed = [step.node.name for step in plan.running if self.policy.timeout_of(step.node) is not None]
        if timed:
            more = f" and {len(timed) - 3} more" if len(timed) > 3 else ""
            raise RunError(
                f"{type(self).__name__} cannot stop a node that takes too long: "
                f"{', '.join(map(repr, timed[:3]))}{more}; use processes, or drop the time-out"
            )

    def __repr__(self) -> str:
        return f"{type(self).__name__}(is_async={self.is_async})"


class SequentialRunner(AbstractRunner):
    """Run one node after the other in this process."""

    def open_executor(self) -> InlineExecutor[Node]:
        """Return the executor that has no worker."""
        return InlineExecutor()


class ThreadRunner(AbstractRunner):
    """Run nodes in threads of this process: for nodes that wait, or compute in libraries like numpy.

    Args:
        max_workers: how many nodes at once; by default one a core, and four more.
        is_async: load the inputs of a node, and save its outputs, in threads of their own.
        policy: what to do when a node fails.
    """

    def __init__(
        self,
        max_workers: int | None = None,
        is_async: bool = False,
        *,
        policy: FailurePolicy | None = None,
    ) -> None:
        super().__init__(is_async, policy=policy)
        self.max_workers = _workers(max_workers, default=cores() + 4)

    def open_executor(self) -> Executor[Node]:
        """Return an executor of threads."""
        from incremental.executors.threads import ThreadExecutor

        return ThreadExecutor(self.max_workers)

    def __repr__(self) -> str:
        return f"ThreadRunner(max_workers={self.max_workers}, is_async={self.is_async})"


class ParallelRunner(AbstractRunner):
    """Run nodes in processes: for nodes that compute in Python itself.

    What nodes hand on in memory is pickled, large arrays are mapped. A process that dies, or is
    killed, takes down the one node that it ran.

    Args:
        max_workers: how many nodes at once; by default one a core.
        is_async: load the inputs of a node, and save its outputs, in threads.
        policy: what to do when a node fails.
    """

    can_stop_nodes = True

    def __init__(
        self,
        max_workers: int | None = None,
        is_async: bool = False,
        *,
        policy: FailurePolicy | None = None,
    ) -> None:
        super().__init__(is_async, policy=policy)
        self.max_workers = _workers(max_workers, default=cores())

    def open_executor(self) -> Executor[Node]:
        """Return an executor of processes."""
        from incremental.executors.processes import ProcessExecutor

        return ProcessExecutor(self.max_workers)

    def __repr__(self) -> str:
        return f"ParallelRunner(max_workers={self.max_workers}, is_async={self.is_async})"


class DaskRunner(AbstractRunner):
    """Run nodes on a Dask cluster: on many machines, or in processes of this one.

    Values in memory stay on the workers, so that a large one crosses the network only where it is read
    elsewhere. A worker that is lost takes down the nodes that it ran; what it kept, Dask makes again, which
    is told as a retry. Workers need this package, and what the nodes import; the project's own ``src/`` is
    sent to them.

    Args:
        address: of a scheduler, such as ``tcp://10.0.0.1:8786``.
        client: of a cluster, which is left open.
        max_workers: how many processes to start where neither is given; by default one a core.
        is_async: load the inputs of a node, and save its outputs, in threads.
        policy: what to do when a node fails.
        cluster: further arguments of the ``LocalCluster`` that is started, such as ``memory_limit``.
    """

    can_stop_nodes = True

    def __init__(
        self,
        address: str | None = None,
        client: Any = None,
        max_workers: int | None = None,
        is_async: bool = False,
        *,
        policy: FailurePolicy | None = None,
        **cluster: Any,
    ) -> None:
        super().__init__(is_async, policy=policy)
        self._target = (client, address)
        self._cluster = dict(cluster)
        if client is None and address is None:
            self._cluster["n_workers"] = _workers(cluster.get("n_workers", max_workers), default=cores())
        elif client is not None and address is not None:
            raise RunError("give DaskRunner an address or a client, not both")
        elif cluster or max_workers is not None:
            words = ", ".join([*(["max_workers"] if max_workers is not None else []), *cluster])
            raise RunError(f"the cluster is there already: it takes no {words}")

    def open_executor(self) -> Executor[Node]:
        """Return an executor of the cluster. Raises RunError when Dask is not installed."""
        from incremental.executors.dask import DaskExecutor

        return DaskExecutor(*self._target, self._cluster)

    def __repr__(self) -> str:
        client, address = self._target
        where = f"client={client!r}" if client is not None else f"address={address!r}"
        if client is None and address is None:
            where = ", ".join(f"{name}={value!r}" for name, value in self._cluster.items())
        return f"DaskRunner({where}, is_async={self.is_async})"


def check_plan(plan: Plan, catalog: DataCatalog) -> None:
    """Refuse a plan that cannot be carried out.

    Raises:
        UnmetInputsError: with one line for everything that is missing or in conflict.
        PlanError: files that may not be read or written, and nothing else.
    """
    if not plan.is_valid:
        raise UnmetInputsError("\n".join((*obstacles(plan, catalog), *denials(plan))))
    denied = denials(plan)
    if denied:
        raise PlanError("\n".join(denied))


def _workers(asked: int | None, default: int) -> int:
    if asked is None:
        return default
    if not isinstance(asked, int) or isinstance(asked, bool) or asked < 1:
        raise RunError(f"max_workers is {asked!r}; it must be a whole number of 1 or more")
    return asked


def _ledger_of(catalog: DataCatalog) -> Ledger:
    if catalog.ledger is None:
        catalog.ledger = MemoryLedger()
    ledger: Ledger = catalog.ledger
    return ledger


def _refuse_generators(plan: Plan) -> None:
    names = [step.node.name for step in plan.running if step.node.is_generator]
    if names:
        raise RunError(
            f"generator nodes cannot save asynchronously: {', '.join(map(repr, names))}; "
            "run without is_async (--async)"
        )
