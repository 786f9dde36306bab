"""Interrupts of runs on threads and processes, with real signals and process tables."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from trials import assert_brief, assert_gone, family, tried

COMMAND = [sys.executable, "-m", "incremental"]
PIPELINE = """
import os, time
from incremental.pipeline import Pipeline, node

def work(name):
    def nap(raw):
        print("working on it")
        open(f"started-{name}-{os.getpid()}", "w").close()
        until = time.monotonic() + float(os.environ.get("NAP", "30"))
        while time.monotonic() < until:
            time.sleep(0.05)
        return raw + name
    return nap

pipeline = Pipeline([
    node(lambda raw: raw.strip(), "raw", "one", name="first"),
    node(work("a"), "one", "a", name="nap_a"),
    node(work("b"), "one", "b", name="nap_b"),
    node(lambda a, b: a + b, ["a", "b"], "both", name="both"),
])
"""
CATALOG = """
raw: {type: text.TextDataset, filepath: raw.txt}
a: {type: text.TextDataset, filepath: out/a.txt}
b: {type: text.TextDataset, filepath: out/b.txt}
both: {type: text.TextDataset, filepath: out/both.txt}
"""


@pytest.fixture
def naps(project) -> Path:
    return project({"pipeline.py": PIPELINE, "catalog.yml": CATALOG, "raw.txt": "x"})


def started(folder: Path, runner: str, nap: str = "30", *more: str) -> subprocess.Popen[str]:
    """Start a run and return it once both naps have begun."""
    for old in folder.glob("started-*"):
        old.unlink()
    running = subprocess.Popen(
        [*COMMAND, "run", "pipeline.py", "--runner", runner, "--workers", "2", *(more or ["-q"])],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        env={**os.environ, "NAP": nap},
    )
    until(lambda: len(list(folder.glob("started-*"))) == 2)
    return running


def until(condition, seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.01)


def test_a_project_of_one_file_with_closures_runs_on_processes(process, naps: Path) -> None:
    said = process("run", "pipeline.py", "--runner", "processes", "--workers", "2", env={"NAP": "0"})
    assert (said.returncode, said.stdout.count("\n")) == (0, 1)
    assert (naps / "out/both.txt").read_text() == "xaxb"
    assert said.stderr.count("working on it") == 2


@tried
@pytest.mark.parametrize(
    ("to_group", "number", "code"),
    [
        (True, signal.SIGINT, 130),
        (False, signal.SIGINT, 130),
        (False, signal.SIGTERM, 143),
        (False, signal.SIGKILL, -9),
    ],
    ids=["SIGINT to the group", "SIGINT", "SIGTERM", "SIGKILL"],
)
def test_processes_stop_at_once_and_none_is_left(
    naps: Path, to_group: bool, number: int, code: int, trial: int
) -> None:
    running = started(naps, "processes")
    processes = family(running.pid)
    assert len(processes) >= 3
    begin = time.monotonic()
    (os.killpg if to_group else os.kill)(running.pid, number)
    running.wait(10)
    assert time.monotonic() - begin < 2
    assert_gone(processes)
    out, err = running.communicate(timeout=5)
    assert_brief(err)
    told = [line for line in err.splitlines() if line != "working on it"]
    assert (running.returncode, out) == (code, "")
    assert not list((naps / "out").glob("*.txt"))
    if number == signal.SIGKILL:
        return
    assert told == [
        "stopped: the run was interrupted",
        "resume with: incremental run --resume pipeline.py --runner=processes --workers=2",
    ]
    listed = subprocess.run([*COMMAND, "runs", "--json"], capture_output=True, text=True, check=True)
    assert json.loads(listed.stdout)["runs"][0]["status"] == "interrupted"


@tried
def test_threads_are_waited_for_until_the_second_interrupt(naps: Path, trial: int) -> None:
    running = started(naps, "threads", "30", "-v", "-q")  # with progress and warnings, as by default
    processes = family(running.pid)
    running.send_signal(signal.SIGINT)
    time.sleep(0.5)
    assert running.poll() is None
    begin = time.monotonic()
    running.send_signal(signal.SIGINT)
    out, err = running.communicate(timeout=10)
    assert time.monotonic() - begin < 2
    assert_gone(processes)
    assert_brief(err)
    told = [
        line for line in err.splitlines() if line.startswith(("warning", "stopped", "Exception", "Traceback"))
    ]
    assert (running.returncode, out) == (130, "")
    assert len(told) == 2, told
    assert told[0] in (
        "warning: interrupted: waiting for 'nap_a', 'nap_b'; interrupt again to give up",
        "warning: interrupted: waiting for 'nap_b', 'nap_a'; interrupt again to give up",
    )
    assert told[1] == "stopped: the run was interrupted"


def test_what_threads_finish_after_the_first_interrupt_is_kept(naps: Path) -> None:
    running = started(naps, "threads", nap="1.5")
    running.send_signal(signal.SIGINT)
    running.communicate(timeout=10)
    assert running.returncode == 130
    assert {path.name for path in (naps / "out").iterdir()} == {"a.txt", "b.txt"}


@tried
def test_a_termination_does_not_wait_for_threads(naps: Path, trial: int) -> None:
    running = started(naps, "threads")
    processes = family(running.pid)
    begin = time.monotonic()
    running.send_signal(signal.SIGTERM)
    _, err = running.communicate(timeout=10)
    assert time.monotonic() - begin < 2
    assert_gone(processes)
    assert_brief(err)
    assert running.returncode == 143


@tried
def test_a_worker_that_is_killed_is_told_in_few_lines(naps: Path, trial: int) -> None:
    running = started(naps, "processes")
    victim = int(next(naps.glob("started-a-*")).name.rpartition("-")[2])
    sibling = int(next(naps.glob("started-b-*")).name.rpartition("-")[2])
    processes = family(running.pid)
    os.kill(victim, signal.SIGKILL)
    os.kill(sibling, signal.SIGSEGV)
    begin = time.monotonic()
    out, err = running.communicate(timeout=10)
    assert time.monotonic() - begin < 5
    assert_gone(processes)
    assert_brief(err)
    told = [line for line in err.splitlines() if line != "working on it"]
    assert (running.returncode, out) == (1, "")
    assert len(told) == 3, told
    assert sorted(line.removeprefix("error: ") for line in told[:2]) == [
        "node 'nap_a' failed: its worker process was ended by SIGKILL; probably out of memory",
        "node 'nap_b' failed: its worker process was ended by SIGSEGV; a library crashed",
    ]


def test_an_error_on_processes_shows_the_users_lines(process, naps: Path) -> None:
    file = naps / "pipeline.py"
    file.write_text(file.read_text().replace("return raw + name", "return raw / name"))
    inline = process("run", "pipeline.py", "-q", env={"NAP": "0"})
    apart = process("run", "pipeline.py", "-q", "--runner", "processes", env={"NAP": "0"})
    assert apart.returncode == inline.returncode == 1
    assert "return raw / name" in apart.stderr
    said, told = (
        [line for line in each.stderr.splitlines() if not line.startswith(("resume", "working", "node"))]
        for each in (inline, apart)
    )
    assert [line.replace("nap_b", "nap_a") for line in told] == said
    whole = process("run", "pipeline.py", "-q", "--runner", "processes", "--traceback", env={"NAP": "0"})
    assert whole.stderr.count("Traceback") >= 2
