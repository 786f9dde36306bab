"""What the survey knows of kedro-datasets is what its classes answer themselves."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("kedro_datasets", reason="asks classes of kedro-datasets, which is not installed")

from incremental.io import DataCatalog, survey
from incremental.io.catalog.capabilities import location_of
from incremental.io.catalog.layouts import FILES, OF_KEDRO_DATASETS
from incremental.io.catalog.markers import mark
from incremental.planner.facts import State


def is_importable(kind: str) -> bool:
    module, _, name = kind.rpartition(".")
    try:
        getattr(importlib.import_module(f"kedro_datasets.{module}"), name)
    except (ImportError, AttributeError):
        return False
    return True


KINDS = sorted(kind for kind, layout in OF_KEDRO_DATASETS.items() if layout in FILES and is_importable(kind))
MORE = {"pandas.GenericDataset": {"file_format": "csv"}, "polars.EagerPolarsDataset": {"file_format": "csv"},
        "polars.LazyPolarsDataset": {"file_format": "csv"}, "pandas.HDFDataset": {"key": "k"},
        "plotly.PlotlyDataset": {"plotly_args": {"type": "bar", "fig": {}}}}  # fmt: skip


def entry(kind: str, path: object, **arguments: Any) -> dict[str, Any]:
    return {"type": f"kedro_datasets.{kind}", "filepath": str(path), **MORE.get(kind, {}), **arguments}


def test_most_of_the_classes_that_are_known_can_be_tried_here() -> None:
    assert len(KINDS) >= 20


def lay(what: str, path: Path) -> None:
    """Put something where a dataset is looked for."""
    if what in ("version", "empty version", "marked version"):
        (path / "2024" / path.name if "empty" not in what else path / "2024").mkdir(parents=True)
    elif what == "folder":
        path.mkdir()
    elif what != "nothing":
        path.touch()
    if "marked" in what:
        mark(str(path))


@pytest.mark.parametrize("versioned", [False, True], ids=["plain", "versioned"])
@pytest.mark.parametrize(
    "what", ["nothing", "file", "folder", "version", "empty version", "marked file", "marked version"]
)
def test_law_the_survey_answers_from_the_entry_what_the_dataset_itself_answers(
    tmp_path: Path, what: str, versioned: bool
) -> None:
    config = {}
    for kind in KINDS:
        lay(what, tmp_path / f"{kind}.x")
        config[kind] = entry(kind, tmp_path / f"{kind}.x", **({"versioned": True} if versioned else {}))
    catalog, built = DataCatalog.from_config(config), DataCatalog.from_config(config)
    for name in config:
        assert built[name] is not None
    facts, asked = survey(catalog, config), survey(built, config)
    assert all(catalog.built(name) is None for name in config)
    assert facts.states == asked.states
    assert facts.locations == asked.locations
    assert facts.versions == asked.versions
    for name in config:
        assert facts.locations[name] == location_of(built[name])
        state = State.PRESENT if built.exists(name) else State.ABSENT
        assert facts.states[name] in (state, State.INCOMPLETE)
