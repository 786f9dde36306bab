"""Runtime parameters: read from a command line, dotted names expanded."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from incremental.config import ConfigError, expand, parse_parameters

PARSED = [
    ("", {}),
    (" ", {}),
    ("a=1", {"a": 1}),
    ("a=1,b=2.5,c=1e-3", {"a": 1, "b": 2.5, "c": 0.001}),
    ("a=true,b=no,c=null,d=~,e=", {"a": True, "b": False, "c": None, "d": None, "e": None}),
    ("a.b=1,a.c=x", {"a.b": 1, "a.c": "x"}),
    (" a = 1 , b = x y ,", {"a": 1, "b": "x y"}),
    ("a=2020-01-01", {"a": "2020-01-01"}),
    ("url=http://h/x?a=1", {"url": "http://h/x?a=1"}),
    ("a=[1, 2],b={c: 1, d: [x]},e=5", {"a": [1, 2], "b": {"c": 1, "d": ["x"]}, "e": 5}),
    ("a='x,y',b=\"1\"", {"a": "x,y", "b": "1"}),
    ("a=it's,b=1", {"a": "it's", "b": 1}),
    ("a=['x,]',\"y\"],b=1", {"a": ["x,]", "y"], "b": 1}),
    ("a=1,a=2", {"a": 2}),
    ("a=x]", {"a": "x]"}),
    ("path=s3://b/{x}.csv", {"path": "s3://b/{x}.csv"}),
    ("a=${b}", {"a": "${b}"}),
]


@pytest.mark.parametrize(("text", "values"), PARSED)
def test_parameters_are_read_with_their_types(text, values):
    assert repr(parse_parameters(text)) == repr(values)


WRITE = "write them as 'name=value,other.name=value'"
REFUSED = [
    ("a", f"item 1 ('a') of the parameters has no '='; {WRITE}"),
    ("a=1,b", f"item 2 ('b') of the parameters has no '='; {WRITE}"),
    ("a=1,=2", f"item 2 ('=2') of the parameters has no name before the '='; {WRITE}"),
    ("token=hunter2,hunter3", f"item 2 of the parameters has no '='; {WRITE}"),
    (
        "db.password=hunter2,hunter3=[",
        "value '[' of parameter 'hunter3' cannot be read: "
        "did not find expected node content; correct the syntax",
    ),
    (
        "a=[1,b=2",
        "value '[1,b=2' of parameter 'a' cannot be read: did not find expected ',' or ']'; close the bracket",
    ),
    (
        "token=[hunter2",
        "value *** of parameter 'token' cannot be read: did not find expected ',' or ']'; close the bracket",
    ),
    (
        "a=!!python/name:os.system",
        "value '!!python/name:os.system' of parameter 'a' cannot be read: "
        "tag '!!python/name:os.system' is not supported; configuration is plain data, remove it",
    ),
]


@pytest.mark.parametrize(("text", "message"), REFUSED)
def test_parameters_that_cannot_be_read_are_refused_without_showing_secrets(text, message):
    with pytest.raises(ConfigError) as caught:
        parse_parameters(text)
    assert str(caught.value) == message
    assert caught.value.__cause__ is None


@pytest.mark.parametrize(
    "value", ["!hunter2", "*hunter2", "[hunter2", "&hunter2 [*hunter2]", "'hunter2", "%hunter2"]
)
def test_a_secret_that_cannot_be_read_is_not_shown(value):
    with pytest.raises(ConfigError) as caught:
        parse_parameters(f"n=1,api_key={value}")
    assert "unter2" not in str(caught.value)


@given(st.text(max_size=20))
def test_reading_parameters_gives_values_or_a_config_error(text):
    try:
        values = parse_parameters(text)
    except ConfigError:
        return
    assert all(isinstance(name, str) and name for name in values)


EXPANDED = [
    ({"a": 1}, None, {"a": 1}),
    ({"a.b": 1}, None, {"a": {"b": 1}}),
    ({"a.b.c": 1, "a.d": 2}, None, {"a": {"b": {"c": 1}, "d": 2}}),
    ({"a.b": 1, "a": {"c": 2}}, None, {"a": {"b": 1, "c": 2}}),
    ({"a": {"b.c": 1}}, None, {"a": {"b": {"c": 1}}}),
    ({"a.b": 1}, {"a.b": 0}, {"a.b": 1}),
    ({"a.b": 1}, {"a.b": 0, "a": {"b": 0}}, {"a.b": 1}),
    ({"a.b.c": 1}, {"a": {"b.c": 0}}, {"a": {"b.c": 1}}),
    ({"a.b.c": 1}, {"a.b": {"c": 0}}, {"a.b": {"c": 1}}),
    ({"a.b.c.d": 1}, {"a.b": {"c.d": 0}}, {"a.b": {"c.d": 1}}),
    ({"a.b.c": 1}, {"a.b": 5}, {"a": {"b": {"c": 1}}}),
    ({"a": {"b.c": 1}}, {"a": {"b.c": 0}}, {"a": {"b.c": 1}}),
    ({"a.b": {"c.d": 1}}, {"a": {"b": {"c.d": 0}}}, {"a": {"b": {"c.d": 1}}}),
    ({"a.b": 1}, {"a": 5}, {"a": {"b": 1}}),
    ({5: 1}, {}, {5: 1}),
    ({"a.b": [{"c.d": 1}]}, {}, {"a": {"b": [{"c.d": 1}]}}),
]


@pytest.mark.parametrize(("given_", "known", "nested"), EXPANDED)
def test_a_dotted_name_reaches_inside_unless_it_exists_literally(given_, known, nested):
    assert expand(given_, known) == nested


@pytest.mark.parametrize("given_", [{"a": 1, "a.b": 2}, {"a.b": 2, "a": 1}, {"x.a": 1, "x.a.b.c": 2}])
def test_names_that_contradict_each_other_are_refused(given_):
    one, two = given_
    with pytest.raises(ConfigError) as caught:
        expand(given_)
    assert str(caught.value) == (
        f"runtime parameters {one!r} and {two!r} contradict each other; give one of them"
    )


@pytest.mark.parametrize("name", ["a.", ".a", "a..b", "."])
def test_a_name_with_an_empty_part_is_refused(name):
    with pytest.raises(ConfigError) as caught:
        expand({name: 1})
    assert str(caught.value) == (
        f"runtime parameter {name!r} has an empty part between its dots; write it as 'a.b'"
    )


nested = st.recursive(
    st.integers(),
    lambda inner: st.dictionaries(st.sampled_from("abc"), inner, min_size=1, max_size=3),
    max_leaves=6,
)


@given(st.dictionaries(st.sampled_from("abc"), nested, max_size=3))
def test_expanding_what_is_nested_already_changes_nothing(values):
    assert expand(values) == values
    assert expand(values, values) == values
