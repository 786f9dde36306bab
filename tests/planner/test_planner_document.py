"""Plans as JSON and back: the bytes are canonical, and what does not fit is refused in one way only."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from graphs import graph
from hypothesis import given
from hypothesis import strategies as st
from planner_cases import examples
from situations import facts, selection

from incremental.errors import PlanMismatchError
from incremental.pipeline import Pipeline, Selection, select
from incremental.planner import Mode, Plan, State, plan_all, plan_missing

GRAPH = "raw -> x, z -> y -> w; y -> (); other -> v; params:p -> u"


def whole(text: str = GRAPH, tags: str = "t") -> Pipeline:
    return graph(text, tags=dict.fromkeys(("x_z", "y", "v", "u"), tags))


def example_plan() -> Plan:
    """Return a plan with something in every field."""
    given_facts = facts(
        "raw, x, w present; y incomplete; other absent; q, z unknown; v handed in; u absent",
        locations={"w": "/data/x"},
        versions={"x": "v1"},
        pins={"raw": "v1"},
        untestable={"z": "Table"},
        outdated={"x": ("raw",)},
        parted=frozenset({"y"}),
        unproven=frozenset({"x", "w"}),
        changed={"x": "run 1"},
        touched={"w": "run 2"},
        absent_parameters=frozenset({"params:p", "params:n"}),
    )
    return plan_missing(select(whole(), Selection.of(tags="t"), {"v", "x_z"}), given_facts)


def document() -> dict[str, Any]:
    return json.loads(example_plan().to_json())


def test_a_plan_is_written_as_this_document() -> None:
    plan = replace(example_plan(), unmet=example_plan().unmet[:1])
    assert json.loads(plan.to_json()) == {
        "format": "incremental-plan/1",
        "mode": "missing",
        "topology": whole().digest,
        "selection": {
            "tags": ["t"],
            "node_names": [],
            "from_nodes": [],
            "to_nodes": [],
            "from_inputs": [],
            "to_outputs": [],
            "namespaces": [],
        },
        "forced": ["v", "x_z"],
        "facts": {
            "states": {
                "raw": "present",
                "x": "present",
                "w": "present",
                "y": "incomplete",
                "other": "absent",
                "q": "unknown",
                "z": "unknown",
                "v": "handed in",
                "u": "absent",
            },
            "locations": {
                **{name: f"/data/{name}" for name in ("raw", "x", "y", "other", "q", "z", "u")},
                "w": "/data/x",
            },
            "versions": {"x": "v1"},
            "pins": {"raw": "v1"},
            "untestable": {"z": "Table"},
            "outdated": {"x": ["raw"]},
            "parted": ["y"],
            "unproven": ["w", "x"],
            "changed": {"x": "run 1"},
            "touched": {"w": "run 2"},
            "absent_parameters": ["params:n", "params:p"],
        },
        "steps": [
            {
                "node": "u",
                "verdict": "run",
                "reasons": [{"cause": "missing", "datasets": ["u"], "nodes": []}],
                "overwrites": [],
            },
            {
                "node": "v",
                "verdict": "run",
                "reasons": [{"cause": "forced", "datasets": [], "nodes": []}],
                "overwrites": [],
            },
            {
                "node": "x_z",
                "verdict": "run",
                "reasons": [
                    {"cause": "unknown", "datasets": ["z"], "nodes": []},
                    {"cause": "forced", "datasets": [], "nodes": []},
                    {"cause": "needed", "datasets": ["z"], "nodes": ["y"]},
                ],
                "overwrites": [],
            },
            {
                "node": "y",
                "verdict": "run",
                "reasons": [{"cause": "parted", "datasets": ["y"], "nodes": []}],
                "overwrites": [],
            },
        ],
        "unmet": [
            {"dataset": "params:p", "node": "u", "state": "absent", "location": None, "producer": None}
        ],
        "suspects": [],
        "conflicts": [],
        "warnings": ["dataset 'z': Table cannot tell whether it exists; it counts as missing"],
        "summary": "4 of 4 nodes to run · 0 skipped · 1 output changed",
    }


def test_the_bytes_are_canonical_sorted_without_spaces_and_ascii() -> None:
    text = example_plan().to_json()
    assert text == json.dumps(json.loads(text), sort_keys=True, separators=(",", ":"))
    assert text.isascii()


def test_only_steps_that_run_overwrite() -> None:
    plan = plan_missing(selection("raw -> x; raw -> y, z"), facts("raw, x, y present; z absent"))
    steps = {step["node"]: step["overwrites"] for step in json.loads(plan.to_json())["steps"]}
    assert steps == {"x": [], "y_z": ["y"]}


def test_a_digest_is_32_hexadecimal_digits_that_stay_the_same() -> None:
    plan = plan_missing(selection("raw -> x"), facts("raw present; x absent"))
    again = plan_missing(selection("raw -> x"), facts("raw present; x absent"))
    other = plan_missing(selection("raw -> x"), facts("raw, x present"))
    assert plan.digest == again.digest == "f37573110adfe37847bd613a6f660820"
    assert plan.digest != other.digest


def test_names_that_are_no_unicode_have_json_and_a_digest() -> None:
    odd = "caf\udce9"  # as the operating system gives an undecodable file name
    plan = plan_missing(selection("raw -> x"), facts("raw present; x absent", locations={"raw": odd}))
    assert len(plan.digest) == 32
    assert Plan.from_json(plan.to_json(), plan.pipeline).facts.locations["raw"] == odd


def test_every_field_comes_back() -> None:
    plan = example_plan()
    conflicting = replace(plan, conflicts=("one", "two"), suspects=_suspicious().suspects)
    narrow = plan_missing(select(whole(), Selection.of(node_names="y")), facts("x present; y, z absent"))
    assert [gap.producer for gap in narrow.unmet] == ["x_z"]
    assert narrow.unmet[0].location == "/data/z"
    for each in (plan, conflicting, narrow, plan_all(plan.selected, plan.facts)):
        back = Plan.from_json(each.to_json(), whole())
        assert replace(back, selected=each.selected) == each
        assert back.selected.selection == each.selected.selection
        assert back.selected.forced == each.selected.forced
        assert back.selected.requested == each.selected.requested
        assert back.is_valid is each.is_valid
    assert conflicting.suspects
    assert plan_all(plan.selected, plan.facts).mode is Mode.ALL


def _suspicious() -> Plan:
    return plan_missing(selection("raw -> x -> y"), facts("raw, y present; x absent"))


def test_steps_are_bound_to_the_nodes_of_the_pipeline_that_is_given() -> None:
    here = whole()
    back = Plan.from_json(example_plan().to_json(), here)
    node_by_name = {node.name: node for node in here.nodes}
    assert all(step.node is node_by_name[step.node.name] for step in back.steps)
    assert back.selected.whole is here


# refusals


def refusal(text: str, pipeline: Pipeline | None = None) -> str:
    with pytest.raises(PlanMismatchError) as caught:
        Plan.from_json(text, pipeline or whole())
    return str(caught.value)


def test_a_plan_of_another_topology_is_refused() -> None:
    assert refusal(example_plan().to_json(), whole(GRAPH + "; w -> more")) == (
        "the plan was made for another pipeline: nodes or their inputs and outputs changed since; plan again"
    )


def test_a_plan_of_another_format_is_refused() -> None:
    text = json.dumps({**document(), "format": "incremental-plan/2"})
    assert refusal(text) == (
        "the plan has format 'incremental-plan/2', this version reads 'incremental-plan/1': plan again"
    )


def test_a_plan_whose_selection_now_picks_other_nodes_is_refused() -> None:
    moved = graph(GRAPH, tags=dict.fromkeys(("x_z", "y", "v", "u", "w"), "t"))
    assert refusal(example_plan().to_json(), moved) == (
        "the plan's steps are not the nodes that its selection picks: tags or namespaces changed since; "
        "plan again"
    )


def test_a_plan_whose_selection_picks_nothing_any_more_is_refused() -> None:
    told = refusal(example_plan().to_json(), whole(tags="other"))
    assert told.startswith("this is no plan of ours: SelectionError: ")


@pytest.mark.parametrize(
    "text",
    ["", "nonsense", "null", "[]", "7", '"text"', "{}", "[" * 100_000, "1" * 10_000, '{"format":', "\x00"],
    ids=lambda text: text[:8] or "empty",
)
def test_garbage_is_refused(text: str) -> None:
    assert refusal(text).startswith("this is no plan of ours: ")


@pytest.mark.parametrize(
    ("path", "wrong", "told"),
    [
        (("mode",), "guess", "ValueError: 'guess' is not a valid Mode"),
        (("warnings",), "none", "TypeError: 'none' is no list"),
        (("conflicts",), [7], "TypeError: 7 is no text"),
        (("facts", "pins"), {"raw": None}, "TypeError: None is no text"),
        (("facts",), {}, "KeyError: 'states'"),
    ],
)
def test_a_refusal_says_what_is_wrong(path: tuple[str, ...], wrong: Any, told: str) -> None:
    assert refusal(json.dumps(changed(document(), path, wrong))) == f"this is no plan of ours: {told}"


def test_a_refusal_keeps_its_cause() -> None:
    with pytest.raises(PlanMismatchError) as caught:
        Plan.from_json(json.dumps({**document(), "mode": "guess"}), whole())
    assert isinstance(caught.value.__cause__, ValueError)


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Return the path of each place in a document."""
    inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *[place for key, each in inside for place in places(each, (*path, key))]]


