"""Names of a project for the shell to complete. It never fails and never prints: a silent shell is better."""

from __future__ import annotations

import contextlib
import io
from typing import TYPE_CHECKING

from click.shell_completion import CompletionItem

if TYPE_CHECKING:
    from collections.abc import Mapping

    import click

    from incremental.pipeline import Pipeline


def candidates(kind: str, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
    """Return the names of a kind that begin as the last of the comma-separated words does.

    Args:
        kind: ``node``, ``dataset``, ``tag``, ``namespace`` or ``pipeline``.
        ctx: the command line so far; it may name the project.
        incomplete: the word before the cursor.
    """
    before, comma, begun = incomplete.rpartition(",")
    try:
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            names = _names(kind, _pipelines(ctx))
    except (Exception, SystemExit):  # noqa: BLE001 - code of the project may raise anything
        return []
    given = {word.strip() for word in before.split(",")}
    return [
        CompletionItem(f"{before}{comma}{name}")
        for name in sorted(names)
        if name.startswith(begun.lstrip()) and name not in given
    ]


def _pipelines(ctx: click.Context) -> Mapping[str, Pipeline]:
    from incremental.project import find_project, load

    project = getattr(ctx.obj, "project", None)
    return load(find_project(ctx.params.get("file") or project), leave_no_trace=True).pipelines


def _names(kind: str, pipelines: Mapping[str, Pipeline]) -> set[str]:
    if kind == "pipeline":
        return set(pipelines)
    nodes = [node for each in pipelines.values() for node in each.nodes]
    if kind == "node":
        return {node.name for node in nodes}
    if kind == "tag":
        return {tag for node in nodes for tag in node.tags}
    if kind == "namespace":
        return {prefix for node in nodes for prefix in node.namespace_prefixes}
    return {name for node in nodes for name in (*node.reads, *node.writes)}
