from __future__ import annotations

import functools
from collections import OrderedDict, namedtuple
from types import GeneratorType, MappingProxyType
from typing import TYPE_CHECKING, Any

import pytest

from incremental.errors import NodeError
from incremental.pipeline import node

if TYPE_CHECKING:
    from collections.abc import Iterator

Pair = namedtuple("Pair", "left right")


def identity(x: Any) -> Any:
    return x


def minus(a: Any, b: Any) -> Any:
    return a - b


def nothing() -> None:
    return None


TWO = "must return a list or tuple of 2 values, one for each of ['a', 'b'], "
REMEDY = "return a value, or declare no output if there is none"


def made(value: Any, outputs: Any) -> dict[str, Any]:
    return node(lambda: value, None, outputs, name="n").run()


# inputs


@pytest.mark.parametrize(
    ("inputs", "values", "expected"),
    [
        (["x", "y"], {"x": 5, "y": 3}, 2),
        (["y", "x"], {"x": 5, "y": 3}, -2),
        (["x", "x"], {"x": 5}, 0),
        ({"b": "x", "a": "y"}, {"x": 5, "y": 3}, -2),
        ({"b": "x", "a": "x"}, {"x": 5}, 0),
        (["x@f", "y"], MappingProxyType({"x@f": 5, "y": 3}), 2),
    ],
)
def test_values_go_to_the_arguments_they_are_named_for(inputs: Any, values: Any, expected: int) -> None:
    assert node(minus, inputs, "out").run(values) == {"out": expected}


def test_a_node_can_be_called_with_keywords() -> None:
    assert node(minus, ["x", "y"], "out")(x=5, y=3) == {"out": 2}
    assert node(lambda: 1, None, "out")() == {"out": 1}


def test_keyword_arguments_reach_functions_that_take_any() -> None:
    assert node(dict, {"k": "x", "l": "y"}, "out").run({"x": 1, "y": 2}) == {"out": {"k": 1, "l": 2}}


@pytest.mark.parametrize(
    ("inputs", "values", "said"),
    [
        (["x", "y"], {"x": 1}, "needs the inputs ['x', 'y'], but got ['x']"),
        (["x", "y"], {"x": 1, "y": 2, "z": 3}, "needs the inputs ['x', 'y'], but got ['x', 'y', 'z']"),
        (["x", "y"], None, "needs the inputs ['x', 'y'], but got []"),
        ({"a": "x", "b": "y"}, {"a": 1, "b": 2}, "needs the inputs ['x', 'y'], but got ['a', 'b']"),
        (["x", "y"], [1, 2], "takes its inputs as a dictionary, not as 'list'"),
    ],
)
def test_values_must_be_exactly_those_of_the_inputs(inputs: Any, values: Any, said: str) -> None:
    with pytest.raises(NodeError) as caught:
        node(minus, inputs, "out", name="n").run(values)
    assert str(caught.value) == f"node 'n' (function 'minus') {said}"


def test_what_the_function_raises_comes_through_as_it_is() -> None:
    failure = KeyError("mine")

    def fail(x: Any) -> None:
        raise failure

    with pytest.raises(KeyError) as caught:
        node(fail, "a", "b").run({"a": 1})
    assert caught.value is failure


# outputs


@pytest.mark.parametrize(
    ("value", "outputs", "expected"),
    [
        (1, "a", {"a": 1}),
        ([1, 2], "a", {"a": [1, 2]}),
        ({"x": 1}, "a", {"a": {"x": 1}}),
        ([1, 2], ["a", "b"], {"a": 1, "b": 2}),
        ((1, 2), ["a", "b"], {"a": 1, "b": 2}),
        (Pair(1, 2), ["a", "b"], {"a": 1, "b": 2}),
        ([1], ["a"], {"a": 1}),
        ({"x": 1, "y": 2}, {"y": "b", "x": "a"}, {"b": 2, "a": 1}),
        (OrderedDict(x=1), {"x": "a"}, {"a": 1}),
        (MappingProxyType({"x": 1}), {"x": "a"}, {"a": 1}),
        (0, "a", {"a": 0}),
        (["", False], ["a", "b"], {"a": "", "b": False}),
        (None, None, {}),
        (None, [], {}),
    ],
)
def test_what_is_returned_goes_to_the_outputs(value: Any, outputs: Any, expected: dict[str, Any]) -> None:
    given = "x" if not outputs else None
    ran = node(identity if given else lambda: value, given, outputs, name="n").run(
        {"x": value} if given else {}
    )
    assert ran == expected
    assert list(ran) == list(expected)


