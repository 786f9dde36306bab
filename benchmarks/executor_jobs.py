"""What one fresh process does for ``executors.py``: run one graph one way, and print what it cost.

It compares nothing. The same graph goes to our runners, to Kedro's, and to pools and Dask by hand. It
begins with a node in each worker, so that all of them have started, and a node that notes the time that
driver and workers have had so far; its last node notes it again. What is printed is the difference.
"""

from __future__ import annotations

import json
import logging
import os
import queue
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple

CHAINS = 16  # side by side: with four, Dask by hand leaves one of two workers idle, which costs less
START = "start"


class Job(NamedTuple):
    """One node of the graph: what it calls, what it reads, and what it writes."""

    func: Callable[..., Any]
    reads: tuple[str, ...]
    writes: str


def step(value: int) -> int:
    """Cost as good as nothing."""
    return value + 1


def make(value: int, megabytes: int) -> Any:
    """Return an array of so many megabytes."""
    import numpy

    return numpy.full(megabytes * 125_000, float(value))


def add_one(array: Any) -> Any:
    """Return another array of the same size."""
    return array + 1


def first(array: Any) -> float:
    """Return one number of an array."""
    return float(array[0])


def compute(value: int) -> int:
    """Keep one core busy, in Python itself."""
    for number in range(1_500_000):
        value += number & 1
    return value


def wait(value: int) -> int:
    """Do nothing for a while, as a node does that asks a server."""
    time.sleep(0.1)
    return value


def wake(start: dict[str, Any]) -> int:
    """Hold one worker until the other ones have begun as well."""
    time.sleep(0.3 if start["workers"] > 1 else 0.0)
    return 0


def begin(start: dict[str, Any], *values: int) -> int:
    """Note what was spent before the part that counts."""
    time.sleep(0.2 if start["workers"] > 1 else 0.0)  # all that starts in the background has started
    _note("begin", start)
    return 0


def end(start: dict[str, Any], *values: Any) -> int:
    """Note what was spent in all."""
    _note("end", start)
    return len(values)


def graph(load: str, count: int, workers: int, megabytes: int) -> list[Job]:
    """Return the nodes of a load in an order in which they can run."""
    wakers = [Job(wake, (START,), f"awake{place}") for place in range(workers)]
    ready = [*wakers, Job(begin, (START, *(job.writes for job in wakers)), "zero")]
    if load == "arrays":
        chain = [Job(make, ("zero", "megabytes"), "d0")]
        chain += [Job(add_one, (f"d{place - 1}",), f"d{place}") for place in range(1, count)]
        work, last = [*chain, Job(first, (f"d{count - 1}",), "first")], ("first",)
    elif load in ("memory", "file"):
        work = [
            Job(step, (f"d{place - CHAINS}" if place >= CHAINS else "zero",), f"d{place}")
            for place in range(count)
        ]
        last = tuple(f"d{place}" for place in range(count - CHAINS, count))
    else:
        func = {"compute": compute, "wait": wait}[load]
        work = [Job(func, ("zero",), f"d{place}") for place in range(count)]
        last = tuple(f"d{place}" for place in range(count))
    return [*ready, *work, Job(end, (START, *last), "done")]


def with_ours(jobs: list[Job], given: dict[str, Any], how: str, files: bool) -> None:
    """Run the graph on one of our runners, with a ledger where files are written."""
    from incremental import runner as runners
    from incremental.io import DataCatalog
    from incremental.pipeline import Pipeline, node
    from incremental.pipeline.selection import select
    from incremental.planner import plan_all
    from incremental.runner.prepare import gather_facts
    from incremental.state import FileLedger, Marks

    folder, workers = Path(given[START]["folder"]), given[START]["workers"]
    pipeline = Pipeline([node(job.func, list(job.reads), job.writes, name=job.writes) for job in jobs])
    catalog = DataCatalog.from_config(_files(jobs, folder) if files else {}, durable=False)
    for name, value in given.items():
        catalog[name] = value
    plan = plan_all(select(pipeline), gather_facts(pipeline, catalog, Marks()))
    around = runners.Surroundings("run")
    if files:
        around.ledger = FileLedger(folder / "ledger.sqlite", folder, durable=False)
    runner = {
        "inline": lambda: runners.SequentialRunner(),
        "threads": lambda: runners.ThreadRunner(workers),
        "processes": lambda: runners.ParallelRunner(workers),
        "dask": lambda: runners.DaskRunner(max_workers=workers, threads_per_worker=1, dashboard_address=None),
    }[how]()
    assert runner.run_plan(plan, catalog, around)["done"] > 0


