"""What the system says of a file that tells it from another, or from its former self. It reads no content."""

# Strings and `os`, not Path: the plan asks for each recorded output.
# ruff: noqa: PTH116, PTH117
from __future__ import annotations

import os
import stat


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
