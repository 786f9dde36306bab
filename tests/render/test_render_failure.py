"""Errors in at most ten lines, progress in one, findings with remedies."""

from __future__ import annotations

import pytest

from incremental.events import NodeFailed, NodeFinished, NodeSkipped, NodeStarted, RunFinished, RunStarted
from incremental.render.checks import Check, checks_document, checks_text
from incremental.render.failure import Failure, Frame, failure_document, failure_text
from incremental.render.progress import Tally, running_text
from incremental.render.text import Look

HERE = Frame("src/nodes.py", 12, "train", "return 1 / 0")
BELOW = Frame("/lib/numpy.py", 3, "solve", "raise")


def test_a_failure_has_message_frames_cause_and_remedy() -> None:
    failure = Failure(
        "node 'train' failed: ZeroDivisionError", (HERE,), BELOW, "KeyError: 'x'", ("resume with: y",)
    )
    assert failure_text(failure, Look()) == (
        "error: node 'train' failed: ZeroDivisionError\n"
        "  src/nodes.py:12 in train\n"
        "    return 1 / 0\n"
        "  raised in /lib/numpy.py:3 in solve\n"
        "  because of KeyError: 'x'\n"
        "resume with: y"
    )


def test_a_frame_without_source_is_one_line() -> None:
    text = failure_text(Failure("x", (Frame("a.py", 1, "f"),)), Look())
    assert text == "error: x\n  a.py:1 in f"


@pytest.mark.parametrize("frames", [0, 1, 5])
def test_no_failure_is_longer_than_ten_lines(frames: int) -> None:
    failure = Failure(
        "\n".join(f"line {n}" for n in range(40)), (HERE,) * frames, BELOW, "KeyError", ("resume",)
    )
    lines = failure_text(failure, Look()).splitlines()
    assert len(lines) == 10
    assert lines[0] == "error: line 0"
    assert any("more lines; --traceback shows all" in line for line in lines)
    assert lines[-1] == "resume"


def test_further_lines_are_indented_and_an_empty_message_is_none() -> None:
    assert failure_text(Failure("a\nb\n  c"), Look()) == "error: a\n  b\n  c"
    assert failure_text(Failure(""), Look()) == "error: "


def test_the_word_error_is_red_where_there_is_colour() -> None:
    assert failure_text(Failure("x"), Look(colour=True)) == "\x1b[31merror:\x1b[0m x"


def test_an_error_document_has_the_exit_code() -> None:
    document = failure_document(Failure("x", (HERE,)), 2)
    assert document["format"] == "incremental-error/1"
    assert document["exit_code"] == 2
    assert document["frames"] == [
        {"file": "src/nodes.py", "line": 12, "function": "train", "source": "return 1 / 0"}
    ]


def test_each_event_that_matters_is_a_line(monkeypatch: pytest.MonkeyPatch) -> None:
    import time

    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    tally = Tally()
    events = [
        RunStarted("r1", 3, 20),
        NodeSkipped("other", "present"),
        NodeStarted("clean", 1),
        NodeFinished("clean", 0.0, 0.2, 0.9, 0.1),
        NodeStarted("train", 2),
        NodeFailed("train", ValueError("no rows")),
        RunFinished("r1", "failed", 1, 2.0),
    ]
    lines = []
    for event in events:
        tally.take(event)
        lines.append(tally.line(event, 43384.0))
    assert lines == [
        "12:03:04 run    r1: 3 nodes to run, 20 skipped",
        None,
        "12:03:04 start  clean",
        "12:03:04 done   clean  1.2 s (1/3)",
        "12:03:04 start  train",
        "12:03:04 fail   train  ValueError (1/3)",
        None,
    ]


def test_a_run_of_nothing_has_no_lines() -> None:
    tally = Tally()
    event = RunStarted("r1", 0, 20)
    tally.take(event)
    assert tally.line(event, 0.0) is None


def test_running_nodes_are_named_up_to_a_number() -> None:
    assert running_text([]) == ""
    assert running_text("abcde") == "a, b, c and 2 more"


def test_findings_come_with_their_remedies() -> None:
    checks = [
        Check("python", "3.11.7"),
        Check("ledger", "damaged\n  at the end", "move it away", healthy=False),
    ]
    assert checks_text(checks, Look()) == (
        "ok     python  3.11.7\n"
        "fault  ledger  damaged\n"
        "               at the end\n"
        "               → move it away\n"
        "1 fault"
    )
    assert checks_text(checks[:1], Look()) == "ok  python  3.11.7\nno faults found"
    assert checks_document(checks)["healthy"] is False
