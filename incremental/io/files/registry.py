"""The short names our datasets answer to in a catalog, and their arguments. It imports none of them."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

_FORMATS = "incremental.io.files.formats"
_COMMON = frozenset({"filepath", "version", "credentials", "fs_args", "metadata"})
_PARTITIONS = frozenset(
    {
        "path",
        "dataset",
        "filepath_arg",
        "filename_suffix",
        "credentials",
        "load_args",
        "fs_args",
        "metadata",
    }
)

#: Short name (as kedro-datasets has it) to dotted path.
SHORT_NAMES: Mapping[str, str] = MappingProxyType(
    {
        "text.TextDataset": f"{_FORMATS}.TextDataset",
        "json.JSONDataset": f"{_FORMATS}.JSONDataset",
        "yaml.YAMLDataset": f"{_FORMATS}.YAMLDataset",
        "pickle.PickleDataset": f"{_FORMATS}.PickleDataset",
        "pandas.CSVDataset": f"{_FORMATS}.CSVDataset",
        "pandas.ParquetDataset": f"{_FORMATS}.ParquetDataset",
        "partitions.PartitionedDataset": "incremental.io.files.partitions.PartitionedDataset",
        "partitions.IncrementalDataset": "incremental.io.files.checkpoints.IncrementalDataset",
        "MemoryDataset": "incremental.io.memory.MemoryDataset",
        "CachedDataset": "incremental.io.cached.CachedDataset",
    }
)

#: Dotted path to the names of the constructor arguments that the class knows.
KNOWN_ARGUMENTS: Mapping[str, frozenset[str]] = MappingProxyType(
    {
        SHORT_NAMES["text.TextDataset"]: _COMMON,
        SHORT_NAMES["json.JSONDataset"]: _COMMON | {"save_args"},
        SHORT_NAMES["yaml.YAMLDataset"]: _COMMON | {"save_args"},
        SHORT_NAMES["pickle.PickleDataset"]: _COMMON | {"backend", "load_args", "save_args"},
        SHORT_NAMES["pandas.CSVDataset"]: _COMMON | {"load_args", "save_args"},
        SHORT_NAMES["pandas.ParquetDataset"]: _COMMON | {"load_args", "save_args"},
        SHORT_NAMES["partitions.PartitionedDataset"]: _PARTITIONS | {"overwrite", "save_lazily"},
        SHORT_NAMES["partitions.IncrementalDataset"]: _PARTITIONS | {"checkpoint"},
        SHORT_NAMES["MemoryDataset"]: frozenset({"data", "copy_mode", "metadata"}),
        SHORT_NAMES["CachedDataset"]: frozenset({"dataset", "version", "copy_mode", "metadata"}),
    }
)
