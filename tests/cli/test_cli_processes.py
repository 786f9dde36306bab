"""The command in a process of its own: streams, signals, terminals."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pexpect
import pytest

COMMAND = [sys.executable, "-m", "incremental"]
SLOW = """
import os, time
from incremental.pipeline import Pipeline, node

def first(raw):
    return raw

def slow(value):
    print("working on it")
    open("started", "w").close()
    time.sleep(float(os.environ.get("NAP", "30")))
    return value

pipeline = Pipeline([
    node(first, "raw", "one", name="first"),
    node(slow, "one", "two", name="slow_node"),
])
"""
CATALOG = """
raw: {type: text.TextDataset, filepath: raw.txt}
one: {type: text.TextDataset, filepath: out/one.txt}
two: {type: text.TextDataset, filepath: out/two.txt}
"""


@pytest.fixture
def slow(project) -> Path:
    return project({"pipeline.py": SLOW, "catalog.yml": CATALOG, "raw.txt": "x"})


def test_version_and_help_import_little(process) -> None:
    said = process("--version")
    assert (said.returncode, said.stdout) == (0, "incremental 0.1.0\n")
    heavy = ("networkx", "fsspec", "rich", "omegaconf", "pluggy", "yaml", "joblib", "sqlite3", "numpy")
    for arguments in (["--help"], ["plan", "--help"], ["run", "--help"]):
        code = (
            "import sys; from incremental.cli.main import invoke; "
            f"code = invoke({arguments!r}); "
            f"print([name for name in {heavy!r} if name in sys.modules], "
            "[name for name in sys.modules if name.startswith('incremental.session')])"
        )
        said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
        assert said.stdout.splitlines()[-1] == "[] []"


@pytest.mark.parametrize(
    "command",
    [
        "init", "plan", "run", "why", "adopt", "verify", "runs", "runs list", "runs show", "runs diff", "catalog",
        "catalog list", "catalog describe", "pipelines", "clean", "doctor",
    ],
)  # fmt: skip
def test_the_help_of_every_command_has_examples_and_fits_a_terminal(cli, command: str, monkeypatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    said = cli(*command.split(), "--help")
    assert said.code == 0
    assert cli(*command.split(), "-h") == said
    assert f"Examples:\n    incremental {command.split()[0]}" in said.out
    assert max(map(len, said.out.splitlines())) <= 80


def test_without_a_command_there_is_help(cli) -> None:
    said = cli()
    assert said == cli("--help")
    assert said.code == 0
    assert "Commands:\n  init       Make a small project that runs at once." in said.out


def test_a_plan_loads_no_terminal_library(hello: Path) -> None:
    code = (
        "import sys; from incremental.cli.main import invoke; invoke(['plan', '--dry-run']); "
        "print([n for n in ('rich', 'networkx', 'pandas', 'joblib', 'omegaconf') if n in sys.modules])"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert said.stdout.splitlines()[-1] == "[]"


def test_a_dry_run_writes_no_bytecode_and_a_run_does(process, hello: Path, snapshot) -> None:
    before = snapshot(hello)
    env = {"PYTHONDONTWRITEBYTECODE": ""}
    for command in (["plan", "--dry-run"], ["run", "--dry-run"], ["why", "add_up"], ["catalog"]):
        assert process(*command, env=env).returncode == 0
    assert snapshot(hello) == before
    assert process("plan", env=env).returncode == 0
    assert list(hello.rglob("*.pyc"))
    assert not (hello / ".incremental").exists()


def test_a_reader_that_goes_away_is_no_error(hello: Path) -> None:
    command = f"{sys.executable} -m incremental pipelines --json | true; echo ${{PIPESTATUS[0]}}"
    said = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=True)
    assert (said.stdout, said.stderr) == ("0\n", "")


def test_signs_are_plain_where_the_terminal_knows_no_others(process, hello: Path) -> None:
    said = process("plan", env={"PYTHONIOENCODING": "ascii"})
    assert said.stdout.splitlines()[-1] == "3 of 3 nodes to run - 0 skipped"


def test_colour_is_forced_and_forbidden_by_the_environment(process, hello: Path) -> None:
    assert "\x1b[33mrun\x1b[0m" in process("plan", env={"FORCE_COLOR": "1"}).stdout
    assert "\x1b" not in process("plan", env={"FORCE_COLOR": "1", "NO_COLOR": "1"}).stdout
    assert "\x1b" not in process("plan").stdout


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)], ids=["SIGINT", "SIGTERM"]
)
def test_an_interrupted_run_says_how_to_go_on(slow: Path, number: int, code: int) -> None:
    running = subprocess.Popen(
        [*COMMAND, "run", "pipeline.py", "--params", "a=1"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    deadline = time.monotonic() + 30
    while not (slow / "started").exists() and time.monotonic() < deadline:
        time.sleep(0.02)
    running.send_signal(number)
    out, err = running.communicate(timeout=30)
    assert (running.returncode, out) == (code, "")
    assert err.splitlines()[-2:] == [
        "stopped: the run was interrupted",
        "resume with: incremental run --resume pipeline.py --params=a=1",
    ]
    assert (slow / "out/one.txt").exists()
    assert not (slow / "out/two.txt").exists()
    listed = subprocess.run([*COMMAND, "runs", "--json"], capture_output=True, text=True, check=True)
    assert json.loads(listed.stdout)["runs"][0]["status"] == "interrupted"
    resumed = subprocess.run(
        [*COMMAND, "run", "--resume", "--json"],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "NAP": "0"},
    )
    assert json.loads(resumed.stdout)["executed"] == ["slow_node"]


def test_the_shell_gets_a_completion_script_and_names(process, hello: Path) -> None:
    script = process(env={"_INCREMENTAL_COMPLETE": "bash_source"})
    assert script.returncode == 0
    assert "_incremental_completion" in script.stdout
    asked = {"_INCREMENTAL_COMPLETE": "bash_complete", "COMP_WORDS": "incremental why re", "COMP_CWORD": "2"}
    found = process(env=asked)
    assert found.stdout.splitlines() == ["plain,read_orders", "plain,report"]
    asked = {
        "_INCREMENTAL_COMPLETE": "bash_complete",
        "COMP_WORDS": "incremental run --nodes add_up,w",
        "COMP_CWORD": "3",
    }
    assert process(env=asked).stdout.splitlines() == ["plain,add_up,write_report"]
    asked = {"_INCREMENTAL_COMPLETE": "bash_complete", "COMP_WORDS": "incremental pl", "COMP_CWORD": "1"}
    assert process(env=asked).stdout.splitlines() == ["plain,plan"]


# a real terminal


def on_terminal(*arguments: str, folder: Path, **env: str) -> str:
    """Return all that a command writes to a terminal of 100 columns."""
    surroundings = {
        key: value for key, value in os.environ.items() if key not in ("NO_COLOR", "COLUMNS", "CI")
    }
    child = pexpect.spawn(
        sys.executable,
        ["-m", "incremental", *arguments],
        cwd=str(folder),
        env={**surroundings, "TERM": "xterm-256color", **env},
        dimensions=(30, 100),
        encoding="utf-8",
        timeout=60,
    )
    child.expect(pexpect.EOF)
    child.close()
    written: str = child.before
    return written


def test_a_terminal_shows_a_live_bar_with_the_running_nodes(slow: Path) -> None:
    shown = on_terminal("run", folder=slow, NAP="0.6")
    assert "slow_node" in shown
    assert "1/2" in shown
    assert "━" in shown
    assert "working on it" in shown
    assert " start  " not in shown
    last = shown.replace("\r", "").split("\n")[-2]
    assert re.search(r"ran 2 nodes in .* · run \S+Z$", last)


def test_a_terminal_that_is_dumb_gets_lines(slow: Path) -> None:
    shown = on_terminal("run", folder=slow, NAP="0", TERM="dumb")
    assert "\x1b" not in shown
    assert " done   slow_node" in shown


def test_a_terminal_gets_colour_unless_it_refuses(hello: Path) -> None:
    assert "\x1b[33mrun\x1b[0m" in on_terminal("plan", folder=hello)
    assert "\x1b[33m" not in on_terminal("plan", folder=hello, NO_COLOR="1")


def test_lines_fit_the_terminal(hello: Path) -> None:
    registry = hello / "src/hello/pipeline_registry.py"
    registry.write_text(registry.read_text().replace('name="add_up"', f'name="{"a" * 120}"'))
    lines = on_terminal("plan", folder=hello, NO_COLOR="1").replace("\r", "").splitlines()
    assert max(map(len, lines)) == 100
    assert "a" * 120 in "".join(lines)


def test_with_a_bar_quiet_and_nothing_to_do_show_none(slow: Path) -> None:
    assert "━" not in on_terminal("run", "-q", folder=slow, NAP="0")
    shown = on_terminal("run", "--only-missing-outputs", folder=slow)
    assert "━" not in shown
    assert "nothing to do" in shown
