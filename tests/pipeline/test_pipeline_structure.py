from __future__ import annotations

import json
import pickle
import random
import warnings
import weakref
from typing import Any

import networkx as nx
import pytest
import xxhash
from graphs import Work, graph, names, nodes_of

from incremental import _version
from incremental.errors import (
    CircularDependencyError,
    ConfirmNotUniqueError,
    OutputNotUniqueError,
    PipelineError,
)
from incremental.pipeline import GroupedNodes, Pipeline, node, pipeline


def identity(x: Any) -> Any:
    return x


def other(x: Any) -> Any:
    return x


DIAMOND = "raw -> a; a -> b; a -> c; b, c -> d; raw -> z"


# order


@pytest.mark.parametrize(
    ("text", "levels"),
    [
        ("", []),
        ("raw -> a", [["a"]]),
        ("b -> c; a -> b; raw -> a", [["a"], ["b"], ["c"]]),
        (DIAMOND, [["a", "z"], ["b", "c"], ["d"]]),
        ("raw -> z; raw -> y; z -> x; x, y -> w", [["y", "z"], ["x"], ["w"]]),
        ("x@a -> y; raw -> x@b; y -> ()", [["x"], ["y"], ["after_y"]]),
        ("raw -> a, b; a -> c; a, b -> d; () -> e", [["a_b", "e"], ["c", "d"]]),
        ("params:p -> a; parameters -> b", [["a", "b"]]),
    ],
)
def test_nodes_come_in_levels_sorted_by_name(text: str, levels: list[list[str]]) -> None:
    made = graph(text)
    assert [[each.name for each in level] for level in made.grouped_nodes] == levels
    assert names(made) == [name for level in levels for name in level]


def test_a_long_chain_needs_no_deep_recursion() -> None:
    chain = [node(identity, f"d{index}", f"d{index + 1}", name=f"n{index:05}") for index in range(5000)]
    random.Random(1).shuffle(chain)
    assert names(Pipeline(chain)) == [f"n{index:05}" for index in range(5000)]


def test_what_a_pipeline_returns_is_the_callers_own() -> None:
    made = graph(DIAMOND)
    made.nodes.clear()
    made.grouped_nodes[0].clear()
    made.node_dependencies.clear()
    assert len(made.nodes) == 5
    assert len(made.grouped_nodes[0]) == 2
    assert len(made.node_dependencies) == 5


def test_pipelines_and_nodes_are_put_together() -> None:
    made = Pipeline([graph("raw -> a"), *nodes_of("a -> b"), graph("b -> c; b -> d")])
    assert names(made) == ["a", "b", "c", "d"]
    assert names(Pipeline(made)) == ["a", "b", "c", "d"]
    assert names(pipeline(iter(nodes_of("raw -> a -> b")))) == ["a", "b"]


def test_tags_go_to_every_node() -> None:
    tagged = Pipeline(graph("raw -> a -> b", tags={"a": "x"}), tags=["y", "z"])
    assert [each.tags for each in tagged.nodes] == [{"x", "y", "z"}, {"y", "z"}]
    assert [each.tags for each in graph("raw -> a").tag("xy").nodes] == [{"xy"}]


# datasets


@pytest.mark.parametrize(
    ("text", "inputs", "outputs"),
    [
        ("", set(), set()),
        (DIAMOND, {"raw"}, {"d", "z"}),
        ("raw -> x@a; x@b -> y", {"raw"}, {"y"}),
        ("x@a -> y; x@b -> z", {"x@a", "x@b"}, {"y", "z"}),
        ("params:p, parameters -> a -> ()", {"params:p", "parameters"}, set()),
        ("() -> a", set(), {"a"}),
        ("raw -> x@a; x@b -> (); raw -> y@c", {"raw"}, {"y@c"}),
    ],
)
def test_free_inputs_and_outputs_are_those_with_one_end(
    text: str, inputs: set[str], outputs: set[str]
) -> None:
    made = graph(text)
    assert made.inputs() == inputs
    assert made.outputs() == outputs


