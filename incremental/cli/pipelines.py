"""``incremental pipelines``: what is registered."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from incremental.cli import exit_codes
from incremental.cli.commands import Command, Writes, common, examples
from incremental.cli.opening import opened
from incremental.cli.options import OneFile
from incremental.errors import SessionError, did_you_mean

if TYPE_CHECKING:
    from incremental.cli.call import Call


def _complete(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[Any]:
    from incremental.cli.completion import candidates

    return candidates("pipeline", ctx, incomplete)


@click.command(
    cls=Command,
    writes=Writes.NEVER,
    epilog=examples(
        "incremental pipelines  # names and sizes",
        "incremental pipelines __default__  # its nodes in the order they run",
        "incremental pipelines pipeline.py  # of a project of one file",
    ),
)
@click.argument("name", required=False, shell_complete=_complete)
@click.argument("file", type=OneFile(), required=False)
@common
@click.pass_obj
def pipelines(call: Call, /, name: str | None, file: str | None) -> int:
    """List the registered pipelines, or describe the one called NAME."""
    from incremental.render import catalog as render

    if name is not None and file is None and name.endswith(".py"):
        name, file = None, name
    with opened(call, {"file": file}, needs_config=False) as session:
        registered = dict(session.pipelines)
    if name is None:
        call.answer(
            lambda: render.pipelines_text(registered, call.look),
            lambda: render.pipelines_document(registered),
        )
        return exit_codes.DONE
    if name not in registered:
        near = did_you_mean(name, registered) or f"; there are {', '.join(sorted(registered)) or 'none'}"
        raise SessionError(f"pipeline {name!r} is not registered{near}")
    found = registered[name]
    call.answer(
        lambda: render.pipeline_text(name, found, call.look),
        lambda: {"format": "incremental-pipeline/1", "name": name, **render.pipeline_parts(found)},
    )
    return exit_codes.DONE
