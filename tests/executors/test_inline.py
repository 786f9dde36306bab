"""Executors: the contract of all of them, and the one without a worker."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor, as_completed
from typing import Any

import pytest

from incremental.executors import Executor, Finished, InlineExecutor


class Futures(Executor[Any]):
    """The example in the docstring of Executor."""

    capacity = 4

    def __init__(self) -> None:
        self.pool = ThreadPoolExecutor(self.capacity)
        self.futures: dict[Any, Any] = {}

    def submit(self, key: Any, call: Any) -> None:
        self.futures[self.pool.submit(call)] = key

    def wait(self) -> Finished[Any]:
        done = next(as_completed(self.futures))
        key, error = self.futures.pop(done), done.exception()
        return Finished(key, error=error) if error else Finished(key, done.result())

    def close(self) -> None:
        self.pool.shutdown()


KINDS = [InlineExecutor, Futures]


@pytest.mark.parametrize("kind", KINDS)
def test_each_call_ends_once_under_its_key_with_what_it_returned_or_raised(kind: type[Executor[Any]]) -> None:
    error = ValueError("no")

    def fail() -> None:
        raise error

    ended = []
    with kind() as executor:
        for key, call in (("a", lambda: 1), ("b", fail), ("c", lambda: None)):
            executor.submit(key, call)
            ended.append(executor.wait())
    assert ended == [Finished("a", 1), Finished("b", None, error), Finished("c")]


@pytest.mark.parametrize("kind", KINDS)
def test_an_executor_takes_as_many_calls_as_it_says(kind: type[Executor[Any]]) -> None:
    with kind() as executor:
        for key in range(executor.capacity):
            executor.submit(key, lambda: "done")
        assert {executor.wait().key for _ in range(executor.capacity)} == set(range(executor.capacity))


def test_an_interrupt_goes_through_the_inline_executor_and_it_can_go_on() -> None:
    def interrupt() -> None:
        raise KeyboardInterrupt

    executor: InlineExecutor[str] = InlineExecutor()
    executor.submit("a", interrupt)
    with pytest.raises(KeyboardInterrupt):
        executor.wait()
    executor.submit("b", lambda: 2)
    assert executor.wait() == Finished("b", 2)


def test_a_call_is_let_go_of_once_it_has_run() -> None:
    import weakref

    class Call:
        def __call__(self) -> int:
            return 1

    call = Call()
    gone = weakref.ref(call)
    executor: InlineExecutor[str] = InlineExecutor()
    executor.submit("a", call)
    del call
    executor.wait()
    assert gone() is None
