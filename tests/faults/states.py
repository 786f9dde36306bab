"""What a death leaves, without dying: a photograph of the project after every operation of a run.

A process that is killed loses nothing that it gave to the system, so what is there at a moment is what
its death at that moment leaves. What a power cut leaves is another matter: see ``power.py``.
"""

from __future__ import annotations

import os
import pickle
import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from faults.effects import Effect, Operation
from faults.faultfs import Disk

Tree = dict[str, bytes]
"""What a folder holds: content by relative path; folders end with a slash and are empty."""

LEDGER = ".incremental/ledger.sqlite"


def take_tree(root: Path) -> Tree:
    """Return all that a project has written: its data and what it remembers."""
    found: Tree = {}
    for name in ("data", ".incremental"):
        for folder, _, files in os.walk(root / name):
            place = os.path.relpath(folder, root)
            found[f"{place}/"] = b""
            for file in files:
                with open(os.path.join(folder, file), "rb") as stream:
                    found[f"{place}/{file}"] = stream.read()
    return found


def put_tree(root: Path, tree: Tree) -> None:
    """Make a project hold exactly that."""
    for name in ("data", ".incremental"):
        shutil.rmtree(root / name, ignore_errors=True)
    for name in sorted(tree):  # a folder comes before what is in it
        if name.endswith("/"):
            (root / name).mkdir(parents=True, exist_ok=True)
        else:
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_bytes(tree[name])
    if (root / ".incremental").is_dir():
        (root / ".incremental").chmod(0o700)


@dataclass(frozen=True)
class Moment:
    """The project as it was at one operation."""

    at: int
    when: str
    """before, torn, or after."""
    operation: str
    tree: Tree

    def __str__(self) -> str:
        return f"{self.when} operation {self.at}, {self.operation}"


class Photographer(Effect):
    """Keeps each state that differs from the one before."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.moments: list[Moment] = []

    def before(self, at: int, operation: Operation) -> None:
        if at == 0:
            self._take(at, "before", operation)

    def half(self, at: int, operation: Operation) -> bool:
        return True

    def torn(self, at: int, operation: Operation) -> None:
        self._take(at, "torn", operation)

    def after(self, at: int, operation: Operation) -> None:
        self._take(at, "after", operation)

    def _take(self, at: int, when: str, operation: Operation) -> None:
        tree = take_tree(self.root)
        if not self.moments or self.moments[-1].tree != tree:
            self.moments.append(Moment(at, when, str(operation), tree))


def moments_of(root: Path, act: Callable[[], Any]) -> list[Moment]:
    """Return what a death at every operation of ``act`` leaves, which a child process carries out.

    The child is dead when this returns, so its run counts as interrupted, not as running.
    """
    album = root.parent / f"{root.name}.moments"

    def take() -> None:
        photographer = Photographer(root)
        with Disk(root, photographer):
            try:
                act()
            finally:
                moments = photographer.moments
        album.write_bytes(pickle.dumps(moments))

    assert in_child(take) == 0
    found: list[Moment] = pickle.loads(album.read_bytes())
    album.unlink()
    return found


# -- in a process of its own


def in_child(act: Callable[[], Any]) -> int:
    """Do something in a copy of this process; return its exit code, negative for a signal.

    0: it returned, 3: it raised an error of ours or of the system, 4: it raised anything else.
    """
    sys.stdout.flush()
    sys.stderr.flush()
    child = os.fork()
    if child == 0:
        code = 4
        try:
            code = _exit_code_of(act)
        finally:
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def _exit_code_of(act: Callable[[], Any]) -> int:
    from incremental.errors import IncrementalError

    try:
        act()
    except (IncrementalError, OSError):
        return 3
    except BaseException:
        import traceback

        traceback.print_exc()
        return 4
    return 0
