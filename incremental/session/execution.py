"""Plan and run one request: selection, hooks, survey, plan, runner, history. It opens no project."""

from __future__ import annotations

import json
import logging
import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from incremental import __version__
from incremental.errors import PlanMismatchError, SessionError, did_you_mean
from incremental.events import Event, NodeFailed, NodeFinished
from incremental.pipeline.selection import Selected, select
from incremental.planner import plan_all, plan_missing
from incremental.project import pickle_by_value
from incremental.runner import AbstractRunner, SequentialRunner, Surroundings
from incremental.runner.prepare import gather_facts
from incremental.session.request import DEFAULT, Request
from incremental.session.sealed import differences
from incremental.state.history import RunRecord, StepRecord

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from incremental.events import Listener
    from incremental.io import DataCatalog
    from incremental.pipeline import Pipeline
    from incremental.planner import Plan
    from incremental.runner import RunResult
    from incremental.session.context import Context
    from incremental.session.sealed import Sealed
    from incremental.state import FileLedger, History, Marks

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Prepared:
    """A plan with the catalog it was made for and what the ledger knew."""

    plan: Plan
    catalog: DataCatalog
    marks: Marks


class Execution:
    """What a session uses to plan and to run; one for all its runs."""

    def __init__(
        self,
        context: Context,
        pipelines: Mapping[str, Pipeline],
        ledger: FileLedger,
        history: History,
        hooks: Any,
        sources: tuple[str, ...] = (),
    ) -> None:
        self._context = context
        self._pipelines = pipelines
        self._ledger = ledger
        self._history = history
        self._hooks = hooks
        self._sources = sources

    def plan(self, request: Request) -> Plan:
        """Plan a request. Writes nothing; the hooks are told of the plan."""
        request, owed = self._resumed(request)
        selected = self.select(request)
        catalog = self._context.create_catalog(None, request.load_versions)
        return self._prepare(request, selected, catalog, owed).plan

    def run(
        self,
        request: Request,
        runner: AbstractRunner | None,
        begin: Callable[[], tuple[str, str]],
        listeners: Iterable[Listener] = (),
        sealed: Sealed | None = None,
    ) -> RunResult:
        """Run a request, or a sealed plan if the world still is as it was.

        Args:
            request: what to run.
            runner: how to run.
            begin: claims the ids of session and run, the first thing written. Hooks have to be told
                of the run before it is planned; without any it begins only once its plan is good.
            listeners: called with each event of the run.
            sealed: the plan to meet again.
        """
        runner = _checked(runner)
        asked = request
        request, owed = self._resumed(request)
        selected = self.select(request)
        ids = begin() if self._hooks is not None else None
        catalog = self._context.create_catalog(ids and ids[1], request.load_versions)
        about = self._run_params(asked, runner, ids and ids[1])
        self._call("before_pipeline_run", run_params=about, pipeline=selected.pipeline, catalog=catalog)
        try:
            prepared = self._prepare(request, selected, catalog, owed)
            runner.check_plan(prepared.plan, catalog)
            if sealed is not None:
                _check_sealed(sealed, prepared.plan)
            if ids is None:
                ids = begin()
                catalog = self._context.create_catalog(ids[1], request.load_versions)
                prepared = replace(prepared, catalog=catalog)
            result = self._carry_out(prepared, runner, ids, asked, listeners)
        except Exception as error:
            self._call(
                "on_pipeline_error",
                error=error,
                run_params=about,
                pipeline=selected.pipeline,
                catalog=catalog,
            )
            raise
        self._call(
            "after_pipeline_run",
            run_params=about,
            run_result=result,
            pipeline=selected.pipeline,
            catalog=catalog,
        )
        return result

    def select(self, request: Request) -> Selected:
        """Return the part of the registered pipelines that a request asks for."""
        names = request.pipeline_names or (DEFAULT,)
        known = self._pipelines
        unknown = [name for name in names if name not in known]
        if unknown and not known:
            raise SessionError(
                "no pipeline is registered; return one from register_pipelines(), such as "
                "{'__default__': Pipeline([...])}"
            )
        if unknown:
            hints = "; ".join(
                f"pipeline {name!r} is not registered{did_you_mean(name, known)}" for name in unknown
            )
            there = ", ".join(sorted(known)) or "none"
            raise SessionError(f"{hints}\nregistered pipelines: {there}")
        whole = known[names[0]]
        for name in names[1:]:
            whole = whole + known[name]
        return select(whole, request.selection, request.forced)

    def _prepare(
        self, request: Request, selected: Selected, catalog: DataCatalog, owed: tuple[str, ...]
    ) -> Prepared:
        marks = self._ledger.marks()
        facts = gather_facts(selected.pipeline, catalog, marks)
        if request.only_missing_outputs:
            plan = plan_missing(selected, facts, propagate=request.propagate, owed=frozenset(owed))
        else:
            plan = plan_all(selected, facts)
        self._call("after_plan_created", plan=plan, catalog=catalog)
        return Prepared(plan, catalog, marks)

    def _carry_out(
        self,
        prepared: Prepared,
        runner: AbstractRunner,
        ids: tuple[str, str],
        request: Request,
        listeners: Iterable[Listener],
    ) -> RunResult:
        plan = prepared.plan
        session_id, run_id = ids
        steps = tuple(
            StepRecord(step.node.name, "; ".join(map(str, step.reasons)), "planned") for step in plan.running
        )
        record = RunRecord(
            run_id, session_id, "running", time.time(), None,
            {**request.as_dict(), "env": self._context.env}, len(plan.skipped), None, steps,
        )  # fmt: skip
        self._history.start(record)
        around = Surroundings(
            run_id,
            self._hooks,
            self._ledger,
            prepared.marks,
            (self._note(run_id), *listeners),
            pickle_by_value=pickle_by_value,
            sources=self._sources,
            seconds_by_node=self._history.seconds_by_node(),
        )
        try:
            result = runner.run_plan(plan, prepared.catalog, around)
        except Exception as error:
            self._history.end(run_id, "failed", self._context.redactor.scrub(str(error)))
            raise
        except BaseException:
            self._history.end(run_id, "interrupted")
            raise
        self._history.end(run_id, "succeeded")
        return result

    def _note(self, run_id: str) -> Callable[[Event], None]:
        """Return a listener that keeps the history of a run."""

        def note(event: Event) -> None:
            if isinstance(event, NodeFinished):
                step = StepRecord(event.node, "", "done", event.started, event.seconds)
                self._history.note(run_id, step)
            elif isinstance(event, NodeFailed):
                self._history.note(run_id, StepRecord(event.node, "", "failed"))

        return note

    def _resumed(self, request: Request) -> tuple[Request, tuple[str, ...]]:
        """Return what to plan, and the nodes that the last unfinished run still owes."""
        if not request.resume:
            return request, ()
        last = next(iter(self._history.runs(limit=1)), None)
        if last is None or last.status == "succeeded":
            return request, ()
        if last.status == "running":
            raise SessionError(f"run {last.run_id} is still running; there is nothing to resume yet")
        full = self._history.run(last.run_id)
        assert full is not None, "a run without a row"
        if not request.names_nothing:
            return request, full.owed
        before = Request.from_dict(full.request)
        resumed = replace(before, only_missing_outputs=True, propagate=request.propagate, resume=True)
        return resumed, full.owed

    def _run_params(self, request: Request, runner: AbstractRunner, run_id: str | None) -> dict[str, Any]:
        """Return the arguments of a run under the keys that Kedro's hooks expect."""
        selection = request.selection
        return {
            "run_id": run_id,
            "project_path": str(self._context.project_path),
            "env": self._context.env,
            "incremental_version": __version__,
            "kedro_version": None,
            "pipeline_name": request.pipeline_names[0] if len(request.pipeline_names) == 1 else None,
            "pipeline_names": list(request.pipeline_names) or [DEFAULT],
            "tags": list(selection.tags),
            "node_names": list(selection.node_names),
            "from_nodes": list(selection.from_nodes),
            "to_nodes": list(selection.to_nodes),
            "from_inputs": list(selection.from_inputs),
            "to_outputs": list(selection.to_outputs),
            "namespaces": list(selection.namespaces),
            "load_versions": dict(request.load_versions),
            "runtime_params": dict(self._context.runtime_params),
            "runner": type(runner).__name__,
            "only_missing_outputs": request.only_missing_outputs,
        }

    def _call(self, hook: str, **arguments: Any) -> None:
        if self._hooks is not None:
            getattr(self._hooks.hook, hook)(**arguments)


def configuration_digest(context: Context) -> str:
    """Return a digest of parameters and environment, which a sealed plan must meet again unchanged."""
    import xxhash

    text = json.dumps([context.env, context.params], sort_keys=True, default=str)
    return xxhash.xxh3_128_hexdigest(text.encode())


def _check_sealed(sealed: Sealed, fresh: Plan) -> None:
    found = differences(sealed.bind(fresh.selected.whole), fresh)
    if found:
        lines = "\n".join(found)
        raise PlanMismatchError(
            f"the world changed since the plan was made:\n{lines}\naccept it with --replan"
        )


def _checked(runner: object) -> AbstractRunner:
    if runner is None:
        return SequentialRunner()
    if isinstance(runner, type):
        raise SessionError(f"runner {runner.__name__!r} is a class; pass an instance: {runner.__name__}()")
    if not isinstance(runner, AbstractRunner):
        raise SessionError(
            f"runner is {type(runner).__name__!r}; it must be a runner such as SequentialRunner()"
        )
    return runner
