"""``incremental verify``: read committed outputs again, and make again what is damaged."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

import click

from incremental.cli import exit_codes
from incremental.cli.commands import Command, Writes, common, examples
from incremental.cli.opening import Trace, opened
from incremental.cli.options import configured, flat, outputs_argument, words_option

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from incremental.cli.call import Call
    from incremental.session import Session
    from incremental.session.outputs import Finding


@click.command(
    cls=Command,
    writes=Writes.IF_ASKED,
    epilog=examples(
        "incremental verify  # every output that has a record",
        "incremental verify model report",
        "incremental verify --repair  # and run the nodes of what is damaged",
        "incremental verify --json  # exit code 1 when there is damage",
    ),
)
@outputs_argument
@configured
@words_option(
    "-p", "--pipelines", "--pipeline", "pipelines", kind="pipeline", help="Outputs of these pipelines."
)
@click.option("--repair", is_flag=True, help="Make damaged outputs again: their nodes and what those need.")
@common
@click.pass_obj
def verify(call: Call, /, datasets: tuple[str, ...], **options: Any) -> int:
    """Read committed outputs again and compare them with the digests taken when they were written.

    Exits with 1 when an output is damaged, lost or unreadable, and is not repaired.
    """
    from incremental.render.outputs import verification_document, verification_text
    from incremental.session.outputs import DAMAGE
    from incremental.session.request import Request

    names = flat(options["pipelines"])
    request = Request.of(pipeline_names=names, only_missing_outputs=True)
    run_id = None
    with opened(call, options, Trace.RECORD if options["repair"] else Trace.NONE) as session:
        outputs = session.outputs(request)
        chosen = outputs.named(datasets)
        with _progress(call, outputs.sizes(chosen)) as tell:
            findings = tuple(outputs.verify(chosen, tell))
        damaged = [each for each in findings if each.verdict in DAMAGE]
        if damaged and options["repair"]:
            run_id = _repair(call, session, names, damaged)
    call.answer(
        lambda: verification_text(findings, call.look) + (f"\nrepaired by run {run_id}" if run_id else ""),
        lambda: verification_document(findings, run_id),
    )
    return exit_codes.NODE_FAILED if damaged and run_id is None else exit_codes.DONE


def _repair(call: Call, session: Session, pipelines: tuple[str, ...], damaged: list[Finding]) -> str:
    """Run the nodes of damaged outputs and what those need; return the id of the run."""
    from incremental.cli.progress import progress
    from incremental.session.request import Request

    nodes = dict.fromkeys(each.node for each in damaged)
    request = Request.of(pipeline_names=pipelines, force=nodes, only_forced=True)
    with progress(call) as listeners:
        call.runs = True
        return session.run_request(request, None, listeners).run_id


@contextlib.contextmanager
def _progress(call: Call, total: int) -> Iterator[Callable[[int], None] | None]:
    """Show on a terminal how much has been read."""
    from incremental.cli.output import is_screen

    if call.verbosity < 0 or not is_screen(call.out.stderr, call.out.environ):
        yield None
        return
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TransferSpeedColumn

    columns = (BarColumn(bar_width=30), DownloadColumn(), TransferSpeedColumn())
    with Progress(*columns, console=Console(file=call.out.stderr), transient=True) as bar:
        task = bar.add_task("verify", total=total or None)
        yield lambda count: bar.advance(task, count)