@pytest.mark.parametrize(
    ("value", "outputs", "said"),
    [
        (None, "a", "gave None for its output 'a'; " + REMEDY),
        ([1, None], ["a", "b"], "gave None for its output 'b'; " + REMEDY),
        ({"x": None}, {"x": "a"}, "gave None for its output 'a'; " + REMEDY),
        (None, ["a", "b"], TWO + "but returned 'NoneType'"),
        ("ab", ["a", "b"], TWO + "but returned 'str'"),
        ({"a": 1, "b": 2}, ["a", "b"], TWO + "but returned 'dict'"),
        ([1, 2, 3], ["a", "b"], "returned 3 values for its 2 outputs ['a', 'b']"),
        ([], ["a"], "returned 0 values for its 1 outputs ['a']"),
        ([1], {"x": "a"}, "must return a dictionary with the keys ['x'], but returned 'list'"),
        ({}, {"x": "a"}, "must return a dictionary with the keys ['x'], but what it returned lacks ['x']"),
        (
            {"x": 1, "y": 2},
            {"x": "a"},
            "must return a dictionary with the keys ['x'], but what it returned has ['y'] besides",
        ),
        (
            {"z": 1},
            {"x": "a"},
            "must return a dictionary with the keys ['x'], "
            "but what it returned lacks ['x'] and has ['z'] besides",
        ),
    ],
)
def test_what_does_not_fit_the_outputs_names_node_and_output(value: Any, outputs: Any, said: str) -> None:
    with pytest.raises(NodeError) as caught:
        made(value, outputs)
    assert str(caught.value) == f"node 'n' (function '<lambda>') {said}"


def test_messages_carry_the_namespace() -> None:
    with pytest.raises(NodeError, match=r"node 's\.n' \(function 'nothing'\) gave None for its output 'a'"):
        node(nothing, None, "a", name="n", namespace="s").run()


def test_a_value_that_no_output_takes_is_warned_of() -> None:
    with pytest.warns(UserWarning, match=r"node 'n' \(function 'identity'\) has no outputs, so the 'int'"):
        assert node(identity, "a", None, name="n").run({"a": 1}) == {}


# chunks


def counting(limit: int) -> Iterator[int]:
    yield from range(limit)


def pairs(limit: int) -> Iterator[tuple[int, str]]:
    for number in range(limit):
        yield number, str(number)


def keyed(limit: int) -> Iterator[dict[str, Any]]:
    for number in range(limit):
        yield {"number": number, "text": str(number)}


def test_chunks_of_one_output_come_one_by_one() -> None:
    chunks = node(counting, "limit", "out").run({"limit": 3})["out"]
    assert isinstance(chunks, GeneratorType)
    assert next(chunks) == 0
    assert list(chunks) == [1, 2]


@pytest.mark.parametrize(("func", "outputs"), [(pairs, ["a", "b"]), (keyed, {"number": "a", "text": "b"})])
def test_chunks_of_several_outputs_are_taken_apart(func: Any, outputs: Any) -> None:
    ran = node(func, "limit", outputs).run({"limit": 3})
    assert list(zip(ran["a"], ran["b"], strict=True)) == [(0, "0"), (1, "1"), (2, "2")]


def test_one_output_may_run_ahead_of_the_others() -> None:
    ran = node(pairs, "limit", ["a", "b"]).run({"limit": 3})
    assert next(ran["b"]) == "0"
    assert list(ran["a"]) == [0, 1, 2]
    assert list(ran["b"]) == ["1", "2"]


def test_the_function_advances_only_as_far_as_the_fastest_output() -> None:
    advanced = []

    def watched(limit: int) -> Iterator[tuple[int, int]]:
        for number in range(limit):
            advanced.append(number)
            yield number, number

    ran = node(watched, "limit", ["a", "b"]).run({"limit": 9})
    assert advanced == []
    assert (next(ran["a"]), next(ran["b"])) == (0, 0)
    assert advanced == [0]


def test_no_chunks_are_no_chunks_for_every_output() -> None:
    ran = node(pairs, "limit", ["a", "b"]).run({"limit": 0})
    assert list(ran["a"]) == []
    assert list(ran["b"]) == []


