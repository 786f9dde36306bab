"""Marks beside data that is written in place: there from before the first byte until after the last.

The truth travels with the folder, so it survives a lost ledger and a fresh clone. Data that can be
staged has no mark, because it is never half there.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

from incremental.io.files.staging import write_atomically

SUFFIX = ".incremental-begun"


def marker_path(location: str) -> Path | None:
    """Return where the mark of a location lives, or None where none can (a URL, a table)."""
    if "://" in location or not os.path.isabs(location):  # noqa: PTH117 - a location is a string
        return None
    path = Path(location)
    return path.with_name(f".{path.name}{SUFFIX}")


def is_marked(location: str) -> bool:
    """Whether a save to this location began and never ended."""
    path = marker_path(location)
    return path is not None and path.exists()


def mark(location: str, run_id: str, node: str, *, durable: bool = True) -> None:
    """Put the mark down, durably, before the location is written."""
    path = marker_path(location)
    if path is not None:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, json.dumps({"run": run_id, "node": node}).encode(), durable=durable)


def unmark(location: str) -> None:
    """Take the mark away: the location is whole, or was never touched."""
    path = marker_path(location)
    if path is not None:
        path.unlink(missing_ok=True)
