"""Laws of all runners under trouble: what fails, dies and dawdles changes nothing of what a run comes to.

Each law holds for random pipelines over memory, staged files and files that are written in place, whose
nodes raise before or in the middle of their work, lose their worker, and take random moments.
"""

from __future__ import annotations

import gc
import os
import shutil
import signal
import tempfile
import time
import weakref
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from pickle import PickleBuffer
from typing import Any

import clusters
import psutil
import pytest
from graphs import wirings
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from incremental.errors import NodeRunError, WorkerDiedError
from incremental.events import NodeFailed, NodeFinished, NodeRetried
from incremental.executors.parcels import LARGE, scratch_root
from incremental.io import DataCatalog
from incremental.io.catalog.markers import mark_name
from incremental.io.files.staging import is_staging_name
from incremental.pipeline import Pipeline, node
from incremental.pipeline.selection import select
from incremental.planner import plan_all
from incremental.runner import (
    DaskRunner,
    FailurePolicy,
    ParallelRunner,
    SequentialRunner,
    Surroundings,
    ThreadRunner,
)
from incremental.runner.prepare import gather_facts
from incremental.state import Marks

RUNNERS: dict[str, Callable[[FailurePolicy], Any]] = {
    "inline": lambda policy: SequentialRunner(policy=policy),
    "threads": lambda policy: ThreadRunner(3, policy=policy),
    "processes": lambda policy: ParallelRunner(2, policy=policy),
    "dask": lambda policy: DaskRunner(client=clusters.client(), policy=policy),
    "a cluster of its own": lambda policy: DaskRunner(max_workers=2, policy=policy, dashboard_address=None),
}
CLUSTER = "a cluster of its own"
MORTAL = {
    "processes",
    CLUSTER,
}  # runners whose workers a node can kill; that of "dask" is for other tests too
APART = {"processes", "dask", CLUSTER}  # runners whose workers see no object of this process
EXAMPLES = {"inline": 10, "threads": 8, "processes": 3, "dask": 6, CLUSTER: 1}  # a cluster starts in seconds
MANY = {"inline": 2000, "threads": 2000, "processes": 300, "dask": 1000, CLUSTER: 100}


@dataclass(frozen=True)
class Job:
    """What one node does, and what goes wrong with it the first so many times."""

    name: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    trouble: str = ""  # "raise", "raise half way", "die", "die half way"
    times: int = 0
    delay: float = 0.0
    is_generator: bool = False


@dataclass(frozen=True)
class Case:
    jobs: list[Job]
    kinds: dict[str, str]
    policy: FailurePolicy
    is_heavy: bool


@dataclass
class Came:
    """All that a run came to."""

    finished: Counter[str] = field(default_factory=Counter)
    failed: set[str] = field(default_factory=set)
    told_failed: set[str] = field(default_factory=set)
    lost: set[str] = field(default_factory=set)
    retried: Counter[str] = field(default_factory=Counter)
    struck: Counter[str] = field(default_factory=Counter)
    """Retried for the death of a worker that is not their doing: it ran them, or kept what they made."""
    begun: Counter[str] = field(default_factory=Counter)
    files: dict[str, str] = field(default_factory=dict)
    values: dict[str, str] = field(default_factory=dict)


class Probe:
    """A value in memory; whoever keeps one alive is found out. Where it is heavy it travels as a file."""

    alive: weakref.WeakSet[Probe] = weakref.WeakSet()  # noqa: RUF012 - of all of them

    def __init__(self, text: str, weight: Any = b"") -> None:
        self.text, self.weight = text, weight
        self.alive.add(self)

    def __str__(self) -> str:
        return self.text

    def __deepcopy__(self, memo: Any) -> Probe:
        return Probe(self.text, self.weight)

    def __reduce_ex__(self, protocol: Any) -> Any:
        return Probe, (self.text, PickleBuffer(self.weight) if protocol >= 5 else bytes(self.weight))


