"""The executor that has no worker: the call runs in this thread when it is waited for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from incremental.executors.base import Executor, Finished, Key

if TYPE_CHECKING:
    from collections.abc import Callable


class InlineExecutor(Executor[Key]):
    """Run one call at a time, in order. An interrupt goes straight through to the caller."""

    capacity = 1

    def __init__(self) -> None:
        self._job: Callable[[Any], Any] | None = None
        self._next: tuple[Key, Any] | None = None

    def start(self, job: Callable[[Any], Any]) -> None:
        """Keep the job."""
        self._job = job

    def submit(self, key: Key, argument: Any, timeout: float | None = None) -> None:
        """Keep the argument until it is waited for; a time-out cannot be enforced here."""
        self._next = (key, argument)

    def wait(self, timeout: float | None = None) -> Finished[Key] | None:
        """Run the call and return what became of it."""
        assert self._next is not None, "wait without submit"
        assert self._job is not None, "submit without start"
        key, argument = self._next
        self._next = None
        try:
            return Finished(key, self._job(argument))
        except Exception as error:  # noqa: BLE001 - the loop decides what an error means
            return Finished(key, error=error)
