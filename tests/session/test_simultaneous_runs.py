"""Two runs at once, as real processes: never two on one place, whatever dies, and nobody has to unlock."""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import random
import re
import signal
import socket
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from textwrap import dedent

import pytest

REGISTRY = """
import os, subprocess, sys, time
from pathlib import Path
from incremental.pipeline import Pipeline, node

LINES = 4000


def make(seed, token):
    if os.environ.get("HANG"):
        hang()
    for _ in range(5):
        with open(os.environ["JOURNAL"], "a") as journal:
            print(os.getpid(), file=journal)
        time.sleep(0.02)
    return f"{seed.split()[0]} {token}\\n" * LINES


def hang():
    '''Leave children behind that outlive this process, and wait to be killed.'''
    child = os.fork()
    if child == 0:
        os.setsid()
        time.sleep(30)
        os._exit(0)
    other = subprocess.Popen(["sleep", "30"], start_new_session=True, close_fds=False)
    Path(os.environ["HANG"]).with_suffix(".new").write_text(f"{child} {other.pid}")
    Path(os.environ["HANG"]).with_suffix(".new").replace(os.environ["HANG"])
    time.sleep(60)


def register_pipelines():
    nodes = {name: node(make, [source, "params:sign"], name, name=f"make_{name}")
             for source, names in (("raw", ["base"]), ("base", ["x", "y", "z"])) for name in names}
    parts = {"__default__": "base x y z", "left": "x y", "right": "y z", "x": "x", "z": "z",
             "to_x": "base x", "to_z": "base z", "base": "base"}
    return {name: Pipeline([nodes[each] for each in words.split()]) for name, words in parts.items()}
"""
DATASETS = """
import time
from pathlib import Path


class SlowText:
    '''Writes in place, a little at a time: two at once would mix.'''

    def __init__(self, filepath):
        self._filepath = filepath

    def load(self):
        return Path(self._filepath).read_text()

    def save(self, data):
        with open(self._filepath, "w", buffering=1) as file:
            lines = data.splitlines(keepends=True)
            for begin in range(0, len(lines), 400):
                file.writelines(lines[begin : begin + 400])
                file.flush()
                time.sleep(0.01)

    def exists(self):
        return Path(self._filepath).exists()
"""
CATALOG = """
raw: {type: text.TextDataset, filepath: DATA/raw.txt}
base: {type: text.TextDataset, filepath: DATA/base.txt}
x: {type: pair.datasets.SlowText, filepath: DATA/x.txt}
y: {type: pair.datasets.SlowText, filepath: DATA/y.txt}
z: {type: text.TextDataset, filepath: DATA/z.txt}
"""
LINES = 4000
MADE_BY = {
    "__default__": "base x y z", "left": "x y", "right": "y z", "x": "x", "z": "z", "to_x": "base x", "to_z": "base z",
}  # fmt: skip


