from __future__ import annotations

import importlib
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from incremental.pipeline import Pipeline

PROJECT = Path(__file__).resolve().parents[2] / "examples" / "flights"
NAMESPACES = ["cleaning", "features", "modelling", "reporting"]


@pytest.fixture(scope="module")
def whole() -> Pipeline:
    modules = [importlib.import_module(f"flights.pipelines.{name}") for name in NAMESPACES]
    return sum((module.create_pipeline() for module in modules), Pipeline([]))


def configured_parameters() -> set[str]:
    tree = yaml.safe_load((PROJECT / "conf" / "base" / "parameters.yml").read_text())
    return {f"params:{namespace}.{name}" for namespace, names in tree.items() for name in names}


def test_the_pipeline_starts_from_the_raw_tables_and_all_configured_parameters(whole):
    tables = {f"raw_{name}" for name in ("flights", "weather", "planes", "airports", "airlines")}
    assert whole.inputs() == tables | configured_parameters()


def test_the_pipeline_ends_in_the_chart_and_the_report(whole):
    assert whole.outputs() == {"reporting.chart", "reporting.report"}


def test_every_node_lives_in_a_namespace_and_has_a_tag(whole):
    assert {node.namespace for node in whole.nodes} == set(NAMESPACES)
    assert set().union(*(node.tags for node in whole.nodes)) == {"data", "model", "report"}


def test_building_the_pipelines_loads_no_large_library():
    modules = ", ".join(f"flights.pipelines.{name}" for name in NAMESPACES)
    program = (
        f"import sys; sys.path.insert(0, {str(PROJECT / 'src')!r}); import {modules}\n"
        f"for module in ({modules}): module.create_pipeline()\n"
        "print(sorted({'pandas', 'numpy', 'sklearn', 'matplotlib', 'pyarrow'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
