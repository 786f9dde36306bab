"""Datasets of kedro-datasets in our catalog: planned without their libraries, saved under our marks."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("kedro_datasets", reason="tries kedro-datasets, which is not installed")

from incremental.errors import IncrementalError
from incremental.io import DataCatalog, survey
from incremental.io.catalog.markers import is_marked, mark_path
from incremental.io.catalog.sweeping import places, sweep
from incremental.io.catalog.types import PACKAGES_OF_KEDRO, Types
from incremental.pipeline import Pipeline, node
from incremental.pipeline.selection import select
from incremental.planner import plan_missing
from incremental.planner.facts import State
from incremental.runner import ParallelRunner, SequentialRunner


def entry(kind: str, path: object, **arguments: Any) -> dict[str, Any]:
    return {"type": f"kedro_datasets.{kind}", "filepath": str(path), **arguments}


@pytest.mark.parametrize(
    ("kind", "meant"),
    [
        ("plotly.PlotlyDatset", "plotly.PlotlyDataset"),
        ("pandas.SQLTabelDataset", "pandas.SQLTableDataset"),
        ("kedro_datasets.pandas.ExcelDataSet", "pandas.ExcelDataset"),
    ],
)
def test_a_misspelt_type_of_theirs_gets_the_nearest_one(kind: str, meant: str) -> None:
    with pytest.raises(IncrementalError, match=f"type '{kind}' is not known; did you mean '{meant}'"):
        Types(PACKAGES_OF_KEDRO).find(kind)


def test_planning_imports_neither_kedro_nor_the_libraries_of_its_datasets(tmp_path: Path) -> None:
    script = """
import sys
from incremental.io import DataCatalog
from incremental.io.catalog.types import PACKAGES, PACKAGES_OF_KEDRO
from incremental.pipeline import Pipeline, node
from incremental.pipeline.selection import select
from incremental.planner import plan_missing
from incremental.io.catalog.survey import survey
config = {
    "raw": {"type": "pandas.ExcelDataset", "filepath": "raw.xlsx", "load_args": {"engine": "openpyxl"}},
    "table": {"type": "polars.CSVDataset", "filepath": "table.csv", "versioned": True},
    "model": {"type": "CachedDataset", "versioned": True,
              "dataset": {"type": "kedro_datasets.pickle.PickleDataset", "filepath": "m.pkl"}},
    "plot": {"type": "plotly.JSONDataset", "filepath": "plot.json"},
    "figure": {"type": "matplotlib.MatplotlibDataset", "filepath": "figure.png"},
    "parts": {"type": "partitions.PartitionedDataset", "path": "parts", "dataset": "pandas.CSVDataset"},
    "new": {"type": "partitions.IncrementalDataset", "path": "new", "dataset": "pandas.CSVDataset"},
    "here": {"type": "MemoryDataset"},
    "{any}_csv": {"type": "pandas.CSVDataset", "filepath": "{any}.csv"},
}
names = [*config, "x_csv"]
names.remove("{any}_csv")
pipeline = Pipeline([node(lambda *_: 1, ["raw", "parts"], [name for name in names if name not in ("raw", "parts")])])
for packages in (PACKAGES, PACKAGES_OF_KEDRO):
    facts = survey(DataCatalog.from_config(config, packages=packages), names)
    plan = plan_missing(select(pipeline), facts)
print(len(facts.states), *{name.partition(".")[0] for name in sys.modules})
"""
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, cwd=tmp_path
    )
    count, *modules = done.stdout.split()
    assert count == "9"
    heavy = {
        "kedro",
        "kedro_datasets",
        "pandas",
        "numpy",
        "polars",
        "plotly",
        "matplotlib",
        "openpyxl",
        "sklearn",
    }
    assert heavy & {*modules} == set()


def test_using_them_never_loads_the_framework(tmp_path: Path) -> None:
    script = """
