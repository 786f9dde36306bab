"""Every started run is listed once, however it ended: real processes, killed at any moment."""

from __future__ import annotations

import json
import os
import random
import signal
import sqlite3
import time
from collections import Counter
from pathlib import Path

import pytest
from command_line import call, process, start
from projects import make_project

REGISTRY = """
import time
from pathlib import Path
from incremental.pipeline import Pipeline, node


def work(value):
    time.sleep(0.02)
    return f"{value}."


def register_pipelines():
    Path("begun").touch()
    return {"__default__": Pipeline([node(work, f"d{n}" if n else "raw", f"d{n + 1}", name=f"n{n}") for n in range(12)])}
"""
CATALOG = "raw: {type: text.TextDataset, filepath: data/raw.txt}\n" + "".join(
    f"d{n + 1}: {{type: text.TextDataset, filepath: data/d{n + 1}.txt}}\n" for n in range(0, 12, 2)
)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    return make_project(tmp_path, registry=REGISTRY, catalog=CATALOG)


def await_file(path: Path) -> None:
    deadline = time.monotonic() + 60
    while not path.exists():
        assert time.monotonic() < deadline
        time.sleep(0.005)


def listed(root: Path) -> list[dict[str, object]]:
    answer = call(root, "runs", "--json", "--limit", "0")
    assert answer.code == 0
    assert answer.err == ""  # nothing unreadable was reported
    found: list[dict[str, object]] = json.loads(answer.out)["runs"]
    return found


@pytest.mark.parametrize("kills", [6, pytest.param(200, marks=pytest.mark.slow)])
def test_after_kills_at_random_moments_each_started_run_is_listed_once(project: Path, kills: int) -> None:
    chance = random.Random(kills)
    assert process(project, "run", "-q").code == 0  # bytecode, and how long a run takes
    (longest,) = [run["ended"] - run["started"] for run in listed(project)]  # type: ignore[operator]
    for _ in range(kills):
        (project / "begun").unlink()
        running = start(project, "run", "-q")
        await_file(project / "begun")
        time.sleep(chance.uniform(0, 1.2 * longest))
        os.killpg(running.pid, signal.SIGKILL)
        running.communicate()
    runs = listed(project)
    with sqlite3.connect(project / ".incremental/ledger.sqlite") as connection:
        claimed = {name for (name,) in connection.execute("SELECT name FROM name")}
        started = {name for (name,) in connection.execute("SELECT run_id FROM run")}
    assert Counter(run["run_id"] for run in runs) == Counter(started)
    assert len(claimed - started) <= kills  # killed between its id and its first word: nothing had begun
    assert {run["status"] for run in runs} <= {"succeeded", "interrupted"}
    assert any(run["status"] == "interrupted" for run in runs)
    for run in runs[:10]:
        shown = json.loads(call(project, "runs", "show", str(run["run_id"]), "--json").out)
        assert len(shown["steps"]) in (0, 12)
        assert shown["details"]["python"]
    assert process(project, "run", "-q", "--resume").code == 0
    assert listed(project)[0]["status"] == "succeeded"
    assert (project / "data/d11.txt").read_text().endswith("." * 11)


def test_a_killed_run_owes_no_node_whose_outputs_were_committed(project: Path) -> None:
    running = start(project, "run", "-q")
    await_file(project / "data/d5.txt")
    os.killpg(running.pid, signal.SIGKILL)
    running.communicate()
    shown = json.loads(call(project, "runs", "show", "last", "--json").out)
    with sqlite3.connect(project / ".incremental/ledger.sqlite") as connection:
        committed = {
            node for (node,) in connection.execute("SELECT node FROM output WHERE state = 'committed'")
        }
    assert committed
    assert committed <= {step["node"] for step in shown["steps"] if step["status"] == "done"}


def test_four_runs_at_once_are_listed_as_four(tmp_path: Path) -> None:
    catalogs = make_project(
        tmp_path, registry=REGISTRY, catalog="raw: {type: text.TextDataset, filepath: data/raw.txt}\n"
    )
    running = [start(catalogs, "run", "-q") for _ in range(4)]
    for each in running:
        each.communicate()
    assert [each.returncode for each in running] == [0, 0, 0, 0]
    runs = listed(catalogs)
    assert len({run["run_id"] for run in runs}) == len(runs) == 4
    assert {(run["status"], run["done"]) for run in runs} == {("succeeded", 12)}


def test_a_run_that_is_on_is_running_with_the_node_that_runs(tmp_path: Path) -> None:
    slow = REGISTRY.replace("time.sleep(0.02)", "time.sleep(60)")
    root = make_project(tmp_path, registry=slow, catalog=CATALOG)
    running = start(root, "run", "-q")
    try:
        deadline = time.monotonic() + 30
        shown: dict[str, object] = {}
        while not any(step["status"] == "running" for step in shown.get("steps", [])):  # type: ignore[attr-defined]
            assert time.monotonic() < deadline, shown
            time.sleep(0.2)
            if (root / ".incremental/ledger.sqlite").exists():
                answer = call(root, "runs", "show", "last", "--json")
                shown = json.loads(answer.out) if answer.code == 0 else {}
        assert shown["status"] == "running"
        assert [step["status"] for step in shown["steps"]][:2] == ["running", "planned"]  # type: ignore[index]
    finally:
        os.killpg(running.pid, signal.SIGKILL)
        running.communicate()
    shown = json.loads(call(root, "runs", "show", "last", "--json").out)
    assert shown["status"] == "interrupted"
    assert shown["steps"][0]["status"] == "interrupted"
    assert shown["details"]["git"]  # found out and written down while the node was running


def test_a_run_that_ctrl_c_ends_is_interrupted(tmp_path: Path) -> None:
    slow = REGISTRY.replace("time.sleep(0.02)", "Path('node').touch(); time.sleep(60)")
    root = make_project(tmp_path, registry=slow, catalog=CATALOG)
    running = start(root, "run", "-q")
    await_file(root / "node")
    os.killpg(running.pid, signal.SIGINT)
    running.communicate(timeout=30)
    (run,) = listed(root)
    assert (run["status"], running.returncode) == ("interrupted", 130)
    assert run["ended"] is not None
