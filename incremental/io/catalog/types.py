"""Find the class behind an entry's ``type``. It builds no dataset and reads no configuration."""

from __future__ import annotations

import importlib
import importlib.util
import sys
from typing import TYPE_CHECKING, Any

from incremental.errors import DatasetError, did_you_mean
from incremental.io.files.registry import KNOWN_ARGUMENTS, SHORT_NAMES

if TYPE_CHECKING:
    from collections.abc import Mapping
    from collections.abc import Set as AbstractSet

_PREFIXES = ("incremental.io.", "kedro_datasets.", "kedro.io.")
_OF_THE_CATALOG = frozenset({"type", "versioned", "version"})
_ACCEPTED = {path: known | _OF_THE_CATALOG for path, known in KNOWN_ARGUMENTS.items()}

#: Our classes of one file each, and whether what they load may be a folder.
FILE_TYPES: Mapping[str, bool] = {
    path: path.endswith("ParquetDataset") for path, known in KNOWN_ARGUMENTS.items() if "filepath" in known
}


def builtin_type(kind: Any, keys: AbstractSet[str]) -> str | None:
    """Return the dotted path of our class for a type, or None where another class answers.

    A short name is ours unless its entry has arguments that we do not know and kedro-datasets, which
    may know them, is installed.
    """
    if not isinstance(kind, str):
        return None
    path = SHORT_NAMES.get(kind)
    if path is None:
        return kind if kind in KNOWN_ARGUMENTS else None
    if keys <= _ACCEPTED[path]:
        return path
    return (
        None if kind not in ("MemoryDataset", "CachedDataset") and _is_installed("kedro_datasets") else path
    )


def unknown_arguments(path: str, keys: AbstractSet[str]) -> list[str]:
    """Return a phrase for each argument that one of our own classes does not take."""
    known = _ACCEPTED[path]
    if keys <= known:
        return []
    return [f"{key!r} is no argument{did_you_mean(str(key), known)}" for key in keys if key not in known]


def find_class(kind: Any, keys: AbstractSet[str] = frozenset()) -> type[Any]:
    """Return the class that a type names: ours, ``kedro_datasets``', or one by its dotted path.

    Raises:
        DatasetError: there is no such class, or importing its module fails.
    """
    if isinstance(kind, type):
        return kind
    if not isinstance(kind, str) or not kind:
        raise DatasetError(f"type {kind!r} is neither a class nor the name of one")
    path = builtin_type(kind, keys)
    candidates = [path] if path else [*(prefix + kind for prefix in _PREFIXES), kind]
    for candidate in candidates:
        found = _import(candidate, kind)
        if found is not None:
            return found
    raise DatasetError(f"type {kind!r} is not known{did_you_mean(kind, SHORT_NAMES) or _remedy(kind)}")


def _remedy(kind: str) -> str:
    if "." not in kind:
        return "; name a class by its dotted path"
    if _is_installed("kedro_datasets"):
        return "; is its package installed?"
    return "; is its package installed? Types of kedro-datasets need that package"


def _import(path: str, kind: str) -> type[Any] | None:
    """Return a class by dotted path, or None when there is no such module or name."""
    module_name, _, name = path.rpartition(".")
    if not module_name or any(not part.isidentifier() for part in path.split(".")):
        return None
    try:
        module = sys.modules.get(module_name)
        if module is None and importlib.util.find_spec(module_name) is None:
            return None
        found = getattr(module or importlib.import_module(module_name), name, None)
    except ModuleNotFoundError as error:
        if error.name is not None and (module_name == error.name or module_name.startswith(f"{error.name}.")):
            return None
        raise DatasetError(f"type {kind!r} needs {error.name!r}, which is not installed") from error
    except Exception as error:
        raise DatasetError(f"type {kind!r} cannot be imported: {type(error).__name__}: {error}") from error
    if found is None:
        return None
    if not isinstance(found, type) or not (hasattr(found, "load") and hasattr(found, "save")):
        raise DatasetError(f"type {kind!r} is no dataset: it has no 'load' and 'save'")
    return found


def _is_installed(package: str) -> bool:
    return importlib.util.find_spec(package) is not None
