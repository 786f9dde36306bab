"""The same configuration by Kedro's loader and by ours: the same values, or the difference that is listed here.

Listed, each with its reason:

* A dotted runtime parameter reaches inside (Kedro's command line does that, its loader does not).
* A runtime parameter changes itself only: in Kedro ``m.lr=5`` takes away all else that ``m`` has in the base
  as soon as the environment has any file of parameters.
* ``base_env`` and ``default_run_env`` are ``base`` and ``local`` where the loader is used directly, as a
  project has them; a default environment that is not there is empty (a fresh clone has none).
* A parameter that is a mapping in one file and a value in another one of the same environment is refused;
  Kedro takes the one that it reads last, and reads them in the order of a set.
* A soft merge lets a mapping replace a list, and a list a mapping, as a destructive one does.
* A kind without files is missing in whichever environment; Kedro says it is empty where ``env`` is the base.
  ``get`` returns its default then; Kedro's raises. Runtime parameters alone are parameters (Kedro's context
  does that, its loader does not).
* Globals are read when something refers to them; Kedro's loader cannot be made where they are broken.
* Globals that are assigned are used at once; Kedro's loader keeps those it has used before.
* References that double until no memory holds them are refused.
* Errors have classes of ours, and name file and line.
"""

from __future__ import annotations

import copy
import shutil
import tempfile
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import example, given, settings
from hypothesis import strategies as st

from incremental.config import ConfigError, MissingConfigError, OmegaConfigLoader

pytest.importorskip("kedro", reason="compares with Kedro")

KEDRO_DEFAULTS = {"base_env": "base", "default_run_env": "local"}
REFUSED = "refused"


def kedros(root: str | Path, **arguments: Any) -> Any:
    from kedro.config import OmegaConfigLoader as KedroLoader

    return KedroLoader(str(root), **{**KEDRO_DEFAULTS, **arguments})


def by(make: Any, root: str | Path, key: str, **arguments: Any) -> Any:
    """Return what a loader says, in a form that shows types; errors are all alike here."""
    try:
        return _exactly(make(str(root), **copy.deepcopy(arguments))[key])
    except Exception:
        return REFUSED


