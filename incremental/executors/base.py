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
    """One call that ended: ``value`` is what the job returned, or ``error`` what became of it instead."""

    key: Key
    value: Any = None
    error: BaseException | None = None
    worker: str = ""
    """Who ran it, for people; empty for the thread that waits."""


class Executor(ABC, Generic[Key]):
    """Applies one job to many arguments, each under a key of the caller's.

    A third party implements this in a page; ``examples/foreign_executor`` does so over any
    ``concurrent.futures.Executor``, and ``incremental.testing`` holds what every executor must pass.
    All methods are called from one thread.
    """

    capacity: int = 1
    """How many calls it runs at once; the loop submits no more than that."""

    in_process: bool = True
    """Whether workers see the objects of this process. If not, job, arguments and results are pickled."""

    @abstractmethod
    def start(self, job: Callable[[Any], Any]) -> None:
        """Take what to do with every argument; called once, before the first ``submit``.

        What all tasks share rides in the job: an executor sends it once a worker, not once a task.

        Raises:
            RunError: the job cannot be sent to the workers.
        """

    @abstractmethod
    def submit(self, key: Key, argument: Any, timeout: float | None = None) -> None:
        """Take an argument; the call may start at once or in ``wait``.

        Args:
            key: names the call in what ``wait`` returns.
            argument: what the job is called with.
            timeout: seconds after which the call is stopped, by executors that can do so.

        Raises:
            RunError: the argument cannot be sent to a worker. Nothing was submitted.
        """

    @abstractmethod
    def wait(self, timeout: float | None = None) -> Finished[Key] | None:
        """Return the next call that ends; None after ``timeout`` seconds, or when nothing runs.

        An interrupt may come out of here, and what had just ended may be lost to it.
        """

    def cancel(self) -> None:
        """Let nothing more start, and stop what runs where that is possible.

        What was stopped comes out of ``wait`` with an error, if it is waited for at all.
        """

    def close(self) -> None:
        """Stop and let go of everything, also after an error. What still runs is not waited for."""

    def __enter__(self) -> Executor[Key]:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def drop(value: Any) -> None:
    """Tell a result that nobody will take delivery of it: its ``discard``, if it has one, is called."""
    discard = getattr(value, "discard", None)
    if discard is not None:
        discard()
