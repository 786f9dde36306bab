"""The Kedro project after its imports are replaced: the same results, with Kedro as a library or without it."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from kedro_projects import KedroProject, assert_same

# In this order: the longer paths first.
REPLACEMENTS = (
    ("kedro.framework.project", "incremental.project"),
    ("kedro.framework.hooks", "incremental.hooks"),
    ("kedro.framework.session", "incremental.session"),
    ("kedro.pipeline", "incremental.pipeline"),
    ("kedro.config", "incremental.config"),
    ("kedro.runner", "incremental.runner"),
    ("kedro.io", "incremental.io"),
)
BUILT_IN = """
companies: {type: pandas.CSVDataset, filepath: data/01_raw/companies.csv}
reviews: {type: pandas.CSVDataset, filepath: data/01_raw/reviews.csv}
shuttles: {type: pandas.CSVDataset, filepath: data/01_raw/shuttles.csv}
"{name}_table": {type: pandas.ParquetDataset, filepath: "data/03_primary/{name}_table.pq"}
"preprocessed_{name}": {type: pandas.ParquetDataset, filepath: "data/02_intermediate/preprocessed_{name}.pq"}
regressor: {type: pickle.PickleDataset, filepath: data/06_models/regressor.pickle, versioned: true}
metrics: {type: json.JSONDataset, filepath: data/07_model_output/metrics.json}
predictions: {type: pandas.CSVDataset, filepath: data/07_model_output/predictions.csv, save_args: {index: false}}
"""
REPORT = """
import json, sys
from incremental.cli.main import invoke
code = invoke({arguments!r})
print(json.dumps([code, sorted(name for name in sys.modules if name.partition(".")[0].startswith("kedro"))]))
"""


def port(project: KedroProject) -> KedroProject:
    """Replace imports, and the name of the table in pyproject.toml: all that a port is."""
    for file in (project.path / "src").rglob("*.py"):
        text = file.read_text()
        for old, new in REPLACEMENTS:
            text = re.sub(rf"\b(from|import) {re.escape(old)}\b", rf"\1 {new}", text)
        file.write_text(text)
    project.replace("pyproject.toml", "[tool.kedro]", "[tool.incremental]")
    (project.path / "src/spaceflights/__main__.py").unlink()  # starts Kedro's command line
    return project


def run_without_kedro(project: KedroProject, *arguments: str, blocked: str = "") -> list[str]:
    """Run in a process of its own; return the modules of Kedro's packages that were loaded."""
    block = "".join(f"import sys; sys.modules[{name!r}] = None\n" for name in blocked.split())
    said = project.python(block + REPORT.format(arguments=list(arguments)))
    assert said.returncode == 0, said.stderr
    code, loaded = json.loads(said.stdout.splitlines()[-1])
    assert code == 0, said.stderr
    return [name for name in loaded if name not in blocked.split()]


@pytest.fixture
def built_in(raw: KedroProject) -> KedroProject:
    """The ported project with our own types: no Excel, and no reports, whose types only kedro-datasets has."""
    import pandas as pd

    port(raw)
    pd.read_excel(raw.data("01_raw/shuttles.xlsx")).to_csv(raw.data("01_raw/shuttles.csv"), index=False)
    for file in (raw.path / "conf/base").glob("catalog*.yml"):
        file.unlink()
    (raw.path / "conf/base/catalog.yml").write_text(BUILT_IN)
    return raw


def test_a_ported_project_makes_what_kedro_makes(
    raw: KedroProject, kedro_made: KedroProject, ours: Any
) -> None:
    port(raw)
    assert "kedro" not in "".join(file.read_text() for file in (raw.path / "src").rglob("*.py"))
    said = ours(raw, "run", "-q")
    assert said.code == 0, said.err
    assert_same(raw.results(), kedro_made.results())


def test_kedro_datasets_does_not_bring_its_framework(raw: KedroProject) -> None:
    loaded = run_without_kedro(port(raw), "run", "-q", "--nodes", "preprocess_shuttles_node")
    assert "kedro_datasets" in loaded
    assert [name for name in loaded if name.startswith(("kedro.framework", "kedro_telemetry"))] == []


def test_with_our_own_types_kedro_is_not_needed(built_in: KedroProject, kedro_made: KedroProject) -> None:
    import pandas as pd

    loaded = run_without_kedro(
        built_in, "run", "-q", "--pipelines", "data_processing", blocked="kedro kedro_datasets"
    )
    assert loaded == []
    table = "03_primary/model_input_table.pq"
    pd.testing.assert_frame_equal(
        pd.read_parquet(built_in.data(table)), pd.read_parquet(kedro_made.data(table))
    )


@pytest.mark.slow
def test_with_our_own_types_the_model_is_the_same_too(
    built_in: KedroProject, kedro_made: KedroProject, ours: Any
) -> None:
    said = ours(built_in, "run", "-q", "--pipelines", "data_processing,data_science")
    assert said.code == 0, said.err
    metrics = "07_model_output/metrics.json"
    assert json.loads(built_in.data(metrics).read_text()) == json.loads(kedro_made.data(metrics).read_text())
    predictions = "07_model_output/predictions.csv"
    assert Path(built_in.data(predictions)).read_text() == kedro_made.data(predictions).read_text()
