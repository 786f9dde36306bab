"""A disk that is really full: the save fails in words, what was there stays, and nothing of ours is left."""

from __future__ import annotations

import errno
import os
import resource
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from projects import make_project

from incremental.errors import DatasetError, NodeRunError
from incremental.io import DataCatalog
from incremental.pipeline import Pipeline, node
from incremental.runner import SequentialRunner

SIZE = 1 << 18  # bytes that fit
SMALL, BIG = "old", "n" * (3 * SIZE)


def frame(text: str) -> Any:
    pandas = pytest.importorskip("pandas")
    if text == SMALL:
        return pandas.DataFrame({"a": [text]})
    return pandas.DataFrame({"a": [os.urandom(500).hex() for _ in range(SIZE // 200)]})


def as_it_is(text: str) -> Any:
    return text


def as_two(text: str) -> Any:
    return {"a": text, "b": text}


KINDS: dict[str, tuple[dict[str, Any], Callable[[str], Any]]] = {
    "text": ({"type": "text.TextDataset"}, as_it_is),
    "json": ({"type": "json.JSONDataset"}, as_it_is),
    "yaml": ({"type": "yaml.YAMLDataset"}, as_it_is),
    "pickle": ({"type": "pickle.PickleDataset"}, as_it_is),
    "csv": ({"type": "pandas.CSVDataset"}, frame),
    "parquet": ({"type": "pandas.ParquetDataset"}, frame),
    "versioned": ({"type": "text.TextDataset", "versioned": True}, as_it_is),
    "cached": ({"type": "CachedDataset", "dataset": {"type": "text.TextDataset"}}, as_it_is),
    "partitions": ({"type": "partitions.PartitionedDataset", "dataset": "text.TextDataset"}, as_two),
    "whole folder": (
        {"type": "partitions.PartitionedDataset", "dataset": "text.TextDataset", "overwrite": True},
        as_two,
    ),
}


def entry_of(kind: str, place: Path) -> dict[str, Any]:
    entry = {**KINDS[kind][0]}
    if kind == "cached":
        entry["dataset"] = {**entry["dataset"], "filepath": str(place)}
    else:
        entry["path" if "Partitioned" in entry["type"] else "filepath"] = str(place)
    return entry


@contextmanager
def small_files() -> Iterator[None]:
    """Let no file grow beyond the limit; Python ignores the signal that comes with it."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (SIZE, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@contextmanager
def nothing() -> Iterator[None]:
    yield


@pytest.fixture(params=["tmpfs", "limit"])
def disk(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[Path, Any, str]]:
    """Give a folder, what must surround a save in it, and what the system says when it is full."""
    if request.param == "limit":
        yield tmp_path, small_files, "File too large"
        return
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={SIZE}", "tmpfs", str(folder)]
    if os.geteuid() != 0 or subprocess.run(mount, check=False, capture_output=True).returncode:
        pytest.skip("nothing may be mounted here")
    try:
        yield folder, nothing, "No space left on device"
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


def tree(folder: Path) -> dict[str, int]:
    return {
        str(path.relative_to(folder)): 0 if path.is_dir() else path.stat().st_ino
        for path in folder.rglob("*")
    }


def loaded(catalog: DataCatalog) -> Any:
    data = catalog.load("out")
    return (
        {name: load() if callable(load) else load for name, load in data.items()}
        if isinstance(data, dict)
        else data
    )


@pytest.mark.parametrize("kind", KINDS)
def test_a_save_that_does_not_fit_fails_in_words_and_leaves_everything_as_it_was(
    disk: tuple[Path, Any, str], kind: str
) -> None:
    folder, limited, told = disk
    place, make = folder / "data" / "out", KINDS[kind][1]
    catalog = DataCatalog.from_config({"out": entry_of(kind, place)})
    catalog.save("out", make(SMALL))
    before = tree(folder)
    with limited(), pytest.raises(DatasetError) as caught:
        catalog.save("out", make(BIG))
    message = str(caught.value)
    assert message.startswith("dataset 'out': cannot save ")
    assert str(place) in message
    assert told in message
    assert ".incremental-tmp" not in message
    assert tree(folder) == before
    catalog.release("out")
    old, expected = loaded(catalog), make(SMALL)
    assert old.equals(expected) if hasattr(old, "equals") else old == expected


@pytest.mark.parametrize("kind", ["text", "csv", "partitions", "whole folder"])
def test_a_generator_whose_pieces_do_not_fit_leaves_the_former_output(
    disk: tuple[Path, Any, str], kind: str
) -> None:
    folder, limited, told = disk
    make = KINDS[kind][1]
    entry = entry_of(kind, folder / "out")
    if kind in ("text", "csv"):
        entry["fs_args"] = {"open_args_save": {"mode": "a"}}
    catalog = DataCatalog.from_config({"out": entry})
    catalog.save("out", make(SMALL))
    before = tree(folder)

    def pieces() -> Iterator[Any]:
        yield make(SMALL)
        yield make(BIG)

    with limited(), pytest.raises(NodeRunError, match=told):
        SequentialRunner().run(Pipeline([node(pieces, None, "out", name="make")]), catalog)
    assert tree(folder) == before


# -- the command

PIPELINE = f"""
from incremental import Pipeline, node

def make(): return "n" * {3 * SIZE}

def register_pipelines():
    return {{"__default__": Pipeline([node(make, None, "out", name="make")])}}
"""
BAD_HOOKS = """
from incremental.hooks import hook_impl

class Bad:
    @hook_impl
    def on_pipeline_error(self, error): raise RuntimeError("the hook's own error")

HOOKS = (Bad(),)
"""


@pytest.mark.parametrize("settings", ["", BAD_HOOKS], ids=["no hooks", "hooks that fail"])
def test_on_a_full_disk_the_command_shows_the_error_of_the_node_and_ends_with_1(
    disk: tuple[Path, Any, str], tmp_path: Path, settings: str
) -> None:
    folder, limited, told = disk
    number = errno.EFBIG if told == os.strerror(errno.EFBIG) else errno.ENOSPC
    out = folder / "out.txt"
    root = make_project(
        tmp_path / "project",
        registry=PIPELINE,
        catalog=f"out: {{type: text.TextDataset, filepath: {out}}}\n",
        settings=settings,
    )
    out.write_text(SMALL)
    with limited():  # the command inherits it
        command = [sys.executable, "-m", "incremental", "run"]
        said = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
    assert said.returncode == 1
    error, advice = said.stderr.splitlines()[-2:]
    assert error.startswith("error: node 'make' failed: DatasetError: dataset 'out': cannot save data to ")
    assert error.endswith(f"{out}'): [Errno {number}] {told}")
    assert advice == "resume with: incremental run --resume"
    told_of_hook = (
        "hook 'on_pipeline_error' failed when told of the error: RuntimeError(\"the hook's own error\")"
    )
    assert (told_of_hook in said.stderr) == bool(settings)
    assert out.read_text() == SMALL


def test_a_new_output_that_does_not_fit_leaves_not_even_its_folder(disk: tuple[Path, Any, str]) -> None:
    folder, limited, told = disk
    for kind in KINDS:
        catalog = DataCatalog.from_config({"out": entry_of(kind, folder / "new" / kind)})
        with limited(), pytest.raises(DatasetError, match=told):
            catalog.save("out", KINDS[kind][1](BIG))
        assert tree(folder) == {}, kind
