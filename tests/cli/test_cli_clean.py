"""``clean``: shows what nobody needs any more, removes it when asked, and never an output."""

from __future__ import annotations

import json
import os
import tempfile
import time
from pathlib import Path

import pytest

from incremental.io.files.staging import staging_name
from incremental.render.cleaning import size
from incremental.state import Claims, FileLedger, History
from incremental.state.history import RunRecord

REGISTRY = """
from incremental.pipeline import Pipeline, node

def same(value): return value
def parts(value): return {"a": value, "b": value}

def register_pipelines():
    return {"__default__": Pipeline([
        node(same, "raw", "model", name="train"), node(parts, "raw", "parts", name="split"),
    ])}
"""
CATALOG = """
raw: {type: text.TextDataset, filepath: data/raw.txt}
model: {type: text.TextDataset, filepath: data/model.txt, versioned: true}
parts: {type: partitions.PartitionedDataset, path: data/parts, dataset: text.TextDataset}
"""


@pytest.fixture
def work(project, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "tmp"))
    (tmp_path / "tmp").mkdir()
    return project(
        {
            "pyproject.toml": '[tool.incremental]\npackage_name = "work"\n',
            "src/work/__init__.py": "",
            "src/work/pipeline_registry.py": REGISTRY,
            "conf/base/catalog.yml": CATALOG,
            "data/raw.txt": "x",
        }
    )


def tree(folder: Path) -> dict[str, int]:
    return {
        str(path.relative_to(folder)): path.stat().st_mtime_ns
        for path in folder.rglob("*")
        if "__pycache__" not in path.parts
    }


