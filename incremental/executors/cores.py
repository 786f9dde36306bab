"""How many cores there are for this process, and what each of several workers may take. It starts nothing."""

from __future__ import annotations

import math
import os
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

_QUOTAS = (
    ("cpu.max",),  # version 2 of control groups: both figures in one file
    ("cpu/cpu.cfs_quota_us", "cpu/cpu.cfs_period_us"),
)
_THREADS = (
    "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "BLIS_NUM_THREADS", "NUMEXPR_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS", "NUMBA_NUM_THREADS", "POLARS_MAX_THREADS", "RAYON_NUM_THREADS",
    "LOKY_MAX_CPU_COUNT",
)  # fmt: skip


def cores(groups: Path = Path("/sys/fs/cgroup")) -> int:
    """Return how many cores this process may use: those that it is bound to, or what its container may take.

    Args:
        groups: where Linux shows the control groups.
    """
    bound = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    for files in _QUOTAS:
        with suppress(OSError, ValueError):  # "max", or no such file: nothing is limited
            quota, period = map(int, " ".join((groups / file).read_text() for file in files).split())
            if quota > 0:
                return min(bound, math.ceil(quota / period))
    return bound


def thread_limits(workers: int, environ: Mapping[str, str]) -> dict[str, str]:
    """Return the variables that give each worker its share of the cores; what the user set stands."""
    share = str(max(1, cores() // workers))
    return {name: share for name in _THREADS if name not in environ}
