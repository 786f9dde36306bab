"""The loader: layers, merging, patterns, and every fault of a kind in one message."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from incremental.config import (
    AbstractConfigLoader,
    BadConfigException,
    ConfigError,
    MissingConfigError,
    MissingConfigException,
    OmegaConfigLoader,
    Origin,
)
from incremental.secrets import Secret


@pytest.fixture
def conf(tmp_path, monkeypatch):
    """Return a function that writes files below ``conf/`` and gives the folder."""
    monkeypatch.chdir(tmp_path)

    def write(**files: str) -> Path:
        return write_all({name.replace("__", "/") + ".yml": text for name, text in files.items()})

    def write_all(files: dict[str, str]) -> Path:
        root = tmp_path / "conf"
        for folder in ("base", "local"):
            (root / folder).mkdir(parents=True, exist_ok=True)
        for name, text in files.items():
            path = root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(textwrap.dedent(text), encoding="utf-8")
        return root

    write.all = write_all
    return write


def error(make, key: str = "catalog") -> str:
    """Return the message of a loader that cannot be made, or cannot load."""
    with pytest.raises(ConfigError) as caught:
        make()[key]
    return str(caught.value)


# --- layers and merging


def test_the_environment_replaces_whole_entries_of_the_base(conf):
    loader = OmegaConfigLoader(conf(base__catalog="a: {x: 1, y: 2}\nb: {z: 3}", local__catalog="a: {x: 9}"))
    assert loader["catalog"] == {"a": {"x": 9}, "b": {"z": 3}}


def test_a_soft_merge_keeps_what_the_environment_does_not_name(conf):
    root = conf(base__parameters="a: {x: 1, y: [1, 2], z: {q: 1}}", local__parameters="a: {x: 9, y: [3]}")
    loader = OmegaConfigLoader(root, merge_strategy={"parameters": "SOFT"})
    assert loader["parameters"] == {"a": {"x": 9, "y": [3], "z": {"q": 1}}}


def test_a_named_environment_takes_the_place_of_the_default_one(conf):
    root = conf(base__parameters="a: 1", local__parameters="a: 2", prod__parameters="a: 3")
    assert OmegaConfigLoader(root)["parameters"] == {"a": 2}
    assert OmegaConfigLoader(root, env="prod")["parameters"] == {"a": 3}
    assert OmegaConfigLoader(root, env="base")["parameters"] == {"a": 1}
    assert OmegaConfigLoader(root, default_run_env="prod")["parameters"] == {"a": 3}
    assert OmegaConfigLoader(root, base_env="prod", env="local")["parameters"] == {"a": 2}


def test_a_default_environment_that_is_not_there_is_empty(conf):
    root = conf(base__parameters="a: 1")
    (root / "local").rmdir()
    assert OmegaConfigLoader(root)["parameters"] == {"a": 1}


def test_configuration_without_environments_lies_in_the_folder_itself(conf):
    root = conf.all({"catalog.yml": "a: 1", "parameters.json": '{"b": 2}'})
    loader = OmegaConfigLoader(root, base_env="", default_run_env="")
    assert loader["parameters"] == {"b": 2}


def test_runtime_parameters_are_put_on_top_softly(conf):
    root = conf(base__parameters="model: {lr: 1, depth: 2}\nn: 3", local__parameters="n: 4")
    loader = OmegaConfigLoader(root, runtime_params={"model": {"lr": 5}, "new": [1]})
    assert loader["parameters"] == {"model": {"lr": 5, "depth": 2}, "n": 4, "new": [1]}


def test_runtime_parameters_win_over_an_environment_that_replaces_the_entry(conf):
    root = conf(base__parameters="model: {lr: 1, depth: 2}", local__parameters="model: {depth: 3}")
    loader = OmegaConfigLoader(root, runtime_params={"model": {"lr": 5}})
    assert loader["parameters"] == {"model": {"lr": 5, "depth": 3}}


@pytest.mark.parametrize("extra", ["", "\ninterpolated: ${n}"], ids=["plain", "interpolated"])
def test_a_dotted_runtime_parameter_reaches_inside_unless_that_name_exists(conf, extra):
    root = conf(base__parameters="model: {lr: 1, depth: 2}\nn: 3\nlit.eral: 4\nin: {a.b: 5}" + extra)
    given = {"model.lr": 0.5, "lit.eral": 6, "in.a.b": 7, "x.y": 8}
    parameters = OmegaConfigLoader(root, runtime_params=given)["parameters"]
    parameters.pop("interpolated", None)
    assert parameters == {
        "model": {"lr": 0.5, "depth": 2},
        "n": 3,
        "lit.eral": 6,
        "in": {"a.b": 7},
        "x": {"y": 8},
    }


def test_runtime_parameters_touch_no_other_kind(conf):
    assert OmegaConfigLoader(conf(base__catalog="a: 1"), runtime_params={"a": 2})["catalog"] == {"a": 1}


def test_runtime_parameters_alone_are_parameters_too(conf):
    assert OmegaConfigLoader(conf(), runtime_params={"a.b": 1})["parameters"] == {"a": {"b": 1}}


def test_the_runtime_parameters_that_were_handed_in_stay_as_they_were(conf):
    given = {"a": {"b": [1]}}
    OmegaConfigLoader(conf(base__parameters="x: 1"), runtime_params=given)["parameters"]["a"]["b"].append(2)
    assert given == {"a": {"b": [1]}}


def test_each_reading_gives_values_of_its_own(conf):
    loader = OmegaConfigLoader(conf(base__parameters="a: [1]"))
    loader["parameters"]["a"].append(2)
    assert loader["parameters"] == {"a": [1]}


def test_entries_that_begin_with_an_underscore_are_templates(conf):
    root = conf(base__catalog="_csv: &csv {type: c}\na: {<<: *csv, filepath: x}", base__parameters="_p: 1")
    loader = OmegaConfigLoader(root)
    assert loader["catalog"] == {"a": {"type": "c", "filepath": "x"}}
    assert loader["parameters"] == {"_p": 1}


def test_parameters_may_be_spread_over_files(conf):
    root = conf(
        base__parameters="a: {x: 1}\nn:", base__parameters_more="a: {y: 2}", base__parameters__deep="b: 3"
    )
    assert OmegaConfigLoader(root)["parameters"] == {"a": {"x": 1, "y": 2}, "n": None, "b": 3}


def test_templates_may_be_in_several_files(conf):
    root = conf(base__catalog_a="_t: {x: 1}\na: {p: 1}", base__catalog_b="_t: {y: 2}\nb: {p: 2}")
    assert OmegaConfigLoader(root)["catalog"] == {"a": {"p": 1}, "b": {"p": 2}}


def test_the_word_for_missing_replaces_nothing(conf):
    root = conf(base__parameters="a: 1\nb: ???", local__parameters="a: ???")
    assert OmegaConfigLoader(root, merge_strategy={"parameters": "soft"})["parameters"] == {
        "a": 1,
        "b": "???",
    }


# --- which files


def test_files_are_found_by_name_in_the_environment_and_below(conf):
    root = conf.all(
        {
            "base/catalog.yml": "a: 1",
            "base/catalog_b.yaml": "b: 1",
            "base/catalog.d/x/c.json": '{"c": 1}',
            "base/sub/deep/catalog.yml": "d: 1",
            "base/sub/other.yml": "no: 1",
            "base/catalog.txt": "no",
            "base/.catalog.yml": "no: 2",
            "base/.hidden/catalog.yml": "no: 3",
            "base/mycatalog.yml": "no: 4",
        }
    )
    (root / "base" / "catalog_folder.yml").mkdir()
    loader = OmegaConfigLoader(root)
    assert loader["catalog"] == {"a": 1, "b": 1, "c": 1, "d": 1}
    names = [Path(file).relative_to(root).as_posix() for file in loader.files("catalog")]
    assert names == [
        "base/catalog.d/x/c.json",
        "base/catalog.yml",
        "base/catalog_b.yaml",
        "base/sub/deep/catalog.yml",
    ]


def test_hidden_files_are_read_when_asked_for(conf):
    root = conf.all({"base/.hidden/catalog.yml": "a: 1"})
    assert OmegaConfigLoader(root, ignore_hidden=False)["catalog"] == {"a": 1}


@pytest.mark.parametrize(
    ("pattern", "found"),
    [
        ("spark*", {"a", "b"}),
        ("spark.yml", {"a"}),
        ("spark?yml", {"a"}),
        ("s[op]ark*", {"a", "b", "c"}),
        ("s[!p]ark*", {"c"}),
        ("*/spark.yml", {"d"}),
        ("**/spark.yml", {"a", "d", "e"}),
        ("x/**", {"d", "e"}),
        ("x/**/*.yml", {"d", "e"}),
        ("(spark).yml", {"f"}),
    ],
)
def test_patterns_are_globs_within_the_environment(conf, pattern, found):
    root = conf.all(
        {
            "base/spark.yml": "a: 1",
            "base/spark2.yml": "b: 1",
            "base/soark.yml": "c: 1",
            "base/x/spark.yml": "d: 1",
            "base/x/y/spark.yml": "e: 1",
            "base/(spark).yml": "f: 1",
        }
    )
    assert OmegaConfigLoader(root, config_patterns={"spark": [pattern]})["spark"].keys() == found


def test_a_pattern_of_one_level_does_not_look_into_folders(conf):
    root = conf.all({"base/catalog.yml": "a: 1", "base/data/catalog.yml": "b: 1"})
    assert OmegaConfigLoader(root, config_patterns={"catalog": ["catalog*"]})["catalog"] == {"a": 1}


def test_a_link_that_leads_back_is_not_followed(conf):
    root = conf.all({"base/catalog.yml": "a: 1", "base/sub/catalog_b.yml": "b: 1"})
    (root / "base" / "sub" / "loop").symlink_to(root / "base")
    (root / "base" / "sub" / "self").symlink_to(root / "base" / "sub")
    (root / "base" / "catalog_gone.yml").symlink_to(root / "nowhere")
    assert OmegaConfigLoader(root)["catalog"] == {"a": 1, "b": 1}


def test_a_linked_folder_is_read(conf, tmp_path):
    (tmp_path / "shared").mkdir()
    (tmp_path / "shared" / "catalog.yml").write_text("b: 1")
    root = conf(base__catalog="a: 1")
    (root / "base" / "linked").symlink_to(tmp_path / "shared")
    assert OmegaConfigLoader(root)["catalog"] == {"a": 1, "b": 1}


def test_a_file_url_is_a_folder(conf):
    assert OmegaConfigLoader(f"file://{conf(base__catalog='a: 1')}")["catalog"] == {"a": 1}


# --- as a mapping


def test_values_that_were_assigned_win(conf):
    loader = OmegaConfigLoader(conf(base__parameters="a: ${globals:x}"))
    loader["catalog"] = {"mine": 1}
    loader["globals"] = {"x": 5}
    assert loader["catalog"] == {"mine": 1}
    assert loader["parameters"] == {"a": 5}
    assert "catalog" in loader
    assert "credentials" not in loader


def test_get_gives_the_default_when_there_is_nothing(conf):
    loader = OmegaConfigLoader(conf(base__parameters="a: 1"))
    assert loader.get("parameters") == {"a": 1}
    assert loader.get("credentials") is None
    assert loader.get("nothing", 5) == 5


def test_the_kinds_are_the_keys(conf):
    loader = OmegaConfigLoader(conf(), config_patterns={"spark": ["spark*"]})
    assert set(loader.keys()) == {"catalog", "parameters", "credentials", "globals", "logging", "spark"}


def test_strings_of_credentials_are_secrets(conf):
    credentials = OmegaConfigLoader(conf(local__credentials="s3: {key: abc, port: 1}"))["credentials"]
    assert credentials == {"s3": {"key": "abc", "port": 1}}
    assert isinstance(credentials["s3"]["key"], Secret)
    assert repr(credentials) == "{'s3': {'key': '***', 'port': 1}}"


def test_the_repr_shows_no_secret(conf):
    loader = OmegaConfigLoader(conf(), env="local", runtime_params={"token": "hunter2", "n": 1})
    assert (
        repr(loader)
        == "OmegaConfigLoader(conf_source='conf', env='local', runtime_params={'token': '***', 'n': 1})"
    )


def test_a_loader_of_ones_own_needs_one_method(tmp_path):
    class Loader(AbstractConfigLoader):
        def __getitem__(self, key):
            return {"key": key, **self.runtime_params}

    loader = Loader(tmp_path, "env", {"a": 1}, anything="else")
    assert loader["x"] == {"key": "x", "a": 1}
    assert (loader.conf_source, loader.env) == (str(tmp_path), "env")


def test_the_names_that_kedro_users_import_are_there():
    assert issubclass(MissingConfigException, KeyError)
    assert MissingConfigException is MissingConfigError
    assert BadConfigException is ConfigError


def test_an_unknown_name_of_the_package_is_an_attribute_error():
    import incremental.config

    with pytest.raises(AttributeError, match="no attribute 'TemplatedConfigLoader'"):
        incremental.config.TemplatedConfigLoader


def test_plain_configuration_never_loads_omegaconf(conf):
    root = conf(
        base__catalog="_t: &t {type: c}\na: {<<: *t}",
        base__parameters="a: 1e-3",
        local__credentials="k: {password: x}",
        base__globals="g: 1",
    )
    script = (
        "import sys; from incremental.config import OmegaConfigLoader as L; "
        f"l = L({str(root)!r}, runtime_params={{'a.b': 1}}); "
        "[l[k] for k in ('catalog', 'parameters', 'credentials', 'globals')]; l.origin('catalog', 'a'); "
        "sys.exit(any(m.partition('.')[0] in ('omegaconf', 'fsspec', 'antlr4', 'networkx') for m "
        "in sys.modules))"
    )
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0


# --- where an entry comes from


def test_the_origin_of_an_entry_is_the_file_that_decides_it(conf):
    root = conf(
        base__catalog="_t: &t\n  type: c\na:\n  <<: *t\n  filepath: x\nb:\n  type: d\n",
        local__catalog="\n\na: {filepath: y}",
    )
    loader = OmegaConfigLoader(root)
    assert str(loader.origin("catalog", "b", "type")) == "conf/base/catalog.yml:7"
    assert str(loader.origin("catalog", "a", "filepath")) == "conf/local/catalog.yml:3"
    assert str(loader.origin("catalog", "a", "nothing")) == "conf/local/catalog.yml:3"
    assert loader.origin("catalog", "nothing") is None
    assert loader.origin("credentials", "a") is None


def test_an_origin_outside_the_working_folder_is_shown_whole(conf, tmp_path, monkeypatch):
    root = conf(base__catalog="a: 1")
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert str(OmegaConfigLoader(root).origin("catalog", "a")) == f"{root}/base/catalog.yml:1"


def test_an_origin_in_a_file_that_went_away_is_left_out(conf):
    root = conf(base__catalog="a: 1", base__catalog_b="b: 1")
    loader = OmegaConfigLoader(root)
    unreadable = root / "base" / "catalog_b.yml"
    original = loader._source.read
    loader._source.read = lambda file: original(file) if file != str(unreadable) else original(file + ".gone")
    assert loader.origin("catalog", "b") is None
    assert loader.origin("catalog", "a") == Origin(str(root / "base" / "catalog.yml"), 1)


# --- what is refused


@pytest.mark.parametrize("env", ["../../x", "/etc", "..", ".", "local/../..", "a\\b", "c:", "x\0y", "loc/al"])
def test_an_environment_is_a_name_and_never_a_path(conf, env):
    root = conf(base__parameters="a: 1")
    assert error(lambda: OmegaConfigLoader(root, env=env), "parameters") == (
        f"environment {env!r} is not a name but a path; use one of the folders in 'conf': 'base', 'local'"
    )


@pytest.mark.parametrize("base", ["../../x", "/etc"])
def test_a_base_environment_is_a_name_too(conf, base):
    root = conf(base__parameters="a: 1")
    assert "is not a name but a path" in error(lambda: OmegaConfigLoader(root, base_env=base), "parameters")


@pytest.mark.parametrize(
    ("env", "text"),
    [
        (
            "locl",
            "environment 'locl' is not a folder in 'conf', which has 'base', 'local'; did you mean 'local'?",
        ),
        ("xyz", "environment 'xyz' is not a folder in 'conf', which has 'base', 'local'"),
        ("x" * 300, f"environment '{'x' * 300}' is not a folder in 'conf', which has 'base', 'local'"),
        ("", "environment '' is not a name; leave it out, or name a folder of conf_source"),
        (5, "environment 5 is not a name; give a string"),
        (".hidden", "environment '.hidden' is not a folder in 'conf', which has 'base', 'local'"),
    ],
)
def test_an_unknown_environment_is_refused_with_those_there_are(conf, env, text):
    root = conf.all({"base/parameters.yml": "a: 1", ".hidden/parameters.yml": "a: 2"})
    assert error(lambda: OmegaConfigLoader(root, env=env), "parameters") == text


def test_a_missing_folder_says_what_to_do(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert error(lambda: OmegaConfigLoader("conf"), "catalog") == (
        "configuration folder 'conf' does not exist; create it, "
        "or name another one with CONF_SOURCE in settings.py or --conf-source"
    )


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"smalest": 1}, ["runtime parameter 'smalest' is not configured; did you mean 'smallest'?"]),
        ({"model.lrate": 1}, ["runtime parameter 'model.lrate' is not configured; did you mean 'rate'?"]),
        ({"smallest": 1, "model.rate": 2, "brand_new": 3}, []),
    ],
)
def test_a_runtime_parameter_that_looks_misspelt_is_told(conf, caplog, given, told):
    root = conf(base__parameters="smallest: 1\nmodel: {rate: 1}")
    parameters = OmegaConfigLoader(root, runtime_params=given)["parameters"]
    assert caplog.messages == told
    assert parameters.keys() >= {name.partition(".")[0] for name in given}


def test_a_file_in_place_of_the_folder_is_refused(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("conf").write_text("")
    assert error(lambda: OmegaConfigLoader("conf"), "catalog") == (
        "configuration folder 'conf' is a file; name a folder, or a .zip or .tar.gz of one"
    )


def test_a_missing_base_says_what_to_create(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("conf").mkdir()
    assert error(lambda: OmegaConfigLoader("conf"), "catalog") == (
        "configuration folder 'conf' has no environment 'base'; create the folder 'conf/base'"
    )


def test_no_files_of_a_kind_is_an_error_of_its_own_class(conf):
    root = conf(base__parameters="a: 1")
    with pytest.raises(MissingConfigError) as caught:
        OmegaConfigLoader(root)["catalog"]
    assert str(caught.value) == (
        "no configuration files for 'catalog' in 'conf': "
        "nothing in 'base' or 'local' matches catalog*, catalog*/**, **/catalog*"
    )
    assert OmegaConfigLoader(root)["globals"] == {}


def test_an_unknown_kind_is_refused_with_the_nearest(conf):
    assert error(lambda: OmegaConfigLoader(conf()), "catalogue") == (
        "no file patterns for configuration 'catalogue'; did you mean 'catalog'?; "
        "add them to config_patterns in CONFIG_LOADER_ARGS"
    )


@pytest.mark.parametrize(
    ("strategy", "text"),
    [
        (
            {"catalog": "sft"},
            "merge_strategy of 'catalog' is 'sft'; it can be 'soft' or 'destructive'; did you mean 'soft'?",
        ),
        (
            {"parameter": "soft"},
            "merge_strategy names 'parameter', which is no kind of configuration; did you mean 'parameters'?",
        ),
    ],
)
def test_a_wrong_merge_strategy_is_refused_at_once(conf, strategy, text):
    root = conf()
    assert error(lambda: OmegaConfigLoader(root, merge_strategy=strategy)) == text


def test_a_key_in_two_files_of_one_environment_is_refused_with_both(conf):
    root = conf(base__catalog_a="x: 1\ncars: {a: 1}", base__catalog_b="cars: {b: 1}")
    assert error(lambda: OmegaConfigLoader(root), "catalog") == (
        "conf/base/catalog_b.yml:1: 'cars' is also in conf/base/catalog_a.yml:2; keep one of the two"
    )


@pytest.mark.parametrize(
    ("one", "two", "name", "lines"),
    [
        ("a: {b: 1}", "a: {b: 2}", "a.b", (1, 1)),
        ("a:\n  b: {c: 1}", "a: {b: 2}", "a.b", (1, 2)),
        ("a: 1", "\na: {b: 2}", "a", (2, 1)),
        ("a:", "a: {b: 2}", "a", (1, 1)),
    ],
)
def test_a_parameter_in_two_files_of_one_environment_is_refused_with_both(conf, one, two, name, lines):
    root = conf(base__parameters_a=one, base__parameters_b=two)
    assert error(lambda: OmegaConfigLoader(root), "parameters") == (
        f"conf/base/parameters_b.yml:{lines[0]}: {name!r} is also in conf/base/parameters_a.yml:{lines[1]}; "
        "keep one of the two"
    )


def test_all_faulty_files_of_a_kind_are_reported_together(conf):
    root = conf.all(
        {
            "base/catalog.yml": "a: 1\na: 2\n",
            "base/catalog_b.yml": "b: [1\n",
            "base/catalog_c.yml": "5: x\n6: y\n",
            "local/catalog.yml": "- a\n",
        }
    )
    (root / "base" / "catalog_d.yml").write_bytes(b"\xff\xfe")
    assert error(lambda: OmegaConfigLoader(root), "catalog") == textwrap.dedent(
        """\
        6 faults in the configuration of 'catalog':
          conf/base/catalog.yml:2: key 'a' is already there in line 1; remove one of them
          conf/base/catalog_b.yml:1: did not find expected ',' or ']'; close the bracket
          conf/base/catalog_c.yml:1: name 5 is not a text; quote it
          conf/base/catalog_c.yml:2: name 6 is not a text; quote it
          conf/base/catalog_d.yml:1: byte 0xff is not UTF-8; save the file as UTF-8
          conf/local/catalog.yml:1: the top level is a list; write 'name: value' pairs"""
    )


def test_a_message_has_at_most_ten_lines(conf):
    text = "".join(f"k{number}: 1\n" for number in range(5000))
    root = conf(base__catalog=text, base__catalog_copy=text)
    lines = error(lambda: OmegaConfigLoader(root), "catalog").splitlines()
    assert len(lines) == 10
    assert lines[0] == "more than 8 faults in the configuration of 'catalog':"
    assert lines[-1] == "  and more, shown when these are corrected"


def test_numbers_as_names_are_fine_in_parameters(conf):
    assert OmegaConfigLoader(conf(base__parameters="1: {2: x}"))["parameters"] == {1: {2: "x"}}


@pytest.fixture
def unprivileged(conf):
    """Drop the rights of root, which no permission stops."""
    was_root = os.geteuid() == 0
    yield lambda: os.seteuid(65534) if was_root else None
    if was_root:
        os.seteuid(0)


def test_a_file_and_a_folder_that_cannot_be_read_are_named(conf, tmp_path, unprivileged):
    root = conf.all(
        {"base/catalog.yml": "a: 1", "base/sub/catalog.yml": "b: 1", "base/catalog_ok.yml": "c: 1"}
    )
    for folder in [tmp_path, *tmp_path.parents]:
        if folder == tmp_path or folder.name.startswith(("pytest-", "popen-")):
            folder.chmod(0o755)
    (root / "base" / "catalog.yml").chmod(0)
    (root / "base" / "sub").chmod(0)
    unprivileged()
    assert error(lambda: OmegaConfigLoader(root)) == textwrap.dedent(
        """\
        2 faults in the configuration of 'catalog':
          cannot read 'conf/base/sub': permission denied; check its permissions
          conf/base/catalog.yml:1: cannot be read: permission denied; check its permissions"""
    )
