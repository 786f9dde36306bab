"""``incremental plan``: what would run, and why."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from incremental.cli import exit_codes
from incremental.cli.commands import Command, Writes, common, examples
from incremental.cli.opening import Trace, opened
from incremental.cli.options import opening, request_of, selectors

if TYPE_CHECKING:
    from incremental.cli.call import Call
    from incremental.planner import Plan


@click.command(
    cls=Command,
    writes=Writes.UNLESS_DRY,
    epilog=examples(
        "incremental plan  # what is missing, and what that needs",
        "incremental plan --all --tags train  # everything with a tag",
        "incremental plan --dry-run --json  # for a machine, without a trace",
        "incremental plan --exit-code  # 3 when there is work, for CI",
        "incremental plan -o plan.json  # seal it for run --plan",
    ),
)
@opening
@selectors
@click.option(
    "--all", "everything", is_flag=True, help="Plan all that is selected, not only what is missing."
)
@click.option(
    "--only-missing-outputs", is_flag=True, help="The default; here so that the options of run fit."
)
@click.option("--dry-run", is_flag=True, help="Leave no trace at all.")
@click.option(
    "-o", "--output", metavar="FILE", type=click.Path(dir_okay=False), help="Seal the plan for run --plan."
)
@click.option("--exit-code", is_flag=True, help="Exit with 3 when there is work.")
@common
@click.pass_obj
def plan(call: Call, /, **options: Any) -> int:
    """Show what would run, and why.

    By default that is the least after which no output is missing. Nothing runs.
    """
    output = options["output"]
    if output and options["dry_run"]:
        raise click.UsageError("--dry-run writes nothing, so there can be no --output: drop one of the two")
    if options["everything"] and options["only_missing_outputs"]:
        raise click.UsageError("--all and --only-missing-outputs exclude each other: drop one of the two")
    request = request_of(options, only_missing_outputs=not options["everything"])
    trace = Trace.NONE if options["dry_run"] else Trace.CACHES
    with opened(call, options, trace) as session:
        found = session.plan_request(request)
        sentences = problems(found, session.load_context().catalog)
        show_plan(call, found, sentences)
        if sentences:
            return complain(call, sentences)
        if output:
            from incremental.io.files.staging import write_atomically

            write_atomically(Path(output).absolute(), session.seal(found, request).encode())
            call.out.tell(f"sealed in {output}; run it with: incremental run --plan {output}")
    return exit_codes.WORK_TO_DO if options["exit_code"] and found.news else exit_codes.DONE


def problems(found: Plan, catalog: Any) -> tuple[str, ...]:
    """Return why a plan cannot be carried out, a sentence each."""
    from incremental.runner.permissions import denials

    denied = denials(found)
    if found.is_valid:
        return denied
    from incremental.planner.unmet import obstacles

    return (*obstacles(found, catalog), *denied)


def show_plan(call: Call, found: Plan, sentences: tuple[str, ...]) -> None:
    """Answer with a plan."""
    from incremental.render.plan import plan_document, plan_text

    call.answer(
        lambda: plan_text(found, call.look, sentences, full=call.verbosity > 0),
        lambda: plan_document(found, sentences),
    )


def complain(call: Call, sentences: tuple[str, ...]) -> int:
    """Tell on stderr why a plan cannot be carried out, and return the exit code for that."""
    from incremental.cli.output import look_of
    from incremental.render.failure import Failure, failure_text

    out = call.out
    out.tell(failure_text(Failure("\n".join(sentences)), look_of(out.stderr, out.environ)))
    return exit_codes.WRONG_USE
