"""Columns, lists, numbers and times."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from incremental.render.document import json_text
from incremental.render.text import Look, Style, aligned, clock, count, cut, duration, listed, moment, row


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0 ms"),
        (0.0124, "12 ms"),
        (0.9994, "999 ms"),
        (0.9996, "1.0 s"),
        (1.24, "1.2 s"),
        (59.94, "59.9 s"),
        (59.96, "1 min 00 s"),
        (200, "3 min 20 s"),
        (3599.6, "1 h 00 min"),
        (7380, "2 h 03 min"),
    ],
)
def test_a_duration_is_told_in_the_unit_that_suits_it(seconds: float, text: str) -> None:
    assert duration(seconds) == text


@pytest.mark.parametrize(("number", "text"), [(0, "0 nodes"), (1, "1 node"), (10_000, "10,000 nodes")])
def test_counts_agree_with_their_noun(number: int, text: str) -> None:
    assert count(number, "node") == text


def test_a_long_list_ends_in_the_number_of_the_others() -> None:
    assert listed("abc") == "a, b, c"
    assert listed(map(str, range(1300)), 2) == "0, 1 and 1,298 more"


def test_columns_stand_below_each_other_and_nothing_trails() -> None:
    rows = [
        row("run", "clean", "x"),
        row("skip", "a_long_name", ""),
        row("skip", "all the rest of this line"),
    ]
    assert aligned(rows, Look()) == [
        "run   clean        x",
        "skip  a_long_name",
        "skip  all the rest of this line",
    ]


def test_a_row_that_the_screen_is_too_narrow_for_goes_on_below_its_last_cell() -> None:
    rows = [row("run", "clean", "rows needed by model"), row("skip", "b", "")]
    assert aligned(rows, Look(width=26)) == ["run   clean  rows needed\n             by model", "skip  b"]
    assert aligned(rows[:1], Look(width=28), "  ") == ["  run  clean  rows needed by\n              model"]


def test_what_goes_on_below_moves_to_the_left_where_a_word_needs_the_room() -> None:
    rows = [row("present", "table", "data/01_raw/table.csv")]
    assert aligned(rows, Look(width=24)) == ["present  table\n   data/01_raw/table.csv"]


WORDS = st.lists(st.text("abc-/", min_size=1, max_size=12), max_size=4).map(" ".join)


@given(st.lists(st.lists(WORDS, min_size=1, max_size=3), max_size=5), st.integers(14, 60))
def test_law_a_narrow_screen_breaks_lines_between_words_and_loses_none(
    table: list[list[str]], width: int
) -> None:
    rows = [row(*cells) for cells in table]
    wide, narrow = aligned(rows, Look()), aligned(rows, Look(width=width))
    assert [each.split() for each in narrow] == [each.split() for each in wide]
    assert all(len(line) <= width for each in narrow for line in each.splitlines())


def test_a_word_that_no_line_has_room_for_is_broken() -> None:
    assert aligned([row("run", "x" * 30)], Look(width=20)) == [f"run  {'x' * 15}\n{'x' * 15}"]


def test_what_no_screen_has_room_for_is_cut() -> None:
    (text,) = aligned([row("parameters", "x" * 1_000_000)], Look(width=80))
    assert len(text.splitlines()) == 12
    assert text.endswith("…")


def test_colour_is_put_on_the_first_word_after_the_line_was_broken() -> None:
    lines = aligned([row("run", "clean", "missing", style=Style.WORK)], Look(colour=True, width=12))
    assert lines == ["\x1b[33mrun\x1b[0m  clean\n     missing"]


def test_no_style_and_no_text_get_no_colour() -> None:
    look = Look(colour=True)
    assert look.paint("a", None) == "a"
    assert look.paint("", Style.GOOD) == ""


def test_signs_that_a_screen_does_not_know_are_spelled_out() -> None:
    assert Look(unicode=False).spell("a · b → c…") == "a - b -> c..."
    assert Look().spell("a · b") == "a · b"


def test_long_output_is_cut_and_counted() -> None:
    assert cut(["a", "b", "c"], 2, "nodes") == ["a", "b", "and 1 more nodes"]
    assert cut(["a", "b"], 2) == ["a", "b"]
    assert cut(["a", "b"], None) == ["a", "b"]


def test_moments_are_those_of_the_readers_time_zone(monkeypatch: pytest.MonkeyPatch) -> None:
    import time

    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    assert moment(1_700_000_000) == "2023-11-14 22:13:20"
    assert clock(1_700_000_000) == "22:13:20"


def test_a_document_is_scrubbed_text_by_text_and_stays_json() -> None:
    import json

    from incremental.secrets import Redactor

    document = {"a": ['token="x y" z', ("hunter22", 1)], "hunter22": None, "b": True}
    text = json_text(document, Redactor(["hunter22"]).scrub)
    assert json.loads(text) == {"a": ["token=*** z", ["***", 1]], "***": None, "b": True}
