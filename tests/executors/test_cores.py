"""How many cores there are: what a process is bound to, and what its container may take."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from incremental.executors.cores import cores, thread_limits

FREE = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def groups(folder: Path, **files: str) -> Path:
    """Write files as Linux shows them; two underscores stand for a slash, the one after cpu for a point."""
    for name, text in files.items():
        path = folder / name.replace("__", "/").replace("cpu_", "cpu.")
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
    return folder


@pytest.mark.parametrize("text", ["max 100000\n", "", "what\n"])
def test_without_a_quota_they_are_those_that_the_process_is_bound_to(tmp_path: Path, text: str) -> None:
    assert cores(tmp_path) == cores(groups(tmp_path, cpu_max=text)) == FREE


@pytest.mark.parametrize(
    ("quota", "found"), [(100_000, 1), (50_000, 1), (150_000, min(2, FREE)), (10**9, FREE)]
)
def test_a_quota_is_rounded_up_and_gives_no_core_that_is_not_there(
    tmp_path: Path, quota: int, found: int
) -> None:
    assert cores(groups(tmp_path, cpu_max=f"{quota} 100000\n")) == found


@pytest.mark.parametrize(("quota", "found"), [("-1\n", FREE), ("100000\n", 1)])
def test_older_control_groups_are_understood(tmp_path: Path, quota: str, found: int) -> None:
    assert cores(groups(tmp_path, cpu__cpu_cfs_quota_us=quota, cpu__cpu_cfs_period_us="100000\n")) == found


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="processes cannot be bound here")
def test_a_process_that_is_bound_has_the_cores_that_it_is_bound_to(tmp_path: Path) -> None:
    bound = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(bound)})
    try:
        assert cores(tmp_path) == 1
    finally:
        os.sched_setaffinity(0, bound)


def test_each_worker_gets_a_core_at_least_and_what_the_user_set_stands() -> None:
    limits = thread_limits(10_000, {"OMP_NUM_THREADS": "5"})
    assert "OMP_NUM_THREADS" not in limits
    assert set(limits.values()) == {"1"}
    assert thread_limits(1, {})["OMP_NUM_THREADS"] == str(cores())