def test_all_datasets_are_named_as_they_are_written() -> None:
    made = graph("raw, params:p -> x@a; x@b -> y")
    assert made.all_inputs() == {"raw", "params:p", "x@b"}
    assert made.all_outputs() == {"x@a", "y"}
    assert made.datasets() == {"raw", "params:p", "x@a", "x@b", "y"}


def test_each_node_depends_on_those_that_make_what_it_reads() -> None:
    by_name = {
        each.name: {parent.name for parent in parents}
        for each, parents in graph(DIAMOND).node_dependencies.items()
    }
    assert by_name == {"a": set(), "b": {"a"}, "c": {"a"}, "d": {"b", "c"}, "z": set()}


def test_dependencies_go_by_base_name() -> None:
    made = graph("raw -> x@a; x@b -> y")
    first, second = made.nodes
    assert made.node_dependencies == {first: set(), second: {first}}


def test_producers_and_readers_go_by_base_name_in_topological_order() -> None:
    made = graph("zz: raw -> x@a; a1: x@b -> y; a0: y, x@a -> w; raw -> v")
    assert {base: each.name for base, each in made.producers.items()} == {
        "x": "zz",
        "y": "a1",
        "w": "a0",
        "v": "v",
    }
    assert {base: [each.name for each in nodes] for base, nodes in made.readers.items()} == {
        "raw": ["v", "zz"],
        "x": ["a1", "a0"],
        "y": ["a0"],
    }
    assert made.readers is made.readers


def test_adjacency_cannot_be_changed() -> None:
    made = graph(DIAMOND)
    for mapping in (made.producers, made.readers):
        with pytest.raises(TypeError):
            mapping["x"] = None  # type: ignore[index]


def test_neighbours_of_a_node_are_found_in_the_topology() -> None:
    made = graph(DIAMOND)
    by_name = made.topology.by_name
    assert made.topology.children(by_name["a"]) == {by_name["b"], by_name["c"]}
    assert made.topology.children(by_name["d"]) == set()
    assert made.topology.parents(by_name["d"]) == {by_name["b"], by_name["c"]}


def test_the_graph_is_bipartite_and_frozen() -> None:
    made = graph("raw, params:p -> x@a; x@b -> y")
    first, second = made.nodes
    assert set(made.graph.edges) == {
        ("raw", first), ("params:p", first), (first, "x"), ("x", second), (second, "y")
    }  # fmt: skip
    assert nx.get_node_attributes(made.graph, "bipartite")[first] == "node"
    assert nx.get_node_attributes(made.graph, "bipartite")["x"] == "dataset"
    assert made.graph is made.graph
    with pytest.raises(nx.NetworkXError):
        made.graph.add_node("z")


# what is refused


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a -> b -> a", "nodes need each other in a circle: a -> a -> b -> b -> a"),
        ("f: x -> y; g: y -> x", "nodes need each other in a circle: f -> y -> g -> x -> f"),
        ("f: x@a -> y; g: y -> x@b", "nodes need each other in a circle: f -> y -> g -> x -> f"),
        (
            "in: raw -> p; f: p, z -> x; g: x -> y; h: y -> z; out: z -> end",
            "nodes need each other in a circle: f -> x -> g -> y -> h -> z -> f",
        ),
    ],
)
def test_a_cycle_is_named_with_its_nodes_and_datasets(text: str, said: str) -> None:
    with pytest.raises(CircularDependencyError) as caught:
        graph(text)
    assert str(caught.value) == said


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("f: raw -> x; g: raw -> x", "a dataset can be made by one node only: 'x' is made by 'f' and 'g'"),
        (
            "f: raw -> x@a; g: raw -> x@b",
            "a dataset can be made by one node only: 'x' is made by 'f' and 'g'",
        ),
        ("f: raw -> x@a, x@b", "a dataset can be made by one node only: 'x' is made by 'f' and 'f'"),
        (
            "f: raw -> x, y; g: raw -> x; h: raw -> y",
            "a dataset can be made by one node only:\n"
            "  'x' is made by 'f' and 'g'\n"
            "  'y' is made by 'f' and 'h'",
        ),
    ],
)
def test_two_producers_of_one_dataset_are_named(text: str, said: str) -> None:
    with pytest.raises(OutputNotUniqueError) as caught:
        graph(text)
    assert str(caught.value) == said


