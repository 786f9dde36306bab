from __future__ import annotations

import runpy
from pathlib import Path

import pytest

FOLDER = Path(__file__).resolve().parents[2] / "examples" / "one_file"


@pytest.fixture(scope="module")
def names() -> dict[str, object]:
    return runpy.run_path(str(FOLDER / "pipeline.py"))


def test_the_pipeline_is_named_pipeline_and_starts_from_the_table(names):
    assert names["pipeline"].inputs() == {"weather"}
    assert names["pipeline"].outputs() == {"postcard"}


def test_the_committed_table_has_every_month(names):
    rows = names["parse"]((FOLDER / "weather.csv").read_text())
    assert len(rows) == 12


def test_mild_and_dry_months_come_first(names):
    months = [
        {"month": "wet", "temp": "70", "precip": "4"},
        {"month": "cold", "temp": "40", "precip": "0"},
        {"month": "mild", "temp": "68", "precip": "0.1"},
    ]
    ranking = names["rank"](months)
    assert [row["month"] for row in ranking] == ["mild", "cold", "wet"]
    assert names["write"](ranking) == "Walk in mild, cold, wet.\n"
