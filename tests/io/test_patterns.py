"""Name patterns: what they match, in which order they are tried, and what cannot be one."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from incremental.errors import DatasetError
from incremental.io.catalog.patterns import Pattern, Patterns, is_pattern

MATCHES = [
    ("{name}_csv", "cars_csv", {"p": "cars"}),
    ("{name}_csv", "cars_csv_csv", {"p": "cars_csv"}),
    ("{name}_csv", "_csv", None),
    ("{name}_csv", "cars_parquet", None),
    ("{name}_csv", "cars_csvx", None),
    ("{name}", "anything at all", {"p": "anything at all"}),
    ("{space}.{name}", "a.b.c", {"p": "a/b.c"}),
    ("{space}.int_{name}", "x.int_y", {"p": "x/y"}),
    ("{name}@{format}", "cars@spark", {"p": "cars/spark"}),
    ("{a}-{a}", "x-x", {"p": "x"}),
    ("{a}-{a}", "x-y", None),
    ("a+b{name}", "a+b1", {"p": "1"}),
    ("a+b{name}", "aab1", None),
]


@pytest.mark.parametrize(("text", "name", "filled"), MATCHES)
def test_a_placeholder_stands_for_the_least_text_that_is_not_empty(
    text: str, name: str, filled: dict[str, str] | None
) -> None:
    names = list(dict.fromkeys(part.partition("}")[0] for part in text.split("{")[1:]))
    pattern = Pattern(text, {"type": "T", "p": "/".join(f"{{{each}}}" for each in names)})
    assert pattern.matches(name) is (filled is not None)
    if filled is not None:
        assert pattern.resolve(name) == {"type": "T", **filled}


def test_placeholders_are_filled_in_at_every_depth_and_other_values_stay() -> None:
    config = {"type": "T", "a": {"b": ["{x}", 1, ("{x}!",)]}, "n": None, "flag": True}
    assert Pattern("{x}_t", config).resolve("cars_t") == {
        "type": "T",
        "a": {"b": ["cars", 1, ["cars!"]]},
        "n": None,
        "flag": True,
    }
    assert config["a"] == {"b": ["{x}", 1, ("{x}!",)]}


WRONG = [
    (
        "{}_csv",
        {"type": "T"},
        "pattern '{}_csv': a placeholder is a name between braces, like '{table}', not {}",
    ),
    (
        "{1st}_csv",
        {"type": "T"},
        "pattern '{1st}_csv': a placeholder is a name between braces, like '{table}', not {1st}",
    ),
    (
        "{name_csv",
        {"type": "T"},
        "pattern '{name_csv': a placeholder is a name between braces, like '{table}'",
    ),
    (
        "{name}_csv",
        {"type": "T", "filepath": "{nam}/{other}.csv"},
        "pattern '{name}_csv': its entry uses {nam}, {other}, which the pattern does not have; it has {name}",
    ),
]


@pytest.mark.parametrize(("text", "config", "message"), WRONG)
def test_a_pattern_that_cannot_be_is_refused(text: str, config: dict[str, str], message: str) -> None:
    with pytest.raises(DatasetError) as caught:
        Pattern(text, config)
    assert str(caught.value) == message


def test_two_patterns_that_match_every_name_are_refused() -> None:
    with pytest.raises(DatasetError) as caught:
        Patterns([Pattern("{b}", {}), Pattern("{a}{c}", {})])
    assert str(caught.value) == "patterns '{a}{c}', '{b}' all match every name: keep one of them"


def test_a_name_is_a_pattern_when_it_has_a_brace() -> None:
    assert [name for name in ("a", "{a}", "a{") if is_pattern(name)] == ["{a}", "a{"]


def test_the_order_is_that_of_kedro_most_specific_then_most_placeholders_then_alphabet() -> None:
    texts = ["{default}", "{x}_csv", "{x}.{y}_csv", "b{x}_csv", "a{x}_csv", "{n}.int_{t}", "{x}{y}_csv"]
    order = [pattern.text for pattern in Patterns(Pattern(text, {}) for text in texts)]
    assert order == [
        "{n}.int_{t}",
        "{x}.{y}_csv",
        "a{x}_csv",
        "b{x}_csv",
        "{x}{y}_csv",
        "{x}_csv",
        "{default}",
    ]


literals = st.text("ab._", max_size=4)
texts = st.builds(
    lambda parts: "".join(f"{literal}{{v{place}}}" for place, literal in enumerate(parts[:-1])) + parts[-1],
    st.lists(literals, min_size=2, max_size=4),
)


@given(st.sets(texts, min_size=1, max_size=6), st.randoms(use_true_random=False), st.text("ab._", max_size=8))
def test_precedence_is_a_total_order_whatever_the_order_of_the_entries(texts, random, name) -> None:
    patterns = [Pattern(text, {}) for text in texts]
    catch_alls = [pattern for pattern in patterns if not pattern.specificity]
    for surplus in catch_alls[1:]:
        patterns.remove(surplus)
    shuffled = list(patterns)
    random.shuffle(shuffled)
    first, second = list(Patterns(patterns)), list(Patterns(shuffled))
    assert [each.text for each in first] == [each.text for each in second]
    assert all(a.precedence < b.precedence for a, b in itertools.pairwise(first))
    found = Patterns(shuffled).match(name)
    assert found is next((pattern for pattern in first if pattern.matches(name)), None)


@given(st.lists(st.text("ab.", min_size=1, max_size=3), min_size=1, max_size=3), st.text("-", min_size=1))
def test_filling_in_what_a_pattern_was_made_from_gives_the_name_back(values, separator) -> None:
    text = separator.join(f"{{v{place}}}" for place in range(len(values)))
    name = separator.join(values)
    assert Pattern(text, {"whole": text}).resolve(name) == {"whole": name}
