from __future__ import annotations

import functools
import inspect
import pickle
from typing import Any

import pytest

from incremental.errors import IncrementalError, NodeError, PipelineError
from incremental.pipeline import Node, node
from incremental.pipeline.signature import accepts, keyword_order


def identity(x: Any) -> Any:
    return x


def add(a: Any, b: Any) -> Any:
    return a + b


def optional(a: Any, b: Any = 1, *, c: Any = 2) -> Any:
    return a, b, c


def keyword_only(a: Any, *, b: Any) -> Any:
    return a, b


def anything(*args: Any, **kwargs: Any) -> Any:
    return args, kwargs


def nothing() -> None:
    return None


def chunks(x: Any) -> Any:
    yield x


class Model:
    def fit(self, table: Any) -> Any:
        return table

    def stream(self, table: Any) -> Any:
        yield table

    def __call__(self, table: Any) -> Any:
        return table


class Streaming:
    def __call__(self, table: Any) -> Any:
        yield table


@functools.wraps(identity)
def wrapped(*args: Any) -> Any:
    return identity(*args)


@functools.wraps(chunks)
def wrapped_chunks(*args: Any) -> Any:
    return chunks(*args)


EVERY = {0, 1, 2, 3, 4}  # the signature is hidden, so that any number of inputs may be right


# forms of inputs and outputs


@pytest.mark.parametrize(
    ("func", "given", "expected"),
    [
        (nothing, None, []),
        (nothing, [], []),
        (nothing, {}, []),
        (identity, "a", ["a"]),
        (identity, ["a"], ["a"]),
        (identity, {"x": "a"}, ["a"]),
        (add, ["a", "b"], ["a", "b"]),
        (add, ["a", "a"], ["a", "a"]),
        (add, {"a": "one", "b": "two"}, ["one", "two"]),
        (add, {"b": "two", "a": "one"}, ["one", "two"]),
        (keyword_only, {"b": "two", "a": "one"}, ["one", "two"]),
        (optional, {"c": "three", "a": "one"}, ["one", "three"]),
        (anything, {"z": "1", "y": "2"}, ["1", "2"]),
        (anything, ["a", "b", "c"], ["a", "b", "c"]),
        (Model().fit, {"table": "a"}, ["a"]),
        (functools.partial(add, 1), {"b": "x"}, ["x"]),
        (max, {"key": "k"}, ["k"]),
    ],
)
def test_inputs_are_listed_in_the_order_of_the_arguments(func: Any, given: Any, expected: list[str]) -> None:
    assert node(func, given, "made").inputs == expected


@pytest.mark.parametrize(
    ("given", "expected"),
    [(None, []), ("a", ["a"]), (["a", "b"], ["a", "b"]), ({"x": "b", "y": "a"}, ["b", "a"])],
)
def test_outputs_are_listed_in_the_order_given(given: Any, expected: list[str]) -> None:
    assert node(identity, "in", given).outputs == expected


@pytest.mark.parametrize(
    ("given", "expected"), [(None, []), ("a", ["a"]), (["a", "b"], ["a", "b"]), ({"x": "b"}, ["b"])]
)
def test_confirms_are_a_list(given: Any, expected: list[str]) -> None:
    assert node(identity, "in", "out", confirms=given).confirms == expected


def test_reads_are_distinct_and_as_written() -> None:
    made = node(anything, ["b@x", "a", "b@x", "b@y"], ["c@z", "d"])
    assert made.reads == ("b@x", "a", "b@y")
    assert made.read_bases == ("b", "a")
    assert made.writes == ("c@z", "d")
    assert made.write_bases == ("c", "d")


def test_base_names_cost_nothing_where_no_name_has_a_format() -> None:
    made = node(identity, "a", "b")
    assert made.read_bases is made.reads
    assert made.write_bases is made.writes


def test_what_properties_return_is_the_callers_own() -> None:
    made = node(identity, "a", "b", tags="t", confirms="c")
    made.inputs.append("x")
    made.outputs.append("x")
    made.tags.add("x")
    made.confirms.append("x")
    assert (made.inputs, made.outputs, made.tags, made.confirms) == (["a"], ["b"], {"t"}, ["c"])


def test_later_changes_of_the_arguments_do_not_reach_the_node() -> None:
    inputs, outputs = ["a", "b"], {"x": "c"}
    made = node(add, inputs, outputs)
    inputs.append("z")
    outputs["y"] = "d"
    assert made.inputs == ["a", "b"]
    assert made.outputs == ["c"]


