"""Interpolation without OmegaConf gives what OmegaConf gives, or leaves it to OmegaConf; and it stays small."""

from __future__ import annotations

import copy
import json
import subprocess
import sys
import time
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from omegaconf import OmegaConf

from incremental.config import ConfigError, OmegaConfigLoader
from incremental.config.interpolation import Scope, resolve, resolve_by_omegaconf
from incremental.config.references import resolve_simply

GLOBALS = {"a": 1, "m": {"b": "text", "n": None, "l": [1, "x"]}, "_p": 2, "w": "a b", "on": True, "f": 1e-5}
RUNTIME = {"a": "given", "m": {"b": 2.5}, "o": {"deep": {"er": [1]}}}
SCOPE = Scope(RUNTIME, GLOBALS)

words = st.sampled_from(
    ["a", "b", "c", "m", "n", "o", "w", "_p", "f", "deep", "null", "true", "on", "x-y", "1"]
)
keys = st.lists(words, min_size=1, max_size=3).map(".".join)
defaults = st.one_of(
    st.sampled_from(
        """1 -3 0 007 1.50 1e3 1_0 true False null NULL nan inf '' 'a_b' "a,b" data/01_raw s3://b/c.csv a:b
        x.y /abs 2020-01-01 -.5 [1,2] {a:1} ??? 1. Null 'x'y _a a- a: e5 '\\''""".split()  # noqa: SIM905
    ),
    st.text(st.sampled_from("ab1.-/: '\"_$\\"), max_size=5),
)
blanks = st.sampled_from(["", "", " "])


def _call(name: str, key: str, blank: str, default: str | None) -> str:
    return f"${{{name}:{blank}{key}{'' if default is None else f',{blank}{default}{blank}'}}}"


names = st.sampled_from(["globals", "runtime_params", "oc.env", "upper", "oc.select"])
references = st.recursive(
    st.one_of(
        st.builds("${{{}}}".format, keys),
        st.builds("${{.{}}}".format, keys),
        st.builds(_call, names, keys, blanks, st.none() | defaults),
    ),
    lambda inner: st.builds(_call, names, keys, blanks, inner),
    max_leaves=3,
)
texts = st.lists(references | st.sampled_from(["", "x", " ", "/data/", "}", "$", "\\", "'"]), max_size=3).map(
    "".join
)
leaves = (
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | texts | texts | st.just("???")
)
values = st.recursive(
    leaves,
    lambda inner: st.dictionaries(words, inner, max_size=4) | st.lists(inner, max_size=3),
    max_leaves=6,
)
layers = st.lists(st.dictionaries(words, values, max_size=5), min_size=1, max_size=3)


def compare(layers, over, environment):
    scope = Scope(RUNTIME, GLOBALS, environment=environment)
    simple = resolve_simply(copy.deepcopy(layers), scope, copy.deepcopy(over))
    if simple is not None:
        values, problems = resolve_by_omegaconf(copy.deepcopy(layers), scope, over)
        assert not problems
        assert _exactly(simple) == _exactly(values)


configurations = (layers, st.dictionaries(words, values, max_size=2), st.booleans())


@settings(max_examples=60)
@given(*configurations)
@example([{"a": "${b}", "b": {"c": [1, "${m}"]}, "m": None, "o": "<${m}${b.c}>"}], {}, False)
@example([{"a": "${b.c}/${globals:m.b}", "b": {"c": "${runtime_params:none, ${globals:w}}"}}], {}, False)
@example([{"a": "${b}"}, {"a": {"x": 1}, "b": {"y": 2}}], {}, False)
@example([{"a": "${globals:a,\\}"}], {"a": None}, False)
def test_law_what_is_resolved_without_omegaconf_is_what_omegaconf_resolves(layers, over, environment):
    compare(layers, over, environment)


@pytest.mark.slow
@settings(max_examples=5_000)
@given(*configurations)
def test_law_what_is_resolved_without_omegaconf_is_what_omegaconf_resolves_at_length(
    layers, over, environment
):
    compare(layers, over, environment)


def _exactly(value: object) -> str:
    """Show types, too: 1, 1.0 and True are three things; the order of keys says nothing."""
    if isinstance(value, dict):
        return str(sorted(((repr(key), _exactly(item)) for key, item in value.items())))
    return str([_exactly(item) for item in value]) if isinstance(value, list) else repr(value)


@pytest.mark.parametrize(
    "text",
    [
        "${b}",
        "${m.k}",
        "s3://${b}/x-${m.k}.csv",
        "${globals:m.b}",
        "${globals:none, data/01_raw}",
        "${globals:none, 's3://b/a c'}",
        "${runtime_params:a}",
        "${runtime_params:none, ${globals:m.b}}",
        "${runtime_params:none,1.5}/${runtime_params:none, null}",
        "${globals:m.l}",
    ],
)
def test_everyday_references_do_without_omegaconf(text):
    layers = [{"v": text, "b": "bucket", "m": {"k": "${b}"}}]
    values, problems = resolve_by_omegaconf(copy.deepcopy(layers), SCOPE, {})
    assert problems == []
    assert resolve_simply(layers, SCOPE, {}) == values


