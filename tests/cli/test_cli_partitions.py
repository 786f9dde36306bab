"""Partitions in the ledger: which member is damaged is told, and no pickle among them that changed is loaded."""

from __future__ import annotations

import json
import os
import pickle
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from incremental.io.files.partitions import PartitionedDataset
from incremental.io.files.storage import LocalStorage

PIPELINE = """
from incremental import Pipeline, node

def split(raw): return {part: int(raw) for part in "abc"}
def more(raw): return {"d": int(raw)}
def total(parts): return str(sum(load() for load in parts.values()))

def register_pipelines():
    split_all = node(split, "raw", "parts", name="split")
    add_all = node(total, "parts", "total", name="add")
    return {"__default__": Pipeline([split_all, add_all]),
            "more": Pipeline([node(more, "raw", "parts", name="more")])}
"""
CATALOG = """
raw: {type: text.TextDataset, filepath: raw.txt}
parts:
  type: partitions.PartitionedDataset
  path: out/parts
  dataset: pickle.PickleDataset
  filename_suffix: .pkl
total: {type: text.TextDataset, filepath: out/total.txt}
"""


@pytest.fixture
def work(project, cli) -> Path:
    folder = project({"pipeline.py": PIPELINE, "catalog.yml": CATALOG, "raw.txt": "2"})
    assert one(cli, "run", "-q").code == 0
    return folder


def one(cli, command: str, *arguments: str) -> Any:
    return cli("--project", "pipeline.py", command, *arguments)


def parts_found(cli) -> dict[str, Any]:
    (found,) = json.loads(one(cli, "verify", "parts", "--json").out)["outputs"]
    return found


def plant(work: Path, name: str) -> None:
    class Bomb:
        def __reduce__(self) -> Any:
            return Path.write_text, (work / "boom", "went off")

    (work / "out/parts" / name).write_bytes(pickle.dumps(Bomb()))
    (work / "out/total.txt").unlink()


def test_the_damaged_member_is_named_alone_and_repaired(cli, work: Path) -> None:
    assert parts_found(cli)["verdict"] == "whole"
    before = {name: (work / f"out/parts/{name}.pkl").read_bytes() for name in "abc"}
    (work / "out/parts/b.pkl").write_bytes(b"damaged")
    found = parts_found(cli)
    assert (found["verdict"], found["members"]) == ("damaged", ["b.pkl"])
    assert one(cli, "verify").out.splitlines()[0].endswith("committed: b.pkl")
    assert one(cli, "verify", "--repair", "-q").code == 0
    assert {name: (work / f"out/parts/{name}.pkl").read_bytes() for name in "abc"} == before
    assert parts_found(cli)["verdict"] == "whole"


def test_a_lost_member_and_a_new_one_are_named(cli, work: Path) -> None:
    (work / "out/parts/a.pkl").rename(work / "out/parts/x.pkl")
    assert parts_found(cli)["members"] == ["a.pkl", "x.pkl"]


@pytest.mark.parametrize(
    ("what", "how"),
    [
        ("is lost", lambda folder: (folder / "b.pkl").unlink()),
        ("is new", lambda folder: (folder / "x.pkl").write_bytes(b"")),
        ("has another size", lambda folder: (folder / "b.pkl").write_bytes(b"damaged")),
        ("has other bytes", lambda folder: (folder / "b.pkl").write_bytes(pickle.dumps(3))),
        ("has another name", lambda folder: (folder / "b.pkl").rename(folder / "x.pkl")),
    ],
)
def test_a_plan_tells_that_a_member(cli, work: Path, what: str, how: Any) -> None:
    assert one(cli, "plan", "--dry-run").out == "nothing to do: 2 nodes up to date\n"
    how(work / "out/parts")
    assert one(cli, "plan", "--dry-run").out.startswith("changed  parts changed since run "), what
    assert one(cli, "adopt").out.splitlines()[0].split() == ["changed", "parts", "out/parts"]
    assert one(cli, "adopt", "parts").code == 0
    assert "changed" not in one(cli, "plan", "--dry-run").out


