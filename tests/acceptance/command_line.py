"""The command as a user has it: called in this process for speed, or as a process of its own."""

from __future__ import annotations

import contextlib
import io
import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from projects import snapshot

from incremental.cli.main import invoke

if TYPE_CHECKING:
    from collections.abc import Iterator

PYTHON = sys.executable
_VARYING = (
    (re.compile(r"words_\d+"), "<package>"),
    (re.compile(r"\d{4}-\d\d-\d\dT\d\d\.\d\d\.\d\d\.\d{3}Z"), "<id>"),
    (re.compile(r"\b\d+(\.\d+)? ?m?s\b"), "<time>"),
)


@dataclass(frozen=True)
class Answer:
    """What one call of the command left: exit code, stdout and stderr."""

    code: int
    out: str
    err: str

    def shown(self, root: Path) -> str:
        """Return stderr with what differs from call to call replaced."""
        return normal(self.err, root)


def normal(text: str, root: Path) -> str:
    """Return a text with the path of the project, its package, run ids and times replaced by words."""
    text = text.replace(str(root), "<project>")
    for pattern, word in _VARYING:
        text = pattern.sub(word, text)
    return text


def call(folder: Path, *arguments: str) -> Answer:
    """Call the command in this process, as if typed in a folder."""
    out, err = io.StringIO(), io.StringIO()
    with _as_typed_in(folder, arguments), contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            code = invoke(list(arguments))
        except SystemExit as end:
            code = end.code if isinstance(end.code, int) else 1
    return Answer(code, out.getvalue(), err.getvalue())


def environment(**more: str) -> dict[str, str]:
    """Return an environment without what would change the command's output."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("COV_", "INCREMENTAL"))}
    for name in ("FORCE_COLOR", "NO_COLOR", "PYTHONDONTWRITEBYTECODE"):
        kept.pop(name, None)
    return {**kept, **more}


def start(folder: Path, *arguments: str, **environ: str) -> subprocess.Popen[str]:
    """Start the command as a process in a group of its own."""
    return subprocess.Popen(
        [PYTHON, "-m", "incremental", *arguments],
        cwd=folder,
        env=environment(**environ),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def process(folder: Path, *arguments: str, **environ: str) -> Answer:
    """Run the command as a process."""
    running = start(folder, *arguments, **environ)
    out, err = running.communicate(timeout=60)
    return Answer(running.returncode, out, err)


def changes(before: dict[str, tuple[int, int, bytes]], root: Path) -> list[str]:
    """Return what was made, changed or removed since a snapshot; bytecode and the folders around it aside."""
    after = snapshot(root)
    cached = {str(Path(name).parent) for name in after if Path(name).name == "__pycache__"}
    return sorted(
        name
        for name in before.keys() | after.keys()
        if before.get(name) != after.get(name)
        and "__pycache__" not in Path(name).parts
        and name not in cached
    )


@contextlib.contextmanager
def _as_typed_in(folder: Path, arguments: tuple[str, ...]) -> Iterator[None]:
    """Stand in a folder with the arguments in ``sys.argv``; what the call imports is forgotten after it."""
    argv, path, modules = sys.argv, sys.path[:], set(sys.modules)
    sys.argv = ["incremental", *arguments]
    try:
        with contextlib.chdir(folder) if sys.version_info >= (3, 11) else _chdir(folder):
            yield
    finally:
        sys.argv, sys.path[:] = argv, path
        for name in set(sys.modules) - modules:
            if str(getattr(sys.modules[name], "__file__", None) or "").startswith(str(folder)):
                del sys.modules[name]


@contextlib.contextmanager
def _chdir(folder: Path) -> Iterator[None]:
    before = Path.cwd()
    os.chdir(folder)
    try:
        yield
    finally:
        os.chdir(before)
