"""One name for each place that data can be at, and when two places overlap. It claims and writes nothing.

A location is what a dataset says of itself: a path, a URL, or ``dataset:name`` where it has neither. The same
place may have several: over symbolic links, in other letters where the file system does not mind, with the
scheme's other spelling. Bind mounts, hard links and two endpoints of one store are not seen through.
"""

# Strings and `os`, not Path: there may be ten thousand locations.
# ruff: noqa: PTH114, PTH120
from __future__ import annotations

import os
import posixpath
import re
import unicodedata
from collections import defaultdict
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

_FEW = 4
"""Up to this many names in one folder are asked for one by one: it may hold a million others."""
_URL = re.compile(r"\A([A-Za-z][A-Za-z0-9+.\-]*)://([^/?#]*)(.*)\Z", re.DOTALL)
_SAME_SCHEME = {"s3a": "s3", "s3n": "s3", "gcs": "gs", "local": "file"}
_BUCKETS = frozenset({"s3", "gs"})  # their names are no host names


def resolve(locations: Iterable[str], project: str, pid: int) -> dict[str, str]:
    """Return the places of locations, each with a location that it comes from, as they are at present.

    Args:
        locations: absolute paths, URLs, or ``dataset:name``, which is a place of one project only.
        project: the root of the project.
        pid: the process that uses them; what it has in memory is its own.
    """
    location_by_place: dict[str, str] = {}
    local: defaultdict[str, list[tuple[str, str]]] = defaultdict(list)
    for location in locations:
        place = location if location[0] == "/" else _address(location, project, pid)
        if place[0] == "/":
            folder, _, name = place.rpartition("/")
            local[folder].append((name, location))
        else:
            location_by_place[place] = location
    for folder, found in local.items():
        _add_local(folder, found, location_by_place)
    return location_by_place


def first_overlap(mine: Mapping[str, str], theirs: Collection[str]) -> str | None:
    """Return the first location of mine that is one of theirs, lies in one of them, or has one in it.

    Args:
        mine: location by place.
        theirs: places.
    """
    places = set(theirs)
    hit = mine.keys() & (places | _above(places))
    if not _above(mine).isdisjoint(places):
        hit = hit | {place for place in mine if not _above([place]).isdisjoint(places)}
    return min((mine[place] for place in hit), default=None)


def _above(places: Iterable[str]) -> set[str]:
    """Return all folders around places."""
    found: set[str] = set()
    for folder in {place.rpartition("/")[0] for place in places}:
        above = folder
        while above and above not in found:
            found.add(above)
            above = above.rpartition("/")[0]
    return found


def _add_local(folder: str, found: list[tuple[str, str]], location_by_place: dict[str, str]) -> None:
    real = os.path.realpath(folder or "/").rstrip("/")
    ignores_case = _ignores_case(real or "/")
    links = _links(folder, [name for name, _ in found])
    for name, location in found:
        place = os.path.realpath(f"{folder}/{name}") if name in links else f"{real}/{name}"
        location_by_place[_in_one_case(place) if ignores_case else place] = location


def _links(folder: str, names: list[str]) -> set[str]:
    """Return those names in a folder that are symbolic links, perhaps others, too."""
    if len(names) <= _FEW:
        return {name for name in names if os.path.islink(f"{folder}/{name}")}
    try:
        with os.scandir(folder or "/") as listing:
            return {entry.name for entry in listing if entry.is_symlink()}
    except OSError:  # not there, or not for us to see
        return set()


def _ignores_case(folder: str) -> bool:
    """Whether names in a folder are found in either case: tried on one that is there.

    A folder that is empty, or not there yet, is like the one that it is in.
    """
    while True:
        name = _name_with_letters(folder)
        if name is not None:
            return _is_same(f"{folder}/{name}", f"{folder}/{name.swapcase()}")
        above = os.path.dirname(folder)
        if above == folder:
            return False
        folder = above


def _name_with_letters(folder: str) -> str | None:
    try:
        with os.scandir(folder) as listing:
            return next((entry.name for entry in listing if entry.name.swapcase() != entry.name), None)
    except OSError:
        return None


def _is_same(one: str, other: str) -> bool:
    try:
        return os.path.samestat(os.lstat(one), os.lstat(other))
    except OSError:
        return False


def _in_one_case(place: str) -> str:
    return unicodedata.normalize("NFC", place.casefold())


def _address(location: str, project: str, pid: int) -> str:
    """Return one spelling of a URL; the path that a ``file:`` URL means; else a name within the project."""
    match = _URL.match(location)
    if match is None:
        return f"{project}:{location}".lstrip("/")
    scheme = _SAME_SCHEME.get(match[1].lower(), match[1].lower())
    host, path = match[2], posixpath.normpath(f"/{match[3].lstrip('/')}")
    if scheme == "file":
        return path if host in ("", "localhost") else f"/{host}{path}"
    if scheme == "memory":
        return f"memory:{pid}:{host}{path}".rstrip("/")
    return f"{scheme}://{host if scheme in _BUCKETS else host.lower()}{path}".rstrip("/")
