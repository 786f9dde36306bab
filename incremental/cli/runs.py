"""``incremental runs``: what ran, and how it went."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import click

from incremental.cli import exit_codes
from incremental.cli.commands import Command, LazyGroup, Writes, common, examples
from incremental.cli.opening import opened
from incremental.cli.options import OneFile, Words, flat, words_option
from incremental.errors import SessionError, did_you_mean

if TYPE_CHECKING:
    from incremental.cli.call import Call
    from incremental.state import History, RunRecord

_LAST = "last"
_LAST_BUT = re.compile(r"last(?:~(\d{1,9}))?")
_STATUSES = ("succeeded", "failed", "interrupted", "running")


@click.group(
    cls=LazyGroup,
    lazy={
        "list": ("incremental.cli.runs:list_runs", "List the runs, newest first (the default)."),
        "show": ("incremental.cli.runs:show_run", "Show one run with its nodes."),
        "diff": ("incremental.cli.runs:diff_runs", "Show in what two runs differ."),
    },
    default="list",
    epilog=examples(
        "incremental runs  # the last twenty",
        "incremental runs show last  # what the last one did",
        "incremental runs show 2026-11-21T10  # the beginning of an id is enough",
        "incremental runs diff last~1 last  # what is different since the run before",
    ),
)
@common
def runs() -> None:
    """List past runs, show one, or compare two."""


@click.command(
    "list",
    cls=Command,
    writes=Writes.NEVER,
    epilog=examples(
        "incremental runs -n 5",
        "incremental runs --status failed,interrupted --node train",
        "incremental runs list --json --limit 0  # all",
    ),
)
@click.argument("file", type=OneFile(), required=False)
@click.option(
    "-n",
    "--limit",
    type=click.IntRange(min=0),
    default=20,
    show_default=True,
    help="How many; 0 for all.",
)
@click.option(
    "--status", type=Words(), multiple=True, metavar="WORDS", help=f"Only these: {', '.join(_STATUSES)}."
)
@words_option("--node", "with_nodes", kind="node", help="Only runs in which any of these nodes was to run.")
@common
@click.pass_obj
def list_runs(call: Call, /, limit: int, **options: Any) -> int:
    """List the runs of the project, newest first."""
    from incremental.render.runs import runs_document, runs_text

    wanted, nodes = set(flat(options["status"])), flat(options["with_nodes"])
    for word in sorted(wanted.difference(_STATUSES)):
        raise click.UsageError(
            f"no status {word!r}{did_you_mean(word, _STATUSES)}; there are {', '.join(_STATUSES)}"
        )
    with opened(call, options, needs_config=False) as session:
        every = [run for run in session.history.runs(nodes=nodes) if not wanted or run.status in wanted]
    shown = every[:limit] if limit else every
    narrowed = bool(wanted or nodes)
    call.answer(lambda: runs_text(shown, call.look, len(every), narrowed), lambda: runs_document(shown))
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
    """Show one run: ID is its id, the beginning of it, 'last', or 'last~1' for the one before."""
    from incremental.render.runs import run_document, run_text

    with opened(call, options, needs_config=False) as session:
        found = _find(session.history, run_id)
    call.answer(lambda: run_text(found, call.look), lambda: run_document(found))
    return exit_codes.DONE


@click.command(
    "diff",
    cls=Command,
    writes=Writes.NEVER,
    epilog=examples(
        "incremental runs diff last~1 last", "incremental runs diff 2026-11-20 2026-11-21 --json"
    ),
)
@click.argument("before", metavar="A")
@click.argument("after", metavar="B", default=_LAST)
@click.argument("file", type=OneFile(), required=False)
@common
@click.pass_obj
def diff_runs(call: Call, /, before: str, after: str, **options: Any) -> int:
    """Show in what run B (the last one by default) differs from run A.

    Each is an id, the beginning of one, 'last', or 'last~1' for the run before.
    """
    from incremental.render.comparison import comparison_document, comparison_text
    from incremental.state.comparison import compare

    if after.endswith(".py") and options["file"] is None:
        after, options["file"] = _LAST, after
    with opened(call, options, needs_config=False) as session:
        found = compare(_find(session.history, before), _find(session.history, after))
    call.answer(lambda: comparison_text(found, call.look), lambda: comparison_document(found))
    return exit_codes.DONE


def _find(history: History, word: str) -> RunRecord:
    every = history.runs()
    if not every:
        raise SessionError("this project has no runs yet; start one with: incremental run")
    names = [each.run_id for each in every]
    from_end = _LAST_BUT.fullmatch(word)
    if from_end:
        back = int(from_end[1] or 0)
        if back >= len(names):
            raise SessionError(f"no run {word!r}: there are only {len(names)}")
        found = [names[back]]
    else:
        found = [name for name in names if name == word] or [name for name in names if name.startswith(word)]
    if not found:
        near = did_you_mean(word, [*names, _LAST]) or "; see: incremental runs"
        raise SessionError(f"no run {word!r}{near}")
    if len(found) > 1:
        shown = ", ".join(found[:3])
        raise SessionError(
            f"{len(found)} runs begin with {word!r}: {shown}{' ...' if len(found) > 3 else ''}"
        )
    whole = history.run(found[0])
    if whole is None:
        raise SessionError(f"run {found[0]!r} is gone: it was cleaned away a moment ago")
    return whole