def _exactly(value: Any) -> Any:
    if isinstance(value, dict):
        return {repr(key): _exactly(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_exactly(item) for item in value]
    return f"{value}" if isinstance(value, str) else repr(value)


def write(root: Path, files: dict[str, Any]) -> Path:
    for env in ("base", "local"):
        (root / env).mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        file = root / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(content if isinstance(content, str) else yaml.safe_dump(content))
    return root


CASES: dict[str, tuple[dict[str, Any], str, dict[str, Any]]] = {
    "an environment replaces": (
        {"base/catalog.yml": "a: {x: 1, y: 2}\nb: {z: 1}", "local/catalog.yml": "a: {x: 3}"},
        "catalog",
        {},
    ),
    "an environment is merged softly": (
        {"base/catalog.yml": "a: {x: 1, y: [1, 2]}", "local/catalog.yml": "a: {x: 3, z: {q: 1}}"},
        "catalog",
        {"merge_strategy": {"catalog": "soft"}},
    ),
    "strategies differ by kind": (
        {"base/parameters.yml": "a: {x: 1, y: 2}", "local/parameters.yml": "a: {x: 3}"},
        "parameters",
        {"merge_strategy": {"catalog": "soft", "parameters": "destructive"}},
    ),
    "an environment is named": (
        {"base/parameters.yml": "a: 1", "local/parameters.yml": "a: 2", "prod/parameters.yml": "a: 3"},
        "parameters",
        {"env": "prod"},
    ),
    "the environment is the base": (
        {"base/parameters.yml": "a: 1", "local/parameters.yml": "a: 2"},
        "parameters",
        {"env": "base"},
    ),
    "the base has another name": (
        {"common/parameters.yml": "a: 1\nb: 1", "dev/parameters.yml": "a: 2"},
        "parameters",
        {"base_env": "common", "default_run_env": "dev"},
    ),
    "no environments at all": (
        {"parameters.yml": "a: 1", "catalog.yml": "b: {x: 1}"},
        "catalog",
        {"base_env": "", "default_run_env": ""},
    ),
    "files in folders": (
        {
            "base/catalog/one.yml": "a: {x: 1}",
            "base/catalog/deep/two.yaml": "b: {x: 2}",
            "base/area/catalog_three.json": '{"c": {"x": 3}}',
            "base/area/other.yml": "d: 1",
        },
        "catalog",
        {},
    ),
    "templates with a line before them": (
        {"base/catalog.yml": "_csv: &csv {type: c}\na: {<<: *csv, filepath: x}\nb: {type: '${_csv.type}'}"},
        "catalog",
        {},
    ),
    "a template is in two files": (
        {
            "base/catalog_a.yml": "_t: {type: c}\na: '${_t}'",
            "base/catalog_b.yml": "_t: {type: c}\nb: '${_t}'",
        },
        "catalog",
        {},
    ),
    "an environment overrides what is referred to": (
        {
            "base/catalog.yml": "_root: base\na: {f: '${_root}/a'}\nb: {f: '${_root}/b'}",
            "local/catalog.yml": "_root: local\nb: {f: '${_root}/b'}",
        },
        "catalog",
        {},
    ),
    "globals": (
        {
            "base/globals.yml": "bucket: s3://base\ndeep: {er: 1, l: [1, {k: v}]}",
            "local/globals.yml": "bucket: s3://local",
            "base/catalog.yml": "a: {f: '${globals:bucket}/x', g: '${globals:deep.l}', h: '${globals:none, 3}'}",
        },
        "catalog",
        {},
    ),
    "globals of globals": (
        {"base/globals.yml": "a: 1\nb: '${a}${a}'", "base/parameters.yml": "c: '${globals:b}'"},
        "parameters",
        {},
    ),
    "a global that is not there": ({"base/parameters.yml": "c: '${globals:b}'"}, "parameters", {}),
    "a private global": (
        {"base/globals.yml": "_a: 1", "base/parameters.yml": "c: '${globals:_a, 2}'"},
        "parameters",
        {},
    ),
    "globals of a global that is null": (
        {"base/globals.yml": "a: null", "base/parameters.yml": "c: '${globals:a, 2}'"},
        "parameters",
        {},
    ),
    "globals in globals": (
        {"base/globals.yml": "a: 1\nb: '${globals:a}'"},
        "globals",
        {},
    ),
    "runtime parameters in globals": (
        {"base/globals.yml": "b: '${runtime_params:a, 1}'"},
        "globals",
        {"runtime_params": {"a": 1}},
    ),
    "runtime parameters with defaults": (
        {
            "base/globals.yml": "g: from globals",
            "base/catalog.yml": "a: {f: '${runtime_params:x}', d: '${runtime_params:y, data/raw}', "
            "g: '${runtime_params:z, ${globals:g}}', n: '${runtime_params:m.k, null}', q: \"${runtime_params:q, 'a, b'}\"}",
        },
        "catalog",
        {"runtime_params": {"x": 1.5, "m": {"k": [1, 2]}}},
    ),
    "a runtime parameter that is not there": (
        {"base/catalog.yml": "a: {f: '${runtime_params:x}'}"},
        "catalog",
        {},
    ),
    "runtime parameters on top": (
        {"base/parameters.yml": "m: {lr: 1, depth: 2}\nn: '${m.lr}'", "local/catalog.yml": "o: {x: 1}"},
        "parameters",
        {"runtime_params": {"m": {"lr": 5}, "new": {"deep": [1]}}},
    ),
    "runtime parameters over an environment that replaces": (
        {"base/parameters.yml": "m: {lr: 1, depth: 2}", "local/parameters.yml": "m: {depth: 3}"},
        "parameters",
        {"runtime_params": {"m": {"lr": 5}}},
    ),
    "custom resolvers": (
        {"base/parameters.yml": "a: '${add:1,2,3}'\nb: '${name:${a}, x}'\nc: '${today:}'"},
        "parameters",
        {
            "custom_resolvers": {
                "add": lambda *numbers: sum(numbers),
                "name": lambda *words: {"words": list(words)},
                "today": lambda: "now",
            }
        },
    ),
    "an unknown resolver": ({"base/parameters.yml": "a: '${unknown:1}'"}, "parameters", {}),
    "an environment variable in credentials": (
        {
            "base/credentials.yml": "a: {k: '${oc.env:HOME}', d: '${oc.env:NOT_SET_AT_ALL, text}', n: '${oc.env:NO, null}'}"
        },
        "credentials",
        {},
    ),
    "an environment variable elsewhere": ({"base/parameters.yml": "a: '${oc.env:HOME}'"}, "parameters", {}),
    "an environment variable that is not set": (
        {"base/credentials.yml": "a: '${oc.env:NOT_SET_AT_ALL}'"},
        "credentials",
        {},
    ),
    "relative references": (
        {"base/parameters.yml": "a: {b: 1, c: '${.b}', d: {e: '${..b}'}}\nl: [1, '${l[0]}', '${l.0}']"},
        "parameters",
        {},
    ),
    "escapes": ({"base/parameters.yml": "a: '\\${b}'\nb: 'x\\\\${c}'\nc: 1"}, "parameters", {}),
    "a circle": ({"base/parameters.yml": "a: '${b}'\nb: '${a}'"}, "parameters", {}),
    "references to what is not there": ({"base/parameters.yml": "a: '${b}'"}, "parameters", {}),
    "hidden files": (
        {"base/.catalog.yml": "a: 1", "base/.hidden/catalog.yml": "b: 1", "base/catalog.yml": "c: {x: 1}"},
        "catalog",
        {},
    ),
    "hidden files that are asked for": (
        {"base/.hidden/catalog.yml": "b: {x: 1}", "base/catalog.yml": "c: {x: 1}"},
        "catalog",
        {"ignore_hidden": False},
    ),
    "a key in two files": (
        {"base/catalog_a.yml": "a: {x: 1}", "base/catalog_b.yml": "a: {x: 2}"},
        "catalog",
        {},
    ),
    "parameters of one mapping in two files": (
        {"base/parameters_a.yml": "a: {x: 1}", "base/parameters_b.yml": "a: {y: 2}"},
        "parameters",
        {},
    ),
    "a parameter in two files": (
        {"base/parameters_a.yml": "a: {x: 1}", "base/parameters_b.yml": "a: {x: 2}"},
        "parameters",
        {},
    ),
    "patterns of one's own": (
        {"base/spark.yml": "a: 1", "base/deep/spark_more.yml": "b: 2"},
        "spark",
        {"config_patterns": {"spark": ["spark*", "**/spark*"]}},
    ),
    "patterns in place of the usual ones": (
        {"base/entries.yml": "a: {x: 1}", "base/catalog.yml": "b: {x: 1}"},
        "catalog",
        {"config_patterns": {"catalog": ["entries*"]}},
    ),
    "nothing of a kind": ({"base/catalog.yml": "a: 1"}, "parameters", {}),
    "an unknown kind": ({"base/catalog.yml": "a: 1"}, "nothing", {}),
    "an empty file": ({"base/parameters.yml": "", "base/parameters_more.yml": "# none\n"}, "parameters", {}),
    "an environment that is not there": ({"base/parameters.yml": "a: 1"}, "parameters", {"env": "none"}),
    "a broken file": ({"base/parameters.yml": "a: [1"}, "parameters", {}),
    "yaml of its own kind": (
        {
            "base/parameters.yml": "a: yes\nb: 1e3\nc: 1_000\nd: 0x1f\ne: 2020-01-01\nf: ~\ng: .inf\nh: '1'\n"
            "i: 010\nj: 1:30\nk: !!str 1\nl: !!int '3'\n2024: year\ntrue: x\nm: 1.\nn: .5\no: 0o17\np: -1e-3\n",
        },
        "parameters",
        {},
    ),
    "the word for missing": (
        {"base/parameters.yml": "a: ???\nb: 1", "local/parameters.yml": "b: ???"},
        "parameters",
        {"merge_strategy": {"parameters": "soft"}},
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_a_folder_of_configuration_is_the_same_for_both(tmp_path: Path, name: str) -> None:
    files, key, arguments = CASES[name]
    root = write(tmp_path / "conf", files)
    theirs, ours = by(kedros, root, key, **arguments), by(OmegaConfigLoader, root, key, **arguments)
    assert ours == theirs


DIFFERENT: dict[str, tuple[dict[str, Any], str, dict[str, Any], Any, Any]] = {
    "a dotted runtime parameter reaches inside": (
        {"base/parameters.yml": "m: {lr: 1}"},
        "parameters",
        {"runtime_params": {"m.lr": 2}},
        {"'m'": {"'lr'": "1"}, "'m.lr'": "2"},
        {"'m'": {"'lr'": "2"}},
    ),
    "a runtime parameter leaves what lies beside it": (
        {"base/parameters.yml": "m: {lr: 1, depth: 2}", "local/parameters.yml": "o: 1"},
        "parameters",
        {"runtime_params": {"m": {"lr": 5}}},
        {"'m'": {"'lr'": "5"}, "'o'": "1"},
        {"'m'": {"'lr'": "5", "'depth'": "2"}, "'o'": "1"},
    ),
    "a default environment may be absent": (
        {"base/parameters.yml": "a: 1"},
        "parameters",
        {"default_run_env": "none"},
        REFUSED,
        {"'a'": "1"},
    ),
    "runtime parameters alone are parameters": (
        {"base/catalog.yml": "a: 1"},
        "parameters",
        {"runtime_params": {"a": 1}},
        REFUSED,
        {"'a'": "1"},
    ),
    "globals that nobody refers to may be broken": (
        {"base/globals.yml": "a: '${a}'", "base/parameters.yml": "b: 1"},
        "parameters",
        {},
        REFUSED,
        {"'b'": "1"},
    ),
    "a parameter is a mapping in one file and a value in another": (
        {"base/parameters_a.yml": "m: {x: 1}", "base/parameters_b.yml": "m: 1"},
        "parameters",
        {},
        None,  # either of the two
        REFUSED,
    ),
    "a mapping replaces a list": (
        {"base/parameters.yml": "a: [1]", "local/parameters.yml": "a: {b: 1}"},
        "parameters",
        {"merge_strategy": {"parameters": "soft"}},
        REFUSED,
        {"'a'": {"'b'": "1"}},
    ),
    "the base as environment has no more kinds than otherwise": (
        {"base/catalog.yml": "a: 1"},
        "parameters",
        {"env": "base"},
        {},
        REFUSED,
    ),
    "references that double": (
        {
            "base/parameters.yml": "a0: x\n"
            + "".join(f"a{n}: '${{a{n - 1}}}${{a{n - 1}}}'\n" for n in range(1, 41))
        },
        "parameters",
        {},
        None,  # it would take all the memory there is
        REFUSED,
    ),
}


@pytest.mark.parametrize("name", DIFFERENT)
def test_a_difference_is_the_one_that_is_listed(tmp_path: Path, name: str) -> None:
    files, key, arguments, theirs, ours = DIFFERENT[name]
    root = write(tmp_path / "conf", files)
    assert by(OmegaConfigLoader, root, key, **arguments) == ours
    if theirs is not None:
        assert by(kedros, root, key, **arguments) == theirs


@pytest.mark.parametrize(
    ("files", "key", "kind"),
    [
        ({"base/catalog.yml": "a: 1"}, "parameters", "MissingConfigException"),
        ({"base/catalog.yml": "a: 1"}, "nothing", "KeyError"),
        ({"base/parameters_a.yml": "x: 1", "base/parameters_b.yml": "x: 1"}, "parameters", "ValueError"),
        ({"base/parameters.yml": "a: [1"}, "parameters", "ParserError"),
    ],
)
def test_what_kedro_refuses_is_an_error_of_configuration_that_code_for_kedro_can_catch(
    tmp_path: Path, files: dict[str, Any], key: str, kind: str
) -> None:
    root = write(tmp_path / "conf", files)
    with pytest.raises(Exception) as theirs:
        kedros(root)[key]
    assert kind in {each.__name__ for each in type(theirs.value).__mro__}
    with pytest.raises(
        MissingConfigError if kind in ("MissingConfigException", "KeyError") else ConfigError
    ) as ours:
        OmegaConfigLoader(root)[key]
    if kind == "KeyError":
        assert isinstance(ours.value, KeyError)
    if kind == "ValueError":
        assert "base/parameters_a.yml:1" in str(ours.value)
        assert "base/parameters_b.yml:1" in str(ours.value)


def test_keys_get_and_assignment_are_the_same(tmp_path: Path) -> None:
    root = write(
        tmp_path / "conf", {"base/catalog.yml": "a: {x: '${globals:g}'}", "base/globals.yml": "g: 1"}
    )
    said = []
    for make in (kedros, OmegaConfigLoader):
        loader = make(root, config_patterns={"spark": ["spark*"]})
        seen = [
            set(loader.keys()) - {"logging"},
            loader.get("nothing"),
            loader.get("nothing", {}),
        ]
        loader["globals"] = {"g": 2}
        loader["parameters"] = {"own": 3}
        loader.config_patterns["spark"] = ["catalog*"]
        seen += [loader["catalog"], loader["parameters"], loader.get("parameters"), loader["spark"]]
        seen += [
            loader.env,
            loader.runtime_params,
            loader.base_env,
            loader.default_run_env,
            str(loader.conf_source),
        ]
        said.append(seen)
    assert said[1] == said[0]


@pytest.mark.parametrize("form", ["zip", "gztar", "tar"])
def test_an_archive_as_kedro_packages_it_is_the_same_for_both(tmp_path: Path, form: str) -> None:
    write(tmp_path / "conf", CASES["globals"][0])
    place = shutil.make_archive(str(tmp_path / "packed"), form, str(tmp_path), "conf")
    assert by(OmegaConfigLoader, place, "catalog") == by(kedros, place, "catalog") != REFUSED


def test_a_remote_folder_is_the_same_for_both(tmp_path: Path, endpoint: str) -> None:
    s3fs = pytest.importorskip("s3fs")
    root = write(tmp_path / "conf", CASES["globals"][0])
    with pytest.MonkeyPatch.context() as patch:
        for name, value in {
            "AWS_ACCESS_KEY_ID": "key",
            "AWS_SECRET_ACCESS_KEY": "secret",
            "AWS_ENDPOINT_URL": endpoint,
        }.items():
            patch.setenv(name, value)
        fs = s3fs.S3FileSystem()
        fs.mkdir("bucket-of-configuration")
        fs.put(f"{root}/", "bucket-of-configuration/conf/", recursive=True)
        place = "s3://bucket-of-configuration/conf"
        (here,) = (by(OmegaConfigLoader, root, "catalog"),)
        assert by(OmegaConfigLoader, place, "catalog") == here != REFUSED
        assert by(kedros, place, "catalog", default_run_env="local") == here


# --- generated folders

ALWAYS_THERE = {"base/globals.yml": {"g": "text", "d": {"e": 2}}, "base/parameters.yml": {"z": 0}}

names = st.sampled_from(["a", "b", "c", "m", "n"])
scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-9, 9),
    st.floats(-9, 9).map(lambda number: round(number, 3)),
    st.sampled_from(["x", "yes", "1e3", "a b", "", "2020-01-01", "0o7", "~", "a: b", "# c", "é"]),
    st.sampled_from(
        [
            "${a}",
            "${m.a}",
            "p/${b}",
            "${globals:g}",
            "${globals:none, 1}",
            "${runtime_params:r, ${globals:g}}",
        ]
    ),
    st.sampled_from(
        ["${runtime_params:r}", "${globals:d.e}/x", "${.a}", "${none}", "\\${a}", "${globals:d}"]
    ),
)
nested = st.recursive(
    scalars,
    lambda inner: st.dictionaries(names, inner, max_size=3) | st.lists(inner, max_size=2),
    max_leaves=4,
)
contents = st.dictionaries(names, nested, max_size=3)
kinds = st.sampled_from(["catalog", "parameters", "globals"])
files = st.sampled_from(
    ["catalog.yml", "parameters.yml", "parameters_more.yml", "globals.yml", "deep/catalog_more.yml"]
)
folders = st.dictionaries(
    st.tuples(st.sampled_from(["base", "local"]), files).map("/".join), contents, max_size=4
)
options = st.fixed_dictionaries(
    {
        "env": st.sampled_from([None, "base", "local"]),
        "merge_strategy": st.dictionaries(kinds, st.sampled_from(["soft", "destructive"]), max_size=2),
        "runtime_params": st.just({}) | st.fixed_dictionaries({"r": scalars}),
    }
)


@settings(max_examples=25)
@given(folders, options)
@example(
    {"base/globals.yml": {"a": 1}, "base/catalog.yml": {"a": {"a": "${globals:a}"}}},
    {"env": None, "merge_strategy": {}, "runtime_params": {}},
)
def test_law_a_generated_folder_is_the_same_for_both(folder: dict[str, Any], options: dict[str, Any]) -> None:
    compare(folder, options)


@pytest.mark.slow
@settings(max_examples=1_000)
@given(folders, options)
def test_law_a_generated_folder_is_the_same_for_both_at_length(
    folder: dict[str, Any], options: dict[str, Any]
) -> None:
    compare(folder, options)


def compare(folder: dict[str, Any], options: dict[str, Any]) -> None:
    with tempfile.TemporaryDirectory() as place:
        write(Path(place), {**ALWAYS_THERE, **folder})
        for key in ("globals", "catalog", "parameters"):
            theirs, ours = by(kedros, place, key, **options), by(OmegaConfigLoader, place, key, **options)
            if key == "globals" and ours == REFUSED:
                assert theirs == REFUSED
                return
            if key == "parameters" and ours == REFUSED and _clash_in_one_environment(folder):
                continue
            assert ours == theirs or _is_listed(theirs, folder, options), key


def _clash_in_one_environment(folder: dict[str, Any]) -> bool:
    """Whether a parameter is a mapping in one file and none in another one of the same environment."""
    whole = {**ALWAYS_THERE, **folder}
    return any(
        _clash(whole.get(f"{env}/parameters.yml", {}), whole.get(f"{env}/parameters_more.yml", {}))
        for env in ("base", "local")
    )


def _clash(one: Any, other: Any) -> bool:
    if isinstance(one, dict) and isinstance(other, dict):
        return any(_clash(one[key], other[key]) for key in one.keys() & other.keys())
    return isinstance(one, dict) or isinstance(other, dict)


def _is_listed(theirs: Any, folder: dict[str, Any], options: dict[str, Any]) -> bool:
    """Whether the difference is one of those at the top: lists and mappings in each other's place."""
    if theirs == {} and options["env"] == "base":
        return True
    kinds = {(name, type(value)) for values in folder.values() for name, value in values.items()}
    mixed = [name for name, kind in kinds if kind is list and (name, dict) in kinds]
    return theirs == REFUSED and bool(mixed)
