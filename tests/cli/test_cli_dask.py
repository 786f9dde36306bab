"""Interrupts and deaths of runs on a Dask cluster of their own, with real signals and process tables."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import pytest
from test_cli_workers import naps, started  # noqa: F401
from trials import assert_gone, family

pytest.importorskip("distributed")


def told(err: str) -> list[str]:
    return [line for line in err.splitlines() if line != "working on it"]


@pytest.mark.parametrize(
    ("to_group", "number", "code"),
    [
        (True, signal.SIGINT, 130),
        (False, signal.SIGTERM, 143),
        (False, signal.SIGKILL, -9),
    ],
    ids=["SIGINT to the group", "SIGTERM", "SIGKILL"],
)
def test_a_cluster_stops_with_its_driver_and_leaves_no_process(
    naps: Path,  # noqa: F811
    to_group: bool,
    number: int,
    code: int,
) -> None:
    running = started(naps, "dask")
    workers = family(running.pid)
    assert len(workers) >= 2
    begin = time.monotonic()
    (os.killpg if to_group else os.kill)(running.pid, number)
    running.wait(20)
    seconds = time.monotonic() - begin
    assert_gone(workers)
    out, err = running.communicate(timeout=5)
    assert (running.returncode, out) == (code, "")
    assert not list((naps / "out").glob("*.txt"))
    if number != signal.SIGKILL:
        assert told(err) == [
            "stopped: the run was interrupted",
            "resume with: incremental run --resume pipeline.py --runner=dask --workers=2",
        ]
    assert seconds < 5  # half a second on a quiet machine


def test_a_dask_worker_that_is_killed_is_told_in_few_lines_and_its_sibling_is_kept(naps: Path) -> None:  # noqa: F811
    running = started(naps, "dask", "4")
    victim = int(next(naps.glob("started-a-*")).name.rpartition("-")[2])
    begin = time.monotonic()
    os.kill(victim, signal.SIGKILL)
    out, err = running.communicate(timeout=30)
    assert time.monotonic() - begin < 20
    assert (running.returncode, out) == (1, "")
    assert told(err) == [
        "error: node 'nap_a' failed: its worker process was ended by SIGKILL; probably out of memory",
        "resume with: incremental run --resume pipeline.py --runner=dask --workers=2",
    ]
    assert [path.name for path in (naps / "out").iterdir()] == ["b.txt"]
