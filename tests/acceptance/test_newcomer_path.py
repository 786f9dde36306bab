"""The path of a newcomer, word for word, and what a kill at any moment leaves behind."""

from __future__ import annotations

import json
import os
import random
import re
import signal
import time
from pathlib import Path
from subprocess import Popen

import pytest
from command_line import Answer, normal, process, start
from projects import make_project


def said(answer: Answer, root: Path) -> tuple[int, str, str]:
    """Return code, stdout and stderr with clocks, times and ids replaced."""
    err = re.sub(r"^\d\d:\d\d:\d\d", "<clock>", normal(answer.err, root), flags=re.MULTILINE)
    return answer.code, normal(answer.out, root), err


def test_the_path_of_a_newcomer(tmp_path: Path) -> None:
    hello = tmp_path / "hello"
    assert said(process(tmp_path, "init", "hello"), tmp_path) == (
        0,
        "made hello: 6 files\n"
        "  pyproject.toml\n"
        "  .gitignore\n"
        "  conf/base/catalog.yml\n"
        "  conf/base/parameters.yml\n"
        "  src/hello/pipeline_registry.py\n"
        "  data/orders.csv\n"
        "\n"
        "next:\n"
        "  cd hello\n"
        "  incremental run\n"
        "  incremental plan\n",
        "",
    )
    assert said(process(hello, "run"), hello) == (
        0,
        "ran 3 nodes in <time> · run <id>\n",
        "<clock> run    <id>: 3 nodes to run, 0 skipped\n"
        "<clock> start  read_orders\n"
        "<clock> done   read_orders  <time> (1/3)\n"
        "<clock> start  add_up\n"
        "<clock> done   add_up  <time> (2/3)\n"
        "<clock> start  write_report\n"
        "<clock> done   write_report  <time> (3/3)\n",
    )
    made = {path.name: path.read_bytes() for path in (hello / "out").iterdir()}
    assert sorted(made) == ["report.txt", "totals.json"]
    assert said(process(hello, "plan", "--dry-run"), hello) == (0, "nothing to do: 3 nodes up to date\n", "")

    (hello / "out/report.txt").unlink()
    assert said(process(hello, "plan", "--dry-run"), hello) == (
        0,
        "run   write_report  report missing\nskip  2 nodes up to date\n1 of 3 nodes to run · 2 skipped\n",
        "",
    )
    assert said(process(hello, "run", "--only-missing-outputs"), hello) == (
        0,
        "ran 1 node in <time>, skipped 2 · run <id>\n",
        "<clock> run    <id>: 1 node to run, 2 skipped\n"
        "<clock> start  write_report\n"
        "<clock> done   write_report  <time> (1/1)\n",
    )
    assert {path.name: path.read_bytes() for path in (hello / "out").iterdir()} == made


STEPS = 10

REGISTRY = f"""
import hashlib
import time
from pathlib import Path
from incremental.pipeline import Pipeline, node


def step(number):
    def grow(table):
        Path("begun").write_text(str(number))
        while Path(f"wait_{{number}}").exists():
            time.sleep(0.01)
        digest = hashlib.sha256("".join(table["rows"]).encode()).hexdigest()
        return {{"step": number, "rows": [f"{{digest}} {{row}} " * 30 for row in range(1000)]}}

    return node(grow, f"t{{number}}", f"t{{number + 1}}", name=f"step_{{number:02d}}")


def register_pipelines():
    return {{"__default__": Pipeline([step(number) for number in range({STEPS})])}}
"""

CATALOG = '"t{number}":\n  type: json.JSONDataset\n  filepath: data/t{number}.json\n  save_args:\n    indent: null\n'


@pytest.fixture(scope="module")
def golden(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, bytes], float]:
    """Give a project of ten large nodes that ran once, what it made, and how long that took."""
    root = make_project(
        tmp_path_factory.mktemp("crash"), registry=REGISTRY, catalog=CATALOG, parameters="{}\n"
    )
    (root / "data/t0.json").write_text(json.dumps({"rows": ["seed"]}))
    begin = time.monotonic()
    answer = process(root, "run")
    assert answer.code == 0, answer.err
    took = time.monotonic() - begin
    made = outputs(root)
    assert len(made) == STEPS
    assert min(map(len, made.values())) > 1_800_000
    return root, made, took


def outputs(root: Path) -> dict[str, bytes]:
    return {
        path.name: path.read_bytes() for path in (root / "data").glob("t*.json") if path.name != "t0.json"
    }


def forget(root: Path) -> None:
    for name in outputs(root):
        (root / "data" / name).unlink()


def kill(running: Popen[str]) -> bool:
    """Kill a process with all its children; return whether it still ran."""
    os.killpg(running.pid, signal.SIGKILL)
    running.communicate()
    return running.returncode == -signal.SIGKILL


def leftovers(root: Path) -> list[str]:
    known = {*(f"t{number}.json" for number in range(STEPS + 1)), "raw.txt"}
    return sorted(path.name for path in (root / "data").iterdir() if path.name not in known)


def test_a_run_killed_in_a_node_is_finished_by_the_next(golden: tuple[Path, dict[str, bytes], float]) -> None:
    root, made, _ = golden
    forget(root)
    (root / "begun").unlink()
    (root / "wait_4").touch()
    running = start(root, "run")
    while not ((root / "begun").exists() and (root / "begun").read_text() == "4"):
        assert running.poll() is None
        time.sleep(0.01)
    assert kill(running)
    (root / "wait_4").unlink()
    assert outputs(root) == {name: made[name] for name in (f"t{number}.json" for number in range(1, 5))}
    answer = process(root, "run", "--only-missing-outputs", "--json")
    assert answer.code == 0
    executed = json.loads(answer.out)["executed"]
    owed = [f"step_{number:02d}" for number in range(4, 10)]
    assert executed[-6:] == owed
    assert executed[:-6] in ([], ["step_03"])  # a commit is written up to 50 ms later, with others
    assert outputs(root) == made
    assert leftovers(root) == []


def test_after_a_kill_at_any_moment_the_next_run_makes_what_a_clean_one_does(
    golden: tuple[Path, dict[str, bytes], float],
) -> None:
    root, made, took = golden
    moments = random.Random(20261121)
    killed = 0
    for _ in range(6):
        forget(root)
        running = start(root, "run")
        time.sleep(moments.uniform(0.1, took))
        killed += kill(running)
        assert all(made[name] == data for name, data in outputs(root).items())
        answer = process(root, "run", "--only-missing-outputs")
        assert answer.code == 0, answer.err
        assert outputs(root) == made
    assert killed >= 1, "too few of the runs were still going on when they were killed"
    assert all(re.fullmatch(r"\.t\d+\.json\.[0-9a-f]+\.incremental-tmp", name) for name in leftovers(root))