@dataclass
class Place:
    """Projects on one data folder, and the folder for claims that they share."""

    root: Path
    data: Path

    def project(self, name: str) -> Path:
        """Make a project on the data folder, which it reaches by a path of its own."""
        root = self.root / name
        link = self.root / f"data of {name}"
        link.symlink_to(self.data)
        files = {
            "pyproject.toml": '[tool.incremental]\npackage_name = "pair"\nproject_name = "Pair"\n',
            "src/pair/__init__.py": "",
            "src/pair/datasets.py": DATASETS,
            "src/pair/pipeline_registry.py": REGISTRY,
            "conf/base/catalog.yml": CATALOG.replace("DATA", str(link)),
            "conf/base/parameters.yml": "sign: none\n",
        }
        for path, text in files.items():
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            (root / path).write_text(dedent(text))
        return root

    def start(self, project: Path, *arguments: str, **environ: str) -> subprocess.Popen[str]:
        env = {
            **os.environ,
            "XDG_STATE_HOME": str(self.root / "state"),
            "JOURNAL": str(self.journal),
            **environ,
        }
        return subprocess.Popen(
            [sys.executable, "-m", "incremental", "run", "-q", "--json", *arguments],
            cwd=project,
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def token_of(self, name: str) -> str:
        """Return the one token that an output has in every line; fail when it is not whole."""
        text = (self.data / f"{name}.txt").read_text()
        first = text.partition("\n")[0]
        assert text == f"{first}\n" * LINES, f"{name} is mixed or cut"
        return first.partition(" ")[2]

    @property
    def journal(self) -> Path:
        return self.root / "journal"

    @property
    def turns(self) -> list[int]:
        """The processes that worked, in order, one that went on after another as often as it did."""
        return [int(pid) for pid, _ in itertools.groupby(self.journal.read_text().split())]

    @property
    def claims(self) -> list[str]:
        return [path.name for path in (self.root / "state/incremental/claims").glob("*.claim")]


@pytest.fixture
def place(tmp_path: Path) -> Place:
    data = tmp_path / "data"
    data.mkdir()
    (data / "raw.txt").write_text("seed\n")
    return Place(tmp_path, data)


@dataclass(frozen=True)
class Ended:
    """What became of one of two runs."""

    pid: int
    code: int
    out: str
    err: str
    made: frozenset[str]


def pair(place: Place, runs: list[tuple[Path, str, str]], gap: float, *options: str) -> list[Ended]:
    """Start two runs (project, pipeline, token) one after the other and wait for both."""
    processes = []
    for number, (project, pipeline, token) in enumerate(runs):
        if number:
            time.sleep(gap)
        processes.append(place.start(project, "-p", pipeline, "--params", f"sign={token}", *options))
    found = []
    for process, (_, pipeline, _) in zip(processes, runs, strict=True):
        out, err = process.communicate(timeout=120)
        made = frozenset(MADE_BY[pipeline].split())
        found.append(Ended(process.pid, process.returncode, out, err, made))
    return found


def check_refusal(code: int, err: str, pid: int, command: str) -> None:
    """Check the one line that a refused run says of the process that it gave way to."""
    host = re.escape(socket.gethostname())
    assert code == 2
    assert re.fullmatch(
        rf"error: '\S.*/\w+\.txt' is being written by another run: process {pid} on {host}, "
        rf"since \d{{4}}-\d\d-\d\d \d\d:\d\d:\d\d: incremental run -q --json {command}; "
        r"--wait waits for it to end\n",
        err,
    ), err


def check_pair(place: Place, ends: list[Ended], tokens: list[str]) -> int:
    """Check two runs that overlap: one after the other, or one refused. Return how many were refused."""
    losers = [end for end in ends if end.code]
    assert len(losers) < 2, [end.err for end in ends]
    assert sorted(set(place.turns)) == sorted(place.turns), "two runs worked at once"
    token = {end.pid: token for end, token in zip(ends, tokens, strict=True)}
    found = {name: place.token_of(name) for end in ends if not end.code for name in end.made}
    if losers:
        [winner] = [end for end in ends if not end.code]
        command = rf"-p \w+ --params sign={token[winner.pid]}"
        check_refusal(losers[0].code, losers[0].err, winner.pid, command)
        assert set(found.values()) == {token[winner.pid]}
    else:
        both = ends[0].made & ends[1].made
        assert len({found[name] for name in both}) == 1
        for end in ends:
            assert {found[name] for name in end.made - both} <= {token[end.pid]}
    assert place.claims == []
    return len(losers)


def run_base(place: Place, project: Path) -> None:
    """Make what both runs read, before they begin."""
    process = place.start(project, "-p", "base", "--params", "sign=base")
    out, err = process.communicate(timeout=120)
    assert process.returncode == 0, err
    assert json.loads(out)["executed"] == ["make_base"]


def same(place: Place, gap: float) -> int:
    project = place.project("one")
    ends = pair(place, [(project, "__default__", "first"), (project, "__default__", "second")], gap)
    return check_pair(place, ends, ["first", "second"])


def overlapping(place: Place, gap: float) -> int:
    project = place.project("one")
    run_base(place, project)
    ends = pair(place, [(project, "left", "first"), (project, "right", "second")], gap)
    return check_pair(place, ends, ["first", "second"])


def disjoint(place: Place, gap: float) -> int:
    project = place.project("one")
    run_base(place, project)
    ends = pair(place, [(project, "x", "first"), (project, "z", "second")], gap)
    assert [(end.code, end.err) for end in ends] == [(0, ""), (0, "")]
    assert (place.token_of("x"), place.token_of("z")) == ("first", "second")
    return 0


def shared_upstream(place: Place, gap: float) -> int:
    """Both need what neither has: with --wait one makes it, and the other surveys afresh and does not."""
    project = place.project("one")
    runs = [(project, "to_x", "first"), (project, "to_z", "second")]
    ends = pair(place, runs, gap, "--only-missing-outputs", "--wait")
    assert [end.code for end in ends] == [0, 0], [end.err for end in ends]
    executed = [json.loads(end.out)["executed"] for end in ends]
    assert sorted(itertools.chain(*executed)) == ["make_base", "make_x", "make_z"]
    assert (place.token_of("x"), place.token_of("z")) == ("first", "second")
    assert place.token_of("base") == ("first" if "make_base" in executed[0] else "second")
    return 0


def worktrees(place: Place, gap: float) -> int:
    one, two = place.project("one"), place.project("two")
    ends = pair(place, [(one, "__default__", "first"), (two, "__default__", "second")], gap)
    return check_pair(place, ends, ["first", "second"])


KINDS = (same, overlapping, disjoint, shared_upstream, worktrees)
LONGEST_GAP = 0.8  # seconds; a run takes about that long


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
@pytest.mark.parametrize("gap", [0.0, 0.3])
def test_two_runs_at_once_leave_every_output_whole_and_from_one_run(
    place: Place, kind: object, gap: float
) -> None:
    kind(place, gap)  # type: ignore[operator]


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
@pytest.mark.parametrize("trial", range(40))
def test_two_runs_at_random_offsets_leave_every_output_whole(place: Place, kind: object, trial: int) -> None:
    kind(place, random.uniform(0, LONGEST_GAP))  # type: ignore[operator]


def test_the_second_of_two_runs_is_refused_at_once(place: Place) -> None:
    project = place.project("one")
    holder, orphans = hang(place, project, "sequential")
    try:
        begin = time.monotonic()
        loser = place.start(project, "-p", "to_x", "--params", "sign=second")
        _, err = loser.communicate(timeout=60)
        assert time.monotonic() - begin < 20  # not after the 60 s that the other takes
        command = r"--runner sequential --params 'sign=first,my_password=\*\*\*'"
        check_refusal(loser.returncode, err, holder.pid, command)
        assert not (place.data / "x.txt").exists()
    finally:
        end(holder, orphans)


def test_waiting_is_left_at_once_by_an_interrupt(place: Place) -> None:
    project = place.project("one")
    holder, orphans = hang(place, project, "sequential")
    try:
        waiter = place.start(project, "--wait", "-v")  # -v makes up for -q
        assert waiter.stderr is not None
        assert waiter.stderr.readline().startswith("warning: waiting: '")
        waiter.send_signal(signal.SIGINT)
        out, err = waiter.communicate(timeout=20)
        assert (waiter.returncode, out, err) == (130, "", "")
        assert len(place.claims) == 1
    finally:
        end(holder, orphans)


def hang(place: Place, project: Path, runner: str) -> tuple[subprocess.Popen[str], list[int]]:
    """Start a run that hangs in its first node, with children that outlive it."""
    sign = place.root / "hangs"
    sign.unlink(missing_ok=True)
    holder = place.start(
        project, "--runner", runner, "--params", "sign=first,my_password=s3cr3t", HANG=str(sign)
    )
    deadline = time.monotonic() + 60
    while not sign.exists():
        assert holder.poll() is None, holder.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.01)
    return holder, [int(word) for word in sign.read_text().split()]


