"""``doctor``: what it finds in folder, ledger, disk, catalog and outputs."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import time
from collections import namedtuple
from pathlib import Path

import pytest

from incremental.cli import examination, folder_examination
from incremental.state import database

REGISTRY = """
from incremental.pipeline import Pipeline, node

def same(value): return value

def register_pipelines():
    return {"__default__": Pipeline([
        node(same, "raw", "first", name="one"),
        node(same, "first", "second", name="two"),
    ])}
"""
CATALOG = """
raw: {type: text.TextDataset, filepath: raw.txt}
first: {type: text.TextDataset, filepath: out/first.txt}
second: {type: text.TextDataset, filepath: out/second.txt}
"""


@pytest.fixture
def work(project) -> Path:
    return project(
        {
            "pyproject.toml": '[tool.incremental]\npackage_name = "work"\n',
            "src/work/__init__.py": "",
            "src/work/pipeline_registry.py": REGISTRY,
            "conf/base/catalog.yml": CATALOG,
            "conf/base/parameters.yml": "",
            "raw.txt": "x",
        }
    )


def findings(cli, level: str) -> dict[str, str]:
    """Return what is found at a level, by subject, with its remedy."""
    document = json.loads(cli("doctor", "--json").out)
    found = [each for each in document["checks"] if each["level"] == level]
    return {each["subject"]: f"{each['finding']} -> {each['remedy']}" for each in found}


def test_advice_is_no_fault(cli, work: Path) -> None:
    cli("run")
    (work / "out/.first.txt.0123456789abcdef.incremental-tmp").write_text("half")
    said = cli("doctor")
    assert said.code == 0
    assert "advice  leftovers      1 half-written file of runs that were killed, or are on: " in said.out
    assert said.out.endswith("no faults found, 1 with advice\n")


def test_incomplete_changed_suspect_and_unproven_outputs_are_counted(cli, work: Path) -> None:
    cli("run")
    made = (work / "out/second.txt").read_text()
    (work / "out/second.txt").write_text("by hand")
    assert "1 output changed since it was committed: second" in findings(cli, "advice")["outputs"]
    (work / "out/second.txt").write_text(made)
    (work / "out/.second.txt.incremental-begun").write_text("{}")
    assert "1 dataset incomplete: second; a save never ended" in findings(cli, "advice")["outputs"]
    (work / "out/.second.txt.incremental-begun").unlink()
    cli("run", "--nodes", "one")
    assert (
        "1 output suspect, older than what they were made from: second" in findings(cli, "advice")["outputs"]
    )
    shutil.rmtree(work / ".incremental")
    assert (
        "2 outputs unproven, there without a record of who made it: first, second"
        in findings(cli, "advice")["outputs"]
    )


def test_an_input_that_is_missing_is_a_fault(cli, work: Path) -> None:
    (work / "raw.txt").unlink()
    assert "raw.txt" in findings(cli, "fault")["inputs"]
    assert cli("doctor").code == 2


def test_an_entry_that_cannot_be_built_is_a_fault(cli, work: Path) -> None:
    (work / "conf/base/catalog.yml").write_text(CATALOG + "odd: {type: text.TextDataset, filpath: x}\n")
    assert "did you mean 'filepath'?" in findings(cli, "fault")["dataset odd"]


def test_a_ledger_that_others_can_read_is_told(cli, work: Path) -> None:
    cli("run")
    (work / ".incremental").chmod(0o755)
    assert "others may look into" in findings(cli, "advice")["privacy"]


def test_a_ledger_of_a_newer_version_is_a_fault(cli, work: Path) -> None:
    cli("run")
    with sqlite3.connect(work / ".incremental/ledger.sqlite") as connection:
        newer = database.SCHEMA_VERSION + 1
        connection.execute(f"PRAGMA user_version={newer}")
        connection.execute(f"PRAGMA application_id={database._MARK + newer}")
    assert "upgrade incremental-engine" in findings(cli, "fault")["ledger"]


def test_a_damaged_ledger_and_those_set_aside_are_told(cli, work: Path) -> None:
    cli("run")
    ledger = work / ".incremental/ledger.sqlite"
    data = bytearray(ledger.read_bytes())
    data[4096 : 3 * 4096] = b"\xff" * 2 * 4096
    ledger.write_bytes(data)
    assert "is damaged" in findings(cli, "fault")["ledger"]
    cli("run")
    assert "1 damaged ledger set aside" in findings(cli, "advice")["leftovers"]


def test_records_that_cannot_be_read_are_told(cli, work: Path) -> None:
    cli("run")
    (record,) = (work / ".incremental/sessions").iterdir()
    record.write_bytes(record.read_bytes()[:-10])
    assert f"1 session record cannot be read, such as {record}" in findings(cli, "advice")["records"]
    assert cli("runs").code == 0


def test_a_planted_link_is_a_fault(cli, work: Path, tmp_path: Path) -> None:
    cli("run")
    shutil.rmtree(work / ".incremental/sessions")
    (tmp_path / "elsewhere").mkdir()
    (work / ".incremental/sessions").symlink_to(tmp_path / "elsewhere")
    assert "is a link" in findings(cli, "fault")["folder"]


def test_a_clock_that_is_behind_is_told(cli, work: Path) -> None:
    cli("run")
    later = time.time() + 3600
    os.utime(work / "out/second.txt", (later, later))
    assert "1 dataset from the future: second" in findings(cli, "advice")["clock"]


def test_a_disk_that_is_nearly_full_is_told(cli, work: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage(10**9, 10**9 - 1, 1))
    assert "1 B free at" in findings(cli, "advice")["disk"]


@pytest.mark.parametrize(
    ("kind", "text"),
    [("vfat", "renaming in one step or locks are not certain"), ("nfs4", "runs of theirs are not seen")],
)
def test_a_file_system_that_keeps_less_is_told(
    cli, work: Path, monkeypatch, tmp_path: Path, kind: str, text: str
) -> None:
    mounts = tmp_path / "mounts"
    mounts.write_text(
        f"none / ext4 rw 0 0\nserver:/x {str(work).replace(' ', chr(92) + '040')} {kind} rw 0 0\n"
    )
    monkeypatch.setattr(folder_examination, "_MOUNTS", mounts)
    assert text in findings(cli, "advice")["file system"]


def test_a_dependency_that_is_missing_or_too_old_is_a_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    import importlib.metadata

    wanted = [
        "click>=8.1",
        "fsspec>=2999.1",
        "no-such-thing>=1",
        "pandas>=99; extra == 'pandas'",
        "tomli>=99; python_version < '3.1'",
    ]
    monkeypatch.setattr(importlib.metadata, "requires", lambda _: wanted)
    found = list(examination._dependencies())
    assert [each.remedy for each in found] == [
        "pip install 'fsspec>=2999.1'",
        "pip install 'no-such-thing>=1'",
    ]
    assert not any(each.healthy for each in found)


@pytest.mark.skipif(os.geteuid() == 0, reason="the administrator may write everywhere")
def test_a_folder_that_cannot_be_written_is_a_fault(cli, work: Path) -> None:
    (work / "out").mkdir()
    (work / "out").chmod(0o500)
    try:
        assert "is read-only for you" in findings(cli, "fault")["rights"]
    finally:
        (work / "out").chmod(0o700)
