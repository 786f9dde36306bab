"""Find the class behind an entry's ``type``. It builds no dataset and reads no configuration."""

from __future__ import annotations

import functools
import importlib
import importlib.util
import sys
from typing import TYPE_CHECKING, Any, NamedTuple

from incremental.errors import DatasetError, did_you_mean
from incremental.io.catalog.layouts import OF_KEDRO, OF_KEDRO_DATASETS, OURS
from incremental.io.catalog.signatures import Signature, signature_of
from incremental.io.files.registry import KNOWN_ARGUMENTS, SHORT_NAMES

if TYPE_CHECKING:
    from collections.abc import Sequence
    from collections.abc import Set as AbstractSet

    from incremental.io.catalog.layouts import Layout

PACKAGES = ("incremental.io", "kedro_datasets", "kedro.io", "")
"""Where a type is looked up, in this order; the empty one is for dotted paths that are whole."""
PACKAGES_OF_KEDRO = ("kedro.io", "kedro_datasets", "")
"""The same in a Kedro project: short names are those of kedro-datasets, never ours."""

_OURS = PACKAGES[0]
_KEDRO_DATASETS = "kedro_datasets"
_OF_THE_CATALOG = frozenset({"type", "versioned", "version", "validator"})
# What classes of kedro-datasets take. These words are not misspelt, and a plan has no time to read, for what
# remains to be told when one is built, the source of each class.
_USUAL = _OF_THE_CATALOG | {
    "filepath", "path", "load_args", "save_args", "fs_args", "credentials", "metadata",
    "backend", "dataset", "file_format", "filename_suffix", "filepath_arg", "key", "overwrite", "plotly_args",
}  # fmt: skip


class Outline(NamedTuple):
    """What is known of a class by its name alone."""

    layout: Layout | None
    """Where it keeps its data; None: it has to be asked."""
    usual: frozenset[str]
    """The keys of its entries that need no second look."""


_UNKNOWN = Outline(None, frozenset())


class Types:
    """Looks up the types that entries name.

    Args:
        packages: where short names are looked up, in this order.
    """

    def __init__(self, packages: Sequence[str] = PACKAGES) -> None:
        self._packages = tuple(packages)
        self._has_ours = _OURS in self._packages
        self._outlines: dict[str, Outline] = {}  # there are thousands of entries and few types

    def ours(self, kind: Any) -> str | None:
        """Return the dotted path of our class for a type, or None where another class answers."""
        if not isinstance(kind, str):
            return None
        path = SHORT_NAMES.get(kind) if self._has_ours else None
        return kind if path is None and kind in KNOWN_ARGUMENTS else path

    def outline(self, kind: Any) -> Outline:
        """Return what can be told of a dataset by its type, and without importing it."""
        if type(kind) is not str:
            return _UNKNOWN
        found = self._outlines.get(kind)
        if found is None:
            found = self._outlines[kind] = self._outline(kind)
        return found

    def _outline(self, kind: str) -> Outline:
        path = self.ours(kind)
        if path is None:
            return Outline(self._foreign_layout(kind), _USUAL)
        return Outline(OURS[path], KNOWN_ARGUMENTS[path] | _OF_THE_CATALOG)

    def refused(self, kind: Any, keys: AbstractSet[str]) -> list[str]:
        """Return a phrase for each argument that a class does not take, or lacks, where that can be told.

        That is so for our own classes, and where there are unusual ones for those of kedro-datasets whose
        layout is known. None is imported.
        """
        if type(kind) is not str or keys <= self.outline(kind).usual:
            return []
        path = self.ours(kind)
        signature = self._foreign_signature(kind) if path is None else Signature(KNOWN_ARGUMENTS[path])
        if signature is None:
            return []
        known = signature.known | _OF_THE_CATALOG
        wrong = [f"{key!r} is no argument{did_you_mean(str(key), known)}" for key in keys if key not in known]
        return wrong or [f"it needs {key!r}" for key in sorted(signature.required) if key not in keys]

    def find(self, kind: Any) -> type[Any]:
        """Return the class that a type names.

        Raises:
            DatasetError: there is no such class, or importing its module fails.
        """
        if isinstance(kind, type):
            return kind
        if not isinstance(kind, str) or not kind:
            raise DatasetError(f"type {kind!r} is neither a class nor the name of one")
        path = self.ours(kind)
        candidates = [path] if path else [f"{each}.{kind}" if each else kind for each in self._packages]
        for candidate in candidates:
            found = _import(candidate, kind)
            if found is not None:
                return found
        from incremental.io.catalog.nearest import hint

        raise DatasetError(f"type {kind!r} is not known{hint(kind, _folder(_KEDRO_DATASETS))}")

    @functools.cached_property
    def _has_kedro_datasets(self) -> bool:
        return _KEDRO_DATASETS in self._packages and _is_installed(_KEDRO_DATASETS)

    def _foreign_signature(self, kind: str) -> Signature | None:
        for package in self._packages:
            short = _of_kedro_datasets(f"{package}.{kind}" if package else kind)
            if short is not None:
                return signature_of(_folder(_KEDRO_DATASETS), short)
        return None

    def _foreign_layout(self, kind: str) -> Layout | None:
        if kind in OF_KEDRO_DATASETS and self._has_kedro_datasets:  # short, as nearly always
            return OF_KEDRO_DATASETS[kind]
        for package in self._packages:
            found = _layout_in(f"{package}.{kind}" if package else kind)
            if found is not None:
                return found
        return None


def find_class(kind: Any) -> type[Any]:
    """Return the class that a type names where no catalog says otherwise. Raises DatasetError."""
    return Types().find(kind)


def _layout_in(path: str) -> Layout | None:
    """Return the layout of a class of Kedro's by its dotted path; None for another, and for none."""
    if path in OF_KEDRO:
        return OF_KEDRO[path]
    short = _of_kedro_datasets(path)
    return None if short is None else OF_KEDRO_DATASETS[short]


def _of_kedro_datasets(path: str) -> str | None:
    """Return the short name of a class of kedro-datasets by its dotted path; None where it is not known."""
    package, *modules = path.split(".")
    if package != _KEDRO_DATASETS or len(modules) not in (2, 3):
        return None
    short = f"{modules[0]}.{modules[-1]}"
    return short if short in OF_KEDRO_DATASETS and _is_installed(package) else None


def _import(path: str, kind: str) -> type[Any] | None:
    """Return a class by dotted path, or None when there is no such module or name."""
    module_name, _, name = path.rpartition(".")
    if not module_name or any(not part.isidentifier() for part in path.split(".")):
        return None
    try:
        if module_name not in sys.modules and importlib.util.find_spec(module_name) is None:
            return None
        found = getattr(importlib.import_module(module_name), name, None)  # waits where another imports it
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
    return bool(_folder(package))


def _folder(package: str) -> str:
    """Return the folder of a package that is installed, or an empty text. It is not imported."""
    spec = importlib.util.find_spec(package)
    return next(iter((spec and spec.submodule_search_locations) or ()), "")
