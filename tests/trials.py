"""Tests of deaths and interrupts, each tried several times, and what must hold after each of them."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from typing import Any, TypeVar

import psutil
import pytest

Test = TypeVar("Test", bound=Callable[..., Any])

TRIALS = int(os.environ.get("TRIALS", "3"))
"""How often each is tried: ``make trials`` says 100."""

_MOST_LINES = 15
_PATIENCE = 5.0  # seconds


def tried(test: Test) -> Test:
    """Give a test its trials; it takes their number as ``trial``."""
    marked: Test = pytest.mark.trials(pytest.mark.parametrize("trial", range(TRIALS))(test))
    return marked


def family(pid: int) -> list[psutil.Process]:
    """Return a process and all that it has started."""
    process = psutil.Process(pid)
    return [process, *process.children(recursive=True)]


def assert_gone(processes: Iterable[psutil.Process]) -> None:
    """Hold that none of the processes is there after five seconds."""
    _, alive = psutil.wait_procs(list(processes), _PATIENCE)
    assert alive == []


def assert_brief(said: str) -> None:
    """Hold that a message has at most fifteen lines, none of a traceback."""
    lines = said.splitlines()
    assert len(lines) <= _MOST_LINES, said
    assert not [line for line in lines if line.startswith(("Traceback", "Exception ignored"))], said
