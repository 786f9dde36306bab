"""What a dataset can do, ours or any other that has ``load`` and ``save``. It asks for no data.

Datasets written for Kedro derive from Kedro's base class and not from ours: what ours answers by a
property is read from the attributes that theirs have.
"""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING, Any

from incremental.io.dataset import AbstractDataset

if TYPE_CHECKING:
    from collections.abc import Mapping

_BASE_OF_KEDRO = "kedro.io.core"
_CACHED_OF_KEDRO = "kedro.io.cached_dataset"


def is_dataset(value: Any) -> bool:
    """Whether a value is a dataset: it has ``load`` and ``save``, and is no class."""
    return not isinstance(value, type) and hasattr(value, "load") and hasattr(value, "save")


def stored(dataset: Any) -> Any:
    """Return what stores the data: what a CachedDataset of Kedro's wraps, or the dataset itself.

    Kedro's calls itself ephemeral, so that what it has on disk would be made again.
    """
    while any(each.__module__ == _CACHED_OF_KEDRO for each in type(dataset).__mro__):
        dataset = getattr(dataset, "_dataset")  # noqa: B009 - Kedro has no public name for it
    return dataset


def is_ephemeral(dataset: Any) -> bool:
    """Whether it lives in memory only."""
    dataset = stored(dataset)
    return bool(getattr(dataset, "ephemeral", getattr(dataset, "_EPHEMERAL", False)))


def can_test_existence(dataset: Any) -> bool:
    """Whether ``exists()`` means anything: Kedro's base class has one that always says no."""
    dataset = stored(dataset)
    answer = getattr(dataset, "can_test_existence", None)
    if answer is not None:
        return bool(answer)
    test = getattr(type(dataset), "_exists", None)
    if test is not None:
        return bool(getattr(test, "__module__", None) != _BASE_OF_KEDRO)
    return hasattr(dataset, "exists")


def is_confirmed(dataset: Any, location: str) -> bool:
    """Whether a dataset with a checkpoint has data, all of it confirmed: its ``exists()`` says no then."""
    if not hasattr(dataset, "confirm"):
        return False
    answer = getattr(dataset, "is_confirmed", None)
    if answer is not None:
        return bool(answer)
    if "://" in location:
        storage = getattr(dataset, "_filesystem", None)
        return storage is not None and bool(storage.exists(location))
    try:
        with os.scandir(location) as found:
            return next(found, None) is not None
    except OSError:
        return False


def is_half(dataset: Any) -> bool:
    """Whether a dataset says itself that only a part of it was published."""
    return bool(getattr(dataset, "is_half", False))


def has_versions(dataset: Any, entry: Mapping[str, Any] | None) -> bool:
    """Whether a dataset keeps versions, as its entry says or, without one, as it says itself."""
    if entry is not None:
        return bool(entry.get("versioned") or getattr(dataset, "versioned", False))
    resolve = getattr(dataset, "resolve_load_version", None)
    try:
        return resolve is not None and resolve() is not None
    except Exception:  # noqa: BLE001 - Kedro's and ours: it has none yet
        return True


def pinned_versions(dataset: Any) -> tuple[str | None, str | None]:
    """Return the version that a dataset was told to load, and the one to save; None each for none."""
    version = getattr(dataset, "version", None) or getattr(stored(dataset), "_version", None)
    if not isinstance(version, tuple):
        return None, None
    return getattr(version, "load", None), getattr(version, "save", None)


def config_of(dataset: Any) -> dict[str, Any] | None:
    """Return the entry that a dataset can be built of again; None for one that cannot tell."""
    tell = getattr(dataset, "to_config", None) or getattr(dataset, "_init_config", None)
    found: dict[str, Any] | None = None if tell is None else tell()
    return found


def location_of(dataset: Any) -> str | None:
    """Return the absolute path or the URL of a dataset; None when it has none."""
    dataset = stored(dataset)
    if isinstance(dataset, AbstractDataset):
        return dataset.location
    location = getattr(dataset, "location", None)
    if isinstance(location, str):
        return location
    found: str | None = AbstractDataset.location.__get__(dataset)  # reads what Kedro's datasets have
    return found


def size_read(dataset: Any, version: str | None = None) -> int | None:
    """Return how many bytes a load reads from storage; None where telling is not cheap.

    A dataset may have a method ``size_read(version)``; of any other the size of its one local file is known.
    """
    ask = getattr(dataset, "size_read", None)
    if ask is not None:
        size: int | None = ask(version)
        return size
    location = location_of(dataset)
    return None if location is None or "://" in location else size_of_file(location)


def size_of_file(path: str) -> int | None:
    """Return the bytes of a local file; None for a folder, and for what is not there."""
    try:
        found = os.stat(path)  # noqa: PTH116 - on the way of every load
    except (OSError, ValueError):
        return None
    return found.st_size if stat.S_ISREG(found.st_mode) else None
