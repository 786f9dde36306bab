"""Projects to try the command line on, and the command line in this process."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from incremental.cli.init import write_project
from incremental.cli.main import invoke


@dataclass(frozen=True)
class Said:
    """What a command said."""

    code: int
    out: str
    err: str


Cli = Callable[..., Said]


@pytest.fixture(autouse=True)
def _plain_surroundings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    for name in ("NO_COLOR", "FORCE_COLOR", "COLUMNS", "_INCREMENTAL_COMPLETE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.chdir(tmp_path)
    paths, modules = sys.path[:], set(sys.modules)
    yield
    sys.path[:] = paths
    for name in set(sys.modules) - modules:
        if str(tmp_path) in str(getattr(sys.modules[name], "__file__", "")):
            del sys.modules[name]


@pytest.fixture
def cli(capsys: pytest.CaptureFixture[str]) -> Cli:
    """Call the command line in this process."""

    def call(*arguments: str) -> Said:
        capsys.readouterr()
        code = invoke(arguments)
        captured = capsys.readouterr()
        return Said(code, captured.out, captured.err)

    return call


@pytest.fixture
def hello(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Stand in a project as ``init`` makes it, under a package name of its own."""
    return _in(tmp_path / "hello", monkeypatch, lambda folder: write_project(folder, "hello"))


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[dict[str, str]], Path]:
    """Make a project of the files that are given, by path, and stand in it."""

    def write(files: dict[str, str]) -> Path:
        def fill(folder: Path) -> None:
            for name, text in files.items():
                file = folder / name
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_text(text, encoding="utf-8")

        return _in(tmp_path / "work", monkeypatch, fill)

    return write


def _in(folder: Path, monkeypatch: pytest.MonkeyPatch, fill: Callable[[Path], object]) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    fill(folder)
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture
def process() -> Callable[..., subprocess.CompletedProcess[str]]:
    """Call the command line in a process of its own."""

    def call(*arguments: str, **more: object) -> subprocess.CompletedProcess[str]:
        environment = {**os.environ, **more.pop("env", {})}
        command = [sys.executable, "-m", "incremental", *arguments]
        return subprocess.run(
            command, capture_output=True, text=True, check=False, timeout=60, env=environment, **more
        )

    return call


@pytest.fixture
def snapshot() -> Callable[[Path], dict[str, tuple[int, int]]]:
    """Return every file and folder below one, with its time and size: what a command left."""

    def take(folder: Path) -> dict[str, tuple[int, int]]:
        found = [folder, *folder.rglob("*")]
        return {str(each): (each.stat().st_mtime_ns, each.stat().st_size) for each in found}

    return take
