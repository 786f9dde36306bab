"""``incremental catalog``: which datasets there are, where they live, whether they are there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from incremental.cli import exit_codes
from incremental.cli.commands import Command, LazyGroup, Writes, common, examples
from incremental.cli.opening import opened
from incremental.cli.options import opening
from incremental.errors import DatasetNotFoundError, did_you_mean

if TYPE_CHECKING:
    from incremental.cli.call import Call


@click.group(
    cls=LazyGroup,
    lazy={
        "list": (
            "incremental.cli.catalog:list_datasets",
            "List the datasets with their states (the default).",
        ),
        "describe": ("incremental.cli.catalog:describe", "Describe one dataset."),
    },
    default="list",
    epilog=examples(
        "incremental catalog  # every dataset, and whether it is there",
        "incremental catalog describe model  # one of them",
        "incremental catalog list --json --env prod",
    ),
)
@common
def catalog() -> None:
    """List the datasets of the project, or describe one. Credentials are never shown."""


@click.command(
    "list",
    cls=Command,
    writes=Writes.NEVER,
    epilog=examples("incremental catalog list", "incremental catalog list pipeline.py --json"),
)
@opening
@common
@click.pass_obj
def list_datasets(call: Call, /, **options: Any) -> int:
    """List every dataset of catalog and pipelines: state, name, type, where it is."""
    from incremental.cli.inventory import Inventory
    from incremental.render.catalog import catalog_document, catalog_text

    with opened(call, options) as session:
        inventory = Inventory(session)
        entries, patterns = inventory.entries(inventory.names), inventory.patterns
    call.answer(
        lambda: catalog_text(entries, call.look, patterns), lambda: catalog_document(entries, patterns)
    )
    return exit_codes.DONE


def _complete(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[Any]:
    from incremental.cli.completion import candidates

    return candidates("dataset", ctx, incomplete)


@click.command(
    "describe",
    cls=Command,
    writes=Writes.NEVER,
    epilog=examples(
        "incremental catalog describe model", "incremental catalog describe params:model.lr --env prod"
    ),
)
@click.argument("name", shell_complete=_complete)
@opening
@common
@click.pass_obj
def describe(call: Call, /, name: str, **options: Any) -> int:
    """Describe one dataset or parameter: type, place, state, version, where it is configured."""
    from incremental.cli.inventory import Inventory
    from incremental.render.catalog import entry_document, entry_text

    with opened(call, options) as session:
        inventory = Inventory(session)
        if not inventory.knows(name):
            near = did_you_mean(name, inventory.all_names) or "; see: incremental catalog list"
            raise DatasetNotFoundError(f"dataset {name!r} is not in the catalog{near}")
        entry = inventory.entries([name], with_arguments=True)[0]
    call.answer(lambda: entry_text(entry, call.look), lambda: entry_document(entry))
    return exit_codes.DONE
