"""Copies of the Kedro project: with its data, and as ``kedro run`` leaves it."""

from __future__ import annotations

import fcntl
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from kedro_projects import KedroProject


@pytest.fixture(scope="session")
def kedro_made(tmp_path_factory: pytest.TempPathFactory, testrun_uid: str) -> KedroProject:
    """The project after one whole ``kedro run``, which is started once, also where tests run on several workers.

    Look at it, copy it, do not write there.
    """
    pytest.importorskip("kedro", reason="compares with Kedro")
    pytest.importorskip("kedro_datasets", reason="compares with Kedro")
    folder = tmp_path_factory.getbasetemp().parent / f"kedro-{testrun_uid}"
    folder.mkdir(exist_ok=True)
    project = KedroProject(folder / "spaceflights")
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / "done").exists():
            KedroProject.new(project.path).with_data()
            said = project.kedro("run")
            assert said.returncode == 0, said.stdout + said.stderr
            (folder / "done").touch()
    return project


@pytest.fixture
def by_kedro(kedro_made: KedroProject, tmp_path: Path) -> KedroProject:
    """A copy of the project with all that ``kedro run`` made."""
    return kedro_made.copy(tmp_path / "spaceflights")


@pytest.fixture
def raw(kedro_made: KedroProject, tmp_path: Path) -> KedroProject:
    """A copy of the project with its raw tables, and nothing made of them."""
    project = KedroProject.new(tmp_path / "spaceflights")
    source = kedro_made.data("01_raw")
    target = project.data("01_raw")
    target.mkdir(parents=True)
    for file in source.iterdir():
        (target / file.name).write_bytes(file.read_bytes())
    return project


@dataclass(frozen=True)
class Said:
    """What a command said."""

    code: int
    out: str
    err: str


Ours = Callable[..., Said]


@pytest.fixture
def ours(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Iterator[Ours]:
    """Call our command line in a project, in this process: what is loaded once need not be loaded again."""
    from incremental.cli.main import invoke

    monkeypatch.delenv("KEDRO_ENV", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    paths = sys.path[:]

    def forget() -> None:  # as in a new process, where the modules of the project are read again
        for name in list(sys.modules):
            if name.partition(".")[0] in ("spaceflights", "otherflights"):
                del sys.modules[name]

    def call(project: KedroProject, *arguments: str) -> Said:
        monkeypatch.chdir(project.path)
        forget()
        capsys.readouterr()
        code = invoke(arguments)
        captured = capsys.readouterr()
        return Said(code, captured.out, captured.err)

    yield call
    sys.path[:] = paths
    forget()
