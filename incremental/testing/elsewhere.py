"""Calls that contracts make in another process, and calls that must be refused. It holds no law."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from incremental.executors import ProcessExecutor

if TYPE_CHECKING:
    from collections.abc import Callable

_PATIENCE = 60.0  # seconds


def outcome_elsewhere(job: Callable[[Any], Any], argument: Any) -> Any:
    """Return what a call in another process returned, or the error that became of it."""
    with ProcessExecutor[str](1) as executor:
        executor.start(job)
        executor.submit("call", argument)
        finished = executor.wait(_PATIENCE)
    assert finished is not None, f"it did not end in {_PATIENCE:g} s"
    return finished.value if finished.error is None else finished.error


def elsewhere(job: Callable[[Any], Any], argument: Any) -> Any:
    """Return what a call in another process returned, or raise what it raised."""
    outcome = outcome_elsewhere(job, argument)
    if isinstance(outcome, BaseException):
        raise outcome
    return outcome


def refused(what: str, act: Callable[[], object]) -> Exception:
    """Return the exception that a call raises; fail if it raises none."""
    try:
        act()
    except Exception as error:  # noqa: BLE001 - which one is its author's choice
        return error
    raise AssertionError(f"{what} is not refused")
