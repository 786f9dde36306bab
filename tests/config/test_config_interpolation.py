"""Interpolation through OmegaConf, and that the way without it gives the same."""

from __future__ import annotations

import copy
import math
import textwrap
import threading
import warnings

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from omegaconf import OmegaConf

from incremental.config import ConfigError, OmegaConfigLoader
from incremental.config.interpolation import Scope, resolve
from incremental.config.merging import merge_softly


@pytest.fixture
def load(tmp_path, monkeypatch):
    """Return a function that writes files below ``conf/`` and loads one kind."""
    monkeypatch.chdir(tmp_path)

    def write_and_load(files: dict[str, str], key: str, **arguments: object) -> dict[str, object]:
        for name, text in {"base/.keep": "", "local/.keep": "", **files}.items():
            path = tmp_path / "conf" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(textwrap.dedent(text))
        return OmegaConfigLoader("conf", **arguments)[key]

    return write_and_load


def test_an_entry_may_use_another_one_of_its_environment(load):
    files = {"base/catalog.yml": "_base: {path: data}\ncars: {filepath: '${_base.path}/cars.csv'}"}
    assert load(files, "catalog") == {"cars": {"filepath": "data/cars.csv"}}


def test_files_of_one_environment_see_each_other(load):
    files = {"base/parameters.yml": "a: ${b.c}", "base/parameters_b.yml": "b: {c: [1, 2]}"}
    assert load(files, "parameters") == {"a": [1, 2], "b": {"c": [1, 2]}}


def test_globals_are_visible_everywhere_with_defaults(load):
    files = {
        "base/globals.yml": "bucket: s3://b\nfolders: {raw: data/01_raw}\nnothing:",
        "local/globals.yml": "bucket: s3://local",
        "base/catalog.yml": "a: {p: '${globals:bucket}/${globals:folders.raw}', q: '${globals:no.such, 5}'}",
        "base/parameters.yml": "f: ${globals:folders}\nn: ${globals:nothing, 1}",
    }
    assert load(files, "catalog") == {"a": {"p": "s3://local/data/01_raw", "q": 5}}
    assert load(files, "parameters") == {"f": {"raw": "data/01_raw"}, "n": None}


def test_globals_may_refer_to_each_other_and_private_ones_do_not_show(load):
    assert load({"base/globals.yml": "_x: 1\na: ${_x}\nb: ${a}2"}, "globals") == {"a": 1, "b": "12"}


def test_runtime_parameters_are_visible_with_defaults(load):
    files = {"base/catalog.yml": "a: {t: '${runtime_params:kind.name, x}', u: '${runtime_params:no, null}'}"}
    assert load(files, "catalog", runtime_params={"kind.name": "y"}) == {"a": {"t": "y", "u": None}}
    assert load(files, "catalog", runtime_params={"kind": {"name": "y"}}) == {"a": {"t": "y", "u": None}}
    assert load(files, "catalog") == {"a": {"t": "x", "u": None}}


def test_a_runtime_default_may_be_a_global(load):
    files = {"base/globals.yml": "d: 3", "base/parameters.yml": "a: '${runtime_params:x, ${globals:d}}'"}
    assert load(files, "parameters") == {"a": 3}
    assert load(files, "parameters", runtime_params={"x": 4}) == {"a": 4, "x": 4}


def test_parameters_are_resolved_with_the_runtime_ones_on_top(load):
    files = {"base/parameters.yml": "n: 1\na: ${n}\nm: ${_t}\n_t: {x: 1, y: 2}"}
    assert load(files, "parameters", runtime_params={"n": 5, "m": {"x": 3}}) == {
        "n": 5,
        "a": 5,
        "m": {"x": 3, "y": 2},
        "_t": {"x": 1, "y": 2},
    }


def test_a_runtime_parameter_may_be_interpolated_itself(load):
    assert load({"base/parameters.yml": "n: 1"}, "parameters", runtime_params={"m": "${n}"}) == {
        "n": 1,
        "m": 1,
    }


def test_an_environment_variable_works_in_credentials(load, monkeypatch):
    monkeypatch.setenv("CANARY", "hunter2")
    files = {"local/credentials.yml": "s3: {key: '${oc.env:CANARY}', other: '${oc.env:NO_SUCH, x}'}"}
    credentials = load(files, "credentials")
    assert credentials == {"s3": {"key": "hunter2", "other": "x"}}
    assert "hunter2" not in repr(credentials)


def test_an_environment_variable_works_elsewhere_when_its_resolver_is_given(load, monkeypatch):
    from omegaconf.resolvers import oc

    monkeypatch.setenv("CANARY", "x")
    files = {"base/parameters.yml": "a: ${oc.env:CANARY}"}
    assert load(files, "parameters", custom_resolvers={"oc.env": oc.env}) == {"a": "x"}