def broken(limit: int) -> Iterator[tuple[int, int]]:
    yield 0, 0
    raise OSError("disk")


def test_a_failure_reaches_every_output_so_that_none_takes_the_end_for_success() -> None:
    ran = node(broken, "limit", ["a", "b"]).run({"limit": 1})
    assert next(ran["a"]) == 0
    with pytest.raises(OSError, match="disk"):
        next(ran["a"])
    assert next(ran["b"]) == 0
    with pytest.raises(OSError, match="disk"):
        next(ran["b"])


@pytest.mark.parametrize(
    ("yielded", "outputs", "said"),
    [
        (None, "a", "gave None for its output 'a'"),
        ((1, None), ["a", "b"], "gave None for its output 'b'"),
        ((1,), ["a", "b"], "returned 1 values for its 2 outputs"),
        (1, ["a", "b"], "must return a list or tuple of 2 values"),
        ({"x": 1}, {"x": "a", "y": "b"}, r"lacks \['y'\]"),
    ],
)
def test_each_chunk_is_checked_when_it_is_taken(yielded: Any, outputs: Any, said: str) -> None:
    good = {"a": 1} if outputs == "a" else (1, 1) if isinstance(outputs, list) else {"x": 1, "y": 1}

    def stream() -> Iterator[Any]:
        yield good
        yield yielded

    chunks = node(stream, None, outputs, name="n").run()["a"]
    next(chunks)
    with pytest.raises(NodeError, match=said):
        next(chunks)


@pytest.mark.parametrize("outputs", ["a", ["a", "b"]])
def test_the_function_is_closed_when_its_chunks_are_given_up(outputs: Any) -> None:
    closed = []

    def stream() -> Iterator[Any]:
        try:
            while True:
                yield 1, 1
        finally:
            closed.append(True)

    ran = node(stream, None, outputs).run()
    for chunks in ran.values():
        next(chunks)
    for chunks in ran.values():
        assert closed == []
        chunks.close()
    assert closed == [True]


def test_an_output_that_gave_up_keeps_no_chunks_waiting() -> None:
    ran = node(pairs, "limit", ["a", "b"]).run({"limit": 4})
    next(ran["a"])
    ran["a"].close()
    assert list(ran["b"]) == ["0", "1", "2", "3"]


def test_a_generator_that_was_merely_returned_is_a_value() -> None:
    chunks = counting(2)
    assert node(lambda: chunks, None, "out").run()["out"] is chunks


def test_a_generator_that_was_merely_returned_is_dealt_out_to_several_outputs() -> None:
    ran = node(lambda: pairs(2), None, ["a", "b"]).run()
    assert list(zip(ran["a"], ran["b"], strict=True)) == [(0, "0"), (1, "1")]


def test_a_wrapper_that_collects_the_chunks_returns_a_value() -> None:
    @functools.wraps(counting)
    def collected(limit: int) -> list[int]:
        return list(counting(limit))

    made_of_it = node(collected, "limit", "out")
    assert made_of_it.is_generator
    assert made_of_it.run({"limit": 2}) == {"out": [0, 1]}


def test_a_generator_function_without_outputs_is_run_to_its_end() -> None:
    seen = []

    def effects(limit: int) -> Iterator[None]:
        for number in range(limit):
            seen.append(number)
            yield

    assert node(effects, "limit", None).run({"limit": 3}) == {}
    assert seen == [0, 1, 2]


async def later() -> int:
    return 1


async def chunks_later() -> Any:
    yield 1


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("func", [later, chunks_later])
@pytest.mark.parametrize("outputs", [None, "a", ["a", "b"], {"x": "a"}])
def test_an_asynchronous_function_is_refused_since_nothing_of_it_has_run(func: Any, outputs: Any) -> None:
    given = "a" if outputs is None else None
    step = node(functools.partial(func) if given is None else lambda _: func(), given, outputs, name="n")
    with pytest.raises(NodeError, match=r"node 'n' .* is asynchronous, and nothing of it has run"):
        step.run({} if given is None else {"a": 1})


def test_a_function_that_waits_for_an_asynchronous_one_may_be_a_node() -> None:
    import asyncio

    @functools.wraps(later)
    def now() -> int:
        return asyncio.run(later())

    assert node(now, None, "a", name="n").run() == {"a": 1}
