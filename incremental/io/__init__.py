"""Datasets and the catalog that names them, with Kedro's names and signatures. Loaded on first use."""

from __future__ import annotations

from typing import TYPE_CHECKING

from incremental._lazy import lazy_names

if TYPE_CHECKING:
    from incremental.errors import (
        DatasetAlreadyExistsError,
        DatasetError,
        DatasetNotFoundError,
        VersionAlreadyExistsError,
        VersionNotFoundError,
    )
    from incremental.io.cached import CachedDataset
    from incremental.io.catalog.catalog import DataCatalog
    from incremental.io.catalog.protocol import CatalogProtocol
    from incremental.io.catalog.resolver import CatalogConfigResolver
    from incremental.io.catalog.survey import survey
    from incremental.io.dataset import AbstractDataset, Version
    from incremental.io.files.versions import AbstractVersionedDataset
    from incremental.io.memory import MemoryDataset

_HOMES = {
    "AbstractDataset": "incremental.io.dataset",
    "AbstractVersionedDataset": "incremental.io.files.versions",
    "CachedDataset": "incremental.io.cached",
    "CatalogConfigResolver": "incremental.io.catalog.resolver",
    "CatalogProtocol": "incremental.io.catalog.protocol",
    "DataCatalog": "incremental.io.catalog.catalog",
    "DatasetAlreadyExistsError": "incremental.errors",
    "DatasetError": "incremental.errors",
    "DatasetNotFoundError": "incremental.errors",
    "MemoryDataset": "incremental.io.memory",
    "Version": "incremental.io.dataset",
    "VersionAlreadyExistsError": "incremental.errors",
    "VersionNotFoundError": "incremental.errors",
    "survey": "incremental.io.catalog.survey",
}

__all__ = [
    "AbstractDataset",
    "AbstractVersionedDataset",
    "CachedDataset",
    "CatalogConfigResolver",
    "CatalogProtocol",
    "DataCatalog",
    "DatasetAlreadyExistsError",
    "DatasetError",
    "DatasetNotFoundError",
    "MemoryDataset",
    "Version",
    "VersionAlreadyExistsError",
    "VersionNotFoundError",
    "survey",
]

__getattr__ = lazy_names(__name__, _HOMES)
