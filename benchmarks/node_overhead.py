"""Measure what one trivial node costs in a run: values in memory, and one small JSON file a node."""

from __future__ import annotations

import sys

from harness import Row, Sample, compare, header, kedro_python, measured_inside

_OURS = """
import sys, time, json
from pathlib import Path
folder, count, kind = sys.argv[1], int(sys.argv[2]), sys.argv[3]
from incremental.pipeline import Pipeline, node
from incremental.pipeline.selection import select
from incremental.io import DataCatalog
from incremental.planner import plan_all
from incremental.runner import SequentialRunner, Surroundings
from incremental.runner.prepare import gather_facts
from incremental.state import FileLedger, Marks
def step(value):
    return value + 1
pipeline = Pipeline([node(step, f"d{p}", f"d{p + 1}", name=f"n{p}") for p in range(count)])
config = {}
if kind == "file":
    entry = {"type": "json.JSONDataset"}
    config = {f"d{p + 1}": {**entry, "filepath": f"{folder}/{p}.json"} for p in range(count)}
catalog = DataCatalog.from_config(config, durable=False)
catalog["d0"] = 0
selected = select(pipeline)
plan = plan_all(selected, gather_facts(pipeline, catalog, Marks()))
around = Surroundings("run")
if kind == "file":
    around.ledger = FileLedger(Path(folder) / "ledger.sqlite", Path(folder), durable=False)
wall, cpu = time.perf_counter(), time.process_time()
result = SequentialRunner().run_plan(plan, catalog, around)
spent = {"cpu": time.process_time() - cpu, "wall": time.perf_counter() - wall}
assert result[f"d{count}"] == count
print(json.dumps(spent))
"""

_KEDRO = """
import sys, time, json, logging
logging.disable(logging.CRITICAL)
folder, count, kind = sys.argv[1], int(sys.argv[2]), sys.argv[3]
from kedro.pipeline import Pipeline, node
from kedro.io import DataCatalog, MemoryDataset
from kedro.runner import SequentialRunner
import kedro_datasets.json
def step(value):
    return value + 1
pipeline = Pipeline([node(step, f"d{p}", f"d{p + 1}", name=f"n{p}") for p in range(count)])
config = {}
if kind == "file":
    entry = {"type": "json.JSONDataset"}
    config = {f"d{p + 1}": {**entry, "filepath": f"{folder}/{p}.json"} for p in range(count)}
catalog = DataCatalog.from_config(config)
catalog["d0"] = MemoryDataset(0)
wall, cpu = time.perf_counter(), time.process_time()
result = SequentialRunner().run(pipeline, catalog)
spent = {"cpu": time.process_time() - cpu, "wall": time.perf_counter() - wall}
assert result[f"d{count}"].load() == count
print(json.dumps(spent))
"""

SIZES = (("memory", 1_000), ("memory", 10_000), ("file", 1_000))
KEDRO_UP_TO = 1_000
"""Kedro's cost a node grows with the number of nodes."""


def our_sample(count: int, kind: str) -> Sample:
    """Measure ours alone."""
    return measured_inside(sys.executable, _OURS, count, kind)


def rows() -> list[Row]:
    """Measure both kinds, in microseconds a node."""
    kedro = kedro_python()
    labels = {"memory": "in memory", "file": "one small file a node, with ledger"}
    return [
        compare(
            f"one node of {count:,}, {labels[kind]}",
            lambda: our_sample(count, kind),  # noqa: B023
            (lambda: measured_inside(kedro, _KEDRO, count, kind))  # noqa: B023
            if count <= KEDRO_UP_TO
            else None,
            unit="us a node",
            scale=1e6 / count,
        )
        for kind, count in SIZES
    ]


if __name__ == "__main__":
    header()
    rows()
