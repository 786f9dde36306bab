"""Where tasks run, in three questions: can it take more, take this, which one ended. It orders nothing."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

Key = TypeVar("Key")


@dataclass(frozen=True, slots=True)
class Finished(Generic[Key]):
    """One call that ended: ``value`` is what it returned, or ``error`` what it raised."""

    key: Key
    value: Any = None
    error: BaseException | None = None


class Executor(ABC, Generic[Key]):
    """Runs calls, each under a key of the caller's.

    A third party implements this in a page, for example over any ``concurrent.futures.Executor``::

        class FuturesExecutor(Executor):
            capacity = 4

            def submit(self, key, call):
                self.futures[self.pool.submit(call)] = key

            def wait(self):
                done = next(as_completed(self.futures))
                key, error = self.futures.pop(done), done.exception()
                return Finished(key, error=error) if error else Finished(key, done.result())
    """

    capacity: int = 1
    """How many calls it runs at once; the loop submits no more than that."""

    @abstractmethod
    def submit(self, key: Key, call: Callable[[], Any]) -> None:
        """Take a call; it may start at once or in ``wait``."""

    @abstractmethod
    def wait(self) -> Finished[Key]:
        """Return the next call that ends; there is at least one submitted."""

    def close(self) -> None:
        """Stop and let go of everything, also after an error."""

    def __enter__(self) -> Executor[Key]:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
