from __future__ import annotations

import pytest

from incremental.errors import PipelineError
from incremental.pipeline.transcoding import (
    base_name,
    base_names,
    distinct,
    is_parameter,
    split_format,
    words,
)


@pytest.mark.parametrize(
    ("name", "base", "kind"),
    [("cars", "cars", ""), ("cars@pandas", "cars", "pandas"), ("cars@", "cars", ""), ("a.b@c", "a.b", "c")],
)
def test_a_format_is_what_follows_the_at_sign(name: str, base: str, kind: str) -> None:
    assert base_name(name) == base
    assert split_format(name) == (base, kind)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("cars@a@b", "dataset name 'cars@a@b' has 2 '@', but one at most may set off its format"),
        ("@pandas", "dataset name '@pandas' has nothing before '@'"),
    ],
)
def test_a_name_with_a_format_in_the_wrong_place_is_refused(name: str, said: str) -> None:
    with pytest.raises(PipelineError) as caught:
        base_name(name)
    assert str(caught.value) == said


def test_base_names_are_the_same_tuple_when_no_name_has_a_format() -> None:
    plain = ("a", "b")
    assert base_names(plain) is plain
    assert base_names(("a@x", "b")) == ("a", "b")


def test_distinct_keeps_the_first_use() -> None:
    assert distinct(("b", "a", "b")) == ("b", "a")
    assert distinct(("b", "a")) == ("b", "a")


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("parameters", True),
        ("params:x", True),
        ("params:a.b", True),
        ("params", False),
        ("my_parameters", False),
    ],
)
def test_parameters_are_told_by_their_name(name: str, expected: bool) -> None:
    assert is_parameter(name) is expected


def test_a_bare_string_is_one_word() -> None:
    assert words("north") == ("north",)
    assert words(["a", "b"]) == ("a", "b")
    assert words(None) == ()
