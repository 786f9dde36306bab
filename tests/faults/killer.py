"""Kill runs of ten nodes at random moments, resume them, and compare every byte with a clean run.

::

    python tests/faults/killer.py --trials 1000 --megabytes 20 --part 1/4

Each trial is one line of JSON in the results file; what is there already is not done again, so it can be
stopped and started at will, and parts can run on several machines. It prints what all lines come to.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from faults.ten_nodes import WIRING, Generation, digests, make_ten_nodes, restore
from faults.workloads import leftovers

from incremental import Session

RESULTS = Path(__file__).resolve().parents[2] / "benchmarks" / "results" / "kills.jsonl"
VICTIMS = ("group", "driver", "worker")
_PATIENCE = 120  # seconds that a run may take


@dataclass(frozen=True)
class Trial:
    """What is done in one trial, drawn from its number alone."""

    number: int
    is_older: bool
    """Whether a complete older generation is there, made from another input."""
    victim: str
    """The whole group, the driver alone, or a worker."""
    runner: str
    forgets: bool
    """Whether the ledger is deleted before resuming."""
    resume: str
    """The option that is given besides ``--only-missing-outputs``."""
    node: str
    """The node that has just begun,"""
    moment: float
    """and how long after that, as a part of what a node takes."""

    @classmethod
    def of(cls, number: int) -> Trial:
        drawn = random.Random(f"kills {number}")
        is_older, victim = number % 2 == 1, VICTIMS[number // 2 % 3]
        forgets = number // 6 % 3 == 2
        with_records = drawn.choice(["--resume", "--propagate"])
        return cls(
            number,
            is_older,
            victim,
            "processes" if victim == "worker" else drawn.choice(["sequential", "sequential", "processes"]),
            forgets,
            with_records if is_older and not forgets else "",
            drawn.choice(list(WIRING)),
            drawn.uniform(0, 1.2),
        )


@dataclass
class Result:
    """What became of one trial."""

    number: int
    megabytes: float
    trial: dict[str, Any]
    killed: bool
    """Whether the run was still going on."""
    refused: str = ""
    """What resuming said when it did not succeed."""
    wrong: list[str] = field(default_factory=list)
    """Outputs that are not what a clean run makes, though no plan says so."""
    named: int = 0
    """Outputs that are old, as the plan says."""
    finished: int = 0
    """Nodes that were done when the run was killed."""
    again: int = 0
    """Those of them that resuming ran again."""
    left: int = 0
    """Staging names and marks that are there at the end."""
    seconds: float = 0.0


class Range:
    """The project in which trials take place, after a clean run over each input."""

    def __init__(self, folder: Path, megabytes: float, frames: bool = True) -> None:
        self.megabytes = megabytes
        self.root = make_ten_nodes(folder / "project", int(megabytes * 1e6), frames)
        self.seconds: dict[str, float] = {}
        self.old = self._generation(folder / "old")
        restore(self.root, None)
        self.new = self._generation(folder / "new")
        assert not set(self.old.digests.values()) & set(self.new.digests.values())
        restore(self.root, None)
        self._time("processes")

    def try_out(self, trial: Trial) -> Result:
        """Run, kill, resume, compare."""
        begin = time.monotonic()
        restore(self.root, self.old if trial.is_older else None)
        killed = self._run_and_kill(trial)
        before = digests(self.root)
        result = Result(trial.number, self.megabytes, asdict(trial), killed)
        done = {
            name
            for name, (_, written) in WIRING.items()
            if all(before.get(file) == self.new.digests[file] for file in written)
        }
        result.finished = len(done)
        if trial.forgets:
            for path in (self.root / ".incremental").glob("ledger.*"):
                path.unlink()
        executed = self._resume(trial, result)
        result.again = len(done & set(executed))
        if not result.refused:
            self.compare(trial, result)
        result.left = len(leftovers(self.root))
        result.seconds = round(time.monotonic() - begin, 2)
        return result

    def _generation(self, copy: Path) -> Generation:
        self._time("sequential")
        return Generation.of(self.root, copy)

    def _time(self, runner: str) -> None:
        """Run to the end and note how long a node takes, the first one left out."""
        running = self._start(runner)
        _, err = running.communicate(timeout=_PATIENCE)
        assert running.returncode == 0, err
        moments = [(self.root / "begun" / name).stat().st_mtime for name in WIRING]
        self.seconds[runner] = (moments[-1] - moments[1]) / (len(WIRING) - 2)

    def _start(self, runner: str, *arguments: str) -> subprocess.Popen[str]:
        workers = ["--runner", "processes", "--workers", "2"] if runner == "processes" else []
        return subprocess.Popen(
            [sys.executable, "-m", "incremental", "run", "--json", *workers, *arguments],
            cwd=self.root,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def _await(self, node: str, running: subprocess.Popen[str]) -> None:
        while not (self.root / "begun" / node).exists() and running.poll() is None:
            time.sleep(0.005)

    def _run_and_kill(self, trial: Trial) -> bool:
        running = self._start(trial.runner)
        self._await(trial.node, running)
        with suppress(subprocess.TimeoutExpired):
            running.communicate(timeout=trial.moment * self.seconds[trial.runner])
            return False  # it ended before
        if trial.victim == "worker":
            self._kill_worker_of(trial.node)
        elif trial.victim == "driver":
            running.kill()
        with suppress(ProcessLookupError):
            if trial.victim == "group":
                os.killpg(running.pid, signal.SIGKILL)
        running.communicate(timeout=_PATIENCE)
        return running.returncode != 0

    def _kill_worker_of(self, node: str) -> None:
        with suppress(ProcessLookupError, FileNotFoundError, ValueError):  # it has not begun, or has ended
            os.kill(int((self.root / "begun" / node).read_text()), signal.SIGKILL)

    def _resume(self, trial: Trial, result: Result) -> list[str]:
        options = [trial.resume] if trial.resume else []
        running = self._start("sequential", "--only-missing-outputs", *options)
        out, err = running.communicate(timeout=_PATIENCE)
        if running.returncode != 0:
            result.refused = f"exit code {running.returncode}: {err[-2000:]}"
            return []
        executed: list[str] = json.loads(out)["executed"]
        return executed

    def compare(self, trial: Trial, result: Result) -> None:
        """Note the outputs that are wrong, and those of which the next plan says that they are old."""
        made = digests(self.root)
        with Session.create(self.root) as session:
            plan = session.plan(only_missing_outputs=True)
        result.wrong += [f"{step.node.name} is to run again" for step in plan.running]
        named = {suspect.dataset for suspect in plan.suspects} | set(plan.facts.unproven)
        file_of = {name: Path(place).name for name, place in plan.facts.locations.items()}
        said = {file_of[name] for name in named}
        if trial.is_older and made == self.old.digests:  # killed before the run had begun to write
            return
        for node, (read, written) in WIRING.items():
            mixes = any(made.get(file) == self.new.digests[file] for file in read)
            for file in written:
                if made.get(file) == self.new.digests[file]:
                    continue
                is_old = trial.is_older and made.get(file) == self.old.digests[file]
                may_be_old = not mixes and trial.resume != "--resume"
                if is_old and file in said:
                    result.named += 1
                elif not (is_old and may_be_old):
                    result.wrong.append(f"{file} of {node} is {'old' if is_old else 'wrong'}")


def trials(count: int, part: int, parts: int) -> Iterator[Trial]:
    """Yield the trials of one part of a run over several machines; parts count from 1."""
    return (Trial.of(number) for number in range(count) if number % parts == part - 1)


def read_results(path: Path, megabytes: float) -> list[Result]:
    """Return the results for outputs of one size that are there; a torn last line is left out."""
    found = []
    for line in path.read_text().splitlines() if path.exists() else ():
        with suppress(ValueError):
            result = Result(**json.loads(line))
            if result.megabytes == megabytes:
                found.append(result)
    return found


def summary(results: Iterable[Result]) -> dict[str, Any]:
    """Return the counts that matter."""
    results = list(results)
    killed = [result for result in results if result.killed]
    counted = [result for result in killed if not result.refused]
    return {
        "trials": len(results),
        "killed while running": len(killed),
        "silently wrong": sum(bool(result.wrong) for result in results),
        "refused": sum(bool(result.refused) for result in results),
        "old outputs that the plan named": sum(result.named for result in results),
        "finished nodes run again, mean": round(
            sum(result.again for result in counted) / max(1, len(counted)), 3
        ),
        "finished nodes, mean": round(sum(result.finished for result in counted) / max(1, len(counted)), 2),
        "trials with staging names or marks left": sum(bool(result.left) for result in results),
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--trials", type=int, default=1000)
    parser.add_argument("--megabytes", type=float, default=20)
    parser.add_argument("--part", default="1/1", help="i/n: every n-th trial, beginning with the i-th")
    parser.add_argument("--results", type=Path, default=RESULTS)
    asked = parser.parse_args()
    part, parts = map(int, asked.part.split("/"))
    asked.results.parent.mkdir(parents=True, exist_ok=True)
    done = {result.number for result in read_results(asked.results, asked.megabytes)}
    todo = [trial for trial in trials(asked.trials, part, parts) if trial.number not in done]
    if todo:
        with tempfile.TemporaryDirectory(prefix="kills-") as folder:
            place = Range(Path(folder).resolve(), asked.megabytes)
            for trial in todo:
                result = place.try_out(trial)
                with asked.results.open("a") as file:
                    file.write(json.dumps(asdict(result)) + "\n")
                if result.wrong or result.refused:
                    print(f"trial {trial.number}: {result.wrong or result.refused}", flush=True)
    counts = summary(read_results(asked.results, asked.megabytes))
    print("\n".join(f"{name}: {count}" for name, count in counts.items()))
    return 1 if counts["silently wrong"] or counts["refused"] else 0


if __name__ == "__main__":
    sys.exit(main())
