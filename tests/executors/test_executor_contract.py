"""Executors: the contract of all of them, ours and a foreign one, and what each has besides."""

from __future__ import annotations

import sys
import time
import weakref
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import clusters
import pytest

from incremental.executors import (
    DaskExecutor,
    Executor,
    Finished,
    InlineExecutor,
    ProcessExecutor,
    ThreadExecutor,
)
from incremental.testing import ExecutorContract

sys.path.insert(0, str(Path(__file__).parents[2] / "examples" / "foreign_executor"))

from futures_executor import FuturesExecutor


class TestInline(ExecutorContract):
    def make(self) -> Executor[Any]:
        return InlineExecutor()

    test_close_does_not_wait_for_what_runs = None  # nothing runs before it is waited for


class TestThreads(ExecutorContract):
    def make(self) -> Executor[Any]:
        return ThreadExecutor(3)


class TestProcesses(ExecutorContract):
    def make(self) -> Executor[Any]:
        return ProcessExecutor(2)


class TestDask(ExecutorContract):
    def make(self) -> Executor[Any]:
        return DaskExecutor(clusters.client())


class TestForeign(ExecutorContract):
    def make(self) -> Executor[Any]:
        return FuturesExecutor(ThreadPoolExecutor(2), 2)

    # it does not, but the interpreter waits for the threads of this pool when it ends
    test_close_does_not_wait_for_what_runs = None


def test_an_interrupt_goes_through_the_inline_executor_and_it_can_go_on() -> None:
    def work(value: Any) -> Any:
        if value is None:
            raise KeyboardInterrupt
        return value

    executor: InlineExecutor[str] = InlineExecutor()
    executor.start(work)
    executor.submit("a", None)
    with pytest.raises(KeyboardInterrupt):
        executor.wait()
    executor.submit("b", 2)
    assert executor.wait() == Finished("b", 2)


class Value:
    discarded = False

    def discard(self) -> None:
        self.discarded = True


@pytest.mark.parametrize("kind", [InlineExecutor, lambda: ThreadExecutor(1)])
def test_an_argument_is_let_go_of_once_it_has_run(kind: Any) -> None:
    value = Value()
    gone = weakref.ref(value)
    with kind() as executor:
        executor.start(id)
        executor.submit("a", value)
        del value
        executor.wait()
        deadline = time.monotonic() + 5
        while gone() is not None and time.monotonic() < deadline:
            time.sleep(0.001)
        assert gone() is None


def test_a_result_that_comes_after_the_close_is_discarded() -> None:
    value = Value()

    def slow(argument: Any) -> Any:
        time.sleep(0.1)
        return argument

    with ThreadExecutor[str](1) as executor:
        executor.start(slow)
        executor.submit("a", value)
        time.sleep(0.03)
    assert not value.discarded
    deadline = time.monotonic() + 5
    while not value.discarded and time.monotonic() < deadline:
        time.sleep(0.001)
    assert value.discarded


def test_a_result_that_nobody_took_is_discarded_by_the_close() -> None:
    value = Value()
    with ThreadExecutor[str](1) as executor:
        executor.start(lambda argument: argument)
        executor.submit("a", value)
        time.sleep(0.05)
    assert value.discarded


@pytest.mark.parametrize("kind", [lambda: ThreadExecutor(1), lambda: ProcessExecutor(1)])
def test_waiting_may_end_before_a_call_does(kind: Any) -> None:
    with kind() as executor:
        executor.start(time.sleep)
        executor.submit("a", 0.3)
        assert executor.wait(0.01) is None
        assert executor.wait(10).key == "a"