def leave(folder: Path, name: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / staging_name(name)
    path.write_bytes(b"x" * 1500)
    return path


def leave_much(work: Path) -> list[Path]:
    whole = leave(work / "data" / staging_name("parts"), "a").parent
    damaged = work / ".incremental" / "ledger.damaged-1-2.sqlite"
    damaged.parent.mkdir(mode=0o700, exist_ok=True)
    damaged.write_text("bad")
    spool = Path(tempfile.gettempdir()) / ".spool.999999999.abc.incremental-tmp"
    spool.write_text("spooled")
    return [
        leave(work / "data", "raw.txt"), leave(work / "data/model.txt/v1", "model.txt"),
        leave(work / "data/parts/deep", "b"), whole, damaged, spool,
    ]  # fmt: skip


def test_a_clean_project_has_nothing_to_clean(cli, work: Path) -> None:
    assert cli("clean").out == "nothing to clean\n"
    assert cli("clean", "--yes", "--keep-versions", "1", "--keep-runs", "1").out == "nothing to clean\n"


def test_without_yes_it_only_shows(cli, work: Path) -> None:
    left = leave_much(work)
    before = tree(work)
    said = cli("clean")
    assert said.code == 0
    assert tree(work) == before
    assert all(path.exists() for path in left)
    assert said.out.splitlines()[-1] == "6 things, 6.0 KB: --yes removes them"
    assert f"unfinished save    data/{left[0].name}" in said.out
    assert "1.5 KB" in said.out


def test_with_yes_it_removes_what_it_showed_and_no_output(cli, work: Path) -> None:
    assert cli("run").code == 0
    outputs = tree(work / "data")
    left = leave_much(work)
    foreign = leave(work / "data", "somebody_elses.txt")
    shown = json.loads(cli("clean", "--json").out)
    removed = json.loads(cli("clean", "--json", "--yes").out)
    assert shown["waste"] == removed["waste"]
    assert (shown["removed"], removed["removed"]) == (False, True)
    assert removed["bytes"] == 4 * 1500 + len("bad") + len("spooled")
    assert not any(path.exists() for path in left)
    assert foreign.exists()
    assert outputs.keys() <= tree(work / "data").keys()
    assert cli("clean").out == "nothing to clean\n"
    assert cli("plan", "--only-missing-outputs").code == 0


def test_versions_beyond_a_number_go_the_newest_stay(cli, work: Path) -> None:
    for _ in range(4):
        assert cli("run").code == 0
    versions = sorted(path.name for path in (work / "data/model.txt").iterdir())
    assert "old version" not in cli("clean").out
    said = cli("clean", "--keep-versions", "2", "--yes")
    assert said.out.count("old version") == 2
    assert sorted(path.name for path in (work / "data/model.txt").iterdir()) == versions[2:]
    assert cli("clean", "--keep-versions", "0").code == 2


FOREIGN = """
from pathlib import Path
from incremental.io import AbstractVersionedDataset

class Table(AbstractVersionedDataset):
    def __init__(self, filepath, version=None):
        super().__init__(Path(filepath), version)

    def _load(self):
        return Path(self._get_load_path()).read_text()

    def _save(self, data):
        path = Path(self._get_save_path())
        path.parent.mkdir(parents=True)
        path.write_text(data)
"""


def test_a_foreign_dataset_with_versions_is_left_alone_and_named(cli, work: Path) -> None:
    (work / "src/work/tables.py").write_text(FOREIGN)
    entry = "{type: work.tables.Table, filepath: data/model.txt, versioned: true}"
    catalog = "".join(
        f"model: {entry}\n" if line.startswith("model:") else f"{line}\n" for line in CATALOG.splitlines()
    )
    (work / "conf/base/catalog.yml").write_text(catalog)
    for _ in range(2):
        assert cli("run").code == 0
    versions = tree(work / "data/model.txt")
    said = cli("clean", "--keep-versions", "1", "--yes")
    assert said.code == 0
    assert "left alone  model  Table is no dataset of ours: remove its old versions by hand" in said.out
    assert tree(work / "data/model.txt") == versions
    assert "model" not in cli("clean").out


def test_runs_beyond_a_number_go_with_the_records_of_their_sessions(cli, work: Path) -> None:
    for _ in range(3):
        assert cli("run").code == 0
    records = sorted((work / ".incremental/sessions").iterdir())
    assert len(records) == 3
    assert cli("clean", "--keep-runs", "1", "--yes").code == 0
    assert len(json.loads(cli("runs", "--json").out)["runs"]) == 1
    assert sorted((work / ".incremental/sessions").iterdir()) == records[2:]
    assert cli("run", "--only-missing-outputs").code == 0
    assert "nothing to do" in cli("run", "--only-missing-outputs").out


def test_what_a_living_run_may_be_writing_is_left_alone_and_so_is_the_run(cli, work: Path) -> None:
    assert cli("run").code == 0
    ledger = FileLedger(work / ".incremental" / "ledger.sqlite", work)
    alive = "1741-06-25T00.00.00.000Z"  # older than the one that is kept
    History(ledger).start(RunRecord(alive, None, "running", time.time() - 9e9, None, {}, 0, None))
    ledger.close()
    left = leave(work / "data", "raw.txt")
    said = cli("clean", "--yes", "--keep-runs", "1")
    assert left.exists()
    assert f"left alone  data/{left.name}  run {alive} is still running" in said.out
    assert f"left alone  run {alive}" in said.out


def test_a_spool_of_a_living_process_is_left(cli, work: Path) -> None:
    spool = Path(tempfile.gettempdir()) / f".spool.{os.getpid()}.abc.incremental-tmp"
    spool.write_text("on its way")
    cli("clean", "--yes")
    assert spool.exists()


def test_what_cannot_be_removed_is_told_with_the_reason(
    cli, work: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    left = leave(work / "data", "raw.txt")

    def refuse(path: str) -> None:
        raise PermissionError(13, "Permission denied", path)

    monkeypatch.setattr("incremental.io.files.leftovers.os.unlink", refuse)
    said = cli("clean", "--yes")
    assert said.code == 1
    assert "Permission denied" in said.out
    assert left.exists()


def test_a_dataset_that_cannot_be_built_is_left_alone_and_named(cli, work: Path) -> None:
    (work / "conf/base/catalog.yml").write_text(f"{CATALOG}broken: {{type: no.such.Dataset}}\n")
    left = leave(work / "data", "raw.txt")
    said = cli("clean", "--yes")
    assert not left.exists()
    assert "left alone       broken" in said.out
    assert "no.such.Dataset" in said.out


@pytest.mark.parametrize(
    ("number", "text"),
    [(0, "0 B"), (999, "999 B"), (1500, "1.5 KB"), (20_000_000, "20 MB"), (9.96e15, "9960 TB")],
)
def test_sizes_are_told_in_the_unit_that_suits_them(number: float, text: str) -> None:
    assert size(number) == text


def test_what_a_run_of_another_worktree_writes_is_not_cleaned(
    cli, work: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    staged = leave(work / "data" / "parts", "a.txt")
    with Claims(tmp_path / "elsewhere").claim("incremental run", [str(work / "data/parts")]) as claim:
        claim.settle("other", [str(work / "data/parts")])
        said = cli("clean", "--yes")
    assert (said.code, staged.exists()) == (2, True)
    assert "is being written by another run: process" in said.err
    assert len(said.err.splitlines()) == 1
    assert cli("clean", "--yes").code == 0
    assert not staged.exists()
