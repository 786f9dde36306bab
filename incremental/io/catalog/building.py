"""Make datasets of catalog entries, at a version where one is asked for. It keeps none of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from incremental.errors import DatasetError
from incremental.io.catalog.capabilities import config_of
from incremental.io.catalog.failures import cause_of, failure
from incremental.io.dataset import AbstractDataset

if TYPE_CHECKING:
    from collections.abc import Mapping

    from incremental.io.catalog.resolver import CatalogConfigResolver


def build(
    resolver: CatalogConfigResolver,
    name: str,
    entry: Mapping[str, Any],
    load_version: str | None,
    save_version: str | None,
) -> AbstractDataset[Any, Any]:
    """Return the dataset that an entry describes.

    Raises:
        DatasetError: it cannot be built; the message says where the entry stands, and shows no secret.
    """
    config = resolver.with_credentials(name, entry)
    try:
        config["type"] = resolver.types.find(entry.get("type"))
        return AbstractDataset.from_config(name, config, load_version, save_version)
    except DatasetError as error:
        raise _misconfigured(resolver, name, error) from cause_of(error)


def class_of(resolver: CatalogConfigResolver, name: str, entry: Mapping[str, Any]) -> type[Any]:
    """Return the class that an entry names. Raises DatasetError."""
    try:
        return resolver.types.find(entry.get("type"))
    except DatasetError as error:
        raise _misconfigured(resolver, name, error) from cause_of(error)


def copy_at_version(dataset: Any, name: str, version: str, save_version: str | None) -> Any:
    """Return a dataset like one that was made by hand, but that reads this version. Raises DatasetError."""
    config = config_of(dataset)
    if config is None:
        raise DatasetError(
            f"dataset {name!r} cannot be read at version {version!r}: {type(dataset).__qualname__} has no "
            "'to_config' to make another one from"
        )
    return AbstractDataset.from_config(name, config, version, save_version)


def _misconfigured(resolver: CatalogConfigResolver, name: str, error: DatasetError) -> DatasetError:
    found = failure(name, "build it", error, resolver.redactor(name))
    where = resolver.where(name)
    return type(found)(f"{where}{found}") if where else found
