"""The story that ``make demo`` tells, with the real data, told to the end and checked."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path

import pytest

from incremental.session import Session

PROJECT = Path(__file__).resolve().parents[2] / "examples" / "flights"


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("project") / "flights"
    shutil.copytree(PROJECT, root, ignore=shutil.ignore_patterns("data", ".incremental", "__pycache__"))
    with Session.create(root, env="quick") as session:
        result = session.run()
    assert len(result.executed) >= 10
    return root


def test_the_project_has_at_least_ten_nodes_in_three_namespaces_over_all_flights(project):
    with Session.create(project, env="quick", save_on_close=False) as session:
        pipeline = session.pipelines["__default__"]
        assert len(pipeline.nodes) >= 10
        assert len({node.namespace for node in pipeline.nodes}) >= 3
        metrics = session.load_context().catalog.load("reporting.metrics")
    assert json.dumps(metrics)
    assert sum(1 for _ in project.rglob("*.pkl/*/*.pkl")) >= 1, "the model is versioned"


def test_after_a_run_there_is_nothing_to_do(project):
    with Session.create(project, env="quick", save_on_close=False) as session:
        plan = session.plan(only_missing_outputs=True)
    assert plan.running == ()
    assert plan.summary == f"nothing to do: {len(plan.steps)} nodes up to date"


def test_a_lost_output_costs_only_what_makes_it(project):
    chart = project / "data" / "quick" / "reporting" / "chart.png"
    report = (project / "data" / "quick" / "reporting" / "report.md").stat().st_mtime_ns
    chart.unlink()
    with Session.create(project, env="quick") as session:
        planned = [step.node.name for step in session.plan(only_missing_outputs=True).running]
        result = session.run(only_missing_outputs=True)
    assert list(result.executed) == planned
    assert "reporting.chart" in planned
    assert not [name for name in planned if not name.startswith("reporting.")], "nothing further up runs"
    assert chart.is_file()
    assert (project / "data" / "quick" / "reporting" / "report.md").stat().st_mtime_ns == report


def test_planning_imports_no_scikit_learn_or_matplotlib_of_its_own(project):
    """The survey builds the chart's dataset, which imports what its module imports at the top: nothing heavy."""
    import subprocess

    script = (
        "import sys; from incremental import Session\n"
        f"with Session.create({str(project)!r}, env='quick', save_on_close=False) as s:\n"
        "    s.pipelines['__default__']; before = set(sys.modules); s.plan(only_missing_outputs=True)\n"
        "    print(*{m.partition('.')[0] for m in set(sys.modules) - before})"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert {"sklearn", "matplotlib", "pyarrow", "fsspec"} & set(done.stdout.split()) == set()
