"""Where tasks run, in three questions: can it take more, take this, which one ended. It orders nothing."""

from __future__ import annotations

from abc import ABC, abstractmethod
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping
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
    kept: Mapping[str, Any] = field(default_factory=dict)
    """Handles of the values that stayed with the workers, by name; a value lives as long as its handle."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a job returns to an executor that keeps values."""

    told: Any
    """What comes out of ``wait``."""
    kept: Mapping[str, Any] | None
    """What stays with the workers, by name; None when the call failed and there is nothing."""


leave: ContextVar[Callable[[], None]] = ContextVar("leave", default=lambda: None)
"""To be called by a job before it shows something to the world that its caller cannot take back.

Set around each call by executors whose workers are in other processes: it returns once the caller, who
is alive and still waits for this call, allows it, and raises otherwise. Asking again costs nothing.
"""


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

    keeps_values: bool = False
    """Whether values stay where they were made. The job then returns an ``Answer``, may be called with a
    mapping of kept values as well, and ``keep``, ``submit_with`` and ``fetch`` are there."""

    ahead: int = 0
    """How many calls more it takes ahead of what they are to read, which calls under way will leave. Where it
    takes any, ``submit_with`` returns handles, ``recall`` is there, and a call ends after those it waits for.
    """

    shares_kept: bool = False
    """Whether several calls are handed the same kept object, so that each has to copy it."""

    on_restart: Callable[[Key, BaseException], None] | None = None
    """Called in ``wait`` when a call begins anew by itself, though it may have ended before: the worker
    that ran it, or that kept its values, is gone. It ends again, as ``Finished``."""

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

    sources: tuple[str, ...] = ()
    """Folders of code that workers must be able to import from; set before ``start``."""

    def keep(self, value: Any) -> Any:
        """Give a value to the workers and return its handle."""
        raise NotImplementedError(f"{type(self).__name__} keeps no values")

    def submit_with(
        self,
        key: Key,
        argument: Any,
        kept: Mapping[str, Any],
        timeout: float | None = None,
        leaves: tuple[str, ...] = (),
        priority: float = 0.0,
    ) -> Mapping[str, Any]:
        """Do as ``submit``, for a call that needs the values of these handles.

        Args:
            key: as for ``submit``, and so are ``argument`` and ``timeout``.
            kept: handles of values, by name.
            leaves: names of all the values that the call will leave, if it ends well.
            priority: of calls that could begin, the one with the highest should.

        Returns:
            Handles of the values that the call will leave, to submit others with that are to read them;
            nothing where ``ahead`` is 0.
        """
        raise NotImplementedError(f"{type(self).__name__} keeps no values")

    def recall(self, keys: Collection[Key]) -> list[Key]:
        """Take back calls that wait for values of others, and return those that will never begin.

        The rest have begun. ``wait`` returns nothing for what was taken back.
        """
        raise NotImplementedError(f"{type(self).__name__} takes no calls ahead")

    def fetch(self, kept: Mapping[str, Any]) -> dict[str, Any]:
        """Return the values of handles, by name.

        Raises:
            RunError: a value is lost, or cannot travel.
        """
        raise NotImplementedError(f"{type(self).__name__} keeps no values")

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
