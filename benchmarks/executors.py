"""Measure what a node costs on each executor, beside Kedro's runners and pools and Dask used by hand.

Where a worker is another process its time counts as well. Starting and ending workers does not: the
clock runs from a node that waits for all of them to the last node of the graph.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from harness import HERE, QUIET, Row, Sample, compare, header, kedro_python

_SCRIPT = "import sys; sys.path.insert(0, {!r}); from executor_jobs import main; main(*sys.argv[1:])"
KEDRO_AT_MOST = {"inline": 1_000, "threads": 1_000, "processes": 100}
"""Nodes: what Kedro's runners cost a node grows with their number, and here it takes them minutes."""
DASK_AT_MOST = 1_000
PARTS = ("node", "flat", "speed-up", "arrays")
HOWS = ("inline", "threads", "processes", "dask")


@dataclass(frozen=True)
class Options:
    """What to measure."""

    parts: tuple[str, ...] = PARTS
    hows: tuple[str, ...] = HOWS
    sizes: tuple[int, ...] = (1_000, 10_000)
    file_sizes: tuple[int, ...] = (1_000,)
    dask_at_most: int = DASK_AT_MOST
    repeats: int = 3
    arrays: int = 20
    megabytes: int = 100
    kedro: bool = True


@dataclass(frozen=True)
class Run:
    """One way to run one graph, in a fresh process."""

    who: str
    how: str
    load: str
    count: int
    workers: int = 2
    megabytes: int = 1

    def spent(self) -> dict[str, float]:
        """Return the seconds of CPU and of wall time, the peak in bytes, and the seconds outside."""
        python = kedro_python() if self.who == "kedro" else sys.executable
        workers = 1 if self.how == "inline" else self.workers
        with tempfile.TemporaryDirectory() as folder:
            what = [folder, self.who, self.how, self.load, self.count, workers, self.megabytes]
            command = [python, "-c", _SCRIPT.format(str(HERE)), *map(str, what)]
            environment = {**os.environ, **QUIET, "PYTHONPATH": str(HERE.parent)}
            done = subprocess.run(command, capture_output=True, text=True, env=environment, cwd=folder)
        if done.returncode:
            raise RuntimeError(f"{self} failed:\n{done.stderr[-3_000:]}")
        found: dict[str, float] = json.loads(done.stdout.strip().splitlines()[-1])
        return found

    def a_node(self) -> Sample:
        """Return microseconds a node."""
        spent = self.spent()
        return Sample(spent["cpu"] / self.count * 1e6, spent["wall"] / self.count * 1e6)

    def peak(self) -> Sample:
        """Return the most memory that was held, in megabytes, as both figures."""
        peak = self.spent()["peak"] / 1e6
        return Sample(peak, peak)

    def outside(self) -> Sample:
        """Return the seconds that went into starting and ending it, as both figures."""
        outside = self.spent()["outside"]
        return Sample(outside, outside)


def rows(options: Options | None = None) -> list[Row]:
    """Measure the parts that are asked for."""
    options = options or Options()
    parts: dict[str, Callable[[Options], Iterator[Row]]] = {
        "node": node_rows,
        "flat": flat_rows,
        "speed-up": speed_up_rows,
        "arrays": array_rows,
    }
    return [row for part in options.parts for row in parts[part](options)]


def node_rows(options: Options) -> Iterator[Row]:
    """Measure one trivial node, in memory and with a small file, in microseconds of CPU time."""
    labels = {"memory": "in memory", "file": "one small file each"}
    for how in options.hows:
        for load, sizes in (("memory", options.sizes), ("file", options.file_sizes)):
            for size in sizes:
                count = min(size, options.dask_at_most) if how == "dask" else size
                if count < size and size != sizes[0]:
                    continue
                theirs = None
                note = ""
                if options.kedro and how in KEDRO_AT_MOST and size == sizes[0]:
                    kedro_count = min(count, KEDRO_AT_MOST[how])
                    note = f" (Kedro: {kedro_count})" if kedro_count < count else ""
                    theirs = Run("kedro", how, load, kedro_count).a_node
                yield compare(
                    f"{how}: one node of {count:,}, {labels[load]}{note}",
                    Run("ours", how, load, count).a_node,
                    theirs,
                    floor=Run("hand", how, load, count).a_node,
                    repeats=options.repeats,
                    unit="us a node",
                )


