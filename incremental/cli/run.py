"""``incremental run``: carry a plan out, or show it with ``--dry-run``."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from incremental.cli import exit_codes
from incremental.cli.commands import Command, Writes, common, examples
from incremental.cli.opening import Trace, opened, resume_options
from incremental.cli.options import Parameters, merged, opening, request_of, selector_given, selectors

if TYPE_CHECKING:
    from incremental.cli.call import Call
    from incremental.events import Event
    from incremental.runner import AbstractRunner, RunResult
    from incremental.session import Session


def _read_config(ctx: click.Context, param: click.Parameter, value: str | None) -> None:
    from incremental.cli.run_config import read_defaults

    if value:
        ctx.obj.config_file = value
        ctx.default_map = {**(ctx.default_map or {}), **read_defaults(value, ctx.command.params)}


@click.command(
    cls=Command,
    writes=Writes.UNLESS_DRY,
    epilog=examples(
        "incremental run  # everything",
        "incremental run --only-missing-outputs  # what is missing",
        "incremental run --from-nodes clean --env prod --params model.lr=0.1",
        "incremental run --only-missing-outputs --force train  # that, and train",
        "incremental run --runner threads --workers 8  # several at once",
        "incremental run --resume  # finish a failed run",
        "incremental run --keep-going --retries 2  # stop at no failure",
        "incremental run --plan plan.json  # just what was sealed",
        "incremental run pipeline.py  # a project of one file",
    ),
)
@opening
@selectors
@click.option(
    "--only-missing-outputs", is_flag=True, help="Run only what has to run for no output to be missing."
)
@click.option(
    "--runner",
    metavar="NAME",
    help="sequential, threads, processes, dask, or the dotted path of a runner class.",
)
@click.option(
    "--workers", metavar="N", type=click.IntRange(1), help="How many nodes at once; by default in processes."
)
@click.option(
    "--runner-params",
    type=Parameters(),
    multiple=True,
    metavar="A=1,B=2",
    help="Further arguments of the runner.",
)
@click.option("--async", "is_async", is_flag=True, help="Load and save the datasets of a node in threads.")
@click.option("--keep-going", is_flag=True, help="When a node fails, run what does not depend on it.")
@click.option("--retries", metavar="N", type=click.IntRange(0), help="How often a failed node runs again.")
@click.option(
    "--timeout",
    metavar="S",
    type=click.FloatRange(0, min_open=True),
    help="Seconds a node may take, in processes or on Dask.",
)
@click.option(
    "--plan",
    "plan_file",
    metavar="FILE",
    type=click.Path(exists=True, dir_okay=False),
    help="Run a sealed plan.",
)
@click.option("--replan", is_flag=True, help="With --plan: accept what changed since.")
@click.option("--wait", is_flag=True, help="Wait for runs that write the same, instead of giving up.")
@click.option("--dry-run", is_flag=True, help="Show what this run would do, and leave no trace.")
@click.option(
    "--config",
    metavar="FILE",
    type=click.Path(exists=True, dir_okay=False),
    is_eager=True,
    expose_value=False,
    callback=_read_config,
    help="Take options from the 'run' section of a YAML file.",
)
@common
@click.pass_obj
def run(call: Call, /, **options: Any) -> int:
    """Run a pipeline, or the part of it that is selected or missing."""
    _check(options)
    if options["dry_run"]:
        return _show(call, options)
    from incremental.cli.runners import policy_of, runner_of

    text = None
    if options["plan_file"]:
        from incremental.session.sealed import read_plan_file, read_sealed

        text = read_plan_file(options["plan_file"])
        if options["env"] is None:
            options["env"] = read_sealed(text).env
    with opened(call, options, Trace.RECORD) as session:
        _check_runner(call, session, options["runner"])
        runner = runner_of(
            options["runner"], options["is_async"], options["workers"], merged(options["runner_params"])
        )
        runner.policy = policy_of(runner.policy, options)
        begin = time.perf_counter()
        result = _run(call, session, options, runner, text)
        _answer(call, session, result, time.perf_counter() - begin)
    return exit_codes.DONE


def _check(options: dict[str, Any]) -> None:
    given = selector_given(options) or ("--only-missing-outputs" if options["only_missing_outputs"] else None)
    if options["plan_file"]:
        if given:
            raise click.UsageError(f"--plan brings its own selection: drop {given}")
        if options["dry_run"]:
            raise click.UsageError("--plan and --dry-run exclude each other: the file says what would run")
    elif options["replan"]:
        raise click.UsageError("--replan needs a plan: name its file with --plan")


def _check_runner(call: Call, session: Session, runner: str | None) -> None:
    """Refuse a runner class that a --config file from elsewhere names: the command line may name any."""
    source = click.get_current_context().get_parameter_source("runner")
    if runner and call.config_file and source is ParameterSource.DEFAULT_MAP:
        rule = session.import_rule(call.config_file)
        if rule is not None:
            rule.check_runner(runner)


def _show(call: Call, options: dict[str, Any]) -> int:
    from incremental.cli.plan import complain, problems, show_plan

    request = request_of(options, only_missing_outputs=options["only_missing_outputs"])
    with opened(call, options) as session:
        found = session.plan_request(request)
        sentences = problems(found, session.load_context().catalog)
        show_plan(call, found, sentences)
        return complain(call, sentences) if sentences else exit_codes.DONE


def _run(
    call: Call, session: Session, options: dict[str, Any], runner: AbstractRunner, text: str | None
) -> RunResult:
    from incremental.cli.progress import progress
    from incremental.events import RunStarted

    def note_begin(event: Event) -> None:  # before it there is nothing to resume
        call.runs = call.runs or isinstance(event, RunStarted)

    with progress(call) as shown:
        call.resume = resume_options(call, options)
        listeners = (note_begin, *shown)
        wait = options["wait"]
        if text is not None:
            return session.run_sealed(
                text, replan=options["replan"], runner=runner, listeners=listeners, wait=wait
            )
        request = request_of(options, only_missing_outputs=options["only_missing_outputs"])
        return session.run_request(request, runner, listeners, wait=wait)


def _answer(call: Call, session: Session, result: RunResult, seconds: float) -> None:
    from incremental.render.runs import outcome_text

    call.answer(
        lambda: outcome_text(result.run_id, result.plan, seconds),
        lambda: {
            "format": "incremental-run/1",
            "run_id": result.run_id,
            "session_id": session.session_id,
            "status": "succeeded",
            "executed": list(result.executed),
            "skipped": list(result.skipped),
            "outputs": list(result),
            "seconds": round(seconds, 3),
        },
    )
