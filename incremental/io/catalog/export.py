"""Write a catalog back as configuration, credentials apart. It builds nothing that was not built."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from incremental.io.catalog.catalog import DataCatalog

CREDENTIALS = "credentials"


def export(catalog: DataCatalog) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the entries of a catalog with credentials by name, and those credentials."""
    entries: dict[str, Any] = dict(copy.deepcopy(catalog.config_resolver.pattern_configs()))
    credentials: dict[str, Any] = {}
    for name in catalog:
        configured = catalog.config_resolver.entry(name)
        dataset = catalog.built(name)
        if configured is not None:
            entry = catalog.config_resolver.with_credentials(name, configured)
        elif dataset is not None and hasattr(dataset, "to_config"):
            entry = dataset.to_config()
        else:
            continue
        if getattr(dataset, "ephemeral", False) or str(entry.get("type", "")).endswith("MemoryDataset"):
            continue
        entries[name] = _without_credentials(name, entry, credentials)
    return entries, credentials


def _without_credentials(name: str, entry: Mapping[str, Any], credentials: dict[str, Any]) -> dict[str, Any]:
    stripped: dict[str, Any] = {}
    for key, value in entry.items():
        if key == CREDENTIALS and value:
            reference = f"{name}_credentials"
            credentials[reference] = copy.deepcopy(value)
            stripped[key] = reference
        elif isinstance(value, Mapping):
            stripped[key] = _without_credentials(f"{name}_{key}", value, credentials)
        else:
            stripped[key] = copy.deepcopy(value)
    return stripped