import sys
from incremental.io import DataCatalog
catalog = DataCatalog.from_config({"x": {"type": "kedro_datasets.json.JSONDataset", "filepath": "x.json"}})
catalog.save("x", {"a": 1})
assert catalog.load("x") == {"a": 1}
print(*(name for name in sys.modules if name.startswith("kedro.framework")))
"""
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, cwd=tmp_path
    )
    assert (done.stdout.strip(), done.stderr) == ("", "")


def test_short_names_are_ours_with_us_and_theirs_in_a_project_of_kedro() -> None:
    ours, theirs = Types(), Types(PACKAGES_OF_KEDRO)
    for kind in ("json.JSONDataset", "pandas.CSVDataset", "partitions.PartitionedDataset"):
        assert ours.find(kind).__module__.startswith("incremental.")
        assert theirs.find(kind).__module__.startswith("kedro_datasets.")
    for kind in ("pandas.ExcelDataset", "polars.CSVDataset", "plotly.JSONDataset"):
        assert ours.find(kind) is theirs.find(kind)
    assert theirs.find("MemoryDataset").__module__.startswith("kedro.io")
    assert theirs.find("incremental.io.files.formats.JSONDataset").__module__.startswith("incremental.")


def frame() -> Any:
    import pandas as pd

    return pd.DataFrame({"a": [1, 2], "b": ["x", "y"]})


def total(table: Any) -> int:
    return int(table["a"].sum())


def figure(table: Any) -> Any:
    import plotly.graph_objects as go

    return go.Figure(go.Bar(x=table["b"], y=table["a"]))


def config_of(folder: Path) -> dict[str, Any]:
    return {
        "table": {
            "type": "pandas.ExcelDataset", "filepath": f"{folder}/table.xlsx", "versioned": True,
            "save_args": {"index": False, "sheet_name": "s"}, "load_args": {"sheet_name": "s"},
            "fs_args": {"auto_mkdir": True}, "metadata": {"owner": "me"}, "credentials": "disk",
        },
        "copy": {"type": "CachedDataset", "dataset": {"type": "pandas.JSONDataset", "filepath": f"{folder}/c.json"}},
        "total": {"type": "json.JSONDataset", "filepath": f"{folder}/total.json"},
        "plot": {"type": "plotly.JSONDataset", "filepath": f"{folder}/plot.json"},
    }  # fmt: skip


def same(table: Any) -> Any:
    return table


PIPELINE = Pipeline(
    [
        node(frame, None, "table", name="make"),
        node(total, "table", "total", name="sum"),
        node(figure, "table", "plot", name="draw"),
        node(same, "table", "copy", name="copy"),
        node(total, "copy", "again", name="again"),
    ]
)


def needed(pipeline: Pipeline, catalog: DataCatalog) -> list[str]:
    names = {name for each in pipeline.nodes for name in (*each.reads, *each.writes)}
    plan = plan_missing(select(pipeline), survey(catalog, sorted(names)))
    return [step.node.name for step in plan.running]


def catalog_in(folder: Path, **arguments: Any) -> DataCatalog:
    return DataCatalog.from_config(config_of(folder), {"disk": {"use_listings_cache": False}}, **arguments)


@pytest.mark.parametrize("packages", [None, PACKAGES_OF_KEDRO], ids=["ours first", "Kedro's order"])
def test_a_run_saves_them_with_their_arguments_and_the_next_one_skips_what_is_there(
    tmp_path: Path, packages: Any
) -> None:
    order = {} if packages is None else {"packages": packages}
    result = SequentialRunner().run(PIPELINE, catalog_in(tmp_path, save_version="v1", **order))
    assert result["again"].load() == 3
    assert (tmp_path / "table.xlsx" / "v1" / "table.xlsx").exists()
    assert not list(tmp_path.glob(".*incremental*"))
    assert needed(PIPELINE, catalog_in(tmp_path, **order)) == ["again"]
    (tmp_path / "plot.json").unlink()
    assert needed(PIPELINE, catalog_in(tmp_path, **order)) == ["draw", "again"]
    SequentialRunner().run(PIPELINE, catalog_in(tmp_path, **order), only_missing_outputs=True)
    assert needed(PIPELINE, catalog_in(tmp_path, **order)) == ["again"]
    assert (tmp_path / "plot.json").exists()
    catalog = catalog_in(tmp_path, load_versions={"table": "v1"}, **order)
    assert catalog.load("table").to_dict("list") == {"a": [1, 2], "b": ["x", "y"]}
    assert catalog["table"].metadata == {"owner": "me"}


def half() -> Any:
    return {"whole": [1, 2], "broken": object()}


def whole() -> Any:
    return {"whole": [1, 2]}


@pytest.mark.parametrize("versioned", [False, True])
def test_a_save_that_fails_half_way_leaves_the_mark_and_the_node_runs_again(
    tmp_path: Path, versioned: bool
) -> None:
    path = tmp_path / "x.json"
    config = {"x": entry("json.JSONDataset", path, versioned=versioned)}

    def catalog(version: str) -> DataCatalog:
        return DataCatalog.from_config(config, save_version=version)

    with pytest.raises(IncrementalError, match="'x'"):
        SequentialRunner().run(Pipeline([node(half, None, "x", name="make")]), catalog("v1"))
    written = path / "v1" / "x.json" if versioned else path
    assert written.read_text().endswith('"broken": ')  # and yet it exists, says the dataset
    assert catalog("v2").exists("x")
    assert is_marked(str(path))
    assert survey(catalog("v2"), ["x"]).states == {"x": State.INCOMPLETE}
    pipeline = Pipeline([node(whole, None, "x", name="make")])
    assert needed(pipeline, catalog("v2")) == ["make"]
    SequentialRunner().run(pipeline, catalog("v2"), only_missing_outputs=True)
    assert not is_marked(str(path))
    assert needed(pipeline, catalog("v3")) == []
    assert catalog("v3").load("x") == {"whole": [1, 2]}


def counted(data: dict[str, Any]) -> list[int]:
    return [len(data)]


def test_they_are_saved_by_workers_in_other_processes(tmp_path: Path) -> None:
    config = {
        "made": entry("json.JSONDataset", tmp_path / "made.json", versioned=True),
        "count": entry("yaml.YAMLDataset", tmp_path / "count.yaml"),
    }
    pipeline = Pipeline(
        [node(whole, None, "made", name="make"), node(counted, "made", "count", name="count")]
    )
    ParallelRunner(max_workers=1).run(pipeline, DataCatalog.from_config(config, save_version="v1"))
    again = DataCatalog.from_config(config)
    assert (again.load("made"), again.load("count")) == ({"whole": [1, 2]}, [1])
    assert survey(again, config).versions == {"made": "v1"}
    assert needed(pipeline, again) == []


def test_a_cached_dataset_of_kedro_counts_as_what_it_wraps(tmp_path: Path) -> None:
    from kedro.io import CachedDataset
    from kedro_datasets.json import JSONDataset

    path = tmp_path / "x.json"
    catalog = DataCatalog({"x": CachedDataset(JSONDataset(filepath=str(path)))})
    assert survey(catalog, ["x"]).states == {"x": State.ABSENT}
    catalog.save("x", [1])
    facts = survey(DataCatalog({"x": CachedDataset(JSONDataset(filepath=str(path)))}), ["x"])
    assert (facts.states, facts.locations) == ({"x": State.PRESENT}, {"x": str(path)})


@pytest.mark.parametrize(
    ("y", "z", "told"),
    [
        (
            entry("json.JSONDataset", "y.json", save_arg={}),
            entry("yaml.YAMLDataset", "z.yaml", loadargs={}),
            [
                "dataset 'y' of type 'kedro_datasets.json.JSONDataset': 'save_arg' is no argument",
                "dataset 'z' of type 'kedro_datasets.yaml.YAMLDataset': 'loadargs' is no argument",
            ],
        ),
        (  # words that other types know: what these take is seen when they are made
            entry("text.TextDataset", "y.txt", save_args={}),
            entry("text.TextDataset", "z.txt", load_args={}),
            [
                "dataset 'y' of type TextDataset: 'save_args' is no argument",
                "dataset 'z': dataset 'dataset' of type TextDataset: 'load_args' is no argument",
            ],
        ),
    ],
    ids=["misspelt", "of other types"],
)
def test_arguments_that_types_do_not_take_are_told_at_once_before_the_first_node(
    tmp_path: Path, y: dict[str, Any], z: dict[str, Any], told: list[str]
) -> None:
    ran = []
    config = {
        "x": {"type": "text.TextDataset", "filepath": f"{tmp_path}/x.txt"},
        "y": {**y, "filepath": f"{tmp_path}/y"},
        "z": {"type": "CachedDataset", "dataset": {**z, "filepath": f"{tmp_path}/z"}},
        "unused": {**y, "filepath": f"{tmp_path}/u"},
    }
    pipeline = Pipeline(
        [
            node(lambda: ran.append(1) or "x", None, "x", name="first"),  # type: ignore[func-returns-value]
            node(lambda text: (text, text), "x", ["y", "z"], name="second"),
        ]
    )
    with pytest.raises(IncrementalError) as caught:
        SequentialRunner().run(pipeline, DataCatalog.from_config(config))
    assert [line.partition(";")[0] for line in str(caught.value).splitlines()] == told
    assert ran == []


def test_what_killed_runs_left_is_looked_for_without_building_them(tmp_path: Path) -> None:
    config = {
        "x": entry("json.JSONDataset", tmp_path / "x.json"),
        "y": {"type": "CachedDataset", "dataset": entry("json.JSONDataset", tmp_path / "y.json")},
        "parts": {"type": "kedro_datasets.partitions.PartitionedDataset", "path": f"{tmp_path}/parts",
                  "dataset": "pandas.CSVDataset"},
    }  # fmt: skip
    catalog = DataCatalog.from_config(config)
    locations = dict(survey(catalog, config).locations)
    found = list(places(catalog, config, locations))
    assert [place.path for place in found] == [str(mark_path(locations[name])) for name in config]
    assert sweep(catalog, config, locations) == 0
    assert [catalog.built(name) for name in config] == [None] * 3


def refuse(data: Any) -> None:
    raise ValueError("no")


def test_data_that_its_validator_refuses_leaves_the_output_as_it_was(tmp_path: Path) -> None:
    config = {"x": entry("json.JSONDataset", tmp_path / "x.json")}
    pipeline = Pipeline([node(whole, None, "x", name="make")])
    SequentialRunner().run(pipeline, DataCatalog.from_config(config))
    (tmp_path / "x.json").write_text("7")
    config["x"]["validator"] = {"class": f"{__name__}.refuse", "on": "save"}
    with pytest.raises(IncrementalError, match="'x'.*not valid on save"):
        SequentialRunner().run(pipeline, DataCatalog.from_config(config))
    assert not is_marked(str(tmp_path / "x.json"))
    assert survey(DataCatalog.from_config(config), ["x"]).states == {"x": State.PRESENT}
    assert DataCatalog.from_config(config).load("x") == 7
