"""How much a node reads from storage, where that is cheap to tell. It loads nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from incremental.io.catalog.capabilities import size_read
from incremental.pipeline.transcoding import is_parameter

if TYPE_CHECKING:
    from collections.abc import Mapping

    from incremental.io import DataCatalog
    from incremental.runner.task import Task


def bytes_read(catalog: DataCatalog, task: Task, kept: Mapping[str, Any]) -> int | None:
    """Return how much a node is about to read from storage; None where that is not known of an input."""
    total = 0
    for name in task.node.reads:
        if name in kept or name in task.memory or is_parameter(name):
            continue
        try:
            size = size_read(catalog.get(name), task.versions.get(name))
        except Exception:  # noqa: BLE001 - what is wrong will be told by the load itself
            return None
        if size is None:
            return None
        total += size
    return total
