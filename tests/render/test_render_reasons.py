"""Whole texts of ``why``."""

from __future__ import annotations

import pytest
from graphs import graph

from incremental.errors import SelectionError
from incremental.pipeline.selection import Selection, select
from incremental.planner import Facts, Plan, State, plan_missing
from incremental.planner.unmet import obstacles
from incremental.render.reasons import answer, why_document, why_text
from incremental.render.text import Look

FLIGHTS = graph("raw, params:speed -> clean -> table -> model; model, table -> report; clean -> chart")
HERE, GONE = State.PRESENT, State.ABSENT


def plan(states: dict[str, State], pipeline: object = FLIGHTS, **more: object) -> Plan:
    known = Facts(states=states, locations={name: f"data/{name}" for name in states}, **more)
    return plan_missing(select(pipeline), known)


def why(found: Plan, word: str) -> str:
    return why_text(answer(found, word, obstacles(found)), Look())


REPAIR = plan({"raw": HERE, "model": HERE, "report": GONE, "chart": HERE}, unproven=frozenset({"chart"}))


def test_a_running_node_is_followed_to_the_root_cause() -> None:
    assert why(REPAIR, "clean") == (
        "node clean would run\n"
        "  clean needed by table\n"
        "    table: table needed by report\n"
        "      report: report missing\n"
        "\n"
        "reads   raw           present    data/raw\n"
        "reads   params:speed  parameter\n"
        "writes  clean         in memory"
    )


def test_a_skipped_node_says_what_is_there_and_what_is_odd_about_it() -> None:
    assert why(REPAIR, "chart") == (
        "node chart would be skipped\n"
        "  chart present\n"
        "\n"
        "reads   clean  in memory\n"
        "writes  chart  present    data/chart  unproven: no record says which run made it"
    )
    stale = plan({"raw": HERE, "clean": GONE, "model": HERE, "report": HERE, "chart": HERE})
    assert why(stale, "chart").splitlines()[-1].endswith("data/chart  suspect: older than clean")


def test_a_dataset_is_explained_by_its_producer_and_readers() -> None:
    pipeline = graph("make: raw -> d; read: d -> e")
    found = plan({"raw": HERE, "d": HERE, "e": HERE}, pipeline)
    assert why(found, "d") == (
        "dataset d: made by node make, which would be skipped\n"
        "  d present\n"
        "\n"
        "is       d     present           data/d\n"
        "read by  read  would be skipped"
    )
    assert why(found, "raw").splitlines()[0] == "dataset raw: no node makes it: an input of the pipeline"


def test_a_parameter_comes_from_the_parameters() -> None:
    assert why(REPAIR, "params:speed") == (
        "parameter params:speed: comes from the parameters\n"
        "\n"
        "is       params:speed  parameter\n"
        "read by  clean         would run"
    )


def test_the_formats_of_one_dataset_are_shown_together() -> None:
    pipeline = graph("make: raw -> d@text; read: d@json -> e")
    found = plan({"raw": HERE, "d@text": HERE, "d@json": HERE, "e": GONE}, pipeline)
    assert "is       d@text  present    data/d@text" in why(found, "d")
    assert "is       d@json  present    data/d@json" in why(found, "d")


def test_versions_and_pins_are_noted() -> None:
    pipeline = graph("make: raw -> d")
    found = plan({"raw": HERE, "d": HERE}, pipeline, versions={"d": "2026"}, pins={"d": "2026"})
    assert why(found, "make").splitlines()[-1] == "writes  d    present  data/d  version 2026; pinned"


def test_a_dataset_that_cannot_be_asked_says_so() -> None:
    pipeline = graph("make: raw -> d")
    found = plan({"raw": HERE, "d": State.UNKNOWN}, pipeline, untestable={"d": "TableDataset"})
    assert "TableDataset cannot tell whether it exists" in why(found, "d")


def test_what_stands_in_the_way_is_said_where_it_is_asked() -> None:
    found = plan({"raw": GONE, "model": HERE, "report": GONE, "chart": HERE})
    said = f"cannot run: {obstacles(found)[0]}"
    assert why(found, "clean").splitlines()[-1] == said
    assert why(found, "raw").splitlines()[-1] == said
    assert "cannot run" not in why(found, "report")


