"""Marks beside data that is written in place: there from before the first byte until after the last.

The truth travels with the folder, so it survives a lost ledger and a fresh clone. Data that can be
staged has no mark, because it is never half there.
"""

# Strings and `os`, not Path: the survey asks for a mark beside every file.
# ruff: noqa: PTH108, PTH112, PTH117, PTH118, PTH120
from __future__ import annotations

import json
import os
from contextlib import suppress

from incremental.io.files.staging import sync_folder, write_atomically

SUFFIX = ".incremental-begun"

_LONGEST = 200  # bytes of a name that the mark repeats; file systems allow 255


def mark_name(name: str) -> str:
    """Return the name of the mark beside a file of this name."""
    if 4 * len(name) > _LONGEST and len(os.fsencode(name)) > _LONGEST:
        from hashlib import blake2b

        name = blake2b(os.fsencode(name), digest_size=16).hexdigest()
    return f".{name}{SUFFIX}"


def mark_path(location: str) -> str | None:
    """Return where the mark of a location lives, or None where none can (a URL, a table)."""
    if "://" in location or not os.path.isabs(location):
        return None
    folder, _, name = location.rpartition("/")
    return f"{folder}/{mark_name(name)}"


def is_marked(location: str) -> bool:
    """Whether a save to this location began and never ended."""
    path = mark_path(location)
    return path is not None and os.access(path, os.F_OK)


def mark(location: str, run_id: str | None = None, node: str | None = None, *, durable: bool = True) -> None:
    """Put the mark down, durably, before the location is written. Raises OSError."""
    path = mark_path(location)
    if path is not None:
        write_atomically(path, json.dumps({"run": run_id, "node": node}).encode(), durable)


def sync_in_place(location: str) -> None:
    """Have what somebody else's code wrote at a location, file or folder, survive a power cut.

    To be called before the mark goes: a mark that is gone says that the data is whole. Raises OSError.
    """
    path = None if mark_path(location) is None else location
    if path is None or not os.path.lexists(path):
        return
    folders = {os.path.dirname(path)}
    files = [path]
    if os.path.isdir(path):
        files = []
        for folder, _, names in os.walk(path):
            folders.add(folder)
            files += [os.path.join(folder, name) for name in names]
    for name in files:
        fd = os.open(name, os.O_RDONLY)
        try:
            os.fsync(fd)
        finally:
            os.close(fd)
    for folder in folders:
        sync_folder(folder)


def unmark(location: str) -> None:
    """Take the mark away: the location is whole, or was never touched. Raises OSError."""
    path = mark_path(location)
    if path is not None:
        with suppress(FileNotFoundError):
            os.unlink(path)
