"""What the survey knows of kedro-datasets is what its classes answer themselves."""

from __future__ import annotations

import functools
import importlib
import inspect
import sys
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("kedro_datasets", reason="asks classes of kedro-datasets, which is not installed")

from incremental.errors import DatasetError
from incremental.io import DataCatalog, survey
from incremental.io.catalog.capabilities import location_of
from incremental.io.catalog.layouts import FILES, OF_KEDRO_DATASETS
from incremental.io.catalog.markers import mark
from incremental.io.catalog.signatures import signature_of
from incremental.io.catalog.types import PACKAGES_OF_KEDRO
from incremental.planner.facts import State


def class_of(kind: str) -> Any:
    module, _, name = kind.rpartition(".")
    return getattr(importlib.import_module(f"kedro_datasets.{module}"), name)


def is_importable(kind: str) -> bool:
    try:
        class_of(kind)
    except (ImportError, AttributeError):
        return False
    return True


@functools.cache
def importable_kinds() -> list[str]:
    """Import all classes, which takes seconds: when a test asks for it, not while tests are collected."""
    of_files = [kind for kind, layout in OF_KEDRO_DATASETS.items() if layout in FILES]
    return sorted(kind for kind in of_files if is_importable(kind))


MORE = {"pandas.GenericDataset": {"file_format": "csv"}, "polars.EagerPolarsDataset": {"file_format": "csv"},
        "polars.LazyPolarsDataset": {"file_format": "csv"}, "pandas.HDFDataset": {"key": "k"},
        "plotly.PlotlyDataset": {"plotly_args": {"type": "bar", "fig": {}}}}  # fmt: skip


def entry(kind: str, path: object, **arguments: Any) -> dict[str, Any]:
    return {"type": f"kedro_datasets.{kind}", "filepath": str(path), **MORE.get(kind, {}), **arguments}


def test_most_of_the_classes_that_are_known_can_be_tried_here() -> None:
    assert len(importable_kinds()) >= 20


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
    for kind in importable_kinds():
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


def test_law_what_the_source_tells_of_arguments_is_what_the_class_takes() -> None:
    (package,) = importlib.import_module("kedro_datasets").__path__
    told, taken = {}, {}
    for kind in importable_kinds():
        words = inspect.signature(class_of(kind)).parameters
        taken[kind] = set(words), {word for word, each in words.items() if each.default is each.empty}
        found = signature_of(package, kind)
        told[kind] = None if found is None else (found.known, found.required)
    assert told == taken


@pytest.mark.parametrize(
    ("kind", "arguments", "fault"),
    [
        ("pandas.CSVDataset", {"load_arg": {}}, "'load_arg' is no argument; did you mean 'load_args'?"),
        ("text.TextDataset", {"mode": "w", "encoding": "x"}, "'mode' is no argument; 'encoding' is no argument"),
        ("pandas.HDFDataset", {"format": "x"}, "'format' is no argument"),
        ("plotly.PlotlyDataset", {"plotly_arg": {}}, "'plotly_arg' is no argument; did you mean 'plotly_args' or 'load_args'?"),
    ],
)  # fmt: skip
def test_a_misspelt_argument_is_told_by_a_plan_which_imports_nothing(
    tmp_path: Path, kind: str, arguments: dict[str, Any], fault: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    group = f"kedro_datasets.{kind.rpartition('.')[0]}"
    for name in [name for name in sys.modules if name.startswith(group)]:
        monkeypatch.delitem(sys.modules, name)
    catalog = DataCatalog.from_config({"x": {"type": kind, "filepath": str(tmp_path / "x"), **arguments}},
                                      packages=PACKAGES_OF_KEDRO)  # fmt: skip
    with pytest.raises(DatasetError) as caught:
        survey(catalog, ["x"])
    assert str(caught.value) == f"dataset 'x' of type {kind!r}: {fault}"
    assert not [name for name in sys.modules if name.startswith(group)]


@pytest.mark.parametrize(
    "text",
    [
        "class X(Y):\n    pass\n\n\nclass Z:\n    def __init__(self, a):\n        pass\n",  # it inherits
        "class X(Y):\n    def __init__(self, a, **more):\n        pass\n",
        "class X(Y):\n    __init__ = made_elsewhere\n",
    ],
)
def test_of_a_class_whose_source_does_not_tell_nothing_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "g").mkdir()
    (tmp_path / "g/__init__.py").write_text("    from .module import X\n")
    assert signature_of(str(tmp_path), "g.X") is None  # there is no such file
    signature_of.cache_clear()
    (tmp_path / "g/module.py").write_text(text)
    assert signature_of(str(tmp_path), "g.X") is None
    assert signature_of(str(tmp_path), "h.X") is None
