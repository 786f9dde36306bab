from __future__ import annotations

from typing import Any

import pytest
from graphs import graph, names

from incremental.errors import SelectionError
from incremental.pipeline import Pipeline

#   raw -> clean -> features -> model -> score
#   weather -> join (reads clean as well) -> features
TEXT = (
    "raw -> clean; clean, weather -> join; join, params:k -> features; "
    "features -> model -> score; raw -> report"
)
TAGS = {"clean": ["prepare", "daily"], "join": "prepare", "model": "train", "report": "daily"}
SPACES = {"clean": "prep", "join": "prep.deep", "model": "train", "score": "training"}


SOME_NODES = "; it has 'clean', 'features', 'join', 'model', 'report' and 1 more"
SOME_DATASETS = "; it has 'clean', 'features', 'join', 'model', 'params:k' and 4 more"


@pytest.fixture(scope="module")
def plain() -> Pipeline:
    return graph(TEXT, tags=TAGS)


@pytest.fixture(scope="module")
def spaced() -> Pipeline:
    return graph(TEXT, namespaces=SPACES)


@pytest.fixture(scope="module")
def formats() -> Pipeline:
    return graph("raw -> x@w; p: x@a -> y; q: x@b -> z; y, z -> end")


@pytest.mark.parametrize(
    ("method", "words", "left"),
    [
        ("only_nodes", [], []),
        ("only_nodes", ["model", "clean"], ["clean", "model"]),
        ("only_nodes", ["model", "model"], ["model"]),
        ("only_nodes_with_tags", ["prepare"], ["clean", "join"]),
        ("only_nodes_with_tags", ["train", "daily"], ["clean", "model", "report"]),
        ("only_nodes_with_tags", ["nothing"], []),
        ("only_nodes_with_tags", [], []),
        ("only_nodes_with_inputs", ["raw"], ["clean", "report"]),
        ("only_nodes_with_inputs", ["clean", "model"], ["join", "score"]),
        ("only_nodes_with_inputs", ["params:k"], ["features"]),
        ("only_nodes_with_inputs", ["score"], []),
        ("only_nodes_with_outputs", ["join", "score"], ["join", "score"]),
        ("only_nodes_with_outputs", ["raw"], []),
        ("from_inputs", ["weather"], ["join", "features", "model", "score"]),
        ("from_inputs", ["params:k"], ["features", "model", "score"]),
        ("from_inputs", [], []),
        ("to_outputs", ["join"], ["clean", "join"]),
        ("to_outputs", ["raw"], []),
        ("to_outputs", ["report", "clean"], ["clean", "report"]),
        ("from_nodes", ["features"], ["features", "model", "score"]),
        ("from_nodes", ["score", "report"], ["report", "score"]),
        ("to_nodes", ["features"], ["clean", "join", "features"]),
        ("to_nodes", [], []),
    ],
)
def test_each_method_picks_its_nodes(plain: Pipeline, method: str, words: list[str], left: list[str]) -> None:
    assert sorted(names(getattr(plain, method)(*words))) == sorted(left)


@pytest.mark.parametrize(
    ("method", "words", "left"),
    [
        ("only_nodes_with_inputs", ["x"], ["p", "q"]),
        ("only_nodes_with_inputs", ["x@a"], ["p"]),
        ("only_nodes_with_inputs", ["x@w"], []),
        ("only_nodes_with_outputs", ["x"], ["x"]),
        ("only_nodes_with_outputs", ["x@w"], ["x"]),
        ("only_nodes_with_outputs", ["x@a"], []),
        ("from_inputs", ["x"], ["p", "q", "end"]),
        ("from_inputs", ["x@b"], ["q", "end"]),
        ("to_outputs", ["x"], ["x"]),
        ("to_outputs", ["x@a"], []),
        ("to_outputs", ["y"], ["x", "p"]),
        ("from_nodes", ["x"], ["x", "p", "q", "end"]),
        ("to_nodes", ["p"], ["x", "p"]),
    ],
)
def test_a_name_without_format_stands_for_every_format(
    formats: Pipeline, method: str, words: list[str], left: list[str]
) -> None:
    assert sorted(names(getattr(formats, method)(*words))) == sorted(left)


@pytest.mark.parametrize(
    ("namespaces", "left"),
    [
        (["prep"], ["prep.clean", "prep.deep.join"]),
        (["prep.deep"], ["prep.deep.join"]),
        (["prep", "prep.deep"], ["prep.clean", "prep.deep.join"]),
        (["train"], ["train.model"]),
        ("training", ["training.score"]),
        ([], []),
    ],
)
def test_a_namespace_holds_those_nested_in_it(spaced: Pipeline, namespaces: Any, left: list[str]) -> None:
    assert names(spaced.only_nodes_with_namespaces(namespaces)) == left