def changed(value: Any, path: tuple[Any, ...], new: Any) -> Any:
    """Return a copy of a document with another value at a place; a function is applied to what is there."""
    if not path:
        return new(value) if callable(new) else new
    copied = dict(value) if isinstance(value, dict) else list(value)
    copied[path[0]] = changed(value[path[0]], path[1:], new)
    return copied


PLACES = places(document())
FREE = {"summary", "overwrites"}
"""What a reader makes anew, and so need not believe."""


@pytest.mark.parametrize("path", [path for path in PLACES if not FREE & set(path)], ids=repr)
def test_a_value_of_another_kind_is_refused_wherever_it_is(path: tuple[Any, ...]) -> None:
    for wrong in (7, True, [["x"]], {"x": {"y": 1}}, [7]):
        refusal(json.dumps(changed(document(), path, wrong)))


@pytest.mark.parametrize("path", [path for path in PLACES if path and path[-1] not in FREE], ids=repr)
def test_an_entry_that_is_gone_is_refused_or_is_one_of_a_list(path: tuple[Any, ...]) -> None:
    def without(parent: Any) -> Any:
        if isinstance(parent, dict):
            return {key: each for key, each in parent.items() if key != path[-1]}
        return parent[: path[-1]] + parent[path[-1] + 1 :]

    text = json.dumps(changed(document(), path[:-1], without))
    may_go = path[:1] == ("selection",) or path[:-1] in [("facts", key) for key in document()["facts"]]
    listed = isinstance(path[-1], int) and path[:1] != ("steps",)
    if may_go or listed or "datasets" in path or "nodes" in path or "reasons" in path[:-1]:
        _read_or_refuse(text)
    else:
        refusal(text)


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.sampled_from(["x", "run", "v"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)


@given(st.sampled_from(PLACES), VALUES)
@examples(300)
def test_a_damaged_document_is_read_or_refused_as_a_mismatch_and_nothing_else(
    path: tuple[Any, ...], new: Any
) -> None:
    _read_or_refuse(json.dumps(changed(document(), path, new)))


@given(st.text() | st.binary())
@examples(100)
def test_any_text_at_all_is_refused_as_a_mismatch(text: Any) -> None:
    refusal(text)


@given(st.data())
@examples(100)
def test_a_torn_document_is_refused(data: st.DataObject) -> None:
    text = example_plan().to_json()
    refusal(text[: data.draw(st.integers(0, len(text) - 1))])


def _read_or_refuse(text: str) -> None:
    """Whatever is read works: it has a digest, a summary and news, and comes back from its own JSON."""
    try:
        plan = Plan.from_json(text, whole())
    except PlanMismatchError:
        return
    assert plan.summary
    assert set(plan.news) <= set(plan.running)
    assert {plan.facts.state(name) for name in plan.facts.states} <= set(State)
    assert all(str(reason) for step in plan.steps for reason in step.reasons)
    assert Plan.from_json(plan.to_json(), whole()).digest == plan.digest
