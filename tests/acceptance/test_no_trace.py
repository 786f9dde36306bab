"""Looking leaves no trace: after a command that only looks the tree is the same, times included.

The commands are those that the command line itself has, in the forms in which they declare to only look.
"""

from __future__ import annotations

import functools
import os
import shutil
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from shlex import split
from subprocess import Popen
from typing import Any

import click
import pytest
from command_line import process, start
from projects import make_project

from incremental.cli.commands import Writes
from incremental.cli.main import group

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

#: What is given for an argument that a command needs.
WORDS = {"word": "report", "name": "report"}
RUNS = "runs"  # whatever a command about runs needs is a run

#: Forms beyond those that every command is tried in.
MORE = (
    "plan --dry-run --all",
    "plan --dry-run --propagate --exit-code",
    "plan --dry-run --params least=1 --env prod -vv",
    "run --dry-run --only-missing-outputs",
    "why clean --json",
    "catalog describe cleaned",
    "catalog describe parameters",
    "pipelines __default__",
    "runs list --limit 1 -vv",
    "runs --status failed,interrupted --node count",
    "runs show last",
    "runs diff last",
    "adopt --json",
    "verify counts --json",
    "clean --keep-versions 1 --keep-runs 1",
    "why nothing_of_this_name",
    "catalog describe nothing_of_this_name",
    "runs show ../../ledger",
    "plan --dry-run --env ../../conf",
    "--version",
    "--help",
    "run --help",
)


def commands(group: Any = group, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Yield every command of the command line that is no group, with the words that call it."""
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        if isinstance(command, click.Group):
            yield from commands(command, (*path, name))
        else:
            yield (*path, name), command


def looking(*options: str) -> Iterator[str]:
    """Yield a call of each command in the form in which it declares that it only looks."""
    for path, command in commands():
        needed = [each.name for each in command.params if isinstance(each, click.Argument) and each.required]
        words = [*path, *("last" if path[0] == RUNS else WORDS[name] for name in needed)]
        if command.writes is Writes.UNLESS_DRY:
            words.append("--dry-run")
        if command.writes is not Writes.ALWAYS:
            yield " ".join([*words, *options])


def test_each_command_declares_when_it_writes() -> None:
    undeclared = [" ".join(path) for path, command in commands() if not isinstance(command.writes, Writes)]
    assert not undeclared, "say when they write: @click.command(cls=Command, writes=Writes.NEVER, ...)"


def test_the_commands_are_found() -> None:
    assert {"plan --dry-run", "why report", "runs show last", "catalog list"} <= set(looking())


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


CALLS = {
    fresh: (*looking(),),
    after_a_run: (*looking("--json"),),
    after_a_killed_run: (*looking("-vv"), *MORE),
}


@pytest.fixture(scope="module")
def projects(tmp_path_factory: pytest.TempPathFactory) -> Callable[[Any], Path]:
    """Give the one project of each situation, made when it is first asked for."""

    @functools.cache
    def project_in(situation: Any) -> Path:
        root = make_project(tmp_path_factory.mktemp("looking"), registry=REGISTRY)
        situation(root)
        return root

    return project_in


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


@pytest.fixture
def places(tmp_path: Path) -> Places:
    """Give a home, XDG folders and a temporary folder of its own to a command."""
    return Places(tmp_path)


class Places:
    """Folders outside the project in which programs like to leave something."""

    NAMES = (
        "HOME",
        "TMPDIR",
        "XDG_CACHE_HOME",
        "XDG_CONFIG_HOME",
        "XDG_DATA_HOME",
        "XDG_STATE_HOME",
        "XDG_RUNTIME_DIR",
    )

    def __init__(self, root: Path) -> None:
        self.root = root
        self.environ = {name: str(root / name) for name in self.NAMES}
        for name in self.NAMES:
            (root / name).mkdir(mode=0o700)

    def left(self) -> dict[str, tuple[int, ...]]:
        """Return what is there. Of the temporary folder only that: a journal is read in a copy, and removed."""
        found = identity(self.root)
        del found["TMPDIR"]
        return found


def identity(root: Path) -> dict[str, tuple[int, ...]]:
    """Return what tells of every change below a folder: inode, mode, size, times of change; and the content."""
    found = {}
    for path in [root, *sorted(root.rglob("*"))]:
        stat = path.lstat()
        content = hash(path.read_bytes()) if path.is_file() else 0
        found[str(path.relative_to(root))] = (
            stat.st_ino, stat.st_mode, stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns, content
        )  # fmt: skip
    return found


def check_that_it_only_looks(root: Path, places: Places, typed: str) -> None:
    before, around = identity(root), places.left()
    answer = process(root, *split(typed), **places.environ)
    assert answer.code in (0, 1, 2, 3), answer.err  # 1: verify found an output that is gone
    assert answer.out or answer.err
    assert identity(root) == before
    assert places.left() == around


@pytest.mark.parametrize(
    ("situation", "typed"),
    [
        pytest.param(situation, typed, id=f"{situation.__name__}: {typed}")
        for situation, calls in CALLS.items()
        for typed in calls
    ],
)
def test_looking_leaves_everything_as_it_was(
    projects: Callable[[Any], Path], situation: Any, places: Places, typed: str
) -> None:
    check_that_it_only_looks(projects(situation), places, typed)


@pytest.mark.parametrize("typed", list(looking()))
def test_looking_at_a_project_that_runs_leaves_everything_as_it_was(
    busy_project: Path, places: Places, typed: str
) -> None:
    check_that_it_only_looks(busy_project, places, typed)


def test_a_killed_run_is_listed_as_interrupted_by_looking_alone(tmp_path: Path) -> None:
    root = make_project(tmp_path, registry=REGISTRY)
    begin_a_run(root)
    before = identity(root)
    answer = process(root, "runs")
    assert answer.code == 0
    assert "interrupted" in answer.out
    assert identity(root) == before


def test_a_command_that_writes_would_be_seen(tmp_path: Path) -> None:
    root = make_project(tmp_path, registry=REGISTRY)
    before = identity(root)
    assert process(root, "plan").code == 0
    assert identity(root) != before, "it wrote no bytecode"