@st.composite
def cases(draw: st.DrawFn) -> Case:
    wired = draw(wirings(max_nodes=6, min_nodes=2))
    made = [name for _, _, outputs in wired for name in outputs]
    troubles = st.sampled_from(["", "", "", "raise", "raise half way", "die", "die half way"])
    jobs = [
        Job(
            name,
            inputs,
            outputs,
            draw(troubles),
            draw(st.sampled_from([1, 1, 2, 99])),
            draw(st.sampled_from([0.0, 0.0, 0.002, 0.01])),
            bool(outputs) and draw(st.booleans()),
        )
        for name, inputs, outputs in wired
    ]
    policy = FailurePolicy(draw(st.booleans()), draw(st.integers(0, 2)), backoff=0.0)
    kinds = {name: draw(st.sampled_from(["file", "in place", "memory"])) for name in made}
    return Case(jobs, kinds, policy, draw(st.booleans()))


def function_of(job: Job, case: Case, begun: str, can_die: bool) -> Callable[..., Any]:
    """Return the work of a node. It notes each time that it begins: processes share no memory."""

    def begin() -> bool:
        """Return whether this time something goes wrong."""
        journal = os.open(f"{begun}/{job.name}", os.O_APPEND | os.O_CREAT | os.O_RDWR)
        try:
            os.write(journal, b"x")
            return os.fstat(journal).st_size <= job.times
        finally:
            os.close(journal)

    def suffer() -> None:
        if job.trouble.startswith("die") and can_die:
            os.kill(os.getpid(), signal.SIGKILL)
        raise ValueError(f"{job.name} has trouble")

    def make(inputs: tuple[Any, ...], piece: str = "") -> Any:
        read = ", ".join(map(str, inputs))
        texts = {name: f"{name}({read}){piece}" for name in job.outputs}
        weight = bytes(LARGE if case.is_heavy else 1)
        values = [
            Probe(text, weight) if case.kinds[name] == "memory" else text for name, text in texts.items()
        ]
        return None if not values else values[0] if len(values) == 1 else values

    def work(*inputs: Any) -> Any:
        goes_wrong = begin()
        time.sleep(job.delay)
        if job.trouble and goes_wrong:
            suffer()
        return make(inputs)

    def pieces(*inputs: Any) -> Iterator[Any]:
        goes_wrong = begin()
        time.sleep(job.delay)
        if job.trouble and "half" not in job.trouble and goes_wrong:
            suffer()
        yield make(inputs, ".1")
        if job.trouble and goes_wrong:
            suffer()
        yield make(inputs, ".2")

    return pieces if job.is_generator else work


def form(names: tuple[str, ...]) -> Any:
    return names[0] if len(names) == 1 else list(names) or None


def run(case: Case, runner: Any, can_die: bool) -> Came:
    """Run a case in a folder of its own and take down what it came to."""
    folder = Path(tempfile.mkdtemp(prefix="incremental-trouble-"))
    begun = folder / "begun"
    begun.mkdir()
    try:
        pipeline = Pipeline(
            [
                node(
                    function_of(job, case, str(begun), can_die),
                    form(job.inputs),
                    form(job.outputs),
                    name=job.name,
                )
                for job in case.jobs
            ]
        )
        catalog = catalog_of(folder / "out", case.kinds)
        plan = plan_all(select(pipeline), gather_facts(pipeline, catalog, Marks()))
        came, events = Came(), []
        try:
            result = runner.run_plan(plan, catalog, Surroundings("r", listeners=(events.append,)))
            came.values = {name: str(value) for name, value in result.items()}
        except NodeRunError as error:
            for sentence in str(error).splitlines():
                begin, _, rest = sentence.partition(": ")
                if begin == "not run for lack of them":
                    came.lost = {name.strip("'") for name in rest.split(", ")}
                else:
                    came.told_failed.add(begin.split("'")[1])
        came.finished = Counter(event.node for event in events if isinstance(event, NodeFinished))
        came.failed = {event.node for event in events if isinstance(event, NodeFailed)}
        retries = [event for event in events if isinstance(event, NodeRetried)]
        came.retried = Counter(event.node for event in retries)
        killers = {job.name for job in case.jobs if job.trouble.startswith("die")}
        deaths = [event.node for event in retries if isinstance(event.error, WorkerDiedError)]
        came.struck = Counter(name for name in deaths if name not in killers or came.finished[name] > 1)
        came.begun = Counter({path.name: path.stat().st_size for path in begun.iterdir()})
        came.files = contents(folder / "out")
        return came
    finally:
        shutil.rmtree(folder)