def test_a_copied_folder_of_partitions_is_as_it_was(cli, work: Path) -> None:
    shutil.copytree(work / "out/parts", work / "out/copy")
    shutil.rmtree(work / "out/parts")
    (work / "out/copy").rename(work / "out/parts")
    (work / "out/parts/no member.txt").write_text("beside them")
    assert one(cli, "plan", "--dry-run").out == "nothing to do: 2 nodes up to date\n"


def test_members_that_a_plan_may_not_look_at_or_cannot_read_are_no_fault_of_the_plan(
    cli, work: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    os.utime(work / "out/parts/a.pkl")
    with monkeypatch.context() as patch:
        patch.delattr(PartitionedDataset, "content_digest")
        assert one(cli, "plan", "--dry-run").out.startswith("touched  1 output (parts) moved or touched")
    monkeypatch.setattr(LocalStorage, "names", closed_but_for_the_first)
    assert one(cli, "plan", "--dry-run").out == "nothing to do: 2 nodes up to date\n"


def closed_but_for_the_first(*_: Any, **__: Any) -> Iterator[str]:
    yield "a.pkl"
    raise PermissionError(13, "Permission denied")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_what_is_no_file_any_more_has_changed_and_is_not_read(cli, work: Path) -> None:
    (work / "out/total.txt").unlink()
    os.mkfifo(work / "out/total.txt")
    assert one(cli, "plan", "--dry-run").out.startswith("changed  total changed since run ")


def test_a_folder_that_was_committed_without_partitions_is_whole(cli, work: Path) -> None:
    (work / "pipeline.py").write_text(PIPELINE.replace('for part in "abc"', 'for part in ""'))
    shutil.rmtree(work / "out")
    assert one(cli, "run", "--nodes", "split", "-q").code == 0
    assert parts_found(cli)["verdict"] == "whole"
    (work / "out/parts/x.pkl").write_bytes(b"put there")
    assert parts_found(cli)["members"] == ["x.pkl"]
    assert one(cli, "plan", "--dry-run", "--nodes", "split").out.startswith("changed  parts changed")


def test_members_that_a_later_run_leaves_as_they_are_keep_their_digests(cli, work: Path) -> None:
    assert one(cli, "run", "--pipeline", "more", "-q").code == 0
    assert parts_found(cli)["verdict"] == "whole"
    (work / "out/parts/a.pkl").write_bytes(b"damaged")
    assert parts_found(cli)["members"] == ["a.pkl"]


def test_a_pickle_among_partitions_that_changed_is_refused_unread_until_the_folder_is_adopted(
    cli, work: Path
) -> None:
    plant(work, "b.pkl")
    said = one(cli, "run", "--only-missing-outputs", "-q")
    assert said.code == 1
    assert "out/parts/b.pkl changed since this project committed it" in said.err
    assert not (work / "boom").exists()
    assert one(cli, "adopt", "parts").code == 0
    one(cli, "run", "--only-missing-outputs", "-q")
    assert (work / "boom").read_text() == "went off"


def test_a_pickle_that_was_put_beside_committed_partitions_is_refused_unread(cli, work: Path) -> None:
    plant(work, "planted.pkl")
    said = one(cli, "run", "--only-missing-outputs", "-q", "--runner", "threads")
    assert said.code == 1
    assert "out/parts/planted.pkl was not there when this project committed its folder" in said.err
    assert not (work / "boom").exists()


def test_pickles_that_nobody_recorded_are_loaded(cli, work: Path) -> None:
    (work / "out/parts/b.pkl").write_bytes(pickle.dumps(40))
    for path in (work / ".incremental").glob("ledger.*"):
        path.unlink()
    (work / "out/total.txt").unlink()
    assert one(cli, "run", "--only-missing-outputs", "-q").code == 0
    assert (work / "out/total.txt").read_text() == "44"
