"""Which entry a name has: the same patterns given to Kedro's resolver and to ours."""

from __future__ import annotations

import logging
from typing import Any

import pytest

pytest.importorskip("kedro", reason="compares with Kedro, which is not installed")

from hypothesis import given, settings
from hypothesis import strategies as st
from kedro.io import CatalogConfigResolver as TheirResolver
from kedro.io.core import DatasetError as TheirError

from incremental.errors import DatasetError
from incremental.io import CatalogConfigResolver

PLACEHOLDERS = ("x", "y", "z")
RUNTIME = {"{default}": {"type": "MemoryDataset"}}
TEXTS = st.text("ab.-", min_size=1, max_size=3)  # what begins with "_" is a template, and never an entry


@st.composite
def patterns(draw: st.DrawFn) -> tuple[str, dict[str, Any]]:
    parts = draw(st.lists(TEXTS | st.sampled_from(PLACEHOLDERS).map("{{{}}}".format), min_size=1, max_size=5))
    text = (
        "".join([*parts, draw(st.sampled_from(("", "{x}")))]) if "{" not in "".join(parts) else "".join(parts)
    )
    used = [name for name in PLACEHOLDERS if f"{{{name}}}" in text]
    path = "/".join(f"d{{{name}}}" for name in draw(st.lists(st.sampled_from(used))) if used) if used else ""
    entry: dict[str, Any] = {"type": "pandas.CSVDataset", "filepath": f"data/{path}.csv"}
    if used and draw(st.booleans()):
        entry["load_args"] = {"names": [f"{{{used[0]}}}", 1], "deep": {"er": f"a{{{used[-1]}}}b"}}
    if draw(st.booleans()):
        entry["credentials"] = "db"
    return text, entry


@st.composite
def catalogs(draw: st.DrawFn) -> tuple[dict[str, Any], list[str]]:
    config = dict(draw(st.lists(patterns(), max_size=6)))
    config |= {name: {"type": "t", "filepath": name} for name in draw(st.lists(TEXTS, max_size=2))}
    names = draw(st.lists(st.text("ab.-", min_size=1, max_size=8), min_size=1, max_size=4))
    for text in [text for text in config if "{" in text]:
        for name in PLACEHOLDERS:
            text = text.replace(f"{{{name}}}", draw(TEXTS))
        names.append(text)
    return config, [*names, *(name for name in config if "{" not in name)]


@given(catalogs())
@settings(max_examples=50)
def test_law_both_resolvers_choose_the_same_pattern_and_give_the_same_configuration(
    drawn: tuple[dict[str, Any], list[str]],
) -> None:
    config, names = drawn
    credentials = {"db": {"user": "me"}}
    logging.disable(logging.WARNING)
    try:
        theirs = TheirResolver(config, credentials, RUNTIME)
    except TheirError:
        with pytest.raises(DatasetError):
            CatalogConfigResolver(config, credentials, RUNTIME)
        return
    finally:
        logging.disable(logging.NOTSET)
    ours = CatalogConfigResolver(config, credentials, RUNTIME)
    assert ours.list_patterns() == theirs.list_patterns()
    assert ours.config == theirs.config
    for name in names:
        assert ours.match_dataset_pattern(name) == theirs.match_dataset_pattern(name)
        assert ours.match_user_catch_all_pattern(name) == theirs.match_user_catch_all_pattern(name)
        assert ours.match_runtime_pattern(name) == theirs.match_runtime_pattern(name)
        assert ours.resolve_pattern(name) == theirs.resolve_pattern(name)
        assert ours.is_pattern(name) == theirs.is_pattern(name)


@pytest.mark.parametrize(
    "config",
    [
        {"{a}": {"type": "t"}, "{b}": {"type": "t"}},
        {"{a}{b}": {"type": "t"}, "{b}": {"type": "t"}},
        {"{a}_x": {"type": "t", "filepath": "{b}"}},
        {"x": 1},
        {"x": ["t"]},
    ],
)
def test_what_kedro_refuses_is_refused(config: dict[str, Any]) -> None:
    with pytest.raises(TheirError):
        TheirResolver(config, None, RUNTIME)
    with pytest.raises(DatasetError):
        CatalogConfigResolver(config)


def test_without_runtime_patterns_the_one_for_memory_is_the_last() -> None:
    config = {"{name}": {"type": "t"}, "a_{name}": {"type": "t"}}
    theirs, ours = TheirResolver(config), CatalogConfigResolver(config)
    assert ours.list_patterns() == theirs.list_patterns() == ["a_{name}", "{name}", "{default}"]
    assert TheirResolver().resolve_pattern("q") == {"type": "kedro.io.MemoryDataset"}
    assert CatalogConfigResolver().resolve_pattern("q") == {"type": "MemoryDataset"}


def test_credentials_that_nobody_configured_are_refused_when_they_are_needed_and_in_patterns_too() -> None:
    config = {"{ns}_t": {"type": "t", "credentials": "{ns}_db"}, "u": {"type": "t", "credentials": "dbb"}}
    credentials = {"a_db": {"user": "a"}, "db": {"user": "b"}}
    with pytest.raises(KeyError):  # Kedro looks for credentials by the name of the pattern
        TheirResolver({"{ns}_t": config["{ns}_t"]}, credentials, RUNTIME)
    ours = CatalogConfigResolver(config, credentials)
    assert ours.resolve_pattern("a_t")["credentials"] == {"user": "a"}
    with pytest.raises(DatasetError, match="did you mean 'db'"):
        ours.resolve_pattern("u")


def test_the_case_of_a_name_counts_with_us_only() -> None:
    config = {"{name}_CSV": {"type": "t"}}
    assert TheirResolver(config, None, RUNTIME).match_dataset_pattern("a_csv") == "{name}_CSV"
    assert CatalogConfigResolver(config).match_dataset_pattern("a_csv") is None
    assert CatalogConfigResolver(config).match_dataset_pattern("a_CSV") == "{name}_CSV"
