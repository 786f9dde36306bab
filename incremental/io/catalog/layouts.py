"""Where datasets keep their data, by type: what a survey knows of a class without importing it.

It reads names only. What is not known here is imported and asked.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import Any

from incremental.io.files.registry import KNOWN_ARGUMENTS, SHORT_NAMES


class Layout(Enum):
    """How the entry of a dataset says where its data is."""

    FILE = "file"  # at 'filepath', in a folder of versions where it is versioned
    FILE_OR_FOLDER = "file or folder"  # the same, and what is there may be a folder
    MEMBERS = "members"  # the files in the folder 'path'
    CHECKPOINTED = "checkpointed"  # the same, of which only those after a checkpoint are loaded
    MEMORY = "memory"  # nowhere, unless the entry has 'data'
    CACHED = "cached"  # where the entry under 'dataset' says

    __hash__ = object.__hash__


FILES = frozenset({Layout.FILE, Layout.FILE_OR_FOLDER})
FOLDERS = frozenset({Layout.MEMBERS, Layout.CHECKPOINTED})
PLACED = FILES | FOLDERS

_OTHERS = {
    "pandas.ParquetDataset": Layout.FILE_OR_FOLDER,
    "partitions.PartitionedDataset": Layout.MEMBERS,
    "partitions.IncrementalDataset": Layout.CHECKPOINTED,
    "MemoryDataset": Layout.MEMORY,
    "CachedDataset": Layout.CACHED,
}

#: Dotted path of each of our classes to its layout.
OURS: Mapping[str, Layout] = {
    path: _OTHERS.get(name, Layout.FILE) for name, path in SHORT_NAMES.items() if path in KNOWN_ARGUMENTS
}

# The classes of kedro-datasets of which ``exists()`` is whether ``filepath``, or the newest version of it,
# is in its file system. Those of Spark, Dask, Ibis, databases and services do more and are asked.
_FILES_OF_KEDRO_DATASETS = {
    "email": ("EmailMessageDataset",),
    "geopandas": ("GenericDataset",),
    "holoviews": ("HoloviewsWriter",),
    "json": ("JSONDataset",),
    "matlab": ("MatlabDataset",),
    "matplotlib": ("MatplotlibDataset",),
    "networkx": ("GMLDataset", "GraphMLDataset", "JSONDataset"),
    "openxml": ("DocxDataset", "PptxDataset"),
    "pandas": (
        "CSVDataset",
        "ExcelDataset",
        "FeatherDataset",
        "GenericDataset",
        "HDFDataset",
        "JSONDataset",
        "ParquetDataset",
        "XMLDataset",
    ),
    "pickle": ("PickleDataset",),
    "pillow": ("ImageDataset",),
    "plotly": ("HTMLDataset", "JSONDataset", "PlotlyDataset"),
    "polars": ("CSVDataset", "EagerPolarsDataset", "LazyPolarsDataset"),
    "svmlight": ("SVMLightDataset",),
    "tensorflow": ("TensorFlowModelDataset",),
    "text": ("TextDataset",),
    "yaml": ("YAMLDataset",),
}

#: Short name of classes of kedro-datasets to their layout: what is there may always be a folder.
OF_KEDRO_DATASETS: Mapping[str, Layout] = {
    f"{module}.{name}": Layout.FILE_OR_FOLDER
    for module, names in _FILES_OF_KEDRO_DATASETS.items()
    for name in names
} | {name: layout for name, layout in _OTHERS.items() if layout in FOLDERS}

#: Names of classes of Kedro itself, from the package or from the module that defines them.
OF_KEDRO: Mapping[str, Layout] = {
    f"kedro.io.{module}{name}": layout
    for name, module, layout in (
        ("MemoryDataset", "", Layout.MEMORY),
        ("MemoryDataset", "memory_dataset.", Layout.MEMORY),
        ("CachedDataset", "", Layout.CACHED),
        ("CachedDataset", "cached_dataset.", Layout.CACHED),
    )
}

CHECKPOINT = "CHECKPOINT"
"""What the file with a checkpoint is called, where its entry does not say."""


def wrapped(entry: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return the entry of what a cached dataset wraps, with its versions; None where it is no such entry."""
    inner = entry.get("dataset")
    if not isinstance(inner, Mapping) or not isinstance(inner.get("type"), str) or "versioned" in inner:
        return None
    return {**inner, "versioned": entry["versioned"]} if "versioned" in entry else dict(inner)


def checkpoint_name(entry: Mapping[str, Any]) -> str:
    """Return the name, in its folder, of the file that keeps the checkpoint of an entry."""
    checkpoint = entry.get("checkpoint")
    given = checkpoint.get(entry.get("filepath_arg") or "filepath") if isinstance(checkpoint, Mapping) else ""
    return str(given).rpartition("/")[2] if given else CHECKPOINT
