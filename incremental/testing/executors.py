"""The contract of executors as a class of tests: derive, say how to make one, and let pytest find it.

It needs no pytest by itself: each method is plain assertions, and may be called by anything.
"""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any
from unittest import SkipTest

from incremental.executors.base import Answer
from incremental.io import DataCatalog
from incremental.pipeline import Pipeline, node
from incremental.runner import AbstractRunner, SequentialRunner

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from incremental.executors import Executor


class ExecutorContract(ABC):
    """What the loop relies on. Derive from it, define ``make``, and name the class ``Test…``."""

    leaves_what_runs: bool = True
    """Whether ``close`` returns while a call still runs, or stops it, and nothing waits for it later."""

    @abstractmethod
    def make(self) -> Executor[Any]:
        """Return a new executor, not yet started."""

    def test_each_call_ends_once_under_its_key_with_what_it_returned(self) -> None:
        with self.make() as executor:
            executor.start(_double)
            for number in range(5):
                executor.submit(f"key {number}", number)
                finished = executor.wait()
                assert finished is not None
                assert (finished.key, finished.value, finished.error) == (f"key {number}", 2 * number, None)

    def test_what_a_call_raised_comes_out_of_wait(self) -> None:
        with self.make() as executor:
            executor.start(_refuse)
            executor.submit("a", "x")
            finished = executor.wait()
            assert finished is not None
            assert (finished.key, finished.value) == ("a", None)
            assert (type(finished.error), str(finished.error)) == (ValueError, "not x")

    def test_it_takes_as_many_calls_as_it_says_and_loses_none(self) -> None:
        with self.make() as executor:
            assert executor.capacity >= 1
            executor.start(_double)
            for key in range(executor.capacity):
                executor.submit(key, key)
            found = [executor.wait() for _ in range(executor.capacity)]
            assert sorted((each.key, each.value) for each in found if each) == [
                (key, 2 * key) for key in range(executor.capacity)
            ]

    def test_it_goes_on_after_an_error(self) -> None:
        with self.make() as executor:
            executor.start(_refuse)
            executor.submit("a", "x")
            executor.wait()
            executor.submit("b", None)
            finished = executor.wait()
            assert finished is not None
            assert (finished.key, finished.value, finished.error) == ("b", "fine", None)

    def test_a_job_may_be_a_closure(self) -> None:
        step = 3
        with self.make() as executor:
            executor.start(lambda value: value + step)
            executor.submit("a", 1)
            finished = executor.wait()
            assert finished is not None
            assert finished.value == 4

    def test_a_call_that_is_handed_over_ahead_reads_what_the_other_leaves_and_ends_after_it(self) -> None:
        with self._ahead() as executor:
            executor.start(_leave)
            handles = executor.submit_with("a", 1, {}, None, ("x", "y"))
            assert sorted(handles) == ["x", "y"]
            last = executor.submit_with("b", 1, handles, None, ("z",))
            executor.submit_with("c", 1, {**last, "y": handles["y"]}, None, ())
            del handles, last
            found = [executor.wait() for _ in range(3)]
            assert [(each.key, each.value, each.error) for each in found if each] == [
                ("a", 1, None), ("b", 3, None), ("c", 5, None)
            ]  # fmt: skip

    def test_a_call_whose_input_is_never_made_does_not_begin_and_is_taken_back(self) -> None:
        with self._ahead() as executor:
            executor.start(_leave)
            handles = executor.submit_with("a", None, {}, None, ("x",))
            handles = executor.submit_with("b", 1, handles, None, ("y",))
            executor.submit_with("c", 1, handles, None, ())
            finished = executor.wait()
            assert finished is not None
            assert (finished.key, type(finished.error)) == ("a", ValueError)
            assert executor.recall(["b", "c"]) == ["b", "c"]
            assert executor.wait() is None
            handles = executor.submit_with("a", 1, {}, None, ("x",))
            executor.submit_with("b", 1, handles, None, ())
            found = [executor.wait() for _ in range(2)]
            assert [(each.key, each.value) for each in found if each] == [("a", 1), ("b", 2)]

    def test_what_is_taken_back_never_begins_and_the_rest_ends(self) -> None:
        with self._ahead() as executor:
            executor.start(_leave)
            handles = executor.submit_with("a", 1.0, {}, None, ("x",))
            executor.submit_with("b", 1, handles, None, ())
            executor.wait(0.3)  # it has begun, and takes a second
            taken_back = executor.recall(["b"])
            ended = {finished.key for finished in iter(executor.wait, None)}
            assert ended == {"a", "b"}.difference(taken_back)
            assert not executor.recall(["a", "b"])

    def _ahead(self) -> Executor[Any]:
        executor = self.make()
        if not executor.ahead:
            executor.close()
            raise SkipTest("it takes no calls ahead of their inputs")
        return executor

    def test_close_is_safe_when_called_twice_and_before_anything_ran(self) -> None:
        executor = self.make()
        executor.close()
        executor.close()
        executor = self.make()
        executor.start(_double)
        executor.close()

    def test_close_does_not_wait_for_what_runs(self) -> None:
        if not self.leaves_what_runs:
            raise SkipTest("it waits for what runs")
        executor = self.make()
        with executor:
            executor.start(time.sleep)
            executor.submit("a", 20)
            begin = time.monotonic()
        assert time.monotonic() - begin < 5

    def test_a_pipeline_gives_the_same_as_inline(self) -> None:
        def pipeline() -> Pipeline:
            return Pipeline(
                [
                    node(lambda x: x + 1, "x", "a", name="a"),
                    node(lambda x: [x, x], "x", "b", name="b"),
                    node(lambda a, b: (a, [*b, a]), ["a", "b"], ["c", "d"], name="cd"),
                    node(_pieces, "d", "e", name="e"),
                ]
            )

        expected = _values(SequentialRunner(), pipeline())
        assert _values(_Runner(self), pipeline()) == expected


class _Runner(AbstractRunner):
    def __init__(self, contract: ExecutorContract) -> None:
        super().__init__()
        self._contract = contract

    def open_executor(self) -> Executor[Any]:
        return self._contract.make()


def _values(runner: AbstractRunner, pipeline: Pipeline) -> dict[str, Any]:
    found = runner.run(pipeline, DataCatalog({"x": 1}))
    return {name: dataset.load() for name, dataset in found.items()}


def _double(value: int) -> int:
    return 2 * value


def _leave(value: float | None, kept: Mapping[str, Any] | None = None) -> Answer:
    """Return the sum of an argument and values, and leave it under every name; a float takes its time."""
    if value is None:
        raise ValueError("nothing")
    if isinstance(value, float):
        time.sleep(value)
    total = value + sum((kept or {}).values())
    return Answer(total, dict.fromkeys("xyz", total))


def _refuse(value: str | None) -> str:
    if value is not None:
        raise ValueError(f"not {value}")
    return "fine"


def _pieces(values: list[int]) -> Iterator[list[int]]:
    for value in values:
        yield [value]
