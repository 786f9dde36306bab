"""Measure what it takes to decide what is missing in a Kedro project of nine nodes, beside Kedro itself.

The project is the one of the tests, all of whose outputs are there. Its modules are imported before the
clock starts, and so are both engines, and the libraries that such modules usually import at their top.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from harness import HERE, Row, compare, header, measured_inside

SOURCE = HERE.parent / "tests" / "kedro_world" / "spaceflights"

_BEGIN = """
import json, os, shutil, sys, time
folder, source, part = sys.argv[1:4]
os.chdir(shutil.copytree(source, os.path.join(folder, "project")))
import pandas, pyarrow.parquet, sklearn.linear_model, sklearn.metrics, sklearn.model_selection
import matplotlib.pyplot, plotly.express, plotly.graph_objects
def start():
    return time.perf_counter(), time.process_time()
"""
_END = """
print(json.dumps({"cpu": time.process_time() - cpu, "wall": time.perf_counter() - wall}))
"""
_OURS = f"""{_BEGIN}
from incremental import Session
from incremental.pipeline.selection import select
from incremental.planner import plan_missing
from incremental.runner.prepare import gather_facts
from incremental.state import Marks
import incremental.session.execution
session = Session.create(save_on_close=False)
pipeline = session.pipelines["__default__"]
wall, cpu = start()
if part == "session":
    plan = session.plan(only_missing_outputs=True)
else:
    catalog = session.load_context().create_catalog()
    wall, cpu = start()
    plan = plan_missing(select(pipeline), gather_facts(pipeline, catalog, Marks()))
assert len(plan.skipped) == 9 and not plan.running
{_END}"""
_KEDRO = f"""{_BEGIN}
import logging
from pathlib import Path
from kedro.framework.project import pipelines
from kedro.framework.session import KedroSession
from kedro.framework.startup import bootstrap_project
from kedro.runner import SequentialRunner
bootstrap_project(Path.cwd())
logging.disable(logging.CRITICAL)
pipeline = pipelines["__default__"]
wall, cpu = start()
catalog = KedroSession.create(save_on_close=False).load_context().catalog
if part != "session":
    wall, cpu = start()
SequentialRunner().run(pipeline, catalog, only_missing_outputs=True)
{_END}"""
_REPEATS = 15
"""Ours takes a millisecond, so that a busy machine shows in each sample: the median of few is chance."""
_PARTS = {"session": "hooks, configuration, survey and plan", "decision": "survey and plan"}


def rows() -> list[Row]:
    """Make the project once, and measure both parts of the decision."""
    with tempfile.TemporaryDirectory() as folder:
        project = shutil.copytree(SOURCE, Path(folder, "spaceflights"), ignore=shutil.ignore_patterns("data"))
        for command in (["scripts/make_data.py"], ["-m", "incremental", "run", "-q"]):
            subprocess.run([sys.executable, *command], cwd=project, check=True)
        return [_row(project, part) for part in _PARTS]


def _row(project: Path, part: str) -> Row:
    return compare(
        f"Kedro project of 9 nodes: {_PARTS[part]}",
        lambda: measured_inside(sys.executable, _OURS, project, part),
        lambda: measured_inside(sys.executable, _KEDRO, project, part),
        repeats=_REPEATS,
    )


if __name__ == "__main__":
    header()
    rows()
