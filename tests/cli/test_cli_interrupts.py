"""Signals at any moment in the life of a command: while it loads, parses, works and ends."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from trials import assert_brief, assert_gone, family, tried

COMMAND = [sys.executable, "-m", "incremental"]
SIGNALS = pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)], ids=["SIGINT", "SIGTERM"]
)
PIPELINE = """
from incremental.pipeline import Pipeline, node
pipeline = Pipeline([node(lambda raw: raw, "raw", "out", name="out")])
"""
CATALOG = """
raw: {type: text.TextDataset, filepath: raw.txt}
out: {type: text.TextDataset, filepath: out.txt}
"""
TOLD_BY_PYTHON = ("init_import_site", "Could not import runpy module", "Exception ignored in")
"""What Python says when Ctrl-C meets its own start: it gives up with exit code 1, or goes on as if nothing were."""
WAIT = "open('waiting', 'w').close(); import time; time.sleep(30)"


def start(*arguments: str, **more: object) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [*COMMAND, *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        **more,
    )


def interrupted(running: subprocess.Popen[str], number: int) -> tuple[int, str, str]:
    """Send a signal once the process says that it waits; return how it ended."""
    deadline = time.monotonic() + 30
    while not Path("waiting").exists():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.01)
    running.send_signal(number)
    out, err = running.communicate(timeout=10)
    return running.returncode, out, err


@SIGNALS
def test_a_signal_while_the_command_line_is_being_imported_ends_it_quietly(
    project, number: int, code: int
) -> None:
    folder = project({"early/click.py": WAIT})
    running = start("--help", env={**os.environ, "PYTHONPATH": str(folder / "early")})
    assert interrupted(running, number) == (code, "", "")


@SIGNALS
def test_a_signal_while_options_are_being_read_ends_it_quietly(project, number: int, code: int) -> None:
    folder = project({"pipeline.py": PIPELINE, "catalog.yml": CATALOG, "late/yaml.py": WAIT, "c.yml": "{}"})
    environment = {**os.environ, "PYTHONPATH": str(folder / "late")}
    running = start("run", "--config", "c.yml", "pipeline.py", env=environment)
    assert interrupted(running, number) == (code, "", "")


@SIGNALS
def test_a_signal_while_the_project_is_being_loaded_ends_it_quietly(project, number: int, code: int) -> None:
    project({"pipeline.py": f"{WAIT}\n{PIPELINE}", "catalog.yml": CATALOG})
    assert interrupted(start("run", "pipeline.py"), number) == (code, "", "")


@SIGNALS
def test_a_signal_after_the_command_is_no_traceback(project, number: int, code: int) -> None:
    late = f"import atexit\natexit.register(lambda: exec({WAIT!r}))\n"
    project({"pipeline.py": late + PIPELINE, "catalog.yml": CATALOG, "raw.txt": "x"})
    ended, out, err = interrupted(start("run", "pipeline.py", "-q"), number)
    assert (ended, err) == (code, "")
    assert out.startswith("ran 1 node")
    assert Path("out.txt").read_text() == "x"


def test_what_is_ignored_as_in_a_background_job_stays_ignored(project) -> None:
    project({"pipeline.py": f"{WAIT[:-4]}(1)\n{PIPELINE}", "catalog.yml": CATALOG, "raw.txt": "x"})
    running = start(
        "run", "pipeline.py", "-q", preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_IGN)
    )
    ended, _, err = interrupted(running, signal.SIGINT)
    assert (ended, err) == (0, "")


@tried
@pytest.mark.parametrize("runner", ["sequential", "threads", "processes"])
@SIGNALS
def test_a_signal_at_any_moment_is_a_few_lines_and_leaves_nothing(
    project, runner: str, number: int, code: int, trial: int
) -> None:
    slow = PIPELINE.replace("lambda raw: raw", "lambda raw: __import__('time').sleep(1) or raw")
    project({"pipeline.py": slow, "catalog.yml": CATALOG, "raw.txt": "x"})
    running = start("run", "pipeline.py", "--runner", runner)
    time.sleep(random.uniform(0, 0.9))
    processes = family(running.pid)
    running.send_signal(number)
    out, err = running.communicate(timeout=20)
    assert_gone(processes)
    if running.returncode == -number or any(told in err for told in TOLD_BY_PYTHON):
        assert "incremental/cli" not in err  # before our first line, what happens is Python's affair
        return
    assert (running.returncode, out) == (code, ""), err
    assert_brief(err)
