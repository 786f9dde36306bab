"""Plan and run one request: selection, hooks, survey, plan, runner, history. It opens no project."""

from __future__ import annotations

import json
import shlex
import sys
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from incremental import __version__
from incremental.errors import IncrementalError, NodeRunError, PlanMismatchError, SessionError, did_you_mean
from incremental.io.catalog.sweeping import sweep
from incremental.pipeline.selection import Selected, select
from incremental.planner import plan_all, plan_forced, plan_missing
from incremental.privacy import mask_argv
from incremental.project import pickle_by_value
from incremental.runner import AbstractRunner, SequentialRunner, Surroundings
from incremental.runner.prepare import gather_facts, locate_all
from incremental.session.debts import lost_debt, unfinished, wait_for_the_last_run
from incremental.session.record import as_warning
from incremental.session.recorder import Recorder
from incremental.session.request import DEFAULT, Request
from incremental.session.sealed import differences

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from incremental.events import Listener
    from incremental.io import DataCatalog
    from incremental.io.catalog.survey import Survey
    from incremental.pipeline import Node, Pipeline
    from incremental.planner import Plan
    from incremental.runner import RunResult
    from incremental.session.context import Context
    from incremental.session.sealed import Sealed
    from incremental.state import Claims, FileLedger, History, Marks, RunRecord


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
        claims: Claims,
        hooks: Any,
        sources: tuple[str, ...] = (),
    ) -> None:
        self._context = context
        self._pipelines = pipelines
        self._ledger = ledger
        self._history = history
        self._claims = claims
        self._hooks = hooks
        self._sources = sources

    def plan(self, request: Request) -> Plan:
        """Plan a request. Writes nothing; the hooks are told of the plan."""
        return self.prepare(request).plan

    def prepare(self, request: Request) -> Prepared:
        """Plan a request, and return the plan with what it was made from."""
        request, owed = self._resumed(request)
        selected = self._served(request)
        catalog = self._context.create_catalog(None, request.load_versions)
        return self._prepare(request, selected, locate_all(selected.pipeline, catalog), owed)

    def run(
        self,
        request: Request,
        runner: AbstractRunner | None,
        begin: Callable[[], tuple[str, str]],
        listeners: Iterable[Listener] = (),
        sealed: Sealed | None = None,
        *,
        wait: bool = False,
    ) -> RunResult:
        """Run a request, or a sealed plan if the world still is as it was.

        Args:
            request: what to run.
            runner: how to run.
            begin: claims the ids of session and run, the first thing written. Hooks have to be told
                of the run before it is planned; without any it begins only once its plan is good.
            listeners: called with each event of the run.
            sealed: the plan to meet again.
            wait: wait for runs that write what this one may write, or that it is to resume.
        """
        runner = _checked(runner)
        asked = request
        request, owed = self._resumed(request, wait=wait)
        selected = self._served(request)
        recorder = self._recorder(begin(), asked, runner) if self._hooks is not None else None
        run_id = None if recorder is None else recorder.run_id
        about = self._run_params(asked, runner, run_id)
        with _ended_by_an_error(recorder):  # as in Kedro, ``on_pipeline_error`` is told of what comes later
            catalog = self._context.create_catalog(run_id, request.load_versions)
            told = {"run_params": about, "pipeline": selected.pipeline, "catalog": catalog}
            self._call("before_pipeline_run", **told)
        try:
            survey = locate_all(selected.pipeline, catalog)
            outputs = _outputs(selected.pipeline.nodes, survey.locations)
            with self._claims.claim(command_line(self._context), outputs, wait=wait) as claim:
                prepared = self._prepare(request, selected, survey, owed)
                runner.check_plan(prepared.plan, catalog)
                if sealed is not None:
                    _check_sealed(sealed, prepared.plan)
                if recorder is None:
                    recorder = self._recorder(begin(), asked, runner)
                    catalog = self._context.create_catalog(recorder.run_id, request.load_versions)
                    prepared = replace(prepared, catalog=catalog)
                recorder.plan(prepared.plan)
                _sweep(prepared)  # while all outputs are ours: those that are skipped are given back next
                running = [step.node for step in prepared.plan.running]
                claim.settle(recorder.run_id, _outputs(running, survey.locations))
                result = self._carry_out(prepared, runner, recorder, listeners)
        except BaseException as error:
            if recorder is not None:
                _end(recorder, error)
            if not isinstance(error, Exception):
                raise
            self._tell_failure(error, **told)
            raise
        self._tell_success(result, **told)
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
        if not whole.nodes:
            told = ", ".join(map(repr, names))
            raise SessionError(f"pipeline {told} has no nodes; give it some: Pipeline([node(...), ...])")
        return select(whole, request.selection, request.forced)

    def _served(self, request: Request) -> Selected:
        """Select, and have the context make of parameters what the pipelines asked for want."""
        selected = self.select(request)
        self._context.serve(selected.whole)
        return selected

    def _prepare(
        self, request: Request, selected: Selected, survey: Survey, owed: tuple[str, ...]
    ) -> Prepared:
        marks = self._ledger.marks()
        facts = gather_facts(selected.pipeline, survey.catalog, marks, survey)
        if request.only_forced:
            plan = plan_forced(selected, facts)
        elif request.only_missing_outputs:
            plan = plan_missing(selected, facts, propagate=request.propagate, owed=frozenset(owed))
        else:
            plan = plan_all(selected, facts)
        if owed and (lost := lost_debt(owed, self._pipelines)):
            plan = replace(plan, warnings=(*plan.warnings, lost))
        self._call("after_plan_created", plan=plan, catalog=survey.catalog)
        return Prepared(plan, survey.catalog, marks)

    def _recorder(self, ids: tuple[str, str], request: Request, runner: AbstractRunner) -> Recorder:
        return Recorder(self._history, self._context, ids, request, runner)

    def _carry_out(
        self,
        prepared: Prepared,
        runner: AbstractRunner,
        recorder: Recorder,
        listeners: Iterable[Listener],
    ) -> RunResult:
        around = Surroundings(
            recorder.run_id,
            self._hooks,
            self._ledger,
            prepared.marks,
            (recorder, *listeners),
            pickle_by_value=pickle_by_value,
            sources=self._sources,
            seconds_by_node=self._history.seconds_by_node(),
        )
        try:
            result = runner.run_plan(prepared.plan, prepared.catalog, around)
        except IncrementalError as error:
            error.scrub(self._context.redactor.scrub)  # for whoever logs it
            raise
        recorder.end("succeeded")
        return result

    def _resumed(self, request: Request, *, wait: bool = False) -> tuple[Request, tuple[str, ...]]:
        """Return what to plan, and the nodes that the last unfinished run still owes."""
        if not request.resume:
            return request, ()
        if wait:
            wait_for_the_last_run(self._history)
        last, owed = unfinished(self._history)
        if last is None or (last.has_plan and not owed):
            return request, ()
        before = last.request.get("env")
        if before != self._context.env:
            raise SessionError(
                f"run {last.run_id} was in environment {before or 'default'!r}, this is "
                f"{self._context.env or 'default'!r}: pass the same --env"
            )
        if not request.names_nothing:
            return request, owed
        asked = _asked(last)
        if not last.has_plan:  # it was killed before it had one: plan what it was asked for
            return asked, ()
        resumed = replace(
            asked,
            only_missing_outputs=True,
            propagate=request.propagate,
            resume=True,
            forced=(),  # what the run had forced is among what it owes, unless it is done
            only_forced=False,
        )
        return resumed, owed

    def _run_params(self, request: Request, runner: AbstractRunner, run_id: str | None) -> dict[str, Any]:
        """Return the arguments of a run under the keys that Kedro's hooks expect."""
        selection = request.selection
        return {
            "run_id": run_id,
            "project_path": str(self._context.project_path),
            "env": self._context.env,
            "incremental_version": __version__,
            "kedro_version": getattr(sys.modules.get("kedro"), "__version__", None),
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

    def _tell_success(self, result: RunResult, **arguments: Any) -> None:
        if self._hooks is not None:
            names = result if self._context.tells_as_kedro else ()
            datasets = {name: result.dataset(name) for name in names}
            self._call("after_pipeline_run", run_result=datasets or result, **arguments)

    def _tell_failure(self, error: Exception, **arguments: Any) -> None:
        if self._hooks is not None:
            from incremental.hooks.manager import tell_error

            cause = (
                error.__cause__ if isinstance(error, NodeRunError) and self._context.tells_as_kedro else None
            )
            told = cause if isinstance(cause, Exception) else error
            tell_error(self._hooks, "on_pipeline_error", told, **arguments)


def _asked(run: RunRecord) -> Request:
    """Return what a run was asked for. Raises SessionError when its record cannot be read."""
    try:
        return Request.from_dict(run.request)
    except (KeyError, TypeError, ValueError, AttributeError, SessionError) as error:
        raise SessionError(
            f"what run {run.run_id} was asked for cannot be read from its record; "
            "name what to run, with --resume or without"
        ) from error


def command_line(context: Context) -> str:
    """Return the command line of this process as other runs may be told of it."""
    program, *arguments = mask_argv(sys.argv or [""], context.private_parameters)
    name = Path(program).parent.name if program.endswith("__main__.py") else Path(program).name
    return context.redactor.scrub(shlex.join([name, *arguments]))


def configuration_digest(context: Context) -> str:
    """Return a digest of parameters and environment, which a sealed plan must meet again unchanged."""
    import xxhash

    text = json.dumps(_with_text_keys([context.env, context.plain_params]), sort_keys=True, default=str)
    return xxhash.xxh3_128_hexdigest(text.encode())


def _with_text_keys(value: Any) -> Any:
    """Return the same with text for each key: YAML has numbers and dates, too, which do not sort."""
    if isinstance(value, dict):
        return {str(key): _with_text_keys(item) for key, item in value.items()}
    return [_with_text_keys(item) for item in value] if isinstance(value, list | tuple) else value


def _sweep(prepared: Prepared) -> None:
    """Remove what killed runs left at all outputs of the selection, also at those that are skipped."""
    plan = prepared.plan
    written = {name for node in plan.selected.pipeline.nodes for name in node.writes}
    sweep(prepared.catalog, written, plan.facts.locations)


@contextmanager
def _ended_by_an_error(recorder: Recorder | None) -> Iterator[None]:
    """Note that a run ended, should something fail before it is planned."""
    try:
        yield
    except BaseException as error:
        if recorder is not None:
            _end(recorder, error)
        raise


def _end(recorder: Recorder, error: BaseException) -> None:
    """Note that a run ended with an error; what comes of noting it must not hide that error."""
    is_failure = not isinstance(error, KeyboardInterrupt)
    with as_warning(f"run {recorder.run_id}: its end is not noted"):
        recorder.end("failed" if is_failure else "interrupted", error if is_failure else None)


def _outputs(nodes: Iterable[Node], locations: Mapping[str, str]) -> list[str]:
    """Return where nodes write, except in memory; each place once."""
    return list({locations[name]: None for node in nodes for name in node.writes if name in locations})


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
