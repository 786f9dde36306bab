from __future__ import annotations

from typing import Any

import pytest
from graphs import graph, names

from incremental.errors import ModularPipelineError
from incremental.pipeline import Pipeline, node, pipeline

TEXT = "raw, params:k, parameters -> mid; mid, params:k -> out"
UNMADE = "but no node of the pipeline makes it; map it by inputs="


def wiring(made: Pipeline) -> list[tuple[str, list[str], list[str]]]:
    return [(each.name, each.inputs, each.outputs) for each in made.nodes]


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (
            {},
            [("mid", ["raw", "params:k", "parameters"], ["mid"]), ("out", ["mid", "params:k"], ["out"])],
        ),
        (
            {"namespace": "n"},
            [
                ("n.mid", ["n.raw", "params:n.k", "parameters"], ["n.mid"]),
                ("n.out", ["n.mid", "params:n.k"], ["n.out"]),
            ],
        ),
        (
            {"namespace": "n", "inputs": "raw", "outputs": {"out"}, "parameters": "k"},
            [
                ("n.mid", ["raw", "params:k", "parameters"], ["n.mid"]),
                ("n.out", ["n.mid", "params:k"], ["out"]),
            ],
        ),
        (
            {
                "namespace": "n",
                "inputs": {"raw": "src"},
                "outputs": {"mid": "half"},
                "parameters": {"k": "params:l"},
            },
            [
                ("n.mid", ["src", "params:l", "parameters"], ["half"]),
                ("n.out", ["half", "params:l"], ["n.out"]),
            ],
        ),
        (
            {"inputs": {"raw": "src"}, "parameters": {"params:k": "l"}},
            [("mid", ["src", "params:l", "parameters"], ["mid"]), ("out", ["mid", "params:l"], ["out"])],
        ),
        (
            {"namespace": "n", "prefix_datasets_with_namespace": False, "outputs": {"out": "end"}},
            [
                ("n.mid", ["raw", "params:k", "parameters"], ["mid"]),
                ("n.out", ["mid", "params:k"], ["end"]),
            ],
        ),
        (
            {"namespace": "n", "parameters": {"parameters"}},
            [
                ("n.mid", ["n.raw", "params:n.k", "parameters"], ["n.mid"]),
                ("n.out", ["n.mid", "params:n.k"], ["n.out"]),
            ],
        ),
        (
            {"namespace": "a.b", "inputs": ["raw"]},
            [
                ("a.b.mid", ["raw", "params:a.b.k", "parameters"], ["a.b.mid"]),
                ("a.b.out", ["a.b.mid", "params:a.b.k"], ["a.b.out"]),
            ],
        ),
    ],
)
def test_datasets_are_mapped_prefixed_or_left(arguments: dict[str, Any], expected: list[Any]) -> None:
    assert wiring(pipeline(graph(TEXT), **arguments)) == expected
    assert wiring(Pipeline(graph(TEXT).nodes, **arguments)) == expected


@pytest.mark.parametrize(
    ("arguments", "inputs", "outputs"),
    [
        ({"namespace": "n"}, {"n.x@a"}, {"n.y@b"}),
        ({"namespace": "n", "inputs": {"x": "z"}, "outputs": {"y"}}, {"z@a"}, {"y@b"}),
        ({"namespace": "n", "inputs": {"x@a": "z@q"}}, {"z@q"}, {"n.y@b"}),
        ({"inputs": {"x": "n.x"}, "outputs": {"y@b": "w"}}, {"n.x@a"}, {"w"}),
    ],
)
def test_formats_stay_with_their_base_name(
    arguments: dict[str, Any], inputs: set[str], outputs: set[str]
) -> None:
    made = pipeline(graph("x@a -> y@b"), **arguments)
    assert (made.inputs(), made.outputs()) == (inputs, outputs)


def test_namespaces_nest() -> None:
    inner = pipeline(graph("raw -> out"), namespace="inner", outputs="out")
    outer = pipeline(inner, namespace="outer", inputs={"inner.raw": "raw"})
    assert wiring(outer) == [("outer.inner.out", ["raw"], ["outer.out"])]
    assert outer.nodes[0].namespace == "outer.inner"
    assert outer.nodes[0].short_name == "out"


def test_one_pipeline_is_used_twice() -> None:
    once = graph("raw -> mid -> out")
    both = pipeline(once, namespace="n", inputs="raw") + pipeline(once, namespace="s", inputs="raw")
    assert names(both) == ["n.mid", "s.mid", "n.out", "s.out"]
    assert both.inputs() == {"raw"}


def test_what_else_a_node_has_is_kept() -> None:
    def divide(a: Any, b: Any) -> dict[str, Any]:
        return {"whole": a // b, "rest": a % b}

    made = node(divide, {"b": "y", "a": "x"}, {"rest": "r", "whole": "w"}, name="d", tags="t", confirms="x")
    moved = pipeline([made], namespace="n", outputs={"r": "rest"}, tags=["u"]).nodes[0]
    assert moved.inputs == ["n.x", "n.y"]
    assert moved.outputs == ["rest", "n.w"]
    assert moved.confirms == ["n.x"]
    assert moved.tags == {"t", "u"}
    assert moved.run({"n.x": 7, "n.y": 2}) == {"rest": 1, "n.w": 3}
    assert made.inputs == ["x", "y"]


def test_a_default_name_is_made_anew_for_the_new_wiring() -> None:
    made = node(len, "x", "y")
    assert pipeline([made], namespace="n").nodes[0].name.startswith("n.len__")
    assert pipeline([made], namespace="n").nodes[0].name != f"n.{made.name}"


def test_the_mapping_given_is_not_changed() -> None:
    mapping = {"k": "l"}
    pipeline(graph(TEXT), parameters=mapping)
    assert mapping == {"k": "l"}


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"inputs": "wrong"}, "the pipeline has no dataset 'wrong'"),
        ({"inputs": {"rav": "x"}}, "the pipeline has no dataset 'rav'; did you mean 'raw'?"),
        (
            {"inputs": {"q1"}, "outputs": "q2", "parameters": "kk"},
            "the pipeline has\n"
            "  no parameter 'params:kk'; did you mean 'params:k' or 'parameters'?\n"
            "  no dataset 'q1'\n"
            "  no dataset 'q2'",
        ),
        ({"inputs": "params:k"}, "map the parameter 'params:k' by parameters=, not by inputs="),
        ({"inputs": {"parameters": "x"}}, "map the parameter 'parameters' by parameters=, not by inputs="),
        ({"inputs": "mid"}, "'mid' is given in inputs=, but node 'mid' makes it; map it by outputs="),
        ({"inputs": "out"}, "'out' is given in inputs=, but node 'out' makes it; map it by outputs="),
        ({"outputs": "raw"}, "'raw' is given in outputs=, " + UNMADE),
        ({"outputs": "params:k"}, "'params:k' is given in outputs=, " + UNMADE),
    ],
)
def test_mappings_that_do_not_fit_say_why(arguments: dict[str, Any], said: str) -> None:
    with pytest.raises(ModularPipelineError) as caught:
        pipeline(graph(TEXT), namespace="n", **arguments)
    assert str(caught.value) == said


def test_a_format_that_is_mapped_must_be_of_a_dataset_that_is_there() -> None:
    with pytest.raises(ModularPipelineError, match="no dataset 'z'"):
        pipeline(graph("x@a -> y"), inputs={"z@a": "w"})
