"""In what two runs differ."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from incremental.render.comparison import comparison_document, comparison_text
from incremental.render.text import Look
from incremental.state.comparison import Change, Comparison, OnlyIn, Tempo, Volume, compare, flat
from incremental.state.history import RunRecord, StepRecord


def run(name: str, *steps: StepRecord, request: dict[str, Any] | None = None, **details: Any) -> RunRecord:
    status = "failed" if any(step.status == "failed" for step in steps) else "succeeded"
    skipped = sum(map(len, details.get("skipped", {}).values()))
    return RunRecord(name, "s", status, 1e9, 1e9 + 5, request or {}, skipped, None, steps, details)


def done(node: str, seconds: float | None = 1.0, **more: Any) -> StepRecord:
    return StepRecord(node, f"{node} missing", "done", 1.0, seconds, **more)


def test_runs_that_did_the_same_are_alike() -> None:
    found = compare(run("a", done("x"), python="3.11.1"), run("b", done("x", 1.05), python="3.11.1"))
    assert found.is_empty
    assert comparison_text(found, Look()).endswith("\n\nno differences")


def test_a_node_that_ran_once_is_told_with_why_and_why_not() -> None:
    before = run("a", done("clean"), done("x"), skipped={"present": ["model"]})
    after = run("b", done("model"), StepRecord("x", "x missing", "planned"), skipped={"present": ["clean"]})
    found = compare(before, after)
    assert found.only_before == (
        OnlyIn("clean", "clean missing", "skipped: present"),
        OnlyIn("x", "x missing", "planned, not reached: the run succeeded"),
    )
    assert found.only_after == (OnlyIn("model", "model missing", "skipped: present"),)


def test_a_node_outside_the_selection_was_not_selected() -> None:
    found = compare(run("a", done("x"), done("y")), run("b", done("x")))
    assert [each.why_not for each in found.only_before] == ["not selected"]


def test_an_old_record_that_names_no_skipped_node_leaves_both_open() -> None:
    old = RunRecord("b", None, "succeeded", 1.0, 2.0, {}, 3, None, (done("x"),))
    assert [each.why_not for each in compare(run("a", done("x"), done("y")), old).only_before] == [
        "skipped or not selected"
    ]


def test_a_run_that_is_on_has_not_reached_what_it_planned() -> None:
    on = RunRecord("b", None, "running", 1.0, None, {}, 0, None, (StepRecord("x", "", "planned"),))
    assert [each.why_not for each in compare(run("a", done("x")), on).only_before] == [
        "planned, not reached: the run is on"
    ]


def test_how_a_run_ended_where_and_by_what_is_told_where_both_are_known() -> None:
    before = replace(run("a", user="ann", runner="threads", incremental="0.1"), host="here")
    after = replace(
        run("b", user="bob", runner="dask", incremental="0.2", parameters={"rate": 1}),
        host="there", status="failed",
    )  # fmt: skip
    assert compare(before, after).changes == (
        Change("status", "", "succeeded", "failed"),
        Change("host", "", "here", "there"),
        Change("user", "", "ann", "bob"),
        Change("runner", "", "threads", "dask"),
        Change("incremental", "", "0.1", "0.2"),
    )


@pytest.mark.parametrize(
    ("seconds", "is_told"),
    [
        ((1.0, 1.0), False),
        ((3.0, 3.0), False),
        ((0.1, 9.0), True),
        ((9.0, 0.1), True),
        ((0.002, 0.011), False),
        ((0.01, 0.02), True),
        ((1.0, 1.09), False),
        ((1.0, 1.1), True),
    ],
)
def test_only_another_tempo_is_told_from_ten_milliseconds_and_a_tenth_on(
    seconds: tuple[float, float], is_told: bool
) -> None:
    found = compare(*(run(name, done("x", each)) for name, each in zip("ab", seconds, strict=True)))
    assert bool(found.slower or found.faster) is is_told
    assert bool(found.slower) is (is_told and seconds[0] < seconds[1])


def test_what_was_read_is_told_apart_from_what_was_written() -> None:
    found = compare(
        run("a", done("x", bytes_in=1, bytes_out=5)), run("b", done("x", bytes_in=2, bytes_out=6))
    )
    assert found.volumes == (Volume("x", "read", 1, 2), Volume("x", "wrote", 5, 6))


def test_nested_mappings_become_dotted_names_and_nothing_becomes_nothing() -> None:
    assert flat({"a": {"b": 1, "X": {}}, "c.": 2, "dX": 3}) == {"a.b": 1, "c": 2, "dX": 3}
    assert flat(3) == flat({}) == {}


def test_parameters_code_and_versions_that_changed_are_told_by_dotted_name() -> None:
    before = run(
        "a",
        request={"env": None, "selection": {"tags": []}},
        parameters={"model": {"rate": 1, "depth": 2}, "gone": 1},
        packages={"pandas": "2.1"},
        python="3.11.1",
        git={"commit": "1" * 40, "dirty": False},
    )
    after = run(
        "b",
        request={"env": "prod", "selection": {"tags": ["daily"]}},
        parameters={"model": {"rate": 3, "depth": 2}},
        packages={"pandas": "2.2", "numpy": "1.26"},
        python="3.12.0",
        git={"commit": "2" * 40, "dirty": True},
    )
    assert compare(before, after).changes == (
        Change("python", "", "3.11.1", "3.12.0"),
        Change("code", "", "1" * 12, f"{'2' * 12} with changes"),
        Change("asked", "env", "None", "prod"),
        Change("asked", "selection.tags", "[]", "['daily']"),
        Change("parameter", "gone", "1", "–"),
        Change("parameter", "model.rate", "1", "3"),
        Change("package", "numpy", "–", "1.26"),
        Change("package", "pandas", "2.1", "2.2"),
    )


def test_the_node_that_lost_the_most_time_comes_first_and_noise_is_left_out() -> None:
    before = run("a", done("x", 1.0), done("y", 0.1), done("z", 4.0), done("even", 1.0), done("tiny", 0.001))
    after = run("b", done("x", 1.5), done("y", 2.1), done("z", 1.0), done("even", 1.05), done("tiny", 0.005))
    found = compare(before, after)
    assert found.slower == (Tempo("y", 0.1, 2.1), Tempo("x", 1.0, 1.5))
    assert found.faster == (Tempo("z", 4.0, 1.0),)
    assert found.slower[1].ratio == 1.5


def test_bytes_that_changed_are_told_where_both_are_known() -> None:
    before = run("a", done("x", bytes_in=10, bytes_out=100), done("y", bytes_in=None, bytes_out=5))
    after = run("b", done("x", bytes_in=10, bytes_out=150), done("y", bytes_in=7, bytes_out=5))
    assert compare(before, after).volumes == (Volume("x", "wrote", 100, 150),)


def test_a_comparison_is_told_in_sections(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "UTC")
    import time

    time.tzset()
    before = run("a", done("x", 1.0, bytes_out=1000), done("y"), parameters={"rate": 1})
    after = run("b", done("x", 2.5, bytes_out=1500), skipped={"present": ["y"]}, parameters={"rate": 2})
    found = compare(before, after)
    assert comparison_text(found, Look()) == (
        "status     run  started           took   nodes\n"
        "succeeded  a    2001-09-09 01:46  5.0 s  2 done\n"
        "succeeded  b    2001-09-09 01:46  5.0 s  1 done, 1 skipped\n"
        "\n"
        "ran only in a\n"
        "  y  y missing  in the other: its outputs are present\n"
        "\n"
        "changed\n"
        "  parameter  rate  1 → 2\n"
        "\n"
        "slower\n"
        "  x  1.0 s → 2.5 s  2.5 times as long\n"
        "\n"
        "sizes\n"
        "  x  wrote  1.0 kB → 1.5 kB  +50%"
    )
    document = comparison_document(found)
    assert document["format"] == "incremental-runs-diff/1"
    assert document["slower"] == [{"node": "x", "before": 1.0, "after": 2.5, "ratio": 2.5}]


STEPS = st.lists(
    st.builds(
        StepRecord,
        st.sampled_from("abcdef"),
        st.just("why"),
        st.sampled_from(["done", "failed", "planned"]),
        st.none(),
        st.none() | st.floats(0, 100),
        bytes_in=st.none() | st.integers(0, 9),
    ),
    unique_by=lambda step: step.node,
    max_size=6,
)


@given(STEPS, STEPS)
def test_law_what_is_slower_one_way_is_faster_the_other_way(
    one: list[StepRecord], two: list[StepRecord]
) -> None:
    there: Comparison = compare(run("a", *one), run("b", *two))
    back = compare(run("b", *two), run("a", *one))
    assert [(each.node, each.before) for each in there.slower] == [
        (each.node, each.after) for each in back.faster
    ]
    assert there.only_before == back.only_after


@given(STEPS)
def test_law_a_run_does_not_differ_from_itself(steps: list[StepRecord]) -> None:
    assert compare(run("a", *steps), run("a", *steps)).is_empty
