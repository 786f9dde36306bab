"""``incremental runs``: what ran, and how it went."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from incremental.cli import exit_codes
from incremental.cli.commands import Command, LazyGroup, Writes, common, examples
from incremental.cli.opening import opened
from incremental.cli.options import OneFile
from incremental.errors import SessionError, did_you_mean

if TYPE_CHECKING:
    from incremental.cli.call import Call
    from incremental.state import History, RunRecord

_LAST = "last"


@click.group(
    cls=LazyGroup,
    lazy={
        "list": ("incremental.cli.runs:list_runs", "List the runs, newest first (the default)."),
        "show": ("incremental.cli.runs:show_run", "Show one run with its nodes."),
    },
    default="list",
    epilog=examples(
        "incremental runs  # the last twenty",
        "incremental runs show last  # what the last one did",
        "incremental runs show 2026-11-21T10  # the beginning of an id is enough",
    ),
)
@common
def runs() -> None:
    """List past runs, or show one."""


@click.command(
    "list",
    cls=Command,
    writes=Writes.NEVER,
    epilog=examples("incremental runs --limit 5", "incremental runs list --json --limit 0  # all"),
)
@click.argument("file", type=OneFile(), required=False)
@click.option(
    "--limit", type=click.IntRange(min=0), default=20, show_default=True, help="How many; 0 for all."
)
@common
@click.pass_obj
def list_runs(call: Call, /, limit: int, **options: Any) -> int:
    """List the runs of the project, newest first."""
    from incremental.render.runs import runs_document, runs_text

    with opened(call, options, needs_config=False) as session:
        every = session.history.runs()
        shown = [_whole(session.history, each) for each in (every[:limit] if limit else every)]
    call.answer(lambda: runs_text(shown, call.look, len(every)), lambda: runs_document(shown))
    return exit_codes.DONE


@click.command(
    "show",
    cls=Command,
    writes=Writes.NEVER,
    epilog=examples("incremental runs show last", "incremental runs show 2026-11-21T10.30 --json"),
)
@click.argument("run_id", metavar="ID")
@click.argument("file", type=OneFile(), required=False)
@common
@click.pass_obj
def show_run(call: Call, /, run_id: str, **options: Any) -> int:
    """Show one run: ID is its id, the beginning of it, or 'last'."""
    from incremental.render.runs import run_document, run_text

    with opened(call, options, needs_config=False) as session:
        found = _find(session.history, run_id)
    call.answer(lambda: run_text(found, call.look), lambda: run_document(found))
    return exit_codes.DONE


def _find(history: History, word: str) -> RunRecord:
    every = history.runs()
    if not every:
        raise SessionError("this project has no runs yet; start one with: incremental run")
    if word == _LAST:
        return _whole(history, every[0])
    names = [each.run_id for each in every]
    found = [each for each in every if each.run_id == word] or [
        each for each in every if each.run_id.startswith(word)
    ]
    if not found:
        near = did_you_mean(word, [*names, _LAST]) or "; see: incremental runs"
        raise SessionError(f"no run {word!r}{near}")
    if len(found) > 1:
        shown = ", ".join(each.run_id for each in found[:3])
        raise SessionError(
            f"{len(found)} runs begin with {word!r}: {shown}{' ...' if len(found) > 3 else ''}"
        )
    return _whole(history, found[0])


def _whole(history: History, record: RunRecord) -> RunRecord:
    return history.run(record.run_id) or record
