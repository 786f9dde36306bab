"""Measure our runner inside Kedro's session world beside Kedro's own: one interpreter, which has both."""

from __future__ import annotations

import sys

from harness import Row, Sample, compare, header, measured_inside

_BOTH = """
import sys, time, json, logging, os
logging.disable(logging.CRITICAL)
folder, who, job, count = sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4])
from pathlib import Path
from kedro.pipeline import Pipeline, node
from kedro.io import DataCatalog, MemoryDataset
from kedro.runner import SequentialRunner
import kedro_datasets.json
Path("pyproject.toml").write_text('[tool.kedro]\\npackage_name = "none"\\n')
if who == "ours":
    from incremental.kedro import IncrementalRunner as Runner
else:
    Runner = SequentialRunner
def step(value):
    return value + 1
pipeline = Pipeline([node(step, f"d{p}", f"d{p + 1}", name=f"n{p}") for p in range(count)])
config = {}
if job != "memory":
    config = {
        f"d{p + 1}": {"type": "json.JSONDataset", "filepath": f"{folder}/{p}.json"} for p in range(count)
    }
if job == "nothing":
    for p in range(count):
        Path(f"{folder}/{p}.json").write_text(str(p + 1))
catalog = DataCatalog.from_config(config)
catalog["d0"] = MemoryDataset(0)
runner = Runner()
wall, cpu = time.perf_counter(), time.process_time()
result = runner.run(pipeline, catalog, only_missing_outputs=job == "nothing")
spent = {"cpu": time.process_time() - cpu, "wall": time.perf_counter() - wall}
if job != "nothing" or who == "ours":
    assert result[f"d{count}"].load() == count
print(json.dumps(spent))
"""

JOBS = (
    ("memory", "one node of {:,} in memory, through Kedro's runner interface", 200, 1),
    ("memory", "one node of {:,} in memory, through Kedro's runner interface", 1_000, 1),
    ("file", "one node of {:,} with a small file of kedro-datasets", 500, 1),
    ("nothing", "--only-missing-outputs with nothing to do, {:,} files", 1_000, 0),
)
"""Kind, label, number of nodes, whether it is measured a node."""


def sample(who: str, job: str, count: int) -> Sample:
    """Measure one runner in a fresh process."""
    return measured_inside(sys.executable, _BOTH, who, job, count)


def rows() -> list[Row]:
    """Measure all jobs."""
    return [
        compare(
            label.format(count),
            lambda: sample("ours", job, count),  # noqa: B023
            lambda: sample("kedro", job, count),  # noqa: B023
            unit="us a node" if a_node else "s",
            scale=1e6 / count if a_node else 1.0,
        )
        for job, label, count, a_node in JOBS
    ]


if __name__ == "__main__":
    header()
    rows()
