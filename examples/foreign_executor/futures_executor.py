"""An executor over any ``concurrent.futures.Executor``, and a runner on it: a page, as promised."""

from __future__ import annotations

import functools
from collections.abc import Callable
from concurrent.futures import (
    FIRST_COMPLETED,
    CancelledError,
    Future,
    ThreadPoolExecutor,
    wait,
)
from concurrent.futures import (
    Executor as Pool,
)
from typing import Any

from incremental.executors import Executor, Finished
from incremental.runner import AbstractRunner


class FuturesExecutor(Executor[Any]):
    """Hands calls to a pool. What runs when it closes is left to the pool."""

    def __init__(self, pool: Pool, capacity: int, in_process: bool = True) -> None:
        self.capacity = capacity
        self.in_process = in_process
        self._pool = pool
        self._keys: dict[Future[Any], Any] = {}
        self._job: Callable[[Any], Any] | None = None

    def start(self, job: Callable[[Any], Any]) -> None:
        """Keep the job; a pool has no place for what all its calls share, so it rides with each."""
        self._job = job

    def submit(self, key: Any, argument: Any, timeout: float | None = None) -> None:
        """Hand a call to the pool."""
        assert self._job is not None
        self._keys[self._pool.submit(functools.partial(self._job, argument))] = key

    def wait(self, timeout: float | None = None) -> Finished[Any] | None:
        """Return the next call that ends."""
        done = wait(self._keys, timeout, FIRST_COMPLETED).done
        if not done:
            return None
        future = done.pop()
        key = self._keys.pop(future)
        error = CancelledError() if future.cancelled() else future.exception()
        return Finished(key, error=error) if error else Finished(key, future.result())

    def cancel(self) -> None:
        """Let nothing more start."""
        for future in self._keys:
            future.cancel()

    def close(self) -> None:
        """Let go of the pool, without waiting."""
        self._pool.shutdown(wait=False, cancel_futures=True)


class FuturesRunner(AbstractRunner):
    """``incremental run --runner futures_executor.FuturesRunner --runner-params workers=3``"""

    def __init__(self, workers: int = 2, is_async: bool = False) -> None:
        super().__init__(is_async)
        self._workers = workers

    def open_executor(self) -> FuturesExecutor:
        """Return an executor over the standard library's threads."""
        return FuturesExecutor(ThreadPoolExecutor(self._workers), self._workers)