def end(holder: subprocess.Popen[str], orphans: list[int]) -> None:
    holder.kill()
    for pid in orphans:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    holder.communicate()


def go_on_after_a_kill(place: Place, project: Path, runner: str) -> None:
    """Kill the driver of a run: the next one starts with no flag, though children of the first live."""
    holder, orphans = hang(place, project, runner)
    try:
        holder.kill()
        holder.wait()
        if runner != "processes":  # there a worker takes what it started with it
            for pid in orphans:
                os.kill(pid, 0)
        following = place.start(project, "--params", "sign=second")
        _, err = following.communicate(timeout=60)
        assert (following.returncode, err) == (0, "")
        assert {place.token_of(name) for name in ("base", "x", "y", "z")} == {"second"}
        assert place.claims == []
        listed = subprocess.run(
            [sys.executable, "-m", "incremental", "runs", "--json"],
            cwd=project,
            capture_output=True,
            check=True,
            env={**os.environ, "XDG_STATE_HOME": str(place.root / "state")},
        )
        assert [run["status"] for run in json.loads(listed.stdout)["runs"]][:2] == [
            "succeeded",
            "interrupted",
        ]
    finally:
        end(holder, orphans)


RUNNERS = ("sequential", "threads", "processes")


@pytest.mark.parametrize("runner", [*RUNNERS, "processes", "threads"])
def test_after_a_kill_the_next_run_starts_with_no_flag(place: Place, runner: str) -> None:
    go_on_after_a_kill(place, place.project("one"), runner)


@pytest.mark.slow
@pytest.mark.parametrize("trial", range(100))
def test_after_each_of_many_kills_the_next_run_starts_with_no_flag(place: Place, trial: int) -> None:
    go_on_after_a_kill(place, place.project("one"), RUNNERS[trial % 3])
