"""What to write in place of a type that names no class. It imports nothing."""

from __future__ import annotations

import pkgutil
import re
import sys
from pathlib import Path

from incremental.errors import did_you_mean
from incremental.io.catalog.layouts import OF_KEDRO_DATASETS
from incremental.io.files.registry import SHORT_NAMES

_CLASS = re.compile(r"^\s*from \.\w+ import (\w+)$", re.MULTILINE)


def hint(kind: str, kedro_datasets: str) -> str:
    """Return the end of the sentence that says that there is no such type.

    Args:
        kind: the type, after it was looked for: the modules on its path that there are have been imported.
        kedro_datasets: the folder of that package, an empty text where it is not installed.
    """
    module, _, name = kind.rpartition(".")
    package, _, last = module.rpartition(".")
    is_short = package in ("", "kedro_datasets")
    known = {*SHORT_NAMES, *_classes_of_kedro_datasets(kedro_datasets, last if is_short else "")}
    short = f"{last}.{name}" if last else kind
    near = did_you_mean(short, [each for each in known if each.startswith(f"{last}.")])
    near = near or did_you_mean(short, known)
    if near and (is_short or module not in sys.modules):
        return near
    if not module:
        return "; name a class by its dotted path"
    if module in sys.modules:
        return f"; module {module!r} has no dataset {name!r}{did_you_mean(name, _datasets_in(module))}"
    if package in sys.modules:
        return f"; package {package!r} has no module {last!r}{did_you_mean(last, _modules_in(package))}"
    needs = "" if kedro_datasets else " Types of kedro-datasets need that package"
    return f"; is its package installed?{needs}"


def _classes_of_kedro_datasets(folder: str, group: str) -> set[str]:
    """Return short names: of the classes of one group all, of the others those whose layout is known."""
    if not folder:
        return set()
    source = Path(folder, group, "__init__.py")
    text = source.read_text(encoding="utf-8") if group and source.exists() else ""
    return {*OF_KEDRO_DATASETS, *(f"{group}.{name}" for name in _CLASS.findall(text))}


def _datasets_in(module: str) -> list[str]:
    found = vars(sys.modules[module]).items()
    return [
        name
        for name, each in found
        if isinstance(each, type) and hasattr(each, "load") and hasattr(each, "save")
    ]


def _modules_in(package: str) -> list[str]:
    return [each.name for each in pkgutil.iter_modules(getattr(sys.modules[package], "__path__", ()))]
