"""Ids of sessions and runs sort in the order in which they were claimed, whatever the clock says."""

from __future__ import annotations

import logging
import re
from datetime import datetime, timezone, tzinfo
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from incremental.state.history import History
from incremental.state.ledger import FileLedger

ID = re.compile(r"\d{4}-\d\d-\d\dT\d\d\.\d\d\.\d\d\.\d{3}Z")


@pytest.fixture
def ledger(tmp_path: Path) -> FileLedger:
    return FileLedger(tmp_path / "ledger.sqlite", tmp_path, durable=False)


@pytest.mark.parametrize(
    ("last", "following"),
    [
        ("2999-01-02T03.04.05.678Z", ["2999-01-02T03.04.05.679Z", "2999-01-02T03.04.05.680Z"]),
        ("2999-12-31T23.59.59.999Z", ["3000-01-01T00.00.00.000Z", "3000-01-01T00.00.00.001Z"]),
    ],
)
def test_an_id_sorts_after_all_before_it_though_the_clock_went_back(
    ledger: FileLedger, caplog: pytest.LogCaptureFixture, last: str, following: list[str]
) -> None:
    history = History(ledger)
    assert history.claim(last) == last
    with caplog.at_level(logging.WARNING):
        assert [history.claim(), history.claim()] == following
    assert f"there is a run {last}: this one is numbered after it" in caplog.text


def test_an_id_that_is_wanted_is_given_once(ledger: FileLedger) -> None:
    history = History(ledger)
    assert history.claim("2001-01-01T00.00.00.000Z") == "2001-01-01T00.00.00.000Z"
    other = history.claim("2001-01-01T00.00.00.000Z")
    assert ID.fullmatch(other)
    assert other > "2026"


@given(
    last=st.one_of(
        st.text(min_size=1, max_size=30), st.just("9999-12-31T23.59.59.999Z"), st.binary(min_size=1)
    )
)
def test_law_no_name_that_is_there_stops_the_next_id(
    tmp_path_factory: pytest.TempPathFactory, last: str | bytes
) -> None:
    folder = tmp_path_factory.mktemp("ids")
    ledger = FileLedger(folder / "ledger.sqlite", folder, durable=False)
    with ledger.transaction() as connection:
        connection.execute("INSERT INTO name VALUES (?)", (last,))
    first, second = History(ledger).claim(), History(ledger).claim()
    ledger.close()
    assert first != second
    assert ID.fullmatch(first)
    assert ID.fullmatch(second)


class Clock(datetime):
    """A moment that does not pass."""

    @classmethod
    def now(cls, tz: tzinfo | None = None) -> Clock:
        assert tz is timezone.utc
        return cls(2024, 1, 15, 10, 30, 45, 999_000, tz)


def test_an_id_that_is_taken_is_followed_by_the_next_millisecond(
    ledger: FileLedger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("incremental.state.ids.datetime", Clock)
    history = History(ledger)
    assert [history.claim("wanted"), history.claim(), history.claim(), history.claim("wanted")] == [
        "wanted",
        "2024-01-15T10.30.45.999Z",
        "2024-01-15T10.30.46.000Z",
        "2024-01-15T10.30.46.001Z",
    ]


@pytest.mark.parametrize("last", ["2024-01-15T10.31.45.998Z", "2024-01-15T10.31.45.999Z"])
def test_a_clock_that_is_behind_by_more_than_a_minute_is_told(
    ledger: FileLedger, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, last: str
) -> None:
    monkeypatch.setattr("incremental.state.ids.datetime", Clock)
    history = History(ledger)
    history.claim(last)
    assert history.claim() > last
    told = (
        f"the clock says 2024-01-15T10.30.45.999Z, and there is a run {last}: this one is numbered after it"
    )
    assert caplog.messages == ([told] if last.endswith("999Z") else [])
