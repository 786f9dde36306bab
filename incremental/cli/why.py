"""``incremental why``: the reasons behind one node or dataset."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from incremental.cli import exit_codes
from incremental.cli.commands import Command, Writes, common, examples
from incremental.cli.opening import opened
from incremental.cli.options import flat, opening, words_option

if TYPE_CHECKING:
    from incremental.cli.call import Call
    from incremental.planner import Plan
    from incremental.session import Session


def _complete(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[Any]:
    from incremental.cli.completion import candidates

    return [*candidates("node", ctx, incomplete), *candidates("dataset", ctx, incomplete)]


@click.command(
    cls=Command,
    writes=Writes.NEVER,
    epilog=examples(
        "incremental why train_model  # would it run, and what for",
        "incremental why model_input  # who makes it, is it there, who reads it",
        "incremental why months pipeline.py  # in a project of one file",
    ),
)
@click.argument("word", metavar="NODE|DATASET", shell_complete=_complete)
@opening
@words_option(
    "-p", "--pipelines", "--pipeline", "pipelines", kind="pipeline", help="Look in these pipelines."
)
@common
@click.pass_obj
def why(call: Call, /, word: str, **options: Any) -> int:
    """Explain why a node would run or be skipped when only missing outputs are made, or what a dataset is."""
    from incremental.cli.plan import problems
    from incremental.render.reasons import answer, why_document, why_text

    with opened(call, options) as session:
        found = _plan(session, options)
        told = answer(found, word, problems(found, session.load_context().catalog))
    call.answer(lambda: why_text(told, call.look), lambda: why_document(told))
    return exit_codes.DONE


def _plan(session: Session, options: dict[str, Any]) -> Plan:
    from incremental.session.request import Request

    names = flat(options["pipelines"])
    return session.plan_request(Request.of(pipeline_names=names, only_missing_outputs=True))
