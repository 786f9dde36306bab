"""One opened project, planned and run any number of times. Planning and running are done elsewhere."""

from __future__ import annotations

import functools
import threading
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from incremental.errors import PlanMismatchError, SessionError
from incremental.session.record import SessionRecord, as_warning
from incremental.session.request import Request
from incremental.session.sealed import read_sealed, seal
from incremental.state.claims import Claims
from incremental.state.history import History
from incremental.state.ledger import FileLedger

if TYPE_CHECKING:
    from pathlib import Path
    from types import TracebackType

    from incremental.events import Listener
    from incremental.pipeline import Pipeline
    from incremental.planner import Plan
    from incremental.project import ImportRule, LoadedProject
    from incremental.runner import AbstractRunner, RunResult
    from incremental.session.context import Context
    from incremental.session.execution import Execution
    from incremental.session.outputs import Outputs
    from incremental.session.sealed import Sealed


class Session:
    """One opened project. Use it as a context manager::

        with Session.create(env="prod") as session:
            session.run(tags=["train"], only_missing_outputs=True)

    A session may run many times; each run has its own id and a catalog of its own. Threads may share one:
    their runs go on at once where they write to different places.
    """

    def __init__(
        self,
        project: LoadedProject,
        *,
        save_on_close: bool = True,
        env: str | None = None,
        runtime_params: Mapping[str, Any] | None = None,
        conf_source: str | None = None,
    ) -> None:
        self._loaded = project
        self._save_on_close = save_on_close
        self._env = project.default_env if env is None else env
        self._runtime_params = dict(runtime_params or {})
        self._conf_source = conf_source
        self._closed = False
        self._lock = threading.RLock()  # for what is made once, and for the first id
        root = project.project.path
        self._ledger = FileLedger(root / ".incremental" / "ledger.sqlite", root, durable=project.is_durable)
        private = tuple(project.settings.PRIVATE_PARAMETERS)
        self._record = SessionRecord(project.project, self._env, self._runtime_params, private)

    @classmethod
    def create(
        cls,
        project_path: str | Path | None = None,
        save_on_close: bool = True,
        env: str | None = None,
        runtime_params: dict[str, Any] | None = None,
        conf_source: str | None = None,
    ) -> Session:
        """Open a project.

        Args:
            project_path: a folder in the project, or the file of a one-file project; by default the
                project around the working directory.
            save_on_close: keep a record of the session in its store.
            env: the environment of the configuration, such as ``prod``; by default what ``INCREMENTAL_ENV``
                says, in a Kedro project ``KEDRO_ENV``.
            runtime_params: parameters on top of the configured ones; a dotted name reaches inside.
            conf_source: the configuration folder, in place of the project's own.

        Raises:
            SessionError: there is no project, or an argument cannot be used.
            ProjectError: settings or registry of the project fail.
        """
        from incremental.project import find_project, load

        if runtime_params is not None and not isinstance(runtime_params, Mapping):
            raise SessionError(
                f"runtime_params is {type(runtime_params).__name__!r}; it must be a dict of parameter values"
            )
        return cls(
            load(find_project(project_path)),
            save_on_close=save_on_close,
            env=env,
            runtime_params=runtime_params,
            conf_source=conf_source,
        )

    def __repr__(self) -> str:
        return f"<Session of {self.project.project_name!r} in {self.project.path}>"

    def __enter__(self) -> Session:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is None:
            self.close()
        elif self._record.has_runs:
            self._record.note_error(error, self._scrub)
            with as_warning("the session's record is not written", self._scrub):
                self.close()
        else:  # refused before anything began: that leaves no trace
            self._close_without_record()

    @functools.cached_property
    def session_id(self) -> str:
        """A sortable timestamp that nothing else of this project has, claimed when first asked for."""
        return self.history.claim()

    @property
    def project(self) -> Any:
        """The opened project: its folder, its package, or its file."""
        return self._loaded.project

    def import_rule(self, place: str) -> ImportRule | None:
        """Return what a configuration file may have imported; None where it is the project's own."""
        return self._loaded.import_rule(place)

    @property
    def pipelines(self) -> Mapping[str, Pipeline]:
        """The registered pipelines by name."""
        return self._loaded.pipelines

    @functools.cached_property
    def history(self) -> History:
        """The runs of this project, of all sessions."""
        return History(self._ledger)

    @functools.cached_property
    def store(self) -> Any:
        """The session store, as ``SESSION_STORE_CLASS`` says."""
        settings = self._loaded.settings
        arguments = {"path": str(self.project.path), "session_id": self.session_id}
        arguments.update(settings.SESSION_STORE_ARGS)
        try:
            return settings.SESSION_STORE_CLASS(**arguments)
        except TypeError as error:
            raise SessionError(
                f"SESSION_STORE_CLASS {settings.SESSION_STORE_CLASS.__qualname__!r} cannot be made: {error}; "
                "its constructor takes path, session_id and what SESSION_STORE_ARGS has"
            ) from error

    def load_context(self) -> Context:
        """Return the context: ``catalog``, ``params``, ``env``, ``project_path``, ``config_loader``.

        Raises:
            ConfigError: the configuration cannot be read.
        """
        with self._lock:
            return self._context

    def plan(
        self,
        pipeline_name: str | None = None,
        tags: Iterable[str] | None = None,
        node_names: Iterable[str] | None = None,
        from_nodes: Iterable[str] | None = None,
        to_nodes: Iterable[str] | None = None,
        from_inputs: Iterable[str] | None = None,
        to_outputs: Iterable[str] | None = None,
        load_versions: Mapping[str, str] | None = None,
        namespaces: Iterable[str] | None = None,
        only_missing_outputs: bool = False,
        *,
        pipeline_names: Iterable[str] | None = None,
        force: Iterable[str] = (),
        propagate: bool = False,
        resume: bool = False,
    ) -> Plan:
        """Work out what ``run`` with the same arguments would do. Nothing is written.

        An invalid plan is returned, not raised: look at ``Plan.is_valid``.
        """
        return self.plan_request(Request.of(**_asked(locals())))

    def run(
        self,
        pipeline_name: str | None = None,
        tags: Iterable[str] | None = None,
        runner: AbstractRunner | None = None,
        node_names: Iterable[str] | None = None,
        from_nodes: Iterable[str] | None = None,
        to_nodes: Iterable[str] | None = None,
        from_inputs: Iterable[str] | None = None,
        to_outputs: Iterable[str] | None = None,
        load_versions: Mapping[str, str] | None = None,
        namespaces: Iterable[str] | None = None,
        only_missing_outputs: bool = False,
        *,
        pipeline_names: Iterable[str] | None = None,
        force: Iterable[str] = (),
        propagate: bool = False,
        resume: bool = False,
        listeners: Iterable[Listener] = (),
        wait: bool = False,
    ) -> RunResult:
        """Run a registered pipeline, or the part of it that the selectors leave.

        Args:
            pipeline_name: a registered pipeline; None for ``__default__``.
            tags: only nodes with any of these tags.
            runner: how to run; a ``SequentialRunner`` by default.
            node_names: only these nodes.
            from_nodes: only these nodes and what follows from them.
            to_nodes: only these nodes and what leads to them.
            from_inputs: only what follows from these datasets.
            to_outputs: only what leads to these datasets.
            load_versions: the version to load, by dataset.
            namespaces: only nodes in these namespaces.
            only_missing_outputs: only run nodes that have to run for no output to be missing.
            pipeline_names: several registered pipelines at once.
            force: nodes to run whatever is there.
            propagate: also make again what is older than its inputs, and what follows from it.
            resume: finish the last run that failed or was interrupted.
            listeners: called with each event of the run.
            wait: when another run writes what this one may write, wait for it to end.

        Returns:
            The free outputs by name; values of skipped and of persistent ones are loaded when indexed.

        Raises:
            SessionError: an argument that cannot be used, an unknown pipeline, a closed session.
            SelectionError: a selector that names nothing.
            ClaimError: another run writes what this one may write.
            UnmetInputsError: the plan cannot be carried out; nothing ran.
            NodeRunError: a node failed; what it would have replaced is still there.
        """
        return self.run_request(Request.of(**_asked(locals())), runner, listeners, wait=wait)

    def plan_request(self, request: Request) -> Plan:
        """Plan a request that is already made: what ``plan`` does with its arguments."""
        return self._opened().plan(request)

    def run_request(
        self,
        request: Request,
        runner: AbstractRunner | None = None,
        listeners: Iterable[Listener] = (),
        *,
        wait: bool = False,
    ) -> RunResult:
        """Run a request that is already made: what ``run`` does with its arguments."""
        return self._run(request, runner, listeners, None, wait)

    def outputs(self, request: Request) -> Outputs:
        """Return the outputs of what a request selects, beside their records. Nothing is written."""
        from incremental.session.outputs import Outputs

        return Outputs(self._opened().prepare(request), self._ledger)

    def seal(self, plan: Plan, request: Request) -> str:
        """Return the text of a plan file, for ``run_sealed``."""
        from incremental.session.execution import configuration_digest

        return seal(plan, request, self._env, configuration_digest(self._context))

    def run_sealed(
        self,
        text: str,
        *,
        replan: bool = False,
        runner: AbstractRunner | None = None,
        listeners: Iterable[Listener] = (),
        wait: bool = False,
    ) -> RunResult:
        """Run a plan file, after looking again whether the world is still as it was.

        Args:
            text: what ``seal`` returned.
            replan: accept whatever changed.
            runner: how to run.
            listeners: called with each event of the run.
            wait: when another run writes what this one may write, wait for it to end.

        Raises:
            PlanMismatchError: a verdict or a version would be another today, or the file is no plan.
        """
        from incremental.session.execution import configuration_digest

        sealed = read_sealed(text)
        if sealed.env != self._env:
            raise PlanMismatchError(
                f"the plan was made for environment {sealed.env or 'default'!r}, "
                f"this is {self._env or 'default'!r}: pass the same --env"
            )
        if not replan and sealed.configuration != configuration_digest(self._context):
            raise PlanMismatchError("the parameters changed since the plan was made; accept it with --replan")
        return self._run(sealed.request, runner, listeners, None if replan else sealed, wait)

    def close(self) -> None:
        """Save the record of the session, unless told not to, and let go of the ledger."""
        if self._closed:
            return
        try:
            self._save_record()
        finally:
            self._close_without_record()

    def _close_without_record(self) -> None:
        self._closed = True
        self._ledger.close()

    def _run(
        self,
        request: Request,
        runner: AbstractRunner | None,
        listeners: Iterable[Listener],
        sealed: Sealed | None,
        wait: bool,
    ) -> RunResult:
        execution = self._opened()
        begun: list[str] = []  # stays empty when the run is refused: that leaves no trace

        def begin() -> tuple[str, str]:
            with self._lock:
                begun.append(self.history.claim() if self._record.has_runs else self.session_id)
                self._record.has_runs = True
            return self.session_id, begun[0]

        try:
            result = execution.run(request, runner, begin, listeners, sealed, wait=wait)
        except BaseException as error:
            if begun:
                if isinstance(error, Exception):
                    self._record.note_error(error, self._scrub)
                with as_warning("the session's record is not written", self._scrub):
                    self._save_record()
            raise
        self._save_record()
        return result

    def _save_record(self) -> None:
        if self._save_on_close:
            runs = self.history.of_session(self.session_id)
            self.store.save(self._record.as_dict(self.session_id, runs))

    def _opened(self) -> Execution:
        """Return what plans and runs, made by the first thread that asks. Raises SessionError when closed."""
        if self._closed:
            raise SessionError("the session is closed; create a new one")
        with self._lock:
            return self._execution

    def _scrub(self, text: str) -> str:
        return self._context.redactor.scrub(text)

    @functools.cached_property
    def _hooks(self) -> Any:
        return self._loaded.hook_manager()

    @functools.cached_property
    def _context(self) -> Context:
        context: Context = self._loaded.context(
            self._env, self._runtime_params, self._conf_source, self._hooks
        )
        if self._hooks is not None:
            self._hooks.hook.after_context_created(context=context)
        return context

    @functools.cached_property
    def _claims(self) -> Claims:
        return Claims(self.project.path)

    @functools.cached_property
    def _execution(self) -> Execution:
        from incremental.session.execution import Execution

        project = self.project
        sources = () if project.package_name is None else (str(project.source_dir),)
        return Execution(
            self._context, self.pipelines, self._ledger, self.history, self._claims, self._hooks, sources
        )


def _asked(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Return those arguments of ``plan`` or ``run`` that make the request; both name them as it does."""
    others = ("self", "runner", "listeners", "wait")
    return {key: value for key, value in arguments.items() if key not in others}
