"""Whole texts of ``runs``, and the line that ends a run."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from graphs import graph

from incremental.pipeline.selection import select
from incremental.planner import Facts, State, plan_missing
from incremental.render.runs import outcome_text, run_document, run_text, runs_document, runs_text
from incremental.render.text import Look
from incremental.state.history import RunRecord, StepRecord

BEGIN = 1_700_000_000.0
REQUEST = {
    "pipeline_names": [],
    "selection": {"tags": ["daily"], "node_names": [], "to_nodes": ["model"]},
    "env": "prod",
    "only_missing_outputs": True,
    "force": ["clean"],
    "propagate": True,
    "resume": False,
    "load_versions": {"model": "2026-01-01"},
}


@pytest.fixture(autouse=True)
def _utc(monkeypatch: pytest.MonkeyPatch) -> None:
    import time

    monkeypatch.setenv("TZ", "UTC")
    time.tzset()


def record(
    status: str, *steps: StepRecord, ended: float | None = BEGIN + 4.2, error: str | None = None
) -> RunRecord:
    return RunRecord("2023-11-14T22.13.20.000Z", "s", status, BEGIN, ended, REQUEST, 20, error, steps)


DONE = record("succeeded", StepRecord("clean", "clean missing", "done", BEGIN, 1.25))
FAILED = record(
    "failed",
    StepRecord("clean", "clean missing", "done", BEGIN, 1.25),
    StepRecord("model", "model missing", "failed"),
    StepRecord("report", "report missing", "planned"),
    error="node 'model' failed: ValueError: no rows\nand more of it",
)


def test_no_runs_are_one_line() -> None:
    assert runs_text([], Look()) == "no runs yet"


def test_each_run_is_a_line() -> None:
    running = record("running", StepRecord("clean", "clean missing", "planned"), ended=None)
    assert runs_text([running, FAILED, DONE], Look(), 23) == (
        "status     run                       started           took   nodes\n"
        "running    2023-11-14T22.13.20.000Z  2023-11-14 22:13         0 of 1 done, 20 skipped\n"
        "failed     2023-11-14T22.13.20.000Z  2023-11-14 22:13  4.2 s  1 of 3 done, 20 skipped\n"
        "succeeded  2023-11-14T22.13.20.000Z  2023-11-14 22:13  4.2 s  1 done, 20 skipped\n"
        "and 20 more; --limit 0 shows all"
    )


def test_a_line_of_a_run_fits_a_narrow_terminal_and_tells_of_no_skips_that_were_none() -> None:
    assert runs_text([replace(DONE, skipped=0)], Look(width=80)).endswith("4.2 s  1 done")
    assert len(runs_text([DONE], Look(width=80)).splitlines()) == 2


def test_a_run_is_shown_with_what_was_asked_and_each_node() -> None:
    assert run_text(FAILED, Look()) == (
        "run      2023-11-14T22.13.20.000Z\n"
        "status   failed\n"
        "started  2023-11-14 22:13:20\n"
        "took     4.2 s\n"
        "nodes    1 of 3 done, 20 skipped\n"
        "asked    pipelines __default__; tags daily; to-nodes model; env prod; only missing outputs; propagate;"
        " force clean; load versions model:2026-01-01\n"
        "error    node 'model' failed: ValueError: no rows …\n"
        "\n"
        "status   node    started   took   why\n"
        "done     clean   22:13:20  1.2 s  clean missing\n"
        "failed   model                    model missing\n"
        "planned  report                   report missing"
    )


def test_a_run_that_asked_for_nothing_particular_says_so() -> None:
    plain = RunRecord("r", None, "succeeded", BEGIN, BEGIN, {}, 3, None, ())
    assert run_text(plain, Look()) == (
        "run      r\n"
        "status   succeeded\n"
        "started  2023-11-14 22:13:20\n"
        "took     0 ms\n"
        "nodes    0 done, 3 skipped\n"
        "asked    pipelines __default__"
    )


def test_documents_have_the_same_facts() -> None:
    listed = runs_document([DONE])
    assert listed["format"] == "incremental-runs/1"
    assert listed["runs"][0]["planned"] == listed["runs"][0]["done"] == 1
    shown = run_document(FAILED)
    assert shown["format"] == "incremental-run-record/1"
    assert [step["status"] for step in shown["steps"]] == ["done", "failed", "planned"]
    assert shown["error"].startswith("node 'model' failed")


@pytest.mark.parametrize(
    ("absent", "more", "text"),
    [
        ("abc", {}, "ran 3 nodes in 1.5 s · run r1"),
        ("c", {}, "ran 1 node in 1.5 s, skipped 2 · run r1"),
        ("a", {}, "ran 1 node in 1.5 s, skipped 2 · 1 output suspect · run r1"),
        (
            "c",
            {"changed": {"a": "r0", "c": "r0"}},
            "ran 1 node in 1.5 s, skipped 2 · 1 output changed · run r1",
        ),
        ("", {}, "nothing to do: 3 nodes up to date · run r1"),
        ("", {"changed": {"a": "r0"}}, "nothing is missing: 3 nodes skipped · 1 output changed · run r1"),
    ],
)
def test_a_run_ends_in_one_line(absent: str, more: dict[str, Any], text: str) -> None:
    states = {name: State.ABSENT if name in absent else State.PRESENT for name in ("raw", *"abc")}
    plan = plan_missing(select(graph("raw -> a -> b -> c")), Facts(states, **more))
    assert outcome_text("r1", plan, 1.5) == text
