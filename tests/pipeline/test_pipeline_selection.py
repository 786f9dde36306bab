from __future__ import annotations

from typing import Any

import pytest
from graphs import graph, names

from incremental.errors import SelectionError
from incremental.pipeline import Pipeline, Selection, select

TEXT = "raw -> clean; clean -> features -> model; clean -> report; features -> plot"


def test_a_selection_is_made_of_whatever_a_caller_has() -> None:
    made = Selection.of(
        tags="daily", node_names=["a", "b"], from_nodes=iter("cd"), to_nodes=None, namespaces=()
    )
    assert made == Selection(tags=("daily",), node_names=("a", "b"), from_nodes=("c", "d"))
    assert hash(made) == hash(Selection(tags=("daily",), node_names=("a", "b"), from_nodes=("c", "d")))


def test_a_selection_without_words_is_empty() -> None:
    assert Selection().is_empty
    assert Selection.of(tags=[]).is_empty
    assert not Selection.of(to_outputs="x").is_empty


def test_nothing_selected_is_everything() -> None:
    whole = graph(TEXT)
    selected = select(whole)
    assert selected.pipeline is selected.whole is whole
    assert selected.requested == {"model", "report", "plot"}
    assert selected.forced == frozenset()
    assert selected.selection == Selection()


@pytest.mark.parametrize(
    ("words", "left"),
    [
        ({"from_nodes": "features"}, ["features", "model", "plot"]),
        ({"to_nodes": "report"}, ["clean", "report"]),
        ({"from_nodes": "features", "to_nodes": "model"}, ["features", "model"]),
        ({"from_inputs": "features", "tags": "t"}, ["model"]),
        ({"namespaces": "s"}, ["s.plot"]),
        ({"node_names": ["clean", "model"]}, ["clean", "model"]),
        ({"to_outputs": ["features", "report"]}, ["clean", "features", "report"]),
    ],
)
def test_selectors_are_applied_to_the_whole_and_intersected(words: dict[str, Any], left: list[str]) -> None:
    spaces = {"plot": "s"} if "namespaces" in words else {}
    whole = graph(TEXT, tags={"model": "t", "clean": "t"}, namespaces=spaces)
    selected = select(whole, Selection.of(**words))
    assert names(selected.pipeline) == left
    assert selected.whole is whole


@pytest.mark.parametrize(
    ("text", "words", "requested"),
    [
        # an output that nothing reads
        (TEXT, {}, {"model", "report", "plot"}),
        (TEXT, {"from_nodes": "features"}, {"model", "plot"}),
        # one that a filter cut off its readers was not asked for
        (TEXT, {"tags": "t"}, {"model"}),
        (TEXT, {"from_inputs": "raw", "tags": "t"}, {"model"}),
        # named in to_outputs, although others read it
        (TEXT, {"to_outputs": "clean"}, {"clean"}),
        (TEXT, {"to_outputs": ["features", "report"]}, {"features", "report"}),
        (TEXT, {"to_outputs": ["features", "model"]}, {"features", "model"}),
        # made by a node that was named, and read by none that is selected
        (TEXT, {"node_names": "clean"}, {"clean"}),
        (TEXT, {"node_names": ["clean", "features"]}, {"features"}),
        (TEXT, {"to_nodes": "features"}, {"features"}),
        (TEXT, {"to_nodes": ["clean", "report"]}, {"report"}),
        (TEXT, {"from_nodes": "features", "to_nodes": "features"}, {"features"}),
        (TEXT, {"from_nodes": "clean", "node_names": "features"}, {"features"}),
        # a dataset that no selected node makes
        (TEXT, {"to_outputs": ["features", "raw"]}, {"features"}),
        (TEXT, {"from_nodes": "features", "to_outputs": ["model", "clean"]}, {"model"}),
        # base names
        ("raw -> x@a; x@b -> y", {"to_outputs": "x@a"}, {"x"}),
        ("raw -> x@a; x@b -> y", {"to_outputs": ["x", "y"]}, {"x", "y"}),
        ("raw -> x@a; x@b -> y", {}, {"y"}),
        ("raw -> x@a", {}, {"x"}),
        # parameters are never results
        ("n: raw -> params:p, x", {}, {"x"}),
        ("n: raw -> params:p, x", {"to_outputs": "params:p"}, {"x"}),
        # no outputs
        ("raw -> x -> ()", {}, set()),
        ("raw -> x -> ()", {"to_nodes": "x"}, {"x"}),
    ],
)
def test_results_are_what_is_unread_or_asked_for(
    text: str, words: dict[str, Any], requested: set[str]
) -> None:
    whole = graph(text, tags={"model": "t", "clean": "t"})
    assert select(whole, Selection.of(**words)).requested == requested


def test_forced_nodes_are_kept_by_name() -> None:
    whole = graph(TEXT)
    assert select(whole, forced="clean").forced == {"clean"}
    assert select(whole, Selection.of(to_nodes="features"), forced=["clean", "features"]).forced == {
        "clean",
        "features",
    }


def test_a_forced_node_must_be_selected() -> None:
    with pytest.raises(SelectionError) as caught:
        select(graph(TEXT), Selection.of(from_nodes="features"), forced=["report", "model", "clean"])
    assert str(caught.value) == (
        "nodes to force are not among those selected: 'report', 'clean'; "
        "select them as well, or do not force them"
    )


def test_all_unknown_words_are_told_at_once_tags_too() -> None:
    words = Selection.of(
        tags=["dialy", "x"],
        node_names="modle",
        from_inputs="rwa",
        to_outputs="plto",
        namespaces="q",
        to_nodes="y",
    )
    with pytest.raises(SelectionError) as caught:
        select(graph(TEXT, tags={"clean": "daily"}), words, forced=["claen"])
    assert str(caught.value) == (
        "the pipeline has\n"
        "  no tag 'dialy' (tags); did you mean 'daily'?\n"
        "  no tag 'x' (tags); it has 'daily'\n"
        "  no node 'modle' (node_names); did you mean 'model'?\n"
        "  no node 'y' (to_nodes); it has 'clean', 'features', 'model', 'plot', 'report'\n"
        "  no dataset 'rwa' (from_inputs); did you mean 'raw'?\n"
        "  no dataset 'plto' (to_outputs); did you mean 'plot'?\n"
        "  no namespace 'q' (node_namespaces); it has none\n"
        "  no node 'claen' (force); did you mean 'clean'?"
    )


def test_a_selection_of_nothing_says_what_each_selector_left() -> None:
    with pytest.raises(SelectionError) as caught:
        select(graph(TEXT), Selection.of(to_nodes="clean", node_names=["model", "plot"]))
    assert str(caught.value) == (
        "no node of 5 is left by the selectors together\n"
        "  to_nodes 'clean': 1 node\n"
        "  node_names 'model', 'plot': 2 nodes"
    )


def test_an_empty_pipeline_selects_to_nothing_when_nothing_is_asked() -> None:
    assert select(Pipeline([])).pipeline.nodes == []