def test_custom_resolvers_are_called(load):
    files = {"base/parameters.yml": "a: ${add:1,2}\nb: ${today:}"}
    resolvers = {"add": lambda one, two: one + two, "today": lambda: "Monday"}
    assert load(files, "parameters", custom_resolvers=resolvers) == {"a": 3, "b": "Monday"}


def test_resolvers_of_one_loader_are_gone_afterwards(load):
    load({"base/parameters.yml": "a: ${add:1}"}, "parameters", custom_resolvers={"add": lambda one: one})
    assert [OmegaConf.has_resolver(name) for name in ("add", "globals", "runtime_params", "oc.env")] == [
        False,
        False,
        False,
        True,
    ]


def test_an_escaped_interpolation_is_text(load):
    assert load({"base/parameters.yml": r"a: \${b}"}, "parameters") == {"a": "${b}"}


def test_an_interpolation_that_is_written_with_escapes_is_one(load):
    assert load({"base/parameters.yml": 'a: "\\x24{b}"\nb: 1'}, "parameters") == {"a": 1, "b": 1}


def test_omegaconf_says_nothing(load):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = load({"base/parameters.yml": "a: ${globals:x, 1}"}, "parameters", custom_resolvers={"r": len})
    assert found == {"a": 1}


def test_more_nodes_than_omegaconf_reads_are_fine(load):
    text = "".join(f"d{number}: {{type: t, filepath: x}}\n" for number in range(3000))
    assert len(load({"base/catalog.yml": f"{text}z: '${{globals:x, 1}}'"}, "catalog")) == 3001


FAULTS = [
    (
        {"base/catalog.yml": "a:\n  p: ${globals:buckt}\n", "base/globals.yml": "bucket: x"},
        "catalog",
        "conf/base/catalog.yml:2: '${globals:buckt}' is not in globals.yml; did you mean 'bucket'?; add it, "
        "or give a default: '${globals:buckt, value}'",
    ),
    (
        {"base/catalog.yml": "a: ${globals:_x}", "base/globals.yml": "_x: 1"},
        "catalog",
        "conf/base/catalog.yml:1: '${globals:_x}' begins with '_', and such keys are private",
    ),
    (
        {"base/catalog.yml": "a:\n  b:\n    - 1\n    - ${runtime_params:lr}\n"},
        "catalog",
        "conf/base/catalog.yml:4: '${runtime_params:lr}' is not in the runtime parameters "
        "(--params); add it, "
        "or give a default: '${runtime_params:lr, value}'",
    ),
    (
        {"base/globals.yml": "a: ${runtime_params:x}"},
        "globals",
        "conf/base/globals.yml:1: '${runtime_params:...}' cannot be used in globals; use it where "
        "the value is needed",
    ),
    (
        {"base/globals.yml": "a: ${globals:b}\nb: 1"},
        "globals",
        "conf/base/globals.yml:1: '${globals:...}' cannot be used in globals; "
        "write '${name}' for another key there",
    ),
    (
        {"base/parameters.yml": "x: 1\na: ${oc.env:HOME}"},
        "parameters",
        "conf/base/parameters.yml:2: '${oc.env:...}' works in credentials only; hand the value in "
        "as a runtime "
        "parameter, or add 'oc.env' to custom_resolvers",
    ),
    (
        {"local/credentials.yml": "a: ${oc.env:NO_SUCH_VARIABLE}"},
        "credentials",
        "conf/local/credentials.yml:1: environment variable 'NO_SUCH_VARIABLE' is not set; set "
        "it, or give a default",
    ),
    (
        {"base/parameters.yml": "a: ${globl:x}"},
        "parameters",
        "conf/base/parameters.yml:1: no resolver 'globl'; did you mean 'globals'?; "
        "add it to custom_resolvers in CONFIG_LOADER_ARGS",
    ),
    (
        {"base/parameters.yml": "model: 1\na:\n  b.c: ${modle.x}"},
        "parameters",
        "conf/base/parameters.yml:3: '${modle.x}' refers to a key that the files of this "
        "environment do not have; "
        "did you mean 'model'?",
    ),
    (
        {"base/parameters.yml": "a: ${b\n"},
        "parameters",
        "conf/base/parameters.yml:1: interpolation cannot be read; close its brace, "
        "or write '\\${' for the characters themselves",
    ),
    (
        {"base/parameters.yml": "a: ${b}\nb: ${a}"},
        "parameters",
        "2 faults in the configuration of 'parameters':\n"
        "  conf/base/parameters.yml:1: interpolation failed: Recursive interpolation detected\n"
        "  conf/base/parameters.yml:2: interpolation failed: Recursive interpolation detected",
    ),
    (
        {"base/parameters.yml": "a: 1\nb: ${boom:1}"},
        "parameters",
        "conf/base/parameters.yml:2: interpolation failed: ZeroDivisionError raised while resolving "
        "interpolation: division by zero",
    ),
    (
        {"base/parameters_a.yml": "a: ${b.x}", "base/parameters_b.yml": "c:\n  d: ${b.y}\ne: 1"},
        "parameters",
        "2 faults in the configuration of 'parameters':\n"
        "  conf/base/parameters_a.yml:1: '${b.x}' refers to a key that the files of this "
        "environment do not have\n"
        "  conf/base/parameters_b.yml:2: '${b.y}' refers to a key that the files of this "
        "environment do not have",
    ),
]