def test_two_nodes_of_one_name_are_told_by_function_and_wiring() -> None:
    with pytest.raises(PipelineError) as caught:
        Pipeline([node(identity, "a", "b", name="n"), node(other, "c", None, name="n")])
    assert str(caught.value) == (
        "node names must be unique, give these nodes names of their own: "
        "'n' is 'identity(a) -> b' and 'other(c) -> None'"
    )


def test_one_node_twice_is_refused() -> None:
    once = graph("raw -> a")
    with pytest.raises(ValueError, match="node names must be unique"):
        Pipeline([*once.nodes, *once.nodes])
    with pytest.raises(ValueError, match="node names must be unique"):
        Pipeline([once, once])


def test_two_nodes_that_confirm_one_dataset_are_named() -> None:
    with pytest.raises(ConfirmNotUniqueError) as caught:
        graph("raw -> a; raw -> b", confirms={"a": "x@f", "b": ["y", "x@g"]})
    assert str(caught.value) == "a dataset can be confirmed by one node only: 'x' is confirmed by 'a' and 'b'"


def test_each_may_confirm_its_own() -> None:
    assert len(graph("raw -> a; raw -> b", confirms={"a": "x", "b": ["y", "z"]}).nodes) == 2


def test_a_dataset_has_a_format_everywhere_or_nowhere() -> None:
    with pytest.raises(PipelineError) as caught:
        graph("raw -> x@a; x -> y; x@b -> z")
    assert str(caught.value) == (
        "a dataset must be named with a format everywhere or nowhere, say which is meant:\n"
        "  'x' by 'y', but 'x@a' by 'x'\n"
        "  'x' by 'y', but 'x@b' by 'z'"
    )


def test_faults_are_listed_on_ten_lines_at_most() -> None:
    twice = [node(identity, "raw", f"d{index}", name=f"{one}{index}") for index in range(20) for one in "ab"]
    with pytest.raises(OutputNotUniqueError) as caught:
        Pipeline(twice)
    lines = str(caught.value).splitlines()
    assert len(lines) == 10
    assert lines[-1] == "  and 12 more"


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (None, "a pipeline is made of nodes and pipelines, not of None"),
        ([identity], "a pipeline is made of nodes and pipelines, not of 'function'"),
        (["a"], "a pipeline is made of nodes and pipelines, not of 'str'"),
    ],
)
def test_a_pipeline_is_made_of_nodes_and_pipelines(given: Any, said: str) -> None:
    with pytest.raises(PipelineError) as caught:
        Pipeline(given)
    assert str(caught.value) == said


# text and JSON


def test_a_description_lists_inputs_nodes_in_order_and_outputs() -> None:
    made = graph("b, raw -> c; raw -> b; () -> z")
    assert made.describe() == "Inputs: raw\n\nb\nz\nc\n\nOutputs: c, z"
    assert made.describe(names_only=False) == (
        "Inputs: raw\n\n"
        "b: make_b([raw]) -> [b]\nz: make_z(None) -> [z]\nc: make_c([b;raw]) -> [c]\n\n"
        "Outputs: c, z"
    )
    assert Pipeline([]).describe() == "Inputs: None\n\n\n\nOutputs: None"


def test_json_holds_names_wiring_tags_and_our_version() -> None:
    made = graph("raw, params:p -> a -> ()", tags={"a": ["y", "x"]})
    assert json.loads(made.to_json()) == {
        "incremental_version": _version.__version__,
        "pipeline": [
            {"name": "a", "inputs": ["raw", "params:p"], "outputs": ["a"], "tags": ["x", "y"]},
            {"name": "after_a", "inputs": ["a"], "outputs": [], "tags": []},
        ],
    }


def test_the_representation_shows_ten_nodes() -> None:
    assert repr(graph("raw -> a")) == "Pipeline([\nNode(make_a, 'raw', 'a', name='a')\n])"
    assert repr(Pipeline([])) == "Pipeline([])"
    eleven = graph("; ".join(f"raw -> d{index}" for index in range(11)))
    assert repr(eleven).count("Node(") == 10
    assert repr(eleven).endswith(",\n...\n])")