def test_a_missing_parameter_is_absent() -> None:
    pipeline = graph("make: params:x -> d")
    found = plan({"d": GONE}, pipeline, absent_parameters=frozenset({"params:x"}))
    assert "reads   params:x  absent" in why(found, "make")


def test_a_producer_that_the_selection_leaves_out_is_named() -> None:
    selected = select(FLIGHTS, Selection.of(node_names="report"))
    found = plan_missing(selected, Facts(states={"report": GONE}))
    assert why(found, "table").splitlines()[0] == (
        "dataset table: made by node table, which the selection leaves out"
    )


def test_each_node_is_shown_once_and_many_are_counted() -> None:
    fan = graph("raw -> a; " + "; ".join(f"a -> d{number}" for number in range(8)))
    found = plan({"raw": HERE, **{f"d{number}": GONE for number in range(8)}}, fan)
    lines = why(found, "a").splitlines()
    assert lines[1] == "  a needed by d0, d1, d2 and 5 more"
    assert [line for line in lines if line.startswith("    d")] == [
        f"    d{n}: d{n} missing" for n in range(5)
    ]
    assert "    and 3 more nodes" in lines


def test_a_long_chain_is_followed_to_its_end_without_telling_all_that_lies_between() -> None:
    chain = "; ".join(f"n{place}: d{place} -> d{place + 1}" for place in range(2000))
    found = plan({"d0": HERE, "d2000": GONE}, graph(chain))
    lines = why(found, "n5").splitlines()
    assert lines[0] == "node n5 would run"
    assert [line.strip() for line in lines[12:17]] == [
        "n16: d17 needed by n17",
        "n17: d18 needed by n18",
        "n1999: d2000 missing",
        "and 1,981 more nodes",
        "",
    ]
    assert why_document(answer(found, "n5"))["node"] == "n5"


def test_a_tall_tree_is_cut() -> None:
    leaves = [f"{i}{j}{k}" for i in range(5) for j in range(5) for k in range(5)]
    edges = dict.fromkeys(
        f"{way[:length] or 'a'} -> {way[: length + 1]}" for way in leaves for length in range(3)
    )
    found = plan({"raw": HERE, **dict.fromkeys(leaves, GONE)}, graph("; ".join(["raw -> a", *edges])))
    assert "  and 116 more lines" in why(found, "a").splitlines()


@pytest.mark.parametrize(
    ("word", "text"),
    [
        ("tabel", "the pipeline has no node and no dataset 'tabel'; did you mean 'table'?"),
        ("zzz", "the pipeline has no node and no dataset 'zzz'"),
    ],
)
def test_an_unknown_word_gets_the_nearest(word: str, text: str) -> None:
    with pytest.raises(SelectionError) as caught:
        answer(REPAIR, word)
    assert str(caught.value) == text


def test_a_word_without_its_namespace_gets_the_whole_name() -> None:
    found = plan({"raw": HERE, "a": GONE}, graph("make: raw -> a", namespaces={"make": "space"}))
    with pytest.raises(SelectionError, match=r"no node and no dataset 'make'; did you mean 'space\.make'\?"):
        answer(found, "make")


def test_the_document_has_the_tree_and_the_places() -> None:
    document = why_document(answer(REPAIR, "table"))
    assert document == {
        "format": "incremental-why/1",
        "node": "table",
        "summary": "node table would run",
        "reason": {
            "node": "table",
            "sentence": "table needed by report",
            "because": [{"node": "report", "sentence": "report missing", "because": [], "left_out": 0}],
            "left_out": 0,
        },
        "datasets": [
            {"part": "reads", "dataset": "clean", "state": "in memory", "location": None, "notes": []},
            {"part": "writes", "dataset": "table", "state": "in memory", "location": None, "notes": []},
        ],
        "obstacles": [],
    }
    assert why_document(answer(REPAIR, "raw"))["reason"] is None