@pytest.mark.parametrize(
    ("method", "words", "said"),
    [
        ("only_nodes", ["modle"], "the pipeline has no node 'modle' (node_names); did you mean 'model'?"),
        ("from_nodes", ["qqq"], f"the pipeline has no node 'qqq' (from_nodes){SOME_NODES}"),
        ("to_nodes", ["raw"], f"the pipeline has no node 'raw' (to_nodes){SOME_NODES}"),
        (
            "from_inputs",
            ["wether"],
            "the pipeline has no dataset 'wether' (from_inputs); did you mean 'weather'?",
        ),
        ("to_outputs", ["qqq"], f"the pipeline has no dataset 'qqq' (to_outputs){SOME_DATASETS}"),
        ("only_nodes_with_inputs", ["qqq"], f"the pipeline has no dataset 'qqq' (datasets){SOME_DATASETS}"),
        (
            "only_nodes_with_outputs",
            ["raw@x"],
            "the pipeline has no dataset 'raw@x' (datasets); did you mean 'raw'?",
        ),
        (
            "only_nodes",
            ["q1", "model", "q2"],
            f"the pipeline has\n  no node 'q1' (node_names){SOME_NODES}\n  no node 'q2' (node_names){SOME_NODES}",
        ),
    ],
)
def test_unknown_names_are_refused_with_the_nearest(
    plain: Pipeline, method: str, words: list[str], said: str
) -> None:
    with pytest.raises(SelectionError) as caught:
        getattr(plain, method)(*words)
    assert str(caught.value) == said


@pytest.mark.parametrize(
    ("word", "said"),
    [
        ("join", "the pipeline has no node 'join' (node_names); did you mean 'prep.deep.join'?"),
        ("prep.claen", "the pipeline has no node 'prep.claen' (node_names); did you mean 'prep.clean'?"),
    ],
)
def test_a_name_without_its_namespace_is_found_again(spaced: Pipeline, word: str, said: str) -> None:
    with pytest.raises(SelectionError) as caught:
        spaced.only_nodes(word)
    assert str(caught.value).startswith(said.removesuffix("?"))


def test_an_unknown_namespace_is_refused_with_the_nearest(spaced: Pipeline) -> None:
    with pytest.raises(SelectionError) as caught:
        spaced.only_nodes_with_namespaces(["trian"])
    assert str(caught.value).startswith(
        "the pipeline has no namespace 'trian' (node_namespaces); did you mean 'train'"
    )


@pytest.mark.parametrize(
    ("selectors", "left"),
    [
        ({}, ["clean", "report", "join", "features", "model", "score"]),
        ({"tags": ["daily"]}, ["clean", "report"]),
        ({"tags": "daily", "to_nodes": ["features"]}, ["clean"]),
        ({"from_nodes": ["join"], "to_nodes": ["model"]}, ["join", "features", "model"]),
        ({"node_names": ["clean", "score"], "from_inputs": ["raw"]}, ["clean", "score"]),
        ({"from_inputs": "weather", "to_outputs": "features"}, ["join", "features"]),
        ({"tags": ["daily", "no such tag"]}, ["clean", "report"]),
        (
            {"tags": [], "node_names": None, "to_nodes": ()},
            ["clean", "report", "join", "features", "model", "score"],
        ),
    ],
)
def test_filters_are_asked_about_the_whole_and_intersected(
    plain: Pipeline, selectors: dict[str, Any], left: list[str]
) -> None:
    assert names(plain.filter(**selectors)) == left


def test_a_filter_goes_by_namespace_too(spaced: Pipeline) -> None:
    assert names(spaced.filter(node_namespaces=["prep"], to_nodes=["prep.clean"])) == ["prep.clean"]


def test_filters_that_leave_nothing_say_what_each_left(plain: Pipeline) -> None:
    with pytest.raises(SelectionError) as caught:
        plain.filter(tags=["train", "x"], to_nodes=["join"], node_names=["score"])
    assert str(caught.value) == (
        "no node of 6 is left by the selectors together\n"
        "  tags 'train', 'x': 1 node\n"
        "  to_nodes 'join': 2 nodes\n"
        "  node_names 'score': 1 node"
    )


def test_an_empty_pipeline_has_nothing_to_filter() -> None:
    with pytest.raises(ValueError, match="the pipeline has no nodes, so there is nothing to select from"):
        Pipeline([]).filter()


def test_all_unknown_names_of_all_filters_are_told_at_once(plain: Pipeline) -> None:
    with pytest.raises(SelectionError) as caught:
        plain.filter(node_names=["modle"], to_outputs=["qqq"], node_namespaces=["x"])
    assert str(caught.value) == (
        "the pipeline has\n"
        "  no node 'modle' (node_names); did you mean 'model'?\n"
        f"  no dataset 'qqq' (to_outputs){SOME_DATASETS}\n"
        "  no namespace 'x' (node_namespaces); it has none"
    )


def test_unknown_names_take_ten_lines_at_most(plain: Pipeline) -> None:
    with pytest.raises(SelectionError) as caught:
        plain.only_nodes(*[f"q{index}" for index in range(30)])
    lines = str(caught.value).splitlines()
    assert len(lines) == 10
    assert lines[-1] == "  and 22 more"