def catalog_of(folder: Path, kinds: dict[str, str]) -> DataCatalog:
    kind_of = {"file": "text.TextDataset", "in place": "foreign.InPlace"}
    folder.mkdir()
    entries = {
        name: {"type": kind_of[kind], "filepath": str(folder / name)}
        for name, kind in kinds.items()
        if kind != "memory"
    }
    catalog = DataCatalog.from_config(entries, parameters={"p": 1}, durable=False)
    catalog["raw_a"], catalog["raw_b"] = "A", "B"
    return catalog


def contents(folder: Path) -> dict[str, str]:
    """Return what is in each file; of a mark only that it is there."""
    return {path.name: "" if path.name.startswith(".") else path.read_text() for path in folder.iterdir()}


def check_executions(came: Came, case: Case) -> None:
    for job in case.jobs:
        times, retried, has_failed = came.begun[job.name], came.retried[job.name], job.name in came.failed
        assert came.finished[job.name] <= 1 + came.struck[job.name]
        assert (came.finished[job.name] > 0) + has_failed == (times > 0)
        given_up = has_failed and not case.policy.keep_going and times == retried
        assert times == (1 + retried if times and not given_up else retried), "run again, and nobody was told"
    assert came.told_failed == came.failed


def children() -> set[psutil.Process]:
    found = psutil.Process().children(recursive=True)
    return {each for each in found if "resource_tracker" not in " ".join(each.cmdline())}


def check_nothing_is_left(came: Came, case: Case, name: str, before: set[psutil.Process]) -> None:
    died = any(job.trouble.startswith("die") for job in case.jobs) and name in MORTAL
    if not died:  # what a killed worker had staged keeps a name that is never taken for data
        assert not [file for file in came.files if is_staging_name(file)]
    assert not list(Path(scratch_root()).glob(f"incremental-{os.getpid()}-*"))
    assert children() <= before
    deadline = time.monotonic() + 5
    while len(Probe.alive) and time.monotonic() < deadline:
        gc.collect()
    assert len(Probe.alive) == 0


def check(name: str, case: Case) -> None:
    runner = RUNNERS[name](case.policy)  # on a cluster of all tests, where there is one
    before = children()
    came = run(case, runner, name in MORTAL)
    check_executions(came, case)
    check_nothing_is_left(came, case, name, before)
    whole = FailurePolicy(True, case.policy.retries, case.policy.backoff)
    expected = run(Case(case.jobs, case.kinds, whole, case.is_heavy), RUNNERS["inline"](whole), can_die=False)
    came.files = {file: text for file, text in came.files.items() if not is_staging_name(file)}
    if name in MORTAL:  # nobody knows how far a worker came that died: its marks stay
        unsure = [job for job in case.jobs if job.trouble.startswith("die")]
        for mark in (mark_name(output) for job in unsure for output in job.outputs):
            came.files.pop(mark, None)
            expected.files.pop(mark, None)
    if came.struck:  # it ran once more than its trouble was meant for
        check_outputs(came, expected, case)
        return
    if case.policy.keep_going or not expected.failed:
        assert came == expected
        return
    # what had begun when the first node failed, and so is not tried again, is the executor's affair
    assert came.failed
    assert came.failed <= {job.name for job in case.jobs if job.trouble}
    assert came.finished <= expected.finished
    assert came.lost == set()
    check_outputs(came, expected, case)


def check_outputs(came: Came, expected: Came, case: Case) -> None:
    """What ended well has left what it leaves inline, as far as it came there, and no mark."""
    for job in case.jobs:
        for output in job.outputs if came.finished[job.name] and job.name not in came.failed else ():
            if expected.finished[job.name]:
                assert came.files.get(output) == expected.files.get(output)
            assert mark_name(output) not in came.files


def hold(examples: int, name: str) -> None:
    @settings(
        max_examples=examples,
        phases=[Phase.reuse, Phase.generate] if name in APART else list(Phase),  # to shrink takes minutes
        suppress_health_check=[HealthCheck.nested_given],
    )
    @given(cases())
    def law(case: Case) -> None:
        check(name, case)

    law()


@pytest.mark.parametrize("name", RUNNERS)
def test_law_trouble_comes_to_the_same_on_every_runner_and_leaves_nothing(name: str) -> None:
    hold(EXAMPLES[name], name)


@pytest.mark.slow
@pytest.mark.parametrize("name", RUNNERS)
def test_law_trouble_comes_to_the_same_on_every_runner_and_leaves_nothing_many_times(name: str) -> None:
    hold(MANY[name], name)
