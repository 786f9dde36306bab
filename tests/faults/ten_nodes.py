"""A project of ten nodes that writes in every way there is, and what it makes of an old and a new input.

It kills nothing; see ``killer.py``.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from faults.written import FOREIGN, content_at
from projects import make_project

NODES = '''
import os
from hashlib import sha256, shake_256
from inspect import isgeneratorfunction
from incremental.pipeline import Pipeline, node

SIZE = {size}  # bytes of each output, roughly
PIECE = 50_000
FRAMES = {frames}


def digest(*values):
    found = sha256()
    for value in values:
        found.update((value if isinstance(value, str) else repr(value)).encode())
    return found.digest()


def text(*inputs):
    return shake_256(digest(*inputs)).hexdigest(SIZE // 2)


def rows(*inputs):
    data = text(*inputs)
    return [data[start : start + PIECE] for start in range(0, len(data), PIECE)]


def begun(name, function):
    """Return a function that leaves its process in a file when it is called: a killer waits for that."""

    def call(*inputs):
        Path("begun").mkdir(exist_ok=True)
        Path("begun", name).write_text(str(os.getpid()))
        return function(*inputs)

    def generate(*inputs):
        yield from call(*inputs)

    return generate if isgeneratorfunction(function) else call


def step(function, inputs, outputs, name):
    return node(begun(name, function), inputs, outputs, name=name)


def to_text(raw):
    return text(raw)


def to_json(data):
    return {{"rows": rows(data)}}


def to_csv_and_parquet(data):
    found = rows(data["rows"])
    tables = {{"row": found}}, {{"row": found[::-1], "number": list(range(len(found)))}}
    if not FRAMES:
        return tables
    import pandas
    return tuple(map(pandas.DataFrame, tables))


def to_parts(frame):
    found = rows(list(frame["row"]))
    third = len(found) // 3 + 1
    return {{f"part_{{at}}": found[at * third : (at + 1) * third] for at in range(3)}}


def to_place(frame):
    return text(list(frame["row"]))


def to_pieces(data):
    for row in rows(data):
        yield row


def to_text_and_pickle(parts, right):
    left = [row for load in parts.values() for row in load()]
    return text(left, right), rows(right, left)


def to_version(data):
    return text(data)


def to_last(left, right):
    return {{"rows": rows(left, right)}}


def register_pipelines():
    return {{"__default__": Pipeline([
        step(to_text, "raw", "text", "n01"),
        step(to_json, "text", "json", "n02"),
        step(to_csv_and_parquet, "json", ["csv", "parquet"], "n03"),
        step(to_parts, "csv", "parts", "n04"),
        step(to_place, "parquet", "placed", "n05"),
        step(to_pieces, "placed", "appended", "n06"),
        step(to_text_and_pickle, ["parts", "appended"], ["pair_text", "pair_pickle"], "n07"),
        step(to_pieces, "pair_text", "generated", "n08"),
        step(to_version, "pair_pickle", "versioned", "n09"),
        step(to_last, ["generated", "versioned"], "last", "n10"),
    ])}}
'''

CATALOG = """
raw: {type: text.TextDataset, filepath: data/raw.txt}
text: {type: text.TextDataset, filepath: data/text.txt}
json: {type: json.JSONDataset, filepath: data/json.json}
csv: {type: pandas.CSVDataset, filepath: data/csv.csv}
parquet: {type: pandas.ParquetDataset, filepath: data/parquet.parquet}
parts:
  type: partitions.PartitionedDataset
  path: data/parts
  dataset: pickle.PickleDataset
  filename_suffix: .pkl
placed: {type: PACKAGE.nodes.InPlace, filepath: data/placed.txt, piece: 50000}
appended: {type: PACKAGE.nodes.Appending, filepath: data/appended.txt}
pair_text: {type: text.TextDataset, filepath: data/pair_text.txt}
pair_pickle: {type: pickle.PickleDataset, filepath: data/pair_pickle.pkl}
generated:
  type: text.TextDataset
  filepath: data/generated.txt
  fs_args: {open_args_save: {mode: a}}
versioned: {type: text.TextDataset, filepath: data/versioned.txt, versioned: true}
last: {type: json.JSONDataset, filepath: data/last.json}
"""

WIRING: Mapping[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "n01": ((), ("text.txt",)),
    "n02": (("text.txt",), ("json.json",)),
    "n03": (("json.json",), ("csv.csv", "parquet.parquet")),
    "n04": (("csv.csv",), ("parts",)),
    "n05": (("parquet.parquet",), ("placed.txt",)),
    "n06": (("placed.txt",), ("appended.txt",)),
    "n07": (("parts", "appended.txt"), ("pair_text.txt", "pair_pickle.pkl")),
    "n08": (("pair_text.txt",), ("generated.txt",)),
    "n09": (("pair_pickle.pkl",), ("versioned.txt",)),
    "n10": (("generated.txt", "versioned.txt"), ("last.json",)),
}
"""What each node reads and writes, as files below ``data``; the input itself is left out."""

OUTPUTS = tuple(name for _, written in WIRING.values() for name in written)
OLD, NEW = "the old input", "the new input"


def make_ten_nodes(root: Path, size: int, frames: bool = True) -> Path:
    """Write the project.

    Args:
        root: its folder.
        size: the bytes of each output.
        frames: whether two outputs are CSV and Parquet. Without, no process has to import pandas.
    """
    make_project(root, registry="", catalog="{}", parameters="{}\n")
    (package,) = (root / "src").iterdir()
    (package / "nodes.py").write_text(FOREIGN + NODES.format(size=size, frames=frames))
    (package / "pipeline_registry.py").write_text(f"from {package.name}.nodes import register_pipelines\n")
    catalog = CATALOG.replace("PACKAGE", package.name)
    if not frames:
        catalog = catalog.replace("pandas.CSVDataset", "yaml.YAMLDataset")
        catalog = catalog.replace("pandas.ParquetDataset", "json.JSONDataset")
    (root / "conf/base/catalog.yml").write_text(catalog)
    (root / "data/raw.txt").write_text(OLD)
    return root


def digests(root: Path) -> dict[str, str]:
    """Return a digest of each output that is there, of a versioned one the latest."""
    contents = {name: content_at(root / "data" / name) for name in OUTPUTS}
    return {name: hashlib.sha256(data).hexdigest() for name, data in contents.items() if data is not None}


@dataclass(frozen=True)
class Generation:
    """What a complete run left: a copy of the project's data and records, and the digests."""

    copy: Path
    digests: Mapping[str, str]

    @classmethod
    def of(cls, root: Path, copy: Path) -> Generation:
        for name in ("data", ".incremental"):
            shutil.copytree(root / name, copy / name)
        return cls(copy, digests(root))


def restore(root: Path, generation: Generation | None) -> None:
    """Make the project hold a generation, or nothing, with the new input."""
    for name in ("data", ".incremental"):
        shutil.rmtree(root / name, ignore_errors=True)
        if generation is not None:
            shutil.copytree(generation.copy / name, root / name)
    (root / "data").mkdir(exist_ok=True)
    (root / "data/raw.txt").write_text(NEW)
    shutil.rmtree(root / "begun", ignore_errors=True)
    if generation is not None:
        os.chmod(root / ".incremental", 0o700)
