"""Write a catalog back as configuration, credentials apart. It builds nothing that was not built."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from incremental.io.catalog.capabilities import config_of, is_ephemeral
from incremental.io.catalog.resolver import CREDENTIALS, TYPE

if TYPE_CHECKING:
    from incremental.io.catalog.catalog import DataCatalog


def export(catalog: DataCatalog) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the entries of a catalog with credentials by name, and those credentials."""
    known = catalog.config_resolver.credentials
    entries = copy.deepcopy(catalog.config_resolver.pattern_configs())
    taken: dict[str, Any] = {}
    for reference in {found for entry in entries.values() for found in _references(entry)}:
        names = known if "{" in reference else known.keys() & {reference}
        taken.update({name: known[name] for name in names})
    for name in catalog:
        entry = _entry_of(catalog, name)
        if entry is not None:
            entries[name] = _without_credentials(name, entry, known, taken)
    return entries, copy.deepcopy(taken)


def _entry_of(catalog: DataCatalog, name: str) -> Mapping[str, Any] | None:
    """Return how a dataset can be built again; None for what lives in memory or cannot tell."""
    dataset, entry = catalog.built(name), catalog.entry(name)
    if dataset is not None and is_ephemeral(dataset):
        return None
    if entry is None:
        return None if dataset is None else config_of(dataset)
    return None if str(entry[TYPE]).endswith("MemoryDataset") else entry


def _without_credentials(
    name: str, entry: Mapping[str, Any], known: Mapping[str, Any], taken: dict[str, Any]
) -> dict[str, Any]:
    """Return a copy of an entry that refers to credentials; put those into ``taken`` by that name."""
    stripped: dict[str, Any] = {}
    for key, value in entry.items():
        if key == CREDENTIALS and isinstance(value, str):
            stripped[key] = value
            taken.update({value: known[value]} if value in known else {})
        elif key == CREDENTIALS and value:
            stripped[key] = _free_name(f"{name}_{CREDENTIALS}", {**known, **taken})
            taken[stripped[key]] = value
        elif isinstance(value, Mapping):
            stripped[key] = _without_credentials(f"{name}_{key}", value, known, taken)
        else:
            stripped[key] = copy.deepcopy(value)
    return stripped


def _free_name(wanted: str, taken: Mapping[str, Any]) -> str:
    name, count = wanted, 1
    while name in taken:
        count += 1
        name = f"{wanted}_{count}"
    return name


def _references(entry: Any) -> Iterator[str]:
    for key, value in entry.items():
        if key == CREDENTIALS and isinstance(value, str):
            yield value
        elif isinstance(value, Mapping):
            yield from _references(value)
