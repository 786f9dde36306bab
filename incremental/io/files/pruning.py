"""The versions that a dataset has kept, and the removal of single ones. Which may go, others decide."""

# Strings and `os`, not Path, as in the staging of files.
# ruff: noqa: PTH106, PTH108, PTH112, PTH114
from __future__ import annotations

import os
import shutil
from contextlib import suppress
from typing import TYPE_CHECKING

from incremental.io.files.leftovers import size_of
from incremental.io.files.staging import is_staging_name

if TYPE_CHECKING:
    from incremental.io.files.leftovers import Place


def version_sizes(place: Place) -> dict[str, int | None]:
    """Return the whole versions at a place, newest first, with their bytes.

    A local version that is a link, or that a link beside it points at, is somebody's arrangement and is
    left out. Raises OSError, and what a store raises.
    """
    found = _local_sizes(place.path) if place.storage.protocol == "file" else _remote_sizes(place)
    return {version: found[version] for version in sorted(found, reverse=True)}


def remove_version(place: Place, version: str) -> None:
    """Remove one version. Raises OSError, and what a store raises."""
    base = place.path.rpartition("/")[2]
    path = f"{place.path}/{version}/{base}"
    if place.storage.protocol == "file":
        with suppress(FileNotFoundError):
            if os.path.isdir(path) and not os.path.islink(path):
                shutil.rmtree(path)
            else:
                os.unlink(path)
        with suppress(OSError):  # something else is in it
            os.rmdir(f"{place.path}/{version}")
        return
    below = list(place.storage.names(path))
    for name in below:
        place.storage.remove(f"{path}/{name}")
    if not below:
        place.storage.remove(path)


def _local_sizes(path: str) -> dict[str, int | None]:
    base, sizes, linked = os.path.basename(path), {}, set()  # noqa: PTH119
    with suppress(FileNotFoundError, NotADirectoryError), os.scandir(path) as found:
        for entry in found:
            if entry.is_symlink():
                linked.add(os.path.realpath(entry.path))
            elif (
                entry.is_dir() and not is_staging_name(entry.name) and os.path.lexists(f"{entry.path}/{base}")
            ):
                sizes[entry.name] = size_of(f"{entry.path}/{base}")
    return {name: size for name, size in sizes.items() if os.path.realpath(f"{path}/{name}") not in linked}


def _remote_sizes(place: Place) -> dict[str, int | None]:
    base = place.path.rpartition("/")[2]
    sizes: dict[str, int | None] = {}
    for name, entry in place.storage.find(place.path).items():
        version, *rest = name.split("/")
        if rest and rest[0] == base and not is_staging_name(version):
            sizes[version] = (sizes.get(version) or 0) + (entry.size or 0)
    return sizes
