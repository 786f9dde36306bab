"""``runs``: which of them, one of them, and two beside each other."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

REGISTRY = """
import time
from incremental.pipeline import Pipeline, node

def clean(raw, rate):
    if rate == "bad":
        raise ValueError("a bad rate")
    time.sleep(0.05 if rate == 1 else 0)
    return raw * rate

def register_pipelines():
    return {"__default__": Pipeline([
        node(clean, ["raw", "params:rate"], "cleaned", name="clean"),
        node(str.upper, "cleaned", "shouted", name="shout"),
    ])}
"""
CATALOG = """
raw: {type: text.TextDataset, filepath: raw.txt}
cleaned: {type: text.TextDataset, filepath: out/cleaned.txt}
shouted: {type: text.TextDataset, filepath: out/shouted.txt}
"""


@pytest.fixture
def work(project) -> Path:
    return project(
        {
            "pyproject.toml": '[tool.incremental]\npackage_name = "work"\n',
            "src/work/__init__.py": "",
            "src/work/pipeline_registry.py": REGISTRY,
            "conf/base/catalog.yml": CATALOG,
            "conf/base/parameters.yml": "rate: 1\n",
            "raw.txt": "abc",
        }
    )


@pytest.fixture
def ran(cli, work: Path) -> list[str]:
    """Run all; run all at another rate; fail; make what is missing. Return the ids."""
    ids = [json.loads(cli("run", "--json").out)["run_id"]]
    ids.append(json.loads(cli("run", "--json", "--params", "rate=200").out)["run_id"])
    cli("run", "--params", "rate=bad")
    (work / "out/shouted.txt").unlink()
    ids.append(json.loads(cli("runs", "--json").out)["runs"][0]["run_id"])
    ids.append(json.loads(cli("run", "--only-missing-outputs", "--json").out)["run_id"])
    return ids


def names(said) -> list[str]:
    return [run["run_id"] for run in json.loads(said.out)["runs"]]


def test_runs_are_narrowed_to_a_status_and_to_nodes(cli, ran: list[str]) -> None:
    assert names(cli("runs", "--json")) == ran[::-1]
    assert names(cli("runs", "--json", "--status", "failed")) == [ran[2]]
    assert names(cli("runs", "--json", "--status", "failed,succeeded", "-n", "2")) == ran[:1:-1]
    assert names(cli("runs", "--json", "--node", "clean")) == ran[2::-1]
    assert cli("runs", "--status", "running").out == "no such runs\n"
    said = cli("runs", "--status", "faild")
    assert said.code == 2
    assert said.err.startswith("error: no status 'faild'; did you mean 'failed'?")


def test_one_run_is_shown_with_what_it_was_made_with(cli, ran: list[str]) -> None:
    out = cli("runs", "show", ran[1]).out
    lines = {line.split()[0]: line for line in out.splitlines() if line}
    assert lines["parameters"].split() == ["parameters", "rate=200"]
    assert "SequentialRunner" in lines["runner"]
    assert lines["python"].split()[1][0] == "3"
    assert lines["status"].split() == [
        "status",
        "node",
        "started",
        "took",
        "load",
        "compute",
        "save",
        "read",
        "wrote",
        "why",
    ]
    assert " 3 B " in out
    assert " 600 B " in out


def test_skipped_nodes_are_shown_with_why(cli, ran: list[str]) -> None:
    out = cli("runs", "show", "last").out.splitlines()
    assert out[-1].split(maxsplit=2) == ["skipped", "clean", "its outputs are present"]
    document = json.loads(cli("runs", "show", "last", "--json").out)
    assert document["skipped_nodes"] == {"present": ["clean"]}
    assert document["steps"][0]["bytes_in"] == 600
    assert document["details"]["parameters"] == {"rate": 1}


def test_a_failed_run_is_shown_with_its_error(cli, ran: list[str]) -> None:
    out = cli("runs", "show", "last~1").out
    assert "error       node 'clean' failed: ValueError: a bad rate" in out
    assert (
        json.loads(cli("runs", "show", ran[2], "--json").out)["steps"][0]["error"] == "ValueError: a bad rate"
    )


def test_two_runs_are_compared(cli, ran: list[str]) -> None:
    out = cli("runs", "diff", ran[0], ran[1]).out
    assert "parameter  rate  1 → 200" in out
    assert "\nfaster\n  clean  " in out
    assert "  clean  wrote  3 B → 600 B  +19900%" in out
    other = cli("runs", "diff", ran[1]).out  # with the last one
    assert f"ran only in {ran[1]}\n  clean  selected  in the other: its outputs are present" in other
    document = json.loads(cli("runs", "diff", "last~2", "last", "--json").out)
    assert document["only_before"] == [{"node": "clean", "why": "selected", "why_not": "skipped: present"}]
    assert [document["before"], document["after"]] == [ran[1], ran[3]]


def test_a_failed_run_differs_by_its_status(cli, ran: list[str]) -> None:
    document = json.loads(cli("runs", "diff", "last~2", "last~1", "--json").out)
    assert {"kind": "status", "name": "", "before": "succeeded", "after": "failed"} in document["changes"]
    assert document["only_before"] == [
        {"node": "shout", "why": "selected", "why_not": "planned, not reached: the run failed"}
    ]


def test_what_is_no_run_is_told_with_the_nearest(cli, ran: list[str]) -> None:
    assert cli("runs", "show", "last~4").err == "error: no run 'last~4': there are only 4\n"
    near = ran[1][:-2] + "xZ"
    assert f"error: no run '{near}'; did you mean '" in cli("runs", "diff", near).err
    assert cli("runs", "diff").code == 2


@pytest.mark.parametrize("word", ["../../etc/passwd", "a\0b", "%", "_", "' OR 1=1 --", "x" * 5000])
def test_an_id_is_never_a_path_nor_a_pattern(cli, ran: list[str], word: str) -> None:
    said = cli("runs", "show", word)
    assert said.code == 2
    assert said.err.startswith("error: no run ")
