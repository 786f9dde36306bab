"""What saves leave when they are killed: staging names, and uploads that nobody will finish.

It finds and removes them; whose they are it cannot tell, so whoever removes must own the place.
"""

# Strings and `os`, not Path, as in the staging of files.
# ruff: noqa: PTH108, PTH112, PTH114
from __future__ import annotations

import os
import shutil
from collections import defaultdict
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from incremental.io.files.staging import LONGEST_REPEATED, STAGING_PATTERN, is_staging_name
from incremental.secrets import reveal, strip_url

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from incremental.io.files.storage import Storage
    from incremental.io.files.uploads import Upload

_MARK = ".incremental-tmp"


@dataclass(frozen=True, slots=True)
class Place:
    """Where saves of one dataset put their staging names."""

    storage: Storage
    path: str
    """What is saved: an absolute path, or the URL that the storage takes."""
    below: bool = False
    """Whether it is a folder in which versions, or members, are staged."""


@dataclass(frozen=True, slots=True)
class Leftover:
    """One thing that a killed save has left."""

    path: str
    """For a reader: a path, or a URL without userinfo."""
    upload: tuple[Storage, Upload] | None = None

    def size(self) -> int | None:
        """Return how many bytes it takes; None where that is not known."""
        return None if self.upload is not None else size_of(self.path)

    def since(self) -> float:
        """Return when it was last written, or its upload begun, in seconds since the epoch."""
        return self.upload[1].started if self.upload is not None else os.lstat(self.path).st_mtime

    def remove(self) -> None:
        """Remove it; somebody else may have done so. Raises OSError, and what a store raises."""
        if self.upload is not None:
            storage, upload = self.upload
            storage.abort(upload)
            return
        with suppress(FileNotFoundError):
            if os.path.isdir(self.path) and not os.path.islink(self.path):
                shutil.rmtree(self.path)
            else:
                os.unlink(self.path)


def leftovers(places: Iterable[Place]) -> Iterator[Leftover]:
    """Yield what killed saves left at these places: one listing a folder, one request a prefix of a store.

    Raises OSError, and what a store raises, where it cannot be looked at.
    """
    local: defaultdict[str, set[str]] = defaultdict(set)
    remote: defaultdict[tuple[str, str], list[Place]] = defaultdict(list)
    below: list[str] = []
    for place in places:
        folder, _, base = place.path.rpartition("/")
        if place.storage.protocol != "file":
            remote[repr(reveal(getattr(place.storage, "options", {}))), folder].append(place)
            continue
        local[folder].add(base)
        if place.below:
            below.append(place.path)
    for folder, bases in local.items():
        yield from (Leftover(f"{folder}/{name}") for name in _staged_in(folder) if _target(name) in bases)
    for path in below:
        yield from map(Leftover, _staged_below(path))
    for (_, folder), together in remote.items():
        yield from _uploads(folder, together)


def _target(name: str) -> str | None:
    """Return what a staging name is for; None where that is not certain."""
    found = STAGING_PATTERN.match(name)
    if found is None or len(os.fsencode(found["name"])) >= LONGEST_REPEATED - 3:
        return None  # a longer one is cut, perhaps within a character, and others may share what is left
    return found["name"]


def _staged_in(folder: str) -> list[str]:
    try:
        with os.scandir(folder) as found:
            return [entry.name for entry in found if _MARK in entry.name]
    except (FileNotFoundError, NotADirectoryError):
        return []


def _staged_below(path: str) -> Iterator[str]:
    pending = [path]
    while pending:
        folder = pending.pop()
        with suppress(FileNotFoundError, NotADirectoryError), os.scandir(folder) as found:
            for entry in found:
                if is_staging_name(entry.name):
                    yield f"{folder}/{entry.name}"
                elif entry.is_dir(follow_symlinks=False):
                    pending.append(f"{folder}/{entry.name}")


def _uploads(folder: str, places: list[Place]) -> Iterator[Leftover]:
    """Yield the unfinished uploads to some places under one prefix."""
    storage = places[0].storage
    whole = {place.path: place.below for place in places}
    for upload in storage.uploads(places[0].path if len(places) == 1 else f"{folder}/"):
        path = upload.url
        while path and path not in whole:
            path = path.rpartition("/")[0]
        if path and (path == upload.url or whole[path]):
            yield Leftover(strip_url(upload.url), (storage, upload))


def size_of(path: str) -> int | None:
    """Return the bytes of a file, or of all in a folder; None where it cannot be looked at."""
    try:
        if not os.path.isdir(path):
            return os.lstat(path).st_size
        return sum(
            os.lstat(f"{folder}/{name}").st_size for folder, _, names in os.walk(path) for name in names
        )
    except OSError:
        return None


def place_of(dataset: Any) -> Place | None:
    """Return where a dataset, of ours or any other, stages; None where it does not."""
    place: Place | None = getattr(dataset, "staging_place", None)
    return place
