"""``incremental clean``: remove what nobody needs any more; by default only show it."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

import click

from incremental.cli import exit_codes
from incremental.cli.commands import Command, Writes, common, examples
from incremental.cli.opening import claimed, opened
from incremental.cli.options import opening

if TYPE_CHECKING:
    from incremental.cli.call import Call


@click.command(
    cls=Command,
    writes=Writes.IF_ASKED,
    epilog=examples(
        "incremental clean  # what killed runs left; nothing is removed yet",
        "incremental clean --yes",
        "incremental clean --keep-versions 5 --keep-runs 100 --yes",
    ),
)
@click.option("-y", "--yes", is_flag=True, help="Remove it; without this it is only shown.")
@click.option(
    "--keep-versions",
    type=click.IntRange(min=1),
    metavar="N",
    help="Of each versioned dataset keep the newest N; by default all.",
)
@click.option(
    "--keep-runs", type=click.IntRange(min=1), metavar="N", help="Keep the last N runs; by default all."
)
@opening
@common
@click.pass_obj
def clean(call: Call, /, yes: bool, keep_versions: int | None, keep_runs: int | None, **options: Any) -> int:
    """Remove what killed runs left, old versions and old history. Outputs are never removed."""
    from incremental.cli.cleaning import Cleaning
    from incremental.render.cleaning import cleaning_document, cleaning_text

    with opened(call, options) as session:
        cleaning = Cleaning(session, keep_versions, keep_runs)
        with claimed(session, cleaning.locations) if yes else contextlib.nullcontext():
            cleaning.find()
            found = len(cleaning.found)
            if yes:
                cleaning.remove()
    call.answer(
        lambda: cleaning_text(cleaning.waste, cleaning.kept, call.look, removed=yes),
        lambda: cleaning_document(cleaning.waste, cleaning.kept, removed=yes),
    )
    return exit_codes.DONE if len(cleaning.found) == found else exit_codes.NODE_FAILED
