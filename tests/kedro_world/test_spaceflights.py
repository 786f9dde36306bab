"""The project that the other tests start from: Kedro itself makes all of it, and twice the same."""

from __future__ import annotations

from pathlib import Path

import pytest
from kedro_projects import NODES, PICTURE, REGRESSOR, KedroProject, assert_same

pytest.importorskip("kedro", reason="compares with Kedro")


def test_kedro_makes_every_output_of_the_nine_nodes(kedro_made: KedroProject) -> None:
    made = kedro_made.results()
    assert len(NODES) == 9
    assert made["07_model_output/metrics.json"]["r2_score"] > 0.9
    assert len(made[REGRESSOR]) == 9
    assert made[PICTURE].startswith(b"\x89PNG")


def test_the_raw_tables_are_the_same_each_time(kedro_made: KedroProject, tmp_path: Path) -> None:
    again = KedroProject.new(tmp_path / "again").with_data()
    for table in ("companies.csv", "reviews.csv"):
        assert again.data(f"01_raw/{table}").read_bytes() == kedro_made.data(f"01_raw/{table}").read_bytes()


@pytest.mark.slow
def test_kedro_makes_the_same_twice(kedro_made: KedroProject, tmp_path: Path) -> None:
    again = KedroProject.new(tmp_path / "again").with_data()
    assert again.kedro("run").returncode == 0
    assert_same(again.results(), kedro_made.results())