def with_kedro(jobs: list[Job], given: dict[str, Any], how: str, files: bool) -> None:
    """Run the graph on one of Kedro's runners."""
    import kedro_datasets.json  # noqa: F401 - not part of what a node costs
    from kedro.io import DataCatalog, MemoryDataset
    from kedro.pipeline import Pipeline, node
    from kedro.runner import ParallelRunner, SequentialRunner, ThreadRunner

    logging.disable(logging.CRITICAL)
    folder, workers = Path(given[START]["folder"]), given[START]["workers"]
    catalog = DataCatalog.from_config(_files(jobs, folder) if files else {})
    if how == "processes":
        from kedro.io import SharedMemoryDataCatalog

        catalog = SharedMemoryDataCatalog.from_config(_files(jobs, folder) if files else {})
    for name, value in given.items():
        catalog[name] = value if how == "processes" else MemoryDataset(value)
    pipeline = Pipeline([node(job.func, list(job.reads), job.writes, name=job.writes) for job in jobs])
    runner = {
        "inline": lambda: SequentialRunner(),
        "threads": lambda: ThreadRunner(max_workers=workers),
        "processes": lambda: ParallelRunner(max_workers=workers),
    }[how]()
    assert runner.run(pipeline, catalog)["done"].load() > 0


def by_hand(jobs: list[Job], given: dict[str, Any], how: str, files: bool) -> None:
    """Run the graph as one would without any engine: the floor."""
    if files:
        folder = given[START]["folder"]
        jobs = [job._replace(func=_Filed(job, folder)) if job.func is step else job for job in jobs]
    if how == "inline":
        values = dict(given)
        for job in jobs:
            values[job.writes] = job.func(*[values[name] for name in job.reads])
        assert values["done"] > 0
    elif how == "dask":
        _by_hand_on_dask(jobs, given)
    else:
        pool = {"threads": ThreadPoolExecutor, "processes": ProcessPoolExecutor}[how]
        with pool(given[START]["workers"]) as executor:
            _by_hand_on_pool(jobs, given, executor)


def _by_hand_on_pool(jobs: list[Job], given: dict[str, Any], pool: Any) -> None:
    """Submit each node when what it reads is there, and drop each value after its last reader."""
    values = dict(given)
    ended: queue.SimpleQueue[tuple[Job, Future[Any]]] = queue.SimpleQueue()
    readers = _readers(jobs)
    missing = {job.writes: sum(name not in values for name in job.reads) for job in jobs}
    left = {name: len(found) for name, found in readers.items()}

    def submit(job: Job) -> None:
        future = pool.submit(job.func, *[values[name] for name in job.reads])
        future.add_done_callback(lambda future: ended.put((job, future)))

    for job in jobs:
        if not missing[job.writes]:
            submit(job)
    for _ in jobs:
        job, future = ended.get()
        values[job.writes] = future.result()
        del future
        for name in job.reads:
            left[name] -= 1
            if not left[name]:
                del values[name]
        for reader in readers.get(job.writes, ()):
            missing[reader.writes] -= 1
            if not missing[reader.writes]:
                submit(reader)
    assert values["done"] > 0


def _readers(jobs: list[Job]) -> dict[str, list[Job]]:
    readers: dict[str, list[Job]] = {}
    for job in jobs:
        for name in job.reads:
            readers.setdefault(name, []).append(job)
    return readers


def _by_hand_on_dask(jobs: list[Job], given: dict[str, Any]) -> None:
    """Submit all nodes at once, with futures as arguments, and gather what the last one returned."""
    from distributed import Client, LocalCluster

    workers = given[START]["workers"]
    with (
        LocalCluster(workers, processes=True, threads_per_worker=1, dashboard_address=None) as cluster,
        Client(cluster) as client,
    ):
        values = dict(given)
        for job in jobs:
            values[job.writes] = client.submit(job.func, *[values[name] for name in job.reads], pure=False)
            if job.func is begin:  # what follows is what counts
                client.gather(values[job.writes])
            left = job.reads if job.func in (step, add_one) else ()
            for name in left:
                if name != "zero":
                    values.pop(name, None)
        assert client.gather(values["done"]) > 0


