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
        self._next: tuple[Key, Callable[[], Any]] | None = None

    def submit(self, key: Key, call: Callable[[], Any]) -> None:
        """Keep the call until it is waited for."""
        self._next = (key, call)

    def wait(self) -> Finished[Key]:
        """Run the call and return what became of it."""
        assert self._next is not None, "wait without submit"
        key, call = self._next
        self._next = None
        try:
            return Finished(key, call())
        except Exception as error:  # noqa: BLE001 - the loop decides what an error means
            return Finished(key, error=error)
