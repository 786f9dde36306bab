"""Measure a plan that finds nothing to do: nodes, pipeline, catalog, survey, decision, all in one process."""

from __future__ import annotations

import sys

from harness import Row, compare, header, kedro_python, measured_inside

_GRAPH = """
import sys, time, json, os
folder, count, shape = sys.argv[1], int(sys.argv[2]), sys.argv[3]
def step(*values):
    return values[0]
def inputs_of(place):
    if place == 0:
        return ["source"]
    if shape == "chain":
        return [f"d{place - 1}"]
    width = max(1, count // 20)                      # twenty layers, two inputs a node
    if place < width:
        return ["source"]
    layer = place // width
    return sorted({f"d{(layer - 1) * width + (place * k) % width}" for k in (1, 7)})
names = ["source", *(f"d{place}" for place in range(count))]
for name in names:
    open(os.path.join(folder, name + ".json"), "w").close()
config = {name: {"type": "json.JSONDataset", "filepath": f"{folder}/{name}.json"} for name in names}
"""

_OURS = (
    _GRAPH
    + """
import incremental.pipeline, incremental.io, incremental.runner.prepare, incremental.planner
from incremental.pipeline import Pipeline, node
from incremental.pipeline.selection import select
from incremental.io import DataCatalog
from incremental.planner import plan_missing
from incremental.runner.prepare import gather_facts
from incremental.state import Marks
wall, cpu = time.perf_counter(), time.process_time()
pipeline = Pipeline([node(step, inputs_of(p), f"d{p}", name=f"n{p}") for p in range(count)])
catalog = DataCatalog.from_config(config)
if part == "plan":
    wall, cpu = time.perf_counter(), time.process_time()
plan = plan_missing(select(pipeline), gather_facts(pipeline, catalog, Marks()))
assert not plan.running and len(plan.skipped) == count
print(json.dumps({"cpu": time.process_time() - cpu, "wall": time.perf_counter() - wall}))
"""
)

_KEDRO = (
    _GRAPH
    + """
import logging
logging.disable(logging.CRITICAL)
from kedro.pipeline import Pipeline, node
from kedro.io import DataCatalog
from kedro.runner import SequentialRunner
import kedro_datasets.json
wall, cpu = time.perf_counter(), time.process_time()
pipeline = Pipeline([node(step, inputs_of(p), f"d{p}", name=f"n{p}") for p in range(count)])
catalog = DataCatalog.from_config(config)
if part == "plan":
    wall, cpu = time.perf_counter(), time.process_time()
result = SequentialRunner().run(pipeline, catalog, only_missing_outputs=True)
print(json.dumps({"cpu": time.process_time() - cpu, "wall": time.perf_counter() - wall}))
"""
)

SIZES = (1_000, 10_000, 100_000)
KEDRO_UP_TO = 10_000
"""Kedro takes minutes beyond this."""


def rows(sizes: tuple[int, ...] = SIZES) -> list[Row]:
    """Measure every size and shape."""
    kedro = kedro_python()
    found = []
    for count in sizes:
        for shape in ("layered", "chain"):
            for part in ("all", "plan"):
                label = "everything" if part == "all" else "the plan alone"
                found.append(
                    compare(
                        f"no-op, {count:,} nodes, {shape}: {label}",
                        lambda: measured_inside(sys.executable, f"part = {part!r}\n{_OURS}", count, shape),  # noqa: B023
                        (lambda: measured_inside(kedro, f"part = {part!r}\n{_KEDRO}", count, shape))  # noqa: B023
                        if count <= KEDRO_UP_TO
                        else None,
                        repeats=5 if count <= 10_000 else 3,
                    )
                )
    return found


if __name__ == "__main__":
    header()
    rows(tuple(map(int, sys.argv[1:])) or SIZES)