# digest


def test_the_digest_is_that_of_names_and_wiring_in_canonical_json() -> None:
    text = b'[["a",["raw"],["a"],[]],["b",["a"],["b"],["x"]]]'
    digest = graph("raw -> a -> b", confirms={"b": "x"}).digest
    assert digest == xxhash.xxh3_128_hexdigest(text)
    assert len(digest) == 32


@pytest.mark.parametrize(
    "changed",
    [
        "raw -> a -> c",
        "raw2 -> a -> b",
        "raw -> a; x: a -> b",
        "raw -> a@f; a@f -> b",
        "raw -> a -> b; raw -> c",
        "raw -> a; a, raw -> b",
    ],
)
def test_the_digest_changes_with_names_and_wiring(changed: str) -> None:
    assert graph(changed).digest != graph("raw -> a -> b").digest


def test_the_digest_changes_with_confirms_but_not_with_tags_or_functions() -> None:
    plain = graph("raw -> a")
    assert graph("raw -> a", confirms={"a": "x"}).digest != plain.digest
    assert graph("raw -> a", tags={"a": "x"}, functions={"a": identity}).digest == plain.digest
    assert plain.digest is plain.digest


# identity and travel


def test_pipelines_are_compared_by_identity() -> None:
    one = graph("raw -> a")
    assert one != graph("raw -> a")
    assert one == one
    assert len({one, Pipeline(one), one}) == 2
    assert weakref.ref(one)() is one
    assert bool(Pipeline([]))


def test_a_pipeline_cannot_be_changed() -> None:
    for attribute in ("nodes", "digest", "graph", "anything"):
        with pytest.raises(AttributeError):
            setattr(graph("raw -> a"), attribute, None)


@pytest.mark.parametrize("protocol", range(2, pickle.HIGHEST_PROTOCOL + 1))
def test_a_pipeline_travels_by_pickle(protocol: int) -> None:
    one = graph(DIAMOND, tags={"a": "x"}, namespaces={"b": "s"})
    assert one.graph is not None
    two = pickle.loads(pickle.dumps(one, protocol))
    assert two.nodes == one.nodes
    assert two.digest == one.digest
    assert two.nodes[0].tags == {"x"}


# algebra by example; its laws are in test_pipeline_laws.py


def test_algebra_goes_by_equal_nodes() -> None:
    left, right = graph("raw -> a -> b"), graph("a -> b -> c")
    assert names(left + right) == names(left | right) == ["a", "b", "c"]
    assert names(left & right) == ["b"]
    assert names(left - right) == ["a"]
    assert names(sum([left, right, graph("raw -> d")])) == ["a", "d", "b", "c"]  # type: ignore[arg-type, list-item]


def test_of_equal_nodes_a_union_keeps_those_of_the_left() -> None:
    left, right = graph("raw -> a", tags={"a": "x"}), graph("raw -> a", tags={"a": "y"})
    assert (left | right).nodes[0].tags == {"x"}
    assert (left & right).nodes[0].tags == {"x"}


def test_a_union_is_checked() -> None:
    with pytest.raises(ValueError, match="node names must be unique"):
        graph("n: raw -> a") + graph("n: raw -> b")
    with pytest.raises(OutputNotUniqueError):
        graph("n: raw -> a") | graph("m: raw -> a")
    with pytest.raises(CircularDependencyError):
        graph("n: a -> b") + graph("m: b -> a")


@pytest.mark.parametrize("operation", ["__add__", "__sub__", "__and__", "__or__", "__radd__"])
def test_algebra_is_with_pipelines_only(operation: str) -> None:
    assert getattr(graph("raw -> a"), operation)(["a"]) is NotImplemented


# groups


GROUPED = "raw -> a -> b; b -> c; raw -> d; c, d -> e"
SPACES = {"a": "one", "b": "one.inner", "d": "two", "c": "three"}


