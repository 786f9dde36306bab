"""What the system says of files that tells them from others, or from their former selves. It reads none."""

# Strings and `os`, not Path: the plan asks for each recorded output.
# ruff: noqa: PTH116, PTH117
from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING, NamedTuple
from zlib import crc32

from incremental.io.files.member_digests import members_in

if TYPE_CHECKING:
    from collections.abc import Iterable


class FolderStamp(NamedTuple):
    """What is kept of the members of a folder, under the names that the system has for one file."""

    st_size: int
    """Of all together; -1 where there is none."""
    st_mtime_ns: int
    """The latest."""
    st_ino: int
    """A checksum of their names."""
    st_ctime_ns: int
    """The latest."""


Stamp = os.stat_result | FolderStamp


def path_at(location: str, version: str | None = None) -> str | None:
    """Return the path of the file at a location, or of one version of it; None for what is not on disk."""
    if location[:1] != "/" and not os.path.isabs(location):
        return None
    return location if version is None else f"{location}/{version}/{location.rpartition('/')[2]}"


def stamp_at(location: str, version: str | None = None) -> os.stat_result | None:
    """Return what the system says of the file at a location, or of one version of it; None for no file.

    Its ``st_ctime_ns`` is the time of the last change of anything about it, which no program can set.
    """
    path = location if version is None and location[:1] == "/" else path_at(location, version)
    if path is None:
        return None
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found if stat.S_ISREG(found.st_mode) else None


def stamp_of_members(folder: str, names: Iterable[str]) -> FolderStamp:
    """Return what the system says of some files in a folder, all together."""
    size, mtime, names_sum, ctime = -1, 0, 0, 0
    for name in sorted(names):
        try:
            found = os.stat(f"{folder}/{name}")
        except OSError:
            continue  # gone meanwhile
        size = max(size, 0) + found.st_size
        mtime, ctime = max(mtime, found.st_mtime_ns), max(ctime, found.st_ctime_ns)
        names_sum = crc32(os.fsencode(name) + b"\0", names_sum)
    return FolderStamp(size, mtime, names_sum, ctime)


def stamp_of(location: str, version: str | None, digest: str | None) -> Stamp | None:
    """Return what the system says of what was saved: of a file, or of the members that a digest names."""
    found = stamp_at(location, version)
    path = path_at(location, version)
    members = None if found or not (path and digest) else members_in(digest)
    return found if members is None else stamp_of_members(str(path), members)