@pytest.mark.parametrize("attribute", ["name", "inputs", "outputs", "tags", "namespace", "reads", "other"])
def test_a_node_cannot_be_changed(attribute: str) -> None:
    with pytest.raises(AttributeError):
        setattr(node(identity, "a", "b"), attribute, "x")


def test_the_function_alone_can_be_replaced_and_the_name_stays() -> None:
    made = node(identity, "a", "b")
    name = made.name
    made.func = lambda x: x * 2
    assert made.run({"a": 4}) == {"b": 8}
    assert made.name == name


# names


@pytest.mark.parametrize(
    ("made", "name", "short_name"),
    [
        (node(identity, "a", "b", name="n"), "n", "n"),
        (node(identity, "a", "b", name="n", namespace="s.t"), "s.t.n", "n"),
        (node(identity, "a", "b"), "identity__51fd4727", "Identity"),
        (node(keyword_only, {"a": "a", "b": "c"}, ["b", "d"]), "keyword_only__1ddfda05", "Keyword Only"),
        (node(identity, "s.a", "s.b", namespace="s"), "s.identity__dd2a1b07", "Identity"),
        (node(functools.partial(add, 1), "a", "b"), "partial(add)__605f0e4d", "Partial(Add)"),
        (node(lambda x: x, "a", "b", name=""), "<lambda>__f73d3278", "<Lambda>"),
        (node(wrapped, "a", "b"), "identity__51fd4727", "Identity"),
        (node(Model(), "a", "b"), "Model__35dd5730", "Model"),
        (node(nothing, None, "b"), "nothing__afd62b05", "Nothing"),
    ],
)
def test_names_are_given_or_made_of_the_function_and_a_digest(made: Node, name: str, short_name: str) -> None:
    # but for that of the callable object these are the names that Kedro 1.7 gives in a module of this name
    assert made.name == name
    assert made.short_name == short_name


def test_default_names_tell_nodes_of_one_function_apart() -> None:
    names = {node(identity, "a", "b").name, node(identity, "a", "c").name, node(identity, "b", "c").name}
    assert len(names) == 3


@pytest.mark.parametrize("name", ["a", "a-b", "a_b", "a.b", "_", "9", "été", "-.", "A9"])
def test_letters_digits_hyphens_underscores_and_stops_make_a_name(name: str) -> None:
    assert node(identity, "a", "b", name=name, tags=[name]).name == name


@pytest.mark.parametrize("name", ["a b", "a/b", "a\n", "a,b", "a@b", "a:b", "<x>", " "])
@pytest.mark.parametrize("role", ["name", "tag"])
def test_other_characters_are_refused_in_names_and_tags(name: str, role: str) -> None:
    arguments: dict[str, Any] = {"name": name} if role == "name" else {"tags": name}
    with pytest.raises(NodeError) as caught:
        node(identity, "a", "b", **arguments)
    assert str(caught.value) == (
        f"{name!r} is not a valid node {role}: use letters, digits, hyphens, underscores and full stops only"
    )


@pytest.mark.parametrize("bad", [{"name": 3}, {"tags": [3]}, {"tags": ["a", ""]}])
def test_names_and_tags_must_be_words(bad: dict[str, Any]) -> None:
    with pytest.raises(NodeError, match="is not a valid node"):
        node(identity, "a", "b", **bad)


@pytest.mark.parametrize(
    ("namespace", "prefixes"), [(None, []), ("a", ["a"]), ("a.b.c", ["a", "a.b", "a.b.c"]), ("", [])]
)
def test_a_namespace_has_a_prefix_for_every_level(namespace: str | None, prefixes: list[str]) -> None:
    made = node(identity, "a", "b", name="n", namespace=namespace)
    assert made.namespace_prefixes == prefixes
    assert made.namespace == (namespace or None)


@pytest.mark.parametrize(
    ("made", "text"),
    [
        (node(identity, "a", "b"), "identity([a]) -> [b]"),
        (node(add, ["a", "b"], ["c", "d"], name="n"), "n: add([a;b]) -> [c;d]"),
        (node(identity, "a", None), "identity([a]) -> None"),
        (node(nothing, None, "b", namespace="s", name="n"), "n: nothing(None) -> [b]"),
        (node(functools.partial(add, 1), "a", "b"), "partial(add)([a]) -> [b]"),
    ],
)
def test_a_node_reads_as_a_call(made: Node, text: str) -> None:
    assert str(made) == text


