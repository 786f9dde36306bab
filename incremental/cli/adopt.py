"""``incremental adopt``: record outputs that are there as they are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from incremental.cli import exit_codes
from incremental.cli.commands import Command, Writes, common, examples
from incremental.cli.opening import Trace, claimed, opened
from incremental.cli.options import configured, flat, outputs_argument, words_option

if TYPE_CHECKING:
    from incremental.cli.call import Call


@click.command(
    cls=Command,
    writes=Writes.IF_ASKED,
    epilog=examples(
        "incremental adopt  # show what has no record, or changed since",
        "incremental adopt model  # take a model that was replaced by hand",
        "incremental adopt --all  # outputs are there from before this engine",
        "incremental adopt model --force  # although its save never ended",
    ),
)
@outputs_argument
@configured
@words_option(
    "-p", "--pipelines", "--pipeline", "pipelines", kind="pipeline", help="Outputs of these pipelines."
)
@click.option("--all", "everything", is_flag=True, help="All that has no record, or changed since.")
@click.option("--force", is_flag=True, help="Also what is incomplete.")
@common
@click.pass_obj
def adopt(call: Call, /, datasets: tuple[str, ...], **options: Any) -> int:
    """Record outputs as they are now, with their digests, as if this project had just made them.

    Outputs of one node are adopted together. Without names and without --all nothing is written.
    """
    from incremental.render.outputs import adoption_document, adoption_text
    from incremental.session.request import Request

    if datasets and options["everything"]:
        raise click.UsageError("--all adopts every output: drop it, or the names")
    request = Request.of(pipeline_names=flat(options["pipelines"]), only_missing_outputs=True)
    writes = bool(datasets) or options["everything"]
    run_id = None
    with opened(call, options, Trace.CACHES if writes else Trace.NONE) as session:
        outputs = session.outputs(request)
        chosen = outputs.to_adopt(datasets, force=options["force"])
        if chosen and writes:
            nodes = {each.node for each in chosen}
            with claimed(session, [each.location for each in outputs.holdings if each.node in nodes]):
                outputs = session.outputs(request)  # as they are now that nobody else writes them
                chosen = tuple(
                    each for each in outputs.to_adopt(datasets, force=options["force"]) if each.node in nodes
                )
                if chosen:
                    run_id = session.history.claim()
                    outputs.adopt(chosen, run_id)
    call.answer(lambda: adoption_text(chosen, call.look, run_id), lambda: adoption_document(chosen, run_id))
    return exit_codes.DONE
