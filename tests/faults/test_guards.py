"""Each guard of an output switched off in turn: the harness has to see it, or it proves nothing.

That nothing is wrong after a death while all are on is said by ``test_every_operation.py``.
"""

from __future__ import annotations

import contextlib
import errno
import os
import random
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from types import SimpleNamespace
from typing import Any

import pytest
from faults.effects import Fail, Happen
from faults.faultfs import Disk
from faults.power import cuts, record
from faults.states import in_child, moments_of
from faults.workloads import Workload, complaints_about, complaints_of_states, leftovers, prepare

from incremental.io.files import staging
from incremental.io.files.staging import LocalStage, Stage
from incremental.runner import publisher
from incremental.runner.publisher import Publisher
from incremental.state.claims import Claims

Prepare = Callable[[str], Workload]
Patch = pytest.MonkeyPatch


# -- the guards


def nothing(*_: Any, **__: Any) -> None:
    """Stand in for a guard."""


def write_in_place(patch: Patch) -> None:
    """The target itself is written, as every dataset of the reference does."""
    real = staging.staging_name

    def itself(name: str, keep_extension: bool = False) -> str:
        return real(name) if name.endswith(".json") else name  # the records of sessions are no outputs

    patch.setattr(staging, "staging_name", itself)
    patch.setattr(staging, "_FLAGS", os.O_RDWR | os.O_CREAT | os.O_TRUNC)


def show_what_failed(patch: Patch) -> None:
    """Leaving a ``with`` block by an exception publishes, as fsspec's files do."""
    patch.setattr(Stage, "__exit__", lambda stage, *_: stage.publish())


def keep_what_failed(patch: Patch) -> None:
    patch.setattr(LocalStage, "discard", nothing)


def set_no_mark(patch: Patch) -> None:
    patch.setattr(publisher, "mark", nothing)


def begin_nothing(patch: Patch) -> None:
    """The ledger is not told before several outputs of a node appear one after the other."""

    def publish(self: Publisher, node: Any, outcome: Any) -> None:
        for staged in outcome.staged.values():
            staged.publish()

    patch.setattr(Publisher, "_publish_staged", publish)


def commit_first(patch: Patch) -> None:
    """The ledger hears that outputs are whole before they can be seen."""
    publish_all = Publisher.publish

    def publish(self: Publisher, node: Any, outcome: Any, persistent: Any) -> None:
        publish_all(self, node, outcome, persistent)
        for staged in outcome.staged.values():
            staged.publish()

    patch.setattr(Publisher, "_publish_staged", nothing)
    patch.setattr(Publisher, "publish", publish)


def claim_nothing(patch: Patch) -> None:
    nobody = SimpleNamespace(settle=nothing)
    patch.setattr(Claims, "claim", lambda *_, **__: contextlib.nullcontext(nobody))


def record_no_reads(patch: Patch) -> None:
    patch.setattr(Publisher, "_reads", lambda *_: {})


# -- the faults that must find them out


def deaths(work: Workload, **how: Any) -> Iterator[str]:
    work.begin(True)
    return complaints_of_states(work, moments_of(work.root, work.run), was_old=True, **how)


def deaths_over_records_of_now(work: Workload) -> Iterator[str]:
    """The older outputs too are made while the guard is off."""
    return deaths(prepare(work.root, work.kind), resume=False)


def errors(work: Workload) -> Iterator[str]:
    """Let each write fail, and say also what the failed run itself left."""
    work.begin(True)
    with Disk(work.root) as disk:
        work.run()
    for at, operation in enumerate(disk.operations):
        if operation.name not in ("write", "fsync", "rename"):
            continue
        work.begin(True)

        def act(at: int = at) -> None:
            with Disk(work.root, Fail(at, errno.ENOSPC)):
                work.run()

        in_child(act)
        yield from (f"{name} is left by the failed run" for name in leftovers(work.root))
        yield from complaints_about(work, was_old=True)


def power_cuts(work: Workload, deaf_to: str) -> Iterator[str]:
    work.begin(True)
    states = cuts(record(work.root, work.run, deaf_to), random.Random(7), 1)
    return complaints_of_states(work, states, was_old=True)


def overtaken(work: Workload) -> list[str]:
    """Let another process try to run the same in the middle of a node."""
    work.begin(True)
    with Disk(work.root) as disk:
        work.run()
    target = work.root / "data/first_appending.txt"
    at = next(
        at for at, each in enumerate(disk.operations) if (each.name, each.path) == ("write", str(target))
    )

    def run_too() -> None:
        command = [sys.executable, "-m", "incremental", "run", "--pipeline", work.kind]
        with subprocess.Popen(command, cwd=work.root, stderr=subprocess.PIPE) as other:
            _, told = other.communicate()
        assert other.returncode in (0, 2), told

    work.begin(True)
    with Disk(work.root, Happen(at, run_too, "after")):
        work.run()
    return complaints_about(work, was_old=True)


HALF_SEEN = "is visible and is neither old nor new"
HALF_BELIEVED = "is believed and is neither old nor new"
OLD = "is old and nothing says so"
LEFT = "is left by the failed run"
GUARDS = {
    "staging": (write_in_place, deaths, "text", HALF_SEEN),
    "no half file is shown": (show_what_failed, errors, "text", HALF_SEEN),
    "discard": (keep_what_failed, errors, "text", LEFT),
    "mark": (set_no_mark, partial(deaths, forgets=True, resume=False), "in_place", HALF_BELIEVED),
    "begin": (begin_nothing, partial(deaths, resume=False), "pair", OLD),
    "commit last": (commit_first, partial(deaths, resume=False), "text", OLD),
    "claims": (claim_nothing, overtaken, "appending", HALF_BELIEVED),
    "generations read": (record_no_reads, deaths_over_records_of_now, "text", OLD),
}


@pytest.mark.parametrize("name", GUARDS)
def test_the_harness_sees_that_a_guard_is_off(
    workload: Prepare, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    switch_off, fault, kind, seen = GUARDS[name]
    work = workload(kind)
    with monkeypatch.context() as patch:
        switch_off(patch)
        assert any(seen in each for each in fault(work))


@pytest.mark.parametrize(("fault", "kind"), [(errors, "text"), (overtaken, "appending")])
def test_the_harness_sees_nothing_where_all_guards_are_on(
    workload: Prepare, fault: Callable[[Workload], Iterable[str]], kind: str
) -> None:
    assert list(fault(workload(kind))) == []


@pytest.mark.parametrize(
    ("kind", "deaf_to", "seen"),
    [("text", "files", HALF_BELIEVED), ("text", "folders", OLD), ("folder", "folders", HALF_SEEN)],
)
def test_the_harness_sees_that_an_fsync_is_without_effect(
    workload: Prepare, kind: str, deaf_to: str, seen: str
) -> None:
    """That nothing is wrong where it has one is a test of its own, with more power cuts."""
    assert any(seen in each for each in power_cuts(workload(kind), deaf_to))
