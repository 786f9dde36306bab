"""The runner that Kedro's session is given: our plan, loop, ledger and marks behind Kedro's interface."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import click
from kedro.runner import AbstractRunner as RunnerOfKedro

from incremental.cli.runners import runner_of
from incremental.errors import IncrementalError, NodeRunError, RunError, did_you_mean
from incremental.events import NodeFinished, RunStarted
from incremental.kedro.catalog import KedroCatalog
from incremental.kedro.circumstances import HandedContext, project_of
from incremental.kedro.execution import HandedExecution, request_of
from incremental.kedro.listener import asked_of
from incremental.kedro.nodes import handed_over
from incremental.kedro.relay import Relay
from incremental.render.plan import plan_text
from incremental.render.text import Look
from incremental.runner import FailurePolicy
from incremental.state import FileLedger, History, MemoryLedger

if TYPE_CHECKING:
    from collections.abc import Mapping

    from incremental.events import Event
    from incremental.pipeline import Pipeline
    from incremental.planner import Plan
    from incremental.session.request import Request

# below Kedro's own, so that whatever a project says of that holds for this
logger = logging.getLogger("kedro.runner.incremental")

_OF_THE_REQUEST = ("force", "propagate", "resume")
_OF_THE_POLICY = ("keep_going", "retries", "backoff", "timeout")
_OPTIONS = (*_OF_THE_REQUEST, *_OF_THE_POLICY, "wait", "durability")
_DURABILITIES = ("power", "process")


class _Progress:
    """Says what Kedro's runners say of nodes that are done."""

    def __init__(self) -> None:
        self._done = self._total = 0

    def __call__(self, event: Event) -> None:
        if isinstance(event, RunStarted):
            self._total = event.planned
        elif isinstance(event, NodeFinished):
            self._done += 1
            logger.info("Completed node: %s", event.node)
            logger.info("Completed %d out of %d tasks", self._done, self._total)


class RefusedRunError(RunError, ValueError, click.ClickException):
    """A run that Kedro's session asked for and that cannot be; Kedro's command line shows the text alone."""

    exit_code = 2

    def __init__(self, message: str) -> None:
        click.ClickException.__init__(self, message)


class IncrementalRunner(RunnerOfKedro):  # type: ignore[misc]  # Kedro is not there where types are checked
    """Runs the pipelines of Kedro's session: ``kedro run --runner=incremental.kedro.IncrementalRunner``.

    What is begun and committed is kept in ``.incremental/`` of the project, where the commands of
    ``incremental`` find it. Arguments come from ``--runner-params``, such as
    ``--runner-params=runner=threads,max_workers=4``.

    Args:
        is_async: load the inputs of a node, and save its outputs, in threads.
        runner: ``sequential``, ``threads``, ``processes`` or ``dask``.
        max_workers: how many nodes at once; more than one without ``runner`` means processes.
        options: ``force`` (nodes to run whatever is there, with blanks between them), ``propagate``,
            ``resume``, ``wait`` as the arguments of our ``Session.run``; ``keep_going``, ``retries``,
            ``backoff``, ``timeout`` as those of ``FailurePolicy``; ``durability``: ``power``, so that what
            is saved survives a power cut, or ``process``, which spares waiting for the disk.

    Raises:
        RefusedRunError: an argument that there is not, or that cannot be.
    """

    def __init__(
        self,
        is_async: bool = False,
        runner: str | None = None,
        max_workers: int | None = None,
        **options: Any,
    ) -> None:
        super().__init__(is_async=is_async)
        for word in options:
            if word not in _OPTIONS:
                known = ("runner", "max_workers", "is_async", *_OPTIONS)
                raise RefusedRunError(
                    f"runner parameter {word!r} is unknown{did_you_mean(word, known)}\n"
                    f"there are {', '.join(known)}"
                )
        self._options = options
        durability = options.get("durability", "power")
        if durability not in _DURABILITIES:
            raise RefusedRunError(f"durability is {durability!r}; it can be 'power' or 'process'")
        self._is_durable = durability == "power"
        try:
            name = runner or ("sequential" if max_workers in (None, 1) else "processes")
            self._runner = runner_of(name, is_async, max_workers)
        except click.UsageError as error:
            raise RefusedRunError(error.message) from error
        self._runner.policy = FailurePolicy(**{key: options[key] for key in _OF_THE_POLICY if key in options})
        self._ledger = MemoryLedger()  # of runs without a project

    def run(
        self,
        pipeline: Any,
        catalog: Any,
        hook_manager: Any = None,
        run_id: str | None = None,
        only_missing_outputs: bool = False,
    ) -> dict[str, Any]:
        """Plan and run what the session hands over; the whole is what it hands over.

        Returns:
            The dataset of each free output by name, of skipped nodes too.

        Raises:
            RefusedRunError: the plan cannot be carried out; nothing ran.
            Exception: whatever the first node that failed has raised.
        """
        handed = KedroCatalog(catalog)
        handed.durable = self._is_durable
        relay = Relay(hook_manager, handed, _tell_plan)
        asked = asked_of(run_id)
        root = project_of(asked)
        try:
            ours = handed_over(pipeline)
            if root is None:
                relay.keep(ours)
                handed.ledger = self._ledger
                return self._runner.run(ours, handed, relay, run_id, only_missing_outputs)
            context = HandedContext(root, handed, asked)
            request = self._request(asked, only_missing_outputs)
            return self._run_in(context, ours, request, relay, run_id)
        except NodeRunError as error:
            self._advise(error, only_missing_outputs)
            if isinstance(error.__cause__, Exception):
                raise error.__cause__ from error.__cause__.__cause__
            raise
        except IncrementalError as error:
            raise RefusedRunError(str(error)) from error

    def _request(self, asked: Mapping[str, Any], only_missing_outputs: bool) -> Request:
        options = {key: self._options[key] for key in _OF_THE_REQUEST if key in self._options}
        options["force"] = str(options.get("force", "")).split()
        return request_of(asked, only_missing_outputs=only_missing_outputs, **options)

    def _run_in(
        self, context: HandedContext, pipeline: Pipeline, request: Request, relay: Relay, run_id: str | None
    ) -> dict[str, Any]:
        root = context.project_path
        ledger = FileLedger(root / ".incremental" / "ledger.sqlite", root, durable=self._is_durable)
        try:
            history = History(ledger)

            def begin() -> tuple[str, str]:
                name = history.claim(run_id)
                return name, name

            execution = HandedExecution(pipeline, request, context, ledger, relay)
            result = execution.run(
                request, self._runner, begin, (_Progress(),), wait=bool(self._options.get("wait"))
            )
            return {name: result.dataset(name) for name in result}
        finally:
            ledger.close()

    def _advise(self, error: NodeRunError, only_missing_outputs: bool) -> None:
        again = "the same command" if only_missing_outputs else "the same command with --only-missing-outputs"
        logger.warning("%s\n%s runs what is left", error.sentence, again)

    def _run(self, *arguments: Any, **options: Any) -> None:
        """Satisfy Kedro's interface: its own ``run`` would call this."""
        raise NotImplementedError("IncrementalRunner has a run of its own")

    def _get_executor(self, max_workers: int) -> Any:
        """Satisfy Kedro's interface."""
        return None


def _tell_plan(plan: Plan) -> None:
    logger.info(
        "the plan:\n%s" if plan.skipped else "%s", plan_text(plan, Look()) if plan.skipped else plan.summary
    )
