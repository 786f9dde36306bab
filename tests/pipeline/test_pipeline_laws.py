"""Laws of pipelines, on random ones; each test's name states its law."""

from __future__ import annotations

import json
import pickle
from typing import Any

from graphs import Work, names, node_lists, pipelines
from hypothesis import given
from hypothesis import strategies as st

from incremental.errors import SelectionError
from incremental.pipeline import Node, Pipeline, Selection, node, pipeline, select


@st.composite
def parts(draw: st.DrawFn, count: int) -> list[Pipeline]:
    """Draw some parts of one pipeline, so that they can be put together again."""
    nodes = draw(node_lists())
    return [Pipeline(draw(st.lists(st.sampled_from(nodes), unique=True))) for _ in range(count)]


@st.composite
def selected_words(draw: st.DrawFn) -> tuple[Pipeline, dict[str, list[str]]]:
    """Draw a pipeline and words for some of the filters."""
    whole = draw(pipelines())
    nodes = st.lists(st.sampled_from(names(whole)), min_size=1, max_size=2)
    datasets = st.lists(st.sampled_from(sorted(whole.datasets())), min_size=1, max_size=2)
    kinds = {
        "tags": st.lists(st.sampled_from("xy"), min_size=1),
        "from_nodes": nodes,
        "to_nodes": nodes,
        "node_names": nodes,
        "from_inputs": datasets,
        "to_outputs": datasets,
    }
    chosen = draw(st.lists(st.sampled_from(sorted(kinds)), unique=True, min_size=1))
    return whole, {kind: draw(kinds[kind]) for kind in chosen}


def alike(one: Pipeline, two: Pipeline) -> bool:
    return one.nodes == two.nodes and one.grouped_nodes == two.grouped_nodes and one.digest == two.digest


def single(whole: Pipeline, kind: str, words: list[str]) -> set[Node]:
    try:
        return set(whole.filter(**{kind: words}).nodes)
    except SelectionError:
        return set()


@given(parts(2))
def test_union_and_intersection_are_commutative(both: list[Pipeline]) -> None:
    one, two = both
    assert alike(one | two, two | one)
    assert alike(one + two, one | two)
    assert alike(one & two, two & one)


@given(parts(3))
def test_union_and_intersection_are_associative_and_distribute(three: list[Pipeline]) -> None:
    one, two, three_ = three
    assert alike((one | two) | three_, one | (two | three_))
    assert alike((one & two) & three_, one & (two & three_))
    assert alike(one & (two | three_), (one & two) | (one & three_))
    assert alike(one - (two | three_), (one - two) - three_)


@given(parts(2))
def test_difference_and_intersection_make_up_the_whole_and_share_nothing(both: list[Pipeline]) -> None:
    one, two = both
    assert alike((one - two) | (one & two), one)
    assert not ((one - two) & two).nodes
    assert alike(one | one, one)
    assert alike(one & one, one)
    assert not (one - one).nodes
    assert alike(one + Pipeline([]), one)


@given(node_lists(), st.randoms(use_true_random=False))
def test_the_order_of_construction_makes_no_difference(nodes: list[Node], randoms: Any) -> None:
    shuffled = list(nodes)
    randoms.shuffle(shuffled)
    assert alike(Pipeline(nodes), Pipeline(shuffled))
    assert Pipeline(nodes).readers == Pipeline(shuffled).readers
    assert Pipeline(nodes).to_json() == Pipeline(shuffled).to_json()


@given(pipelines(max_nodes=15))
def test_every_node_comes_after_those_it_depends_on(whole: Pipeline) -> None:
    level = {each: depth for depth, nodes in enumerate(whole.grouped_nodes) for each in nodes}
    assert list(level) == whole.nodes
    for each, parents in whole.node_dependencies.items():
        assert level[each] == max((level[parent] + 1 for parent in parents), default=0)
    for nodes in whole.grouped_nodes:
        assert nodes == sorted(nodes)


@given(pipelines())
def test_the_graph_has_the_edges_of_the_nodes_and_no_cycle(whole: Pipeline) -> None:
    import networkx as nx

    edges = {(base, each) for each in whole.nodes for base in each.read_bases}
    edges |= {(each, base) for each in whole.nodes for base in each.write_bases}
    assert set(whole.graph.edges) == edges
    assert nx.is_directed_acyclic_graph(whole.graph)


@given(selected_words())
def test_a_filter_is_the_intersection_of_its_selectors_each_alone(
    drawn: tuple[Pipeline, dict[str, list[str]]],
) -> None:
    whole, words = drawn
    expected = set(whole.nodes)
    for kind, given_words in words.items():
        expected &= single(whole, kind, given_words)
    try:
        left = set(whole.filter(**words).nodes)  # type: ignore[arg-type]
    except SelectionError:
        left = set()
    assert left == expected