def flat_rows(options: Options) -> Iterator[Row]:
    """Measure how many times more 100,000 nodes cost than 10,000."""
    for how in options.hows:
        if how != "dask":
            yield compare(
                f"{how}: 100,000 nodes against 10,000",
                lambda: _quotient(Run("ours", how, "memory", 100_000), Run("ours", how, "memory", 10_000)),  # noqa: B023
                None,
                repeats=1,
                warm_ups=0,
                unit="times",
            )


def _quotient(large: Run, small: Run) -> Sample:
    more, less = large.spent(), small.spent()
    return Sample(more["cpu"] / less["cpu"], more["wall"] / less["wall"])


def speed_up_rows(options: Options) -> Iterator[Row]:
    """Measure how many times faster two workers are than one; the floor is that of a pool."""
    for load, label in (("compute", "nodes that compute"), ("wait", "nodes that wait")):
        for how in options.hows:
            if how in ("threads", "processes"):
                yield compare(
                    f"{how}: speed-up of 2 workers, 8 {label}",
                    lambda: _speed_up("ours", how, load),  # noqa: B023
                    None,
                    floor=lambda: _speed_up("hand", how, load),  # noqa: B023
                    repeats=options.repeats,
                    warm_ups=0,
                    unit="times, wall",
                )


def _speed_up(who: str, how: str, load: str) -> Sample:
    one, two = Run(who, how, load, 8, workers=1).spent(), Run(who, how, load, 8, workers=2).spent()
    times = one["wall"] / two["wall"]
    return Sample(times, times)


def array_rows(options: Options) -> Iterator[Row]:
    """Measure large arrays through a chain: time a node, and the most memory that was held."""
    count, size = options.arrays, options.megabytes
    for how in options.hows:
        runs = {who: Run(who, how, "arrays", count, 2, size) for who in ("ours", "hand", "kedro")}
        kedro = runs["kedro"] if options.kedro and how != "dask" else None
        label = f"{how}: {count} arrays of {size} MB in a chain"
        common = {"repeats": 1, "warm_ups": 0}
        yield compare(
            label,
            runs["ours"].a_node,
            kedro and kedro.a_node,
            floor=runs["hand"].a_node,
            unit="us a node",
            **common,
        )
        yield compare(
            f"{label}, peak",
            runs["ours"].peak,
            kedro and kedro.peak,
            floor=runs["hand"].peak,
            unit="MB",
            **common,
        )


def options_of(arguments: list[str]) -> Options:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    usual = Options()
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=usual.parts)
    parser.add_argument("--on", dest="hows", nargs="+", choices=HOWS, default=usual.hows)
    parser.add_argument("--sizes", nargs="+", type=int, default=usual.sizes)
    parser.add_argument("--file-sizes", nargs="+", type=int, default=usual.file_sizes)
    parser.add_argument("--dask-at-most", type=int, default=usual.dask_at_most)
    parser.add_argument("--repeats", type=int, default=usual.repeats)
    parser.add_argument("--arrays", type=int, default=usual.arrays)
    parser.add_argument("--megabytes", type=int, default=usual.megabytes)
    parser.add_argument("--no-kedro", dest="kedro", action="store_false")
    return Options(
        **{
            key: tuple(v) if isinstance(v, list) else v
            for key, v in vars(parser.parse_args(arguments)).items()
        }
    )


if __name__ == "__main__":
    header()
    rows(options_of(sys.argv[1:]))
