"""``incremental doctor``: what is wrong with this installation and this project, and what to do."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from incremental.cli import exit_codes
from incremental.cli.commands import Command, Writes, common, examples
from incremental.cli.options import opening

if TYPE_CHECKING:
    from incremental.cli.call import Call


@click.command(
    cls=Command,
    writes=Writes.NEVER,
    epilog=examples(
        "incremental doctor  # installation, project, ledger, packages",
        "incremental doctor pipeline.py --json",
    ),
)
@opening
@common
@click.pass_obj
def doctor(call: Call, /, **options: Any) -> int:
    """Check the installation and the project; each fault comes with its remedy."""
    from incremental.cli.examination import examine
    from incremental.render.checks import checks_document, checks_text

    found = examine(call, options)
    call.answer(lambda: checks_text(found, call.look), lambda: checks_document(found))
    return exit_codes.DONE if all(each.healthy for each in found) else exit_codes.WRONG_USE
