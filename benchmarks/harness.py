"""Run the same job in fresh processes of two environments, in turn, and compare medians. It knows no job."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
import venv
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

TIMES = ("s", "us a node")
"""Units of time; any other is a ratio, or memory."""
HERE = Path(__file__).resolve().parent
KEDRO_VENV = HERE / ".kedro-venv"
KEDRO_REQUIREMENTS = ("kedro==1.7.0", "kedro-datasets[json-jsondataset]==9.6.0", "numpy")
QUIET = {"DO_NOT_TRACK": "1", "KEDRO_DISABLE_TELEMETRY": "1", "PYTHONWARNINGS": "ignore"}


def slowness(yardstick: float) -> float:
    """Return how many times slower this machine is than one that takes so long for the yardstick."""

    def seconds() -> float:
        begin = time.process_time()
        sum(range(1_000_000))
        return time.process_time() - begin

    return statistics.median(seconds() for _ in range(21)) / yardstick


@dataclass(frozen=True)
class Sample:
    """One measurement, in seconds."""

    cpu: float
    wall: float


@dataclass(frozen=True)
class Row:
    """One job, ours beside Kedro's; None where Kedro was not measured."""

    job: str
    ours: Sample
    theirs: Sample | None
    unit: str = "s"
    floor: Sample | None = None
    """The same without any engine, by hand; None where there is no such thing."""

    @property
    def ratio(self) -> float | None:
        """How many times cheaper ours is, in CPU time."""
        return None if self.theirs is None else self.theirs.cpu / self.ours.cpu

    @property
    def above_floor(self) -> float | None:
        """How many times dearer ours is than by hand, in CPU time."""
        return None if self.floor is None else self.ours.cpu / self.floor.cpu

    def as_dict(self) -> dict[str, object]:
        """Return the row as JSON types."""
        return {
            "job": self.job,
            "ours_cpu": self.ours.cpu,
            "ours_wall": self.ours.wall,
            "kedro_cpu": self.theirs.cpu if self.theirs else None,
            "kedro_wall": self.theirs.wall if self.theirs else None,
            "ratio": self.ratio,
            "floor_cpu": self.floor.cpu if self.floor else None,
            "floor_wall": self.floor.wall if self.floor else None,
            "unit": self.unit,
        }


def kedro_python() -> str:
    """Return the interpreter of Kedro's own environment, made on first use."""
    python = KEDRO_VENV / "bin" / "python"
    ready, wanted = KEDRO_VENV / ".ready", "\n".join(KEDRO_REQUIREMENTS)
    if not ready.exists() or ready.read_text() != wanted:
        print("making an environment for Kedro 1.7 ...", file=sys.stderr)
        venv.create(KEDRO_VENV, with_pip=True, clear=True)
        subprocess.run([python, "-m", "pip", "install", "--quiet", *KEDRO_REQUIREMENTS], check=True)
        ready.write_text(wanted)
    return str(python)


def compare(
    job: str,
    ours: Callable[[], Sample],
    theirs: Callable[[], Sample] | None,
    *,
    floor: Callable[[], Sample] | None = None,
    repeats: int = 5,
    warm_ups: int = 1,
    unit: str = "s",
    scale: float = 1.0,
) -> Row:
    """Take samples in turn after the warm-ups, and return the medians times ``scale``."""
    takers = [taker for taker in (ours, theirs, floor) if taker is not None]
    rounds = [[taker() for taker in takers] for _ in range(warm_ups + repeats)][warm_ups:]
    found = [_median(list(samples), scale) for samples in zip(*rounds, strict=True)]
    median_by_taker = dict(zip(takers, found, strict=True))
    row = Row(
        job,
        median_by_taker[ours],
        median_by_taker[theirs] if theirs is not None else None,
        unit,
        median_by_taker[floor] if floor is not None else None,
    )
    show(row)
    return row


def measured_inside(python: str, script: str, *arguments: object) -> Sample:
    """Run a script that prints ``{"cpu": ..., "wall": ...}`` of the part that counts."""
    with tempfile.TemporaryDirectory() as folder:
        command = [python, "-c", script, folder, *map(str, arguments)]
        done = subprocess.run(
            command, check=True, capture_output=True, text=True, env={**os.environ, **QUIET}, cwd=folder
        )
    found = json.loads(done.stdout.strip().splitlines()[-1])
    return Sample(found["cpu"], found["wall"])


def measured_outside(command: list[str], folder: Path) -> Sample:
    """Run a command and take what the system accounts to it, start of the interpreter included."""
    before = os.times()
    begin = time.perf_counter()
    subprocess.run(command, check=True, capture_output=True, cwd=folder, env={**os.environ, **QUIET})
    wall = time.perf_counter() - begin
    after = os.times()
    cpu = after.children_user + after.children_system - before.children_user - before.children_system
    return Sample(cpu, wall)


def show(row: Row) -> None:
    """Print one row."""
    theirs = f"{row.theirs.cpu:>11.4g}" if row.theirs else f"{'-':>11}"
    ratio = f"{row.ratio:>7.1f}x" if row.ratio else f"{'-':>8}"
    floor = f"{row.floor.cpu:>10.4g}" if row.floor else f"{'-':>10}"
    ours = f"{row.ours.cpu:>10.4g} {row.ours.wall:>10.4g}"
    print(f"{row.job:<54} {ours} {floor} {theirs} {ratio}  {row.unit}", flush=True)


def header() -> None:
    """Print the column names of ``show``."""
    print(
        f"{'job':<54} {'ours cpu':>10} {'ours wall':>10} {'by hand':>10} {'Kedro cpu':>11} {'ratio':>8}  unit"
    )


def _median(samples: list[Sample], scale: float) -> Sample:
    cpu = statistics.median(sample.cpu for sample in samples)
    wall = statistics.median(sample.wall for sample in samples)
    return Sample(cpu * scale, wall * scale)