class _Filed:
    """A step that reads a file, unless it is the first one, and writes one."""

    def __init__(self, job: Job, folder: str) -> None:
        self._source = job.reads[0]
        self._path = f"{folder}/{job.writes}.json"

    def __call__(self, source: Any) -> str:
        value = source
        if isinstance(source, str):
            with open(source) as file:  # noqa: PTH123
                value = json.load(file)
        with open(self._path, "w") as file:  # noqa: PTH123
            json.dump(step(value), file)
        return self._path


def _files(jobs: list[Job], folder: Path) -> dict[str, Any]:
    entry = {"type": "json.JSONDataset"}
    return {
        job.writes: {**entry, "filepath": f"{folder}/{job.writes}.json"} for job in jobs if job.func is step
    }


def _note(what: str, start: dict[str, Any]) -> None:
    spent = {"cpu": cpu_of(start["driver"]), "wall": time.time()}
    (Path(start["folder"]) / f"{what}.json").write_text(json.dumps(spent))


def cpu_of(driver: int) -> float:
    """Return the seconds that the live threads of a process and of all that it started have had."""
    total = 0
    for pid in family(driver):
        for thread in Path(f"/proc/{pid}/task").glob("*/schedstat"):
            with suppress(OSError):
                total += int(thread.read_text().split()[0])
    return total / 1e9


def family(driver: int) -> list[int]:
    """Return a process and all that it started."""
    children: dict[int, list[int]] = {}
    for entry in os.listdir("/proc"):  # noqa: PTH208 - a tenth of the cost
        if entry.isdigit():
            with suppress(OSError):
                status = Path(f"/proc/{entry}/stat").read_text()
                children.setdefault(int(status.rpartition(")")[2].split()[1]), []).append(int(entry))
    found = [driver]
    for pid in found:
        found += children.get(pid, ())
    return found


@contextmanager
def watched(driver: int, seconds: float = 0.02) -> Iterator[list[int]]:
    """Look now and then how much memory the family holds, and yield a list with the most, in bytes."""
    peak, over = [0], threading.Event()

    def look() -> None:
        while not over.wait(seconds):
            peak[0] = max(peak[0], sum(map(_private, family(driver))) + _scratch(driver))

    thread = threading.Thread(target=look, daemon=True)
    thread.start()
    yield peak
    over.set()
    thread.join()


def _private(pid: int) -> int:
    """Return the bytes that a process shares with nobody's files."""
    with suppress(OSError):
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss_Anon:"):
                return int(line.split()[1]) * 1024
    return 0


def _scratch(driver: int) -> int:
    """Return the bytes of large values that are files in memory."""
    total = 0
    for file in Path("/dev/shm").glob(f"incremental-{driver}-*/*"):
        with suppress(OSError):
            total += file.stat().st_size
    return total


def main(folder: str, who: str, how: str, load: str, count: str, workers: str, megabytes: str = "1") -> None:
    """Run one graph one way and print what it cost: seconds, and bytes where memory is asked for."""
    start = {"folder": folder, "driver": os.getpid(), "workers": int(workers)}
    given = {START: start}
    if load == "arrays":
        given["megabytes"] = int(megabytes)  # type: ignore[assignment]
    jobs = graph(load, int(count), int(workers), int(megabytes))
    run = {"ours": with_ours, "kedro": with_kedro, "hand": by_hand}[who]
    began = time.perf_counter()
    if load == "arrays":
        with watched(os.getpid()) as peak:
            run(jobs, given, how, False)
    else:
        peak = [0]
        run(jobs, given, how, load == "file")
    whole = time.perf_counter() - began
    at = {what: json.loads((Path(folder) / f"{what}.json").read_text()) for what in ("begin", "end")}
    spent = {key: at["end"][key] - at["begin"][key] for key in ("cpu", "wall")}
    print(json.dumps({**spent, "peak": peak[0], "outside": whole - spent["wall"]}))


if __name__ == "__main__":
    main(*sys.argv[1:])
