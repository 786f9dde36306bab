"""Marks beside data that is written in place."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from incremental.io.catalog.markers import is_marked, mark, mark_path, unmark


def test_a_mark_is_a_hidden_file_beside_the_data_until_it_is_taken_away(tmp_path: Path) -> None:
    location = str(tmp_path / "new" / "data.csv")
    assert not is_marked(location)
    mark(location, "run 1", "node")
    assert is_marked(location)
    (found,) = (tmp_path / "new").iterdir()
    assert found.name == ".data.csv.incremental-begun"
    assert json.loads(found.read_text()) == {"run": "run 1", "node": "node"}
    mark(location, "run 2", "node", durable=False)
    unmark(location)
    unmark(location)
    assert not is_marked(location)
    assert list((tmp_path / "new").iterdir()) == []


@pytest.mark.parametrize("location", ["s3://bucket/x", "dataset:x", "relative/x"])
def test_where_no_file_can_be_beside_the_data_there_is_no_mark(location: str) -> None:
    assert mark_path(location) is None
    mark(location, "run", "node")
    assert not is_marked(location)
    unmark(location)


@pytest.mark.parametrize("name", ["x" * 250, "ü" * 120, "x" * 200])
def test_a_name_that_is_nearly_too_long_has_a_mark_of_its_own(tmp_path: Path, name: str) -> None:
    one, other = str(tmp_path / name), str(tmp_path / (name[:-1] + "y"))
    mark(one, "run", "node")
    assert is_marked(one)
    assert not is_marked(other)