def test_a_project_with_globals_and_defaults_never_loads_omegaconf(tmp_path):
    base = tmp_path / "base"
    base.mkdir()
    (base / "globals.yml").write_text("bucket: s3://b\n")
    (base / "catalog.yml").write_text(
        "_csv: {type: c}\na: {filepath: '${globals:bucket}/${runtime_params:n, 1}', t: '${_csv.type}'}\n"
    )
    (base / "credentials.yml").write_text("dev: {key: '${oc.env:HOME}'}\n")
    code = (
        "import sys, json; from incremental.config import OmegaConfigLoader\n"
        "loader = OmegaConfigLoader(sys.argv[1])\n"
        "loader['credentials']; print(json.dumps(loader['catalog'])); assert 'omegaconf' not in sys.modules"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, check=False
    )
    assert done.stderr == ""
    assert json.loads(done.stdout) == {"a": {"filepath": "s3://b/1", "t": "c"}}


def test_runtime_parameters_may_be_kept_from_choosing_what_is_imported(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("conf/base").mkdir(parents=True)
    Path("conf/base/catalog.yml").write_text(
        "a:\n  type: '${runtime_params:kind, MemoryDataset}'\n  dataset: {type: 'x.${runtime_params:m.k, Y}'}\n"
    )
    restricted = {"restrict_runtime_params_type_selection": True}
    assert OmegaConfigLoader("conf", **restricted)["catalog"]["a"]["type"] == "MemoryDataset"
    assert OmegaConfigLoader("conf", runtime_params={"m.k": "Z"})["catalog"]["a"]["dataset"] == {
        "type": "x.Z"
    }
    with pytest.raises(ConfigError) as refused:
        OmegaConfigLoader("conf", runtime_params={"m.k": "Z"}, **restricted)["catalog"]
    assert str(refused.value) == (
        "conf/base/catalog.yml:3: runtime parameter 'm.k' may not choose the type of a dataset; write it out"
    )


# --- bombs


def _doubling(count: int, link: str, first: object = "x") -> dict[str, object]:
    bomb: dict[str, object] = {"a0": first}
    for place in range(1, count + 1):
        bomb[f"a{place}"] = link.replace("@", f"a{place - 1}")
    return bomb


def _nested(count: int) -> dict[str, object]:
    return {
        "a0": "x",
        **{f"a{n}": {"l": f"${{a{n - 1}}}", "r": [f"${{a{n - 1}}}"]} for n in range(1, count + 1)},
    }


BOMBS = {
    "texts": _doubling(40, "${@}${@}"),
    "empty texts": _doubling(40, "${@}${@}", ""),
    "mappings": _nested(40),
    "relative": {"in": _doubling(40, "${.@}${.@}")},
    "brackets": {"in": _doubling(40, "${in[@]}${in.@}")},
    "selected": _doubling(40, "${oc.select:@}${oc.select:'@'}"),
    "computed names": {
        "n": "a",
        **{f"a{k}": f"${{${{n}}{k - 1}}}${{${{n}}{k - 1}}}" for k in range(1, 41)},
        "a0": "x",
    },
    "decoded": _doubling(40, "${oc.decode:${@}${@}}"),
    "defaults": _doubling(40, "${runtime_params:n, ${@}}${globals:n, ${@}}"),
    "through a mapping": {"m": "${n}", "n": _doubling(40, "${m.@}${m.@}")},
}


@pytest.mark.parametrize("name", BOMBS)
def test_references_that_double_forty_times_are_refused_at_once(name):
    begin = time.process_time()
    values, problems = resolve([BOMBS[name]], SCOPE)
    assert values == {}
    assert "repeat more than is sensible" in problems[0].text
    assert time.process_time() - begin < 20  # doubling forty times takes weeks


def _put_together(link: str) -> dict[str, object]:
    """Return references of which no text is one: a dollar sign comes from elsewhere."""
    bomb: dict[str, object] = {"d": "$", "a0": "x"}
    for place in range(1, 6):
        bomb[f"v{place}"] = ",".join([f"${{d}}{{a{place - 1}}}"] * 40)
        bomb[f"a{place}"] = link.replace("@", f"v{place}")
    return bomb


@pytest.mark.parametrize(
    ("resolver", "layer"),
    [
        ("oc.decode", _put_together("${oc.decode:'[${@}]'}")),
        ("oc.create", _put_together("${oc.create:'{x: [\"${@}\"]}'}")),
        ("oc.create", {"d": "$", "a0": "x", "a1": "${oc.create:['${d}{a0}', {k: '${d}{a0}'}]}"}),
        ("oc.decode", {"a0": "x", "a1": r"${oc.decode:'[$\{a0\}]'}"}),
    ],
)
def test_references_that_are_put_together_inside_a_resolver_are_not_followed(resolver, layer):
    begin = time.process_time()
    values, problems = resolve([layer], SCOPE)
    assert values == {}
    assert problems[0].text == (
        f"'${{{resolver}:...}}' follows no references that are put together; write them out"
    )
    assert time.process_time() - begin < 20  # the first would be 100 million values


def test_a_long_text_is_not_read_as_values():
    long = Scope({"long": "[" + "1," * 5000 + "1]"}, {})
    _, problems = resolve([{"a": "${oc.decode:${runtime_params:long}}"}], long)
    assert problems[0].text == "'${oc.decode:...}' reads at most 10,000 characters; write the values out"


def test_aliases_that_double_inside_a_resolver_are_refused():
    doubling = "; ".join(["a: &a [x, x]", *(f"{b}: &{b} [*{a}, *{a}]" for a, b in zip("abcdefghijklmnopqrst", "bcdefghijklmnopqrstu", strict=True))])  # fmt: skip
    assert resolve([{"a": "${oc.create:'{" + doubling.replace(";", ",") + "}'}"}], SCOPE)[1]


def test_a_resolver_imports_nothing(monkeypatch):
    pytest.importorskip("omegaconf", "2.4", reason="has oc.coerce")
    monkeypatch.delitem(sys.modules, "this", raising=False)
    _, problems = resolve([{"a": "${oc.coerce:this.Evil,'5'}"}], SCOPE)
    assert problems[0].text == (
        "'${oc.coerce:...}' makes no 'this.Evil': configuration imports nothing but datasets"
    )
    assert "this" not in sys.modules


def test_resolvers_within_bounds_make_what_omegaconf_makes():
    layer = {
        "port": "80",
        "a": "${oc.decode:${port}}",
        "b": "${oc.decode:'[1, ${port}, ${port}]'}",
        "c": "${oc.create:'{x: [${port}]}'}",
        "d": "${oc.create:{x: ${port}}}",
        "e": {"copy": "${oc.create:${b}}"},
        "f": "${oc.decode:null}",
    }
    values, problems = resolve([layer], SCOPE)
    assert problems == []
    assert values == OmegaConf.to_container(OmegaConf.create(layer), resolve=True)
    theirs = OmegaConf.create({"d": "$", "x": 1, "a": "${oc.decode:'[${d}{x}]'}"})
    assert theirs.a == [1]  # outside of ours all is as ever


def test_a_bomb_over_two_files_that_meet_is_refused():
    first = {f"_a{n}": f"${{_a{n - 1}}}" for n in range(1, 41)}
    second = {f"_a{n}": {"x": f"${{_a{n - 1}}}"} for n in range(1, 41)}
    assert resolve([{**first, "_a0": {"x": 1}}, second], SCOPE)[1]


def test_a_bomb_is_named_with_file_and_line(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("conf/base").mkdir(parents=True)
    Path("conf/base/parameters.yml").write_text("".join(f"{k}: {v}\n" for k, v in BOMBS["texts"].items()))
    with pytest.raises(ConfigError) as caught:
        OmegaConfigLoader("conf")["parameters"]
    text = str(caught.value)
    assert text.startswith("conf/base/parameters.yml:")
    assert text.endswith("references to references repeat more than is sensible; write the values out")


def test_a_large_global_that_is_used_everywhere_is_refused():
    scope = Scope({}, {"big": "x" * 1_000_000})
    assert resolve([{f"a{n}": "${globals:big}" * 50 for n in range(50)}], scope)[1]


def test_a_large_project_with_computed_names_is_fine():
    layer = {
        "env": "dev",
        "models": {"default": "rf", "rf": {"depth": 3}, "active": "${models.${models.default}}"},
    }
    layer |= {"roots": {"dev": {"raw": "d"}, "prod": {"raw": "p"}}}
    layer |= {f"e{n}": {"filepath": "${roots.${env}.raw}/${roots.${env}.raw}/${env}.csv"} for n in range(30)}
    values, problems = resolve([layer], SCOPE)
    assert problems == []
    assert values["e29"] == {"filepath": "d/d/dev.csv"}
    assert values["models"]["active"] == {"depth": 3}


def test_thousands_of_entries_with_references_are_fine():
    layer = {"base": "data/${globals:m.b}", **{f"e{n}": f"${{base}}/{n}/${{base}}" for n in range(3_000)}}
    values, problems = resolve([layer], SCOPE)
    assert problems == []
    assert values["e7"] == "data/text/7/data/text"


def test_a_long_chain_of_references_is_followed():
    values, problems = resolve([_doubling(150, "${@}")], SCOPE)
    assert problems == []
    assert values["a150"] == "x"


@pytest.mark.parametrize("link", ["${@}", "${oc.select:@}"])
def test_a_chain_that_cannot_be_followed_to_its_end_is_refused(link):
    backwards = dict(reversed(_doubling(400, link).items()))
    values, problems = resolve([backwards], SCOPE)
    assert values == {}
    assert "lead through more others than can be followed" in problems[0].text
