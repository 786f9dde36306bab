"""Checksums of the records of outputs, so that a damaged one is not believed. It repairs none."""

from __future__ import annotations

import sqlite3
from typing import Any
from zlib import crc32

SEALED = (
    "location, dataset, generation, run_id, node, version, size, mtime_ns, inode, ctime_ns, digest, "
    "attempt, reads, at"
)
"""What a seal is of: the columns that a commit writes. A state has two values that no flipped bit swaps."""

COUNT = SEALED.count(",") + 1
STATES = frozenset({"begun", "committed"})
SELECT = f"SELECT {SEALED}, seal, state FROM output"
"""What :func:`check` takes a row of."""


def seal_of(*values: Any) -> int:
    """Return the checksum of the sealed columns of one record."""
    return crc32(repr(values).encode())


def check(row: tuple[Any, ...]) -> None:
    """Raise sqlite3.DatabaseError unless a record is as it was written."""
    if crc32(repr(row[:COUNT]).encode()) != row[COUNT] or row[COUNT + 1] not in STATES:
        raise sqlite3.DatabaseError(f"the record of {row[0]!r} is not as it was written")


def check_all(connection: sqlite3.Connection) -> None:
    """Raise sqlite3.DatabaseError unless all records are as they were written."""
    for row in connection.execute(SELECT):
        check(row)
