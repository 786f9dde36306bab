"""The executor of threads in this process: for nodes that wait, or that release the interpreter lock."""

from __future__ import annotations

import queue
import threading
import time
from typing import TYPE_CHECKING, Any

from incremental.executors.base import Executor, Finished, Key, drop

if TYPE_CHECKING:
    from collections.abc import Callable

THREAD_PREFIX = "incremental-worker"
_STOP = None
_ENDING = 0.1  # seconds that an idle thread takes to end, at most


class ThreadExecutor(Executor[Key]):
    """Run calls in daemon threads that are made as they are needed.

    A thread cannot be stopped: ``close`` leaves a call that still runs to itself, and what it returns
    is discarded. A time-out is not enforced.
    """

    def __init__(self, max_workers: int) -> None:
        self.capacity = max_workers
        self._job: Callable[[Any], Any] | None = None
        self._calls: queue.SimpleQueue[tuple[Key, Any] | None] = queue.SimpleQueue()
        self._ended: queue.SimpleQueue[Finished[Key]] = queue.SimpleQueue()
        self._threads: list[threading.Thread] = []
        self._submitted = self._outstanding = 0
        self._ended_in: list[int] = []  # how many calls, by thread: each counts alone, so without a lock
        self._closed = threading.Event()
        self._delivery = threading.Lock()  # between a result that arrives and a close that forgets it

    def start(self, job: Callable[[Any], Any]) -> None:
        """Keep the job."""
        self._job = job

    def submit(self, key: Key, argument: Any, timeout: float | None = None) -> None:
        """Hand the argument to a thread."""
        self._submitted += 1
        self._outstanding += 1
        if len(self._threads) < min(self._outstanding, self.capacity):
            name = f"{THREAD_PREFIX}-{len(self._threads) + 1}"
            self._ended_in.append(0)
            thread = threading.Thread(target=self._serve, args=(len(self._threads),), name=name, daemon=True)
            self._threads.append(thread)
            thread.start()
        self._calls.put((key, argument))

    def wait(self, timeout: float | None = None) -> Finished[Key] | None:
        """Return the next call that ends; None also when nothing runs, as after an interrupt of a wait."""
        is_idle = sum(self._ended_in) == self._submitted
        try:
            finished = self._ended.get(block=not is_idle, timeout=timeout)
        except queue.Empty:
            return None
        self._outstanding -= 1
        return finished

    def close(self) -> None:
        """Let idle threads end, and leave those that still run to themselves."""
        with self._delivery:
            self._closed.set()
        for _ in self._threads:
            self._calls.put(_STOP)
        while not self._ended.empty():
            drop(self._ended.get().value)

    def _serve(self, place: int) -> None:
        job, calls, name = self._job, self._calls, threading.current_thread().name
        assert job is not None, "submit without start"
        call = calls.get()
        while call is not None and not self._closed.is_set():
            self._deliver(_run(job, call, name))
            self._ended_in[place] += 1
            call = None  # or what it read would be kept alive until the next call
            call = calls.get()

    def _deliver(self, finished: Finished[Key]) -> None:
        with self._delivery:
            if not self._closed.is_set():
                self._ended.put(finished)
                return
        drop(finished.value)


def _run(job: Callable[[Any], Any], call: tuple[Key, Any], name: str) -> Finished[Key]:
    key, argument = call
    try:
        return Finished(key, job(argument), None, name)
    except BaseException as error:  # noqa: BLE001 - it must come out where it is waited for
        return Finished(key, None, error, name)


def abandoned_threads() -> bool:
    """Tell whether a call still runs in a thread of an executor; those that are about to end are awaited."""
    until = time.monotonic() + _ENDING
    for thread in threading.enumerate():
        if thread.name.startswith(THREAD_PREFIX):
            thread.join(max(0.0, until - time.monotonic()))
            if thread.is_alive():
                return True
    return False
