"""Measure what it takes to decide what is missing in a Kedro project of nine nodes, beside Kedro itself.

The project is the one of the tests, all of whose outputs are there. Each sample is the first decision of a
fresh process, in CPU time, and the two engines take turns. Before the clock starts, in both: the engine, the
project's modules and pipelines, and the libraries that such modules usually import at their top (pandas,
pyarrow, scikit-learn, matplotlib, plotly), which are most of what Kedro would import for its decision.

- "survey and plan": the catalog is made before, too. Ours asks where every dataset lives and whether it is
  there, and plans; what a ledger knows is not read, for Kedro has none. Kedro's is a run with
  ``only_missing_outputs=True`` that finds nothing to do: its filter builds each output's dataset, which
  imports the class, and calls ``exists()``. Its log is off, so that no line that it writes is counted.
- "hooks, configuration, survey and plan": the same with a session's configuration, catalog and hooks, and
  with our ledger.

Whatever either imports after the clock has started is counted. Where SQLAlchemy is installed Kedro imports
it on the way, which takes ten times as long as all the rest and says nothing of either engine: it is made to
look absent in both, unless ``--with-sqlalchemy`` is given. What the garbage collector would do with objects
from before is nobody's: they are frozen.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from harness import HERE, Row, compare, header, measured_inside

SOURCE = HERE.parent / "tests" / "kedro_world" / "spaceflights"

_BEGIN = """
import gc, json, os, shutil, sys, time
folder, source, part, absent = sys.argv[1:5]
if absent:
    sys.modules[absent] = None
os.chdir(shutil.copytree(source, os.path.join(folder, "project")))
import pandas, pyarrow.parquet, sklearn.linear_model, sklearn.metrics, sklearn.model_selection
import matplotlib.pyplot, plotly.express, plotly.graph_objects
def start():
    gc.freeze()
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
pipeline, marks = session.pipelines["__default__"], Marks()
wall, cpu = start()
if part == "session":
    plan = session.plan(only_missing_outputs=True)
else:
    catalog = session.load_context().create_catalog()
    wall, cpu = start()
    plan = plan_missing(select(pipeline), gather_facts(pipeline, catalog, marks))
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
_PAIRS = 15
"""Ours takes a millisecond, so that a busy machine shows in each sample: the median of few is chance."""
_ABSENT = "sqlalchemy"
_PARTS = {"session": "hooks, configuration, survey and plan", "decision": "survey and plan"}


def rows(parts: tuple[str, ...] = tuple(_PARTS), pairs: int = _PAIRS, absent: str = _ABSENT) -> list[Row]:
    """Make the project once, and measure these parts of the decision without one library."""
    with tempfile.TemporaryDirectory() as folder:
        project = shutil.copytree(SOURCE, Path(folder, "spaceflights"), ignore=shutil.ignore_patterns("data"))
        for command in (["scripts/make_data.py"], ["-m", "incremental", "run", "-q"]):
            subprocess.run([sys.executable, *command], cwd=project, check=True)
        return [_row(project, part, pairs, absent) for part in parts]


def _row(project: Path, part: str, pairs: int, absent: str) -> Row:
    return compare(
        f"Kedro project of 9 nodes: {_PARTS[part]}",
        lambda: measured_inside(sys.executable, _OURS, project, part, absent),
        lambda: measured_inside(sys.executable, _KEDRO, project, part, absent),
        repeats=pairs,
    )


def main() -> None:
    """Measure what the command line asks for."""
    parser = argparse.ArgumentParser(description="Decide what is missing in a Kedro project, beside Kedro.")
    parser.add_argument("--parts", nargs="+", choices=_PARTS, default=list(_PARTS))
    parser.add_argument("--pairs", type=int, default=_PAIRS, help="fresh processes of each engine")
    parser.add_argument("--with-sqlalchemy", action="store_true", help="let Kedro import it if it is there")
    given = parser.parse_args()
    header()
    rows(tuple(given.parts), given.pairs, "" if given.with_sqlalchemy else _ABSENT)


if __name__ == "__main__":
    main()