def test_the_representation_shows_the_forms() -> None:
    made = node(add, ["a", "b"], {"x": "c"}, name="n")
    assert repr(made) == "Node(add, ['a', 'b'], {'x': 'c'}, name='n')"
    assert repr(node(identity, "a", None)) == "Node(identity, 'a', None, name=None)"


# what is refused


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("f", "a", "b"), "a node's first argument must be a function, not 'str'"),
        (
            (identity, ("a",), "b"),
            "inputs of a node of 'identity' must be a name, a list, a dictionary or None, not 'tuple'",
        ),
        (
            (identity, "a", 5),
            "outputs of a node of 'identity' must be a name, a list, a dictionary or None, not 'int'",
        ),
        (
            (identity, ["a", 5], "b"),
            "inputs of a node of 'identity' must be names, but 5 in ['a', 5] is 'int'",
        ),
        (
            (identity, "a", {"x": None}),
            "outputs of a node of 'identity' must be names, but None in {'x': None} is 'NoneType'",
        ),
        ((identity, "", "b"), "inputs of a node of 'identity' hold an empty name: ''"),
        ((nothing, None, None), "a node of 'nothing' must have inputs or outputs"),
        ((nothing, [], {}), "a node of 'nothing' must have inputs or outputs"),
        (
            (identity, "a", ["b", "c", "b"]),
            "node 'identity([a]) -> [b;c;b]' names the outputs ['b'] more than once",
        ),
        (
            (identity, "a", "a"),
            "node 'identity([a]) -> [a]' reads and writes 'a'; give its output a name of its own",
        ),
        (
            (identity, "a@x", ["a@y", "b"]),
            "node 'identity([a@x]) -> [a@y;b]' reads and writes 'a'; give its output a name of its own",
        ),
        (
            (identity, ["a", "b"], "c"),
            "function 'identity' takes the arguments ['x'], but the inputs are ['a', 'b']",
        ),
        ((add, "a", "c"), "function 'add' takes the arguments ['a', 'b'], but the inputs are 'a'"),
        ((nothing, "a", "c"), "function 'nothing' takes the arguments [], but the inputs are 'a'"),
        ((identity, None, "c"), "function 'identity' takes the arguments ['x'], but the inputs are None"),
        (
            (add, {"a": "a", "z": "b"}, "c"),
            "function 'add' takes the arguments ['a', 'b'], but the inputs are {'a': 'a', 'z': 'b'}",
        ),
        (
            (add, {"a": "a"}, "c"),
            "function 'add' takes the arguments ['a', 'b'], but the inputs are {'a': 'a'}",
        ),
        (
            (add, {"a": "a", "b": "b", "z": "d"}, "c"),
            "function 'add' takes the arguments ['a', 'b'], "
            "but the inputs are {'a': 'a', 'b': 'b', 'z': 'd'}",
        ),
        (
            (keyword_only, ["a", "b"], "c"),
            "function 'keyword_only' takes the arguments ['a', 'b'], but the inputs are ['a', 'b']",
        ),
        (
            (functools.partial(add, 1), ["a", "b"], "c"),
            "function 'partial(add)' takes the arguments ['b'], but the inputs are ['a', 'b']",
        ),
        ((Model().fit, None, "c"), "function 'fit' takes the arguments ['table'], but the inputs are None"),
        ((identity, "a@b@c", "d"), "dataset name 'a@b@c' has 2 '@', but one at most may set off its format"),
    ],
)
def test_a_node_that_cannot_be_says_why(arguments: tuple[Any, Any, Any], said: str) -> None:
    with pytest.raises(PipelineError) as caught:
        node(*arguments)
    assert str(caught.value) == said


def test_node_errors_are_value_errors_as_kedro_users_expect() -> None:
    with pytest.raises(ValueError) as caught:
        node(nothing, None, None)
    assert isinstance(caught.value, IncrementalError)


# signatures


def positional_only(a: Any, b: Any = 1, /, c: Any = 2) -> Any:
    return a, b, c


def signed(*args: Any) -> Any:
    return args


signed.__signature__ = inspect.signature(add)  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("func", "counts"),
    [
        (nothing, {0}),
        (identity, {1}),
        (optional, {1, 2}),
        (keyword_only, set()),
        (anything, {0, 1, 2, 3, 4}),
        (positional_only, {1, 2, 3}),
        (signed, {2}),
        (wrapped, {0, 1, 2, 3, 4}),
        (Model().fit, {1}),
        (Model(), {1}),
        (Model, {0}),
        (functools.partial(add, b=1), {1}),
        (functools.partial(optional, 1), {0, 1}),
        (len, {1}),
        (max, EVERY),
        (dict, EVERY),
    ],
)
def test_a_function_accepts_the_inputs_that_its_signature_binds(func: Any, counts: set[int]) -> None:
    assert {count for count in range(5) if accepts(func, count)} == counts


