"""Random kills over ten nodes: some small ones here, the many large ones by ``make kills``."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import asdict
from pathlib import Path

import pytest
from faults.killer import VICTIMS, Range, Result, Trial, read_results, summary, trials


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Range:
    return Range(tmp_path_factory.mktemp("kills").resolve(), 0.2, frames=False)


def test_after_twenty_kills_the_next_run_makes_what_a_clean_one_does(place: Range) -> None:
    results = [place.try_out(trial) for trial in trials(20, 1, 1)]
    assert [result.wrong for result in results if result.wrong] == []
    assert [result.refused for result in results if result.refused] == []
    assert sum(result.killed for result in results) >= 10, "too few were still running when they were killed"
    assert summary(results)["finished nodes run again, mean"] <= 0.3


@pytest.mark.slow
def test_after_a_hundred_kills_over_large_files_the_next_run_makes_what_a_clean_one_does(
    tmp_path: Path,
) -> None:
    place = Range(tmp_path.resolve(), 20)
    counts = summary(place.try_out(trial) for trial in trials(100, 1, 1))
    assert counts["killed while running"] >= 80
    assert (counts["silently wrong"], counts["refused"]) == (0, 0)
    assert counts["finished nodes run again, mean"] <= 0.3


def test_an_output_that_is_not_what_a_clean_run_makes_is_seen(place: Range) -> None:
    """The comparison itself: a byte that was changed, and an old output between new ones."""
    trial = Trial(0, True, "driver", "sequential", False, "--resume", "n10", 1000.0)
    clean = place.try_out(trial)
    assert (clean.killed, clean.wrong, clean.refused) == (False, [], "")
    made = place.root / "data/pair_text.txt"
    made.write_text(made.read_text()[:-1])
    damaged = Result(0, 0.2, {}, True)
    place.compare(trial, damaged)
    assert damaged.wrong == ["pair_text.txt of n07 is wrong"]
    made.write_bytes((place.old.copy / "data/pair_text.txt").read_bytes())
    damaged = Result(0, 0.2, {}, True)
    place.compare(trial, damaged)
    assert damaged.wrong == ["pair_text.txt of n07 is old"]


def test_trials_are_the_same_each_time_and_differ_in_all_that_matters() -> None:
    drawn = list(trials(180, 1, 1))
    assert drawn == list(trials(180, 1, 1))
    count = Counter((trial.is_older, trial.victim, trial.forgets) for trial in drawn)
    assert len(count) == 2 * len(VICTIMS) * 2
    assert sum(trial.forgets for trial in drawn) == 60
    assert {trial.node for trial in drawn} == {f"n{number:02d}" for number in range(1, 11)}
    assert all(trial.runner == "processes" for trial in drawn if trial.victim == "worker")


def test_parts_together_are_all_trials(tmp_path: Path) -> None:
    parts = [trial for part in (1, 2, 3) for trial in trials(20, part, 3)]
    assert sorted(parts, key=lambda trial: trial.number) == list(trials(20, 1, 1))


def test_results_are_read_back_without_the_torn_line_of_a_killed_killer(tmp_path: Path) -> None:
    lines = [
        json.dumps(asdict(Result(number, size, {}, True))) for number, size in ((0, 2.0), (1, 20.0), (2, 2.0))
    ]
    path = tmp_path / "kills.jsonl"
    path.write_text("\n".join(lines)[:-5])
    assert [result.number for result in read_results(path, 2.0)] == [0]
    assert read_results(tmp_path / "none.jsonl", 2.0) == []