def test_nodes_are_grouped_by_their_outermost_namespace() -> None:
    assert graph(GROUPED, namespaces=SPACES).group_nodes_by("namespace") == [
        GroupedNodes("one", "namespace", ["one.a", "one.inner.b"], []),
        GroupedNodes("two", "namespace", ["two.d"], []),
        GroupedNodes("three", "namespace", ["three.c"], ["one"]),
        GroupedNodes("e", "nodes", ["e"], ["three", "two"]),
    ]
    assert graph(GROUPED).group_nodes_by() == graph(GROUPED).group_nodes_by(None)


@pytest.mark.parametrize("nothing", [None, "none", "None"])
def test_each_node_is_a_group_when_asked(nothing: str | None) -> None:
    assert graph("raw -> b; raw -> a; b, a -> c").group_nodes_by(nothing) == [
        GroupedNodes("a", "nodes", ["a"], []),
        GroupedNodes("b", "nodes", ["b"], []),
        GroupedNodes("c", "nodes", ["c"], ["a", "b"]),
    ]


def test_another_way_of_grouping_is_refused() -> None:
    with pytest.raises(PipelineError, match="cannot group nodes by 'tag'; use 'namespace' or None"):
        graph("raw -> a").group_nodes_by("tag")


@pytest.mark.parametrize(
    ("text", "namespaces", "warned"),
    [
        ("raw -> a -> b -> c", {"a": "s", "c": "s"}, ["namespace 's' is interrupted by 'b'"]),
        (
            "raw -> a -> b -> c -> d",
            {"a": "s", "b": "t", "d": "s"},
            ["namespace 's' is interrupted by 't.b' and 'c'"],
        ),
        (
            "raw -> a -> b -> c -> d",
            {"a": "s", "b": "t", "c": "s", "d": "t"},
            ["namespace 's' is interrupted by 't.b'", "namespace 't' is interrupted by 's.c'"],
        ),
        (
            "raw -> a -> b -> c",
            {"a": "s.u", "b": "s.v", "c": "s.u"},
            ["namespace 's.u' is interrupted by 's.v.b'"],
        ),
        (
            "raw -> a -> b -> c",
            {"a": "s.u", "b": "s", "c": "s.u"},
            ["namespace 's.u' is interrupted by 's.b'"],
        ),
        ("raw -> a -> b -> c", {"a": "s", "b": "s", "c": "t"}, []),
        ("raw -> a -> b -> c", {"a": "s", "b": "s.u", "c": "s"}, []),
        ("raw -> a -> b; raw -> c -> d", {"a": "s", "b": "t", "c": "t", "d": "s"}, []),
        ("raw -> a -> b", {"a": "s", "b": "ss"}, []),
        ("raw -> a -> b", {}, []),
    ],
)
def test_a_namespace_that_a_path_leaves_and_enters_again_is_warned_of(
    text: str, namespaces: dict[str, str], warned: list[str]
) -> None:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        graph(text, namespaces=namespaces)
    assert [str(each.message).partition(":")[0] for each in caught] == warned


def test_a_part_of_a_pipeline_warns_no_second_time() -> None:
    with pytest.warns(UserWarning, match="interrupted"):
        made = graph("raw -> a -> b -> c", namespaces={"a": "s", "c": "s"})
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert names(made.from_nodes("b")) == ["b", "s.c"]


# the helper that writes these graphs


def test_graphs_are_written_as_text() -> None:
    made = nodes_of("a, b -> c, d; c -> e@f -> (); () -> g; send: d -> ()")
    assert [(each.name, each.inputs, each.outputs) for each in made] == [
        ("c_d", ["a", "b"], ["c", "d"]),
        ("e", ["c"], ["e@f"]),
        ("after_e", ["e@f"], []),
        ("g", [], ["g"]),
        ("send", ["d"], []),
    ]
    assert made[0].run({"a": 1, "b": 2}) == {"c": "c(1, 2)", "d": "d(1, 2)"}
    assert made[1].run({"c": "c(1)"}) == {"e@f": "e@f(c(1))"}
    assert made[2].run({"e@f": 1}) == {}
    assert Work(()).__name__ == "make_nothing"
