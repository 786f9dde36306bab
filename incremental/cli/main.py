"""The ``incremental`` command: its sub-commands by name, and one place where every error ends."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any, NoReturn

import click

from incremental.cli import exit_codes
from incremental.cli.call import Call
from incremental.cli.commands import LazyGroup, common, examples
from incremental.cli.interrupts import leave
from incremental.cli.output import Output, open_closed_streams

if TYPE_CHECKING:
    from collections.abc import Sequence

PROGRAM = "incremental"
_COMPLETE = "_INCREMENTAL_COMPLETE"

_COMMANDS = {
    "init": ("incremental.cli.init:init", "Make a small project that runs at once."),
    "plan": ("incremental.cli.plan:plan", "Show what would run, and why."),
    "run": ("incremental.cli.run:run", "Run a pipeline, or the part of it that is missing."),
    "why": ("incremental.cli.why:why", "Explain one node or dataset."),
    "adopt": ("incremental.cli.adopt:adopt", "Record outputs that are there as they are."),
    "verify": ("incremental.cli.verify:verify", "Read outputs again, and repair what is damaged."),
    "runs": ("incremental.cli.runs:runs", "List past runs, show one, compare two."),
    "catalog": ("incremental.cli.catalog:catalog", "List datasets, describe one."),
    "pipelines": ("incremental.cli.pipelines:pipelines", "List pipelines, describe one."),
    "clean": ("incremental.cli.clean:clean", "Remove what killed runs left, old versions, old history."),
    "doctor": ("incremental.cli.doctor:doctor", "Check installation and project."),
}


def main() -> NoReturn:
    """Run the command line of this process and exit with its code."""
    open_closed_streams()
    leave(invoke(sys.argv[1:]))


def invoke(arguments: Sequence[str]) -> int:
    """Run one command line and return its exit code; whatever goes wrong is told on stderr."""
    call = Call(Output(sys.stdout, sys.stderr, os.environ))
    call.as_json = "--json" in arguments  # an error before click has read the option is a document, too
    try:
        words = list(arguments) or ["--help"]
        code: Any = group.main(words, PROGRAM, _COMPLETE, standalone_mode=False, obj=call)
    except BaseException as error:
        if isinstance(error, SystemExit) and _is_clicks_own(error):
            raise
        from incremental.cli.failures import report

        return report(error, call)
    return code if isinstance(code, int) else exit_codes.DONE


def _is_clicks_own(error: SystemExit) -> bool:
    """Whether click ended itself: after a completion, or because the reader of its help went away."""
    last = error.__traceback__
    while last is not None and last.tb_next is not None:
        last = last.tb_next
    return last is None or last.tb_frame.f_globals.get("__name__", "").startswith("click.")


def _show_version(ctx: click.Context, param: click.Parameter, value: bool) -> None:
    if value and not ctx.resilient_parsing:
        from incremental._version import __version__

        click.echo(f"{PROGRAM} {__version__}")
        ctx.exit()


@click.group(
    PROGRAM,
    cls=LazyGroup,
    lazy=_COMMANDS,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog=examples(
        "incremental init hello  # make a project",
        "incremental plan  # what is missing, and why",
        "incremental run --only-missing-outputs  # make just that",
    ),
)
@click.option(
    "--version",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_show_version,
    help="Show the version and exit.",
)
@common
def group() -> None:
    """Run the least of a data pipeline that has to run, and show why first."""
