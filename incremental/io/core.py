"""What datasets of one's own import besides their base class, under the names of ``kedro.io.core``.

It stores nothing; the classes live elsewhere and are loaded on first use.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from incremental._lazy import lazy_names
from incremental.errors import DatasetError

if TYPE_CHECKING:
    import os
    from collections.abc import Mapping
    from pathlib import PurePath

    from incremental.errors import (
        DatasetAlreadyExistsError,
        DatasetNotFoundError,
        VersionAlreadyExistsError,
        VersionNotFoundError,
    )
    from incremental.io.catalog.protocol import CatalogProtocol
    from incremental.io.dataset import AbstractDataset, Version
    from incremental.io.files.versions import AbstractVersionedDataset, generate_timestamp
    from incremental.pipeline.transcoding import is_parameter

PROTOCOL_DELIMITER = "://"
HTTP_PROTOCOLS = ("http", "https")
TYPE_KEY, VERSIONED_FLAG_KEY, VERSION_KEY, VALIDATOR_KEY = "type", "versioned", "version", "validator"

_HOMES = {
    "AbstractDataset": "incremental.io.dataset",
    "AbstractVersionedDataset": "incremental.io.files.versions",
    "CatalogProtocol": "incremental.io.catalog.protocol",
    "DatasetAlreadyExistsError": "incremental.errors",
    "DatasetNotFoundError": "incremental.errors",
    "Version": "incremental.io.dataset",
    "VersionAlreadyExistsError": "incremental.errors",
    "VersionNotFoundError": "incremental.errors",
    "generate_timestamp": "incremental.io.files.versions",
    "is_parameter": "incremental.pipeline.transcoding",
}

__all__ = [
    "HTTP_PROTOCOLS",
    "PROTOCOL_DELIMITER",
    "TYPE_KEY",
    "VALIDATOR_KEY",
    "VERSIONED_FLAG_KEY",
    "VERSION_KEY",
    "AbstractDataset",
    "AbstractVersionedDataset",
    "CatalogProtocol",
    "DatasetAlreadyExistsError",
    "DatasetError",
    "DatasetNotFoundError",
    "Version",
    "VersionAlreadyExistsError",
    "VersionNotFoundError",
    "generate_timestamp",
    "get_filepath_str",
    "get_protocol_and_path",
    "is_parameter",
    "parse_dataset_definition",
    "validate_on_forbidden_chars",
]

__getattr__ = lazy_names(__name__, _HOMES)


def get_protocol_and_path(
    filepath: str | os.PathLike[str], version: Version | None = None
) -> tuple[str, str]:
    """Return the protocol of a filepath, ``file`` for a local one, and the path without it.

    Raises:
        DatasetError: it has a version, and is at an address that keeps none.
    """
    from incremental.io.files.storage import bare_path, split_address
    from incremental.secrets import strip_url

    protocol, path = split_address(filepath)
    if protocol == "file":
        return protocol, path
    if protocol in HTTP_PROTOCOLS and version is not None:
        raise DatasetError(f"{protocol}:// has no versions; remove 'versioned' of {strip_url(path)!r}")
    return protocol, str(bare_path(path)) if protocol not in HTTP_PROTOCOLS else path.partition("://")[2]


def get_filepath_str(raw_path: PurePath, protocol: str) -> str:
    """Return a path as text, for HTTP with the protocol."""
    path = raw_path.as_posix()
    return f"{protocol}{PROTOCOL_DELIMITER}{path}" if protocol in HTTP_PROTOCOLS else path


def parse_dataset_definition(
    config: Mapping[str, Any], load_version: str | None = None, save_version: str | None = None
) -> tuple[type[Any], dict[str, Any]]:
    """Return the class that an entry names, and the arguments to construct it with. Raises DatasetError."""
    from incremental.io.dataset import arguments_of, dataset_class

    kind = dataset_class("dataset", config)
    return kind, arguments_of(kind, config, load_version, save_version)


def validate_on_forbidden_chars(**kwargs: str) -> None:
    """Raise DatasetError for a value with a space or a semicolon in it."""
    for name, value in kwargs.items():
        if " " in value or ";" in value:
            raise DatasetError(f"{name} {value!r} must have neither a space nor a semicolon in it")
