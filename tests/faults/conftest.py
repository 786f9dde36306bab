"""Give the fault tests one project in memory for each module, and a pipeline of it that has run before."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from faults.workloads import Workload, make_root, prepare, quick_folder


@pytest.fixture(scope="module")
def root() -> Iterator[Path]:
    with quick_folder() as folder:
        yield make_root(folder / "project")


@pytest.fixture(scope="module")
def workload(root: Path) -> Callable[[str], Workload]:
    known: dict[str, Workload] = {}

    def of(kind: str) -> Workload:
        if kind not in known:
            known[kind] = prepare(root, kind)
        return known[kind]

    return of
