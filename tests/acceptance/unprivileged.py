"""Commands as a user without rights over everything, so that permissions hold in tests that root runs."""

from __future__ import annotations

import os
import pickle
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

_NOBODY = 65534

Result = TypeVar("Result")


@contextmanager
def open_folder() -> Iterator[Path]:
    """Give an empty folder that every user may enter and write; those of pytest are closed to others."""
    with tempfile.TemporaryDirectory(prefix="acceptance-") as name:
        folder = Path(name)
        folder.chmod(0o777)
        try:
            yield folder
        finally:
            for place, _, _ in os.walk(folder):
                Path(place).chmod(0o777)


def give_away(folder: Path) -> None:
    """Let everybody read and write all that is in a folder."""
    for place, _, files in os.walk(folder):
        Path(place).chmod(0o777)
        for name in files:
            Path(place, name).chmod(0o666)


def without_rights(function: Callable[[], Result]) -> Result:
    """Return what a function returns to a user who is not root.

    Where root runs the tests the function runs in a fork that gave its rights up: an interpreter under
    ``/root`` could not be started by somebody else. What it needs must have been imported before.
    """
    if os.geteuid() != 0:
        return function()
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.setgroups([])
            os.setgid(_NOBODY)
            os.setuid(_NOBODY)
            os.environ["HOME"] = "/nonexistent"
            answer = pickle.dumps((True, function()))
        except BaseException as error:  # a fork must never return into pytest
            answer = pickle.dumps((False, repr(error)))
        with os.fdopen(writing, "wb") as pipe:
            pipe.write(answer)
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        done, result = pickle.loads(pipe.read())
    os.waitpid(child, 0)
    assert done, result
    return result