@pytest.mark.parametrize(("files", "key", "text"), FAULTS)
def test_an_interpolation_that_fails_is_shown_with_file_and_line(load, files, key, text):
    with pytest.raises(ConfigError) as caught:
        load(files, key, custom_resolvers={"boom": lambda x: x / 0})
    assert str(caught.value) == text


def test_a_resolver_that_fails_in_credentials_tells_no_secret(load):
    def boom(text: str) -> str:
        raise ValueError(text)

    with pytest.raises(ConfigError) as caught:
        load({"local/credentials.yml": "a: ${boom:hunter2}"}, "credentials", custom_resolvers={"boom": boom})
    assert str(caught.value) == "conf/local/credentials.yml:1: interpolation failed"


def test_a_runtime_parameter_that_fails_has_no_line(load):
    with pytest.raises(ConfigError) as caught:
        load({"base/parameters.yml": "a: 1"}, "parameters", runtime_params={"m": "${no}"})
    assert str(caught.value) == "'${no}' refers to a key that the files of this environment do not have"


def test_any_object_may_be_a_runtime_parameter(load):
    thing = object()
    given_ = {"x": thing, "y": {"z": {1, 2}}}
    parameters = load(
        {"base/parameters.yml": "a: ${b}\nb: ${runtime_params:n, 1}"}, "parameters", runtime_params=given_
    )
    assert parameters == {"a": 1, "b": 1, "x": thing, "y": {"z": {1, 2}}}


def test_a_list_replaces_a_mapping_and_a_mapping_a_list(load):
    files = {"base/parameters.yml": "a: {b: '${c}'}\nc: 1\nd: [1]\ne: {f: [1], g: [1]}"}
    given_ = {"a": [1], "d": {"x": 2}, "e": {"f": {"y": 3}, "g": [2]}}
    assert load(files, "parameters", runtime_params=given_) == {
        "a": [1],
        "c": 1,
        "d": {"x": 2},
        "e": {"f": {"y": 3}, "g": [2]},
    }


def test_many_faults_are_shown_within_ten_lines(load):
    text = "".join(f"k{number}: ${{globals:x{number}}}\n" for number in range(50))
    with pytest.raises(ConfigError) as caught:
        load({"base/parameters.yml": text}, "parameters")
    assert len(str(caught.value).splitlines()) == 10


def test_loaders_on_several_threads_do_not_mix_their_resolvers(tmp_path):
    results: dict[int, object] = {}

    def work(number: int) -> None:
        root = tmp_path / str(number)
        (root / "base").mkdir(parents=True)
        (root / "base" / "parameters.yml").write_text("a: ${globals:x}\nb: ${mine:}")
        (root / "base" / "globals.yml").write_text(f"x: {number}")
        loader = OmegaConfigLoader(root, custom_resolvers={"mine": lambda: number})
        results[number] = [loader["parameters"] for _ in range(20)]

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == {number: [{"a": number, "b": number}] * 20 for number in range(4)}


# --- the two ways give the same

keys = st.sampled_from(["a", "b", "c", "a.b", "_t", 1])
leaves = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text("ab?$ {}1.", max_size=4)
    | st.just("???")
)
values = st.recursive(
    leaves.filter(lambda value: not (isinstance(value, str) and "${" in value)),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(keys, inner, max_size=3),
    max_leaves=6,
)
mappings = st.dictionaries(keys, values, max_size=4)


def same(one: object, two: object) -> bool:
    if isinstance(one, float) and isinstance(two, float) and math.isnan(one) and math.isnan(two):
        return True
    if isinstance(one, dict) and isinstance(two, dict):
        return one.keys() == two.keys() and all(same(one[key], two[key]) for key in one)
    if isinstance(one, list) and isinstance(two, list):
        return len(one) == len(two) and all(map(same, one, two))
    return type(one) is type(two) and one == two


@settings(max_examples=300)
@given(st.lists(mappings, min_size=1, max_size=3))
def test_merging_plain_values_gives_what_omegaconf_gives(layers):
    expected, problems = resolve(copy.deepcopy(layers), Scope(global_values={}))
    if problems:
        return  # keys that OmegaConf takes for one another
    merged = copy.deepcopy(layers[0])
    for layer in layers[1:]:
        merge_softly(merged, layer)
    assert same(merged, expected)


@settings(max_examples=100)
@given(st.lists(mappings, min_size=2, max_size=2))
def test_merging_leaves_the_upper_layer_as_it_was(layers):
    under, over = layers
    before = copy.deepcopy(over)
    merge_softly(under, over)
    assert same(over, before)