@pytest.mark.parametrize(
    ("func", "keywords", "order"),
    [
        (optional, ["c", "b", "a"], ["a", "b", "c"]),
        (optional, ["c"], None),
        (optional, ["a", "q"], None),
        (keyword_only, ["a"], None),
        (positional_only, ["a"], None),
        (signed, ["b", "a"], ["a", "b"]),
        (anything, ["q", "a"], ["q", "a"]),
        (dict, ["q", "a"], ["q", "a"]),
        (Model, ["q"], None),
    ],
)
def test_keywords_are_ordered_as_the_arguments_are(func: Any, keywords: list[str], order: Any) -> None:
    assert keyword_order(func, keywords) == order


@pytest.mark.parametrize(
    ("func", "expected"),
    [
        (identity, False),
        (chunks, True),
        (functools.partial(chunks, 1), True),
        (functools.partial(functools.partial(chunks)), True),
        (wrapped_chunks, True),
        (wrapped, False),
        (Model().stream, True),
        (Model().fit, False),
        (Streaming(), True),
        (Model(), False),
        (len, False),
        (lambda: (yield), True),
    ],
)
def test_generator_functions_are_seen_through_partials_methods_and_wrappers(
    func: Any, expected: bool
) -> None:
    assert node(func, ["a"] if accepts(func, 1) else None, "b", name="n").is_generator is expected


# identity


def test_nodes_are_equal_by_name_and_wiring() -> None:
    one = node(identity, "a", "b", name="n", tags="t")
    assert one == one
    assert one == node(wrapped, "a", "b", name="n")
    assert hash(one) == hash(node(wrapped, "a", "b", name="n"))
    assert one != node(identity, "a", "b", name="m")
    assert one != node(identity, "a", "c", name="n")
    assert one != node(identity, ["a"], "b", name="n")
    assert one != node(identity, "a", "b", name="n", namespace="s")
    assert one != "n"


def test_the_order_of_keys_makes_no_difference() -> None:
    one = node(add, {"a": "x", "b": "y"}, {"p": "u", "q": "v"}, name="n")
    assert one == node(add, {"b": "y", "a": "x"}, {"q": "v", "p": "u"}, name="n")
    assert one != node(add, {"b": "x", "a": "y"}, {"p": "u", "q": "v"}, name="n")


def test_nodes_sort_by_name_then_wiring() -> None:
    made = [
        node(identity, ["a"], "b", name="n"),
        node(nothing, None, "b", name="n"),
        node(identity, "a", "b", name="m"),
        node(identity, {"x": "a"}, "b", name="n"),
    ]
    assert sorted(made) == [made[2], made[1], made[0], made[3]]
    with pytest.raises(TypeError):
        assert made[0] < "n"  # type: ignore[operator]


def test_tagging_returns_another_node() -> None:
    one = node(identity, {"x": "a"}, "b", name="n", tags="t", namespace="s", confirms="c")
    two = one.tag(["u", "v"])
    assert one.tags == {"t"}
    assert two.tags == {"t", "u", "v"}
    assert one.tag("uv").tags == {"t", "uv"}
    assert two == one
    assert (two.namespace, two.confirms, two.func) == ("s", ["c"], identity)


def test_renaming_changes_datasets_and_namespace_only() -> None:
    one = node(add, {"b": "x", "a": "y@f"}, ["u", "v"], name="n", tags="t", namespace="s", confirms="c")
    two = one.rename(str.upper, "outer")
    assert two.inputs == ["Y@F", "X"]
    assert two.outputs == ["U", "V"]
    assert two.confirms == ["C"]
    assert two.name == "outer.s.n"
    assert two.tags == {"t"}
    assert one.rename(str.upper).namespace == "s"


@pytest.mark.parametrize("protocol", range(2, pickle.HIGHEST_PROTOCOL + 1))
def test_a_node_travels_by_pickle(protocol: int) -> None:
    one = node(add, {"b": "x", "a": "y"}, ["u", "v"], name="n", tags="t", namespace="s", confirms="c")
    two = pickle.loads(pickle.dumps(one, protocol))
    assert two == one
    assert (two.tags, two.confirms, two.namespace, two.reads) == ({"t"}, ["c"], "s", ("y", "x"))
    assert two.run({"x": [1], "y": [2]}) == {"u": 2, "v": 1}