@given(pipelines(), st.data())
def test_from_and_to_nodes_are_descendants_and_ancestors_in_the_graph(
    whole: Pipeline, data: st.DataObject
) -> None:
    import networkx as nx

    chosen = data.draw(st.sampled_from(whole.nodes))
    after = {each for each in nx.descendants(whole.graph, chosen) if isinstance(each, Node)}
    before = {each for each in nx.ancestors(whole.graph, chosen) if isinstance(each, Node)}
    assert set(whole.from_nodes(chosen.name).nodes) == after | {chosen}
    assert set(whole.to_nodes(chosen.name).nodes) == before | {chosen}
    assert names(whole.from_nodes(chosen.name) & whole.to_nodes(chosen.name)) == [chosen.name]


@given(pipelines())
def test_going_from_all_inputs_or_to_all_outputs_reaches_every_node_that_has_some(whole: Pipeline) -> None:
    assert whole.from_nodes(*names(whole)).nodes == whole.nodes
    assert whole.to_nodes(*names(whole)).nodes == whole.nodes
    reading = [each for each in whole.nodes if whole.to_nodes(each.name).inputs()]
    assert set(whole.from_inputs(*whole.inputs()).nodes) == set(reading)


@given(selected_words())
def test_a_part_of_a_pipeline_is_as_good_as_one_built_of_its_nodes(
    drawn: tuple[Pipeline, dict[str, list[str]]],
) -> None:
    whole, words = drawn
    try:
        part = whole.filter(**words)  # type: ignore[arg-type]
    except SelectionError:
        return
    built = Pipeline(part.nodes)
    assert alike(part, built)
    assert part.readers == built.readers
    assert part.producers == built.producers
    assert (part.inputs(), part.outputs()) == (built.inputs(), built.outputs())


@given(pipelines())
def test_free_inputs_and_outputs_are_datasets_without_producer_or_reader(whole: Pipeline) -> None:
    assert whole.inputs() == whole.all_inputs() - whole.all_outputs()
    assert whole.outputs() == whole.all_outputs() - whole.all_inputs()
    assert whole.datasets() == whole.all_inputs() | whole.all_outputs()


@given(node_lists(), st.data())
def test_the_digest_differs_when_a_node_reads_one_more_dataset(
    nodes: list[Node], data: st.DataObject
) -> None:
    chosen = data.draw(st.sampled_from(nodes))
    wider = node(chosen.func, [*chosen.inputs, "one_more"], chosen.outputs, name=chosen.name)
    changed = [wider if each is chosen else each for each in nodes]
    assert Pipeline(changed).digest != Pipeline(nodes).digest
    assert Pipeline([each for each in nodes if each is not chosen]).digest != Pipeline(nodes).digest


@given(pipelines())
def test_a_namespace_keeps_the_topology(whole: Pipeline) -> None:
    moved = pipeline(whole, namespace="n.s")
    assert names(moved) == [f"n.s.{name}" for name in names(whole)]
    assert {
        each.short_name: {parent.short_name for parent in parents}
        for each, parents in moved.node_dependencies.items()
    } == {each.name: {parent.name for parent in parents} for each, parents in whole.node_dependencies.items()}
    assert all("n.s." in name for name in moved.datasets())


@given(pipelines())
def test_mapping_every_free_name_to_itself_without_namespace_changes_nothing(whole: Pipeline) -> None:
    free = {name for name in whole.inputs() if not name.startswith("params:")}
    same = pipeline(whole, inputs=free, outputs=whole.outputs(), parameters={"params:p"} & whole.inputs())
    assert alike(same, whole)


@given(pipelines())
def test_pickling_and_tagging_change_no_topology(whole: Pipeline) -> None:
    assert alike(pickle.loads(pickle.dumps(whole)), whole)
    assert alike(whole.tag("more"), whole)
    assert [each["name"] for each in json.loads(whole.to_json())["pipeline"]] == names(whole)


@given(selected_words())
def test_results_are_made_by_selected_nodes_and_hold_every_output_that_nothing_reads(
    drawn: tuple[Pipeline, dict[str, list[str]]],
) -> None:
    whole, words = drawn
    try:
        selected = select(whole, Selection.of(**words))  # type: ignore[arg-type]
    except SelectionError:
        return
    assert selected.requested <= selected.pipeline.producers.keys()
    assert selected.requested >= selected.pipeline.all_outputs() & whole.outputs()
    unasked = words.keys().isdisjoint({"to_outputs", "node_names", "to_nodes"})
    assert not unasked or selected.requested == selected.pipeline.all_outputs() & whole.outputs()


@given(pipelines())
def test_running_the_nodes_in_order_makes_every_output(whole: Pipeline) -> None:
    values: dict[str, Any] = {name: name for name in whole.inputs()}
    for each in whole.nodes:
        assert isinstance(each.func, Work)
        values |= each.run({name: values[name] for name in each.reads})
    assert values.keys() == whole.datasets()
