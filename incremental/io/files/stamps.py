"""What the system says of a file that tells it from another, or from its former self. It reads no content."""

# Strings and `os`, not Path: the plan asks for each recorded output.
# ruff: noqa: PTH116, PTH117
from __future__ import annotations

import os
import stat
from typing import NamedTuple


class Stamp(NamedTuple):
    """Size in bytes, times in nanoseconds since 1970, and the number of the file on its disk.

    The second time is that of the last change of anything about the file; no program can set it.
    """

    size: int
    mtime_ns: int
    ctime_ns: int
    inode: int


def path_at(location: str, version: str | None = None) -> str | None:
    """Return the path of the file at a location, or of one version of it; None for what is not on disk."""
    if location[:1] != "/" and not os.path.isabs(location):
        return None
    return location if version is None else f"{location}/{version}/{location.rpartition('/')[2]}"


def stamp_at(location: str, version: str | None = None) -> Stamp | None:
    """Return the stamp of the file at a location, or of one version of it; None where there is no file."""
    path = path_at(location, version)
    if path is None:
        return None
    try:
        found = os.stat(path)
    except OSError:
        return None
    if not stat.S_ISREG(found.st_mode):
        return None
    return Stamp(found.st_size, found.st_mtime_ns, found.st_ctime_ns, found.st_ino)
