"""Measure what trust costs: staging and ledger a node, digests, records in a plan, a damaged ledger."""

from __future__ import annotations

import statistics
import sys

import node_overhead
from harness import Row, Sample, header, measured_inside, show

_WRITING = """
import json, os, sys, time
from incremental.io.files.formats import PickleDataset
folder, durability = sys.argv[1], sys.argv[2]
durable = durability == "power"
data = os.urandom(20_000_000)
path, target = f"{folder}/plain.pkl", f"{folder}/ours.pkl"
dataset = PickleDataset(filepath=target)
dataset.durable = durable
import pickle
def plain():
    with open(path, "wb") as file:
        pickle.dump(data, file)
        if durable:
            file.flush()
            os.fsync(file.fileno())
def ours():
    staged = dataset.stage(data)
    staged.publish()
    assert len(staged.digest) == 32
def spent(write):
    cpu, wall = time.process_time(), time.perf_counter()
    write()
    return time.process_time() - cpu, time.perf_counter() - wall
def remove():
    for each in (path, target):
        if os.path.exists(each):
            os.unlink(each)
rounds = []
for turn in range(22):
    remove()
    order = (plain, ours) if turn % 2 else (ours, plain)
    found = {write: spent(write) for write in order}
    if turn > 1:
        rounds.append((found[ours], found[plain]))
from statistics import median
cpu = median(ours[0] for ours, _ in rounds) / median(plain[0] for _, plain in rounds)
wall = median(ours[1] for ours, _ in rounds) / median(plain[1] for _, plain in rounds)
print(json.dumps({"cpu": cpu, "wall": wall}))
"""

_PLAN = """
import json, os, sys, time
from pathlib import Path
folder, count = sys.argv[1], int(sys.argv[2])
from incremental.io import DataCatalog
from incremental.io.files.digests import digest_at
from incremental.io.files.stamps import stamp_at
from incremental.pipeline import Pipeline, node
from incremental.pipeline.selection import select
from incremental.planner import plan_missing
from incremental.runner.prepare import gather_facts
from incremental.state import FileLedger, Marks, Output
def step(value):
    return value
names = [f"d{place}" for place in range(count + 1)]
config = {name: {"type": "json.JSONDataset", "filepath": f"{folder}/{name}.json"} for name in names}
ledger = FileLedger(Path(folder) / ".incremental" / "ledger.sqlite", Path(folder), durable=False)
before = {}
for place, name in enumerate(names):
    location = f"{folder}/{name}.json"
    with open(location, "w") as file:
        file.write("1")
    if place:
        st = stamp_at(location)
        stamp = (st.st_size, st.st_mtime_ns, st.st_ino, st.st_ctime_ns)
        output = Output(name, location, None, *stamp, "0" * 32, 1)
        generation = ledger.commit("run", f"n{place}", [output], before)
        before = {location: generation}
ledger.close()
def spent(with_ledger):
    cpu, wall = time.process_time(), time.perf_counter()
    pipeline = Pipeline([node(step, names[p], names[p + 1], name=f"n{p}") for p in range(count)])
    catalog = DataCatalog.from_config(config)
    marks = ledger.marks() if with_ledger else Marks()
    plan = plan_missing(select(pipeline), gather_facts(pipeline, catalog, marks))
    assert not plan.running and not plan.facts.changed and not plan.facts.touched
    assert bool(plan.facts.unproven) is not with_ledger
    return time.process_time() - cpu, time.perf_counter() - wall
spent(False), spent(True)
rounds = [(spent(True), spent(False)) for _ in range(7)]
from statistics import median
cpu = median(with_[0] for with_, _ in rounds) / median(without[0] for _, without in rounds)
wall = median(with_[1] for with_, _ in rounds) / median(without[1] for _, without in rounds)
print(json.dumps({"cpu": cpu, "wall": wall}))
"""

_DAMAGED = """
import json, logging, sys, time
from pathlib import Path
logging.disable(logging.CRITICAL)
from incremental.state import FileLedger, Output
folder, count = Path(sys.argv[1]), int(sys.argv[2])
path = folder / ".incremental" / "ledger.sqlite"
ledger = FileLedger(path, folder, durable=False)
for place in range(count):
    output = Output(f"d{place}", f"{folder}/{place}", None, 1, 2, 3, 4, "0" * 32, 1)
    ledger.commit("run", "node", [output], {})
ledger.close()
content = bytearray(path.read_bytes())
content[len(content) // 2 :] = b""
path.write_bytes(content)
cpu, wall = time.process_time(), time.perf_counter()
damaged = FileLedger(path, folder)
damaged.begin("run", "node", [Output("x", f"{folder}/x")])
spent = {"cpu": time.process_time() - cpu, "wall": time.perf_counter() - wall}
assert list(path.parent.glob("ledger.damaged-*")) and not damaged.marks().generations
print(json.dumps(spent))
"""


def rows() -> list[Row]:
    """Measure all; a ratio is to the same job without what trust adds."""
    count = 1_000
    jobs = [
        (
            f"trust: one small file a node of {count:,}",
            "us a node",
            1e6 / count,
            lambda: node_overhead.our_sample(count, "file"),
        ),
        *[
            (
                f"trust: 20 MB written, durability {durability}",
                "times a plain write",
                1.0,
                lambda durability=durability: measured_inside(sys.executable, _WRITING, durability),
            )
            for durability in ("process", "power")
        ],
        (
            "trust: no-op plan of 10,000 outputs with records",
            "times one without",
            1.0,
            lambda: measured_inside(sys.executable, _PLAN, 10_000),
        ),
        (
            "trust: a damaged ledger of 10,000 outputs set aside",
            "s",
            1.0,
            lambda: measured_inside(sys.executable, _DAMAGED, 10_000),
        ),
    ]
    return [_row(*job) for job in jobs]


def _row(job: str, unit: str, scale: float, measure: object, repeats: int = 3) -> Row:
    assert callable(measure)
    samples = [measure() for _ in range(repeats)]
    cpu = statistics.median(sample.cpu for sample in samples) * scale
    wall = statistics.median(sample.wall for sample in samples) * scale
    row = Row(job, Sample(cpu, wall), None, unit)
    show(row)
    return row


if __name__ == "__main__":
    header()
    rows()
