"""Looking leaves no trace: after a command that only looks the tree is the same, times included."""

from __future__ import annotations

import os
import shutil
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from shlex import split
from subprocess import Popen

import pytest
from command_line import process, start
from projects import make_project, snapshot

REGISTRY = """
import time
from pathlib import Path
from incremental.pipeline import Pipeline, node


def clean(raw):
    return raw.strip()


def count(cleaned):
    Path("begun").touch()
    if Path("slow").exists():
        time.sleep(60)
    return {"letters": len(cleaned)}


def report(counts):
    return str(counts)


def register_pipelines():
    return {
        "__default__": Pipeline(
            [
                node(clean, "raw", "cleaned", name="clean"),
                node(count, "cleaned", "counts", name="count"),
                node(report, "counts", "report", name="report"),
            ]
        )
    }
"""

LOOKING = (
    "plan --dry-run",
    "plan --dry-run --json --all",
    "plan --dry-run --propagate",
    "run --dry-run",
    "run --dry-run --only-missing-outputs",
    "why report",
    "why counts --json",
    "runs",
    "runs --json",
    "runs --status failed,interrupted --node count",
    "runs show last",
    "runs diff last",
    "catalog list",
    "catalog describe report",
    "pipelines",
    "pipelines __default__",
    "adopt",
    "adopt --json",
    "verify counts --json",
    "doctor",
    "clean --keep-versions 1 --keep-runs 1",
    "--version",
    "--help",
    "run --help",
)


def fresh(root: Path) -> None:
    return


def after_a_run(root: Path) -> None:
    assert process(root, "run").code == 0
    (root / "data/report.txt").unlink()
    forget_bytecode(root)


def after_a_killed_run(root: Path) -> None:
    begin_a_run(root)
    forget_bytecode(root)


def begin_a_run(root: Path) -> None:
    """Start a run, and kill it while its second node runs."""
    running = start_slowly(root)
    os.killpg(running.pid, signal.SIGKILL)
    running.communicate()


def start_slowly(root: Path) -> Popen[str]:
    (root / "begun").unlink(missing_ok=True)
    (root / "slow").touch()
    running = start(root, "run")
    deadline = time.monotonic() + 20
    while not (root / "begun").exists():
        assert time.monotonic() < deadline, running.communicate()
        time.sleep(0.01)
    return running


def forget_bytecode(root: Path) -> None:
    for cache in list(root.rglob("__pycache__")):
        shutil.rmtree(cache)


SITUATIONS = {"fresh": fresh, "after a run": after_a_run, "after a killed run": after_a_killed_run}


@pytest.fixture(scope="module", params=SITUATIONS.values(), ids=SITUATIONS)
def project(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = make_project(tmp_path_factory.mktemp("looking"), registry=REGISTRY)
    request.param(root)
    return root


@pytest.fixture(scope="module")
def busy_project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Give a project that another process is running."""
    root = make_project(tmp_path_factory.mktemp("busy"), registry=REGISTRY)
    assert process(root, "run").code == 0
    running = start_slowly(root)
    time.sleep(0.1)  # what it writes before it sleeps is written
    yield root
    assert running.poll() is None, "the other run ended before the looking did"
    os.killpg(running.pid, signal.SIGKILL)
    running.communicate()


@pytest.mark.parametrize("typed", LOOKING)
def test_looking_leaves_the_tree_as_it_was(project: Path, typed: str) -> None:
    before = snapshot(project)
    answer = process(project, *split(typed))
    assert answer.code == 0, answer.err
    assert answer.out
    assert snapshot(project) == before


@pytest.mark.parametrize("typed", LOOKING)
def test_looking_at_a_project_that_runs_leaves_the_tree_as_it_was(busy_project: Path, typed: str) -> None:
    before = snapshot(busy_project)
    answer = process(busy_project, *split(typed))
    assert answer.code == 0, answer.err
    assert snapshot(busy_project) == before


def test_a_killed_run_is_listed_as_interrupted_by_looking_alone(tmp_path: Path) -> None:
    root = make_project(tmp_path, registry=REGISTRY)
    begin_a_run(root)
    before = snapshot(root)
    answer = process(root, "runs")
    assert answer.code == 0
    assert "interrupted" in answer.out
    assert snapshot(root) == before
