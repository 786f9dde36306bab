"""Loading projects: settings, pipelines, and the user's own lines when their code fails."""

from __future__ import annotations

import pickle
import subprocess
import sys
import textwrap
import threading
import warnings
from pathlib import Path

import pytest

from incremental import project as projects
from incremental.config import OmegaConfigLoader
from incremental.errors import ProjectError
from incremental.io import DataCatalog
from incremental.pipeline import Pipeline
from incremental.project import (
    Project,
    Settings,
    bootstrap_project,
    configure_project,
    find_pipelines,
    find_project,
    load,
    no_bytecode,
    pickle_by_value,
    pipelines,
    settings,
    validate_settings,
)
from incremental.project import current as current_project
from incremental.session import BaseSessionStore, JSONSessionStore

MAKE = """
from incremental.pipeline import Pipeline, node
def f(x): return x
def create_pipeline(**kwargs): return Pipeline([node(f, "{0}_in", "{0}_out", name="{0}")])
"""
REGISTRY = """
from incremental.project import find_pipelines
def register_pipelines():
    return find_pipelines()
"""


@pytest.fixture(autouse=True)
def fresh_process():
    """Give modules, the path and the current project back as they were."""
    path, writes = list(sys.path), sys.dont_write_bytecode
    forget_modules()
    yield
    sys.path[:] = path
    sys.dont_write_bytecode = writes
    forget_modules()
    current_project._current.point_to(None)


def forget_modules():
    """Forget the modules of test projects, those of other tests in this process too."""
    for name in list(sys.modules):
        if name.partition(".")[0] in ("hello", "other", "beside") or name.startswith("incremental_file_"):
            del sys.modules[name]


@pytest.fixture
def make(tmp_path, monkeypatch):
    """Return a function that writes a package project and gives its folder."""
    monkeypatch.chdir(tmp_path)

    def write(files: dict[str, str], folder: str = ".", package: str = "hello") -> Path:
        root = tmp_path / folder
        everything = {f"src/{package}/__init__.py": "", "pyproject.toml": _table(package), **files}
        for name, text in everything.items():
            path = root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(textwrap.dedent(text))
        return root

    return write


def _table(package: str) -> str:
    return f'[tool.incremental]\npackage_name = "{package}"\n'


def error(call) -> str:
    with pytest.raises(ProjectError) as caught:
        call()
    assert len(str(caught.value).splitlines()) <= 10
    return str(caught.value)


def load_at(root: Path):
    return load(find_project(root))


# --- settings


def test_a_project_without_settings_has_the_defaults(make):
    loaded = load_at(make({}))
    assert loaded.settings.CONF_SOURCE == "conf"
    assert loaded.settings.HOOKS == ()
    assert loaded.settings.DISABLE_HOOKS_FOR_PLUGINS == ()
    assert loaded.settings.SESSION_STORE_ARGS == {}
    assert loaded.settings.CONFIG_LOADER_ARGS == {"base_env": "base", "default_run_env": "local"}
    assert loaded.settings.CONFIG_LOADER_CLASS is OmegaConfigLoader
    assert loaded.settings.DATA_CATALOG_CLASS is DataCatalog
    assert loaded.settings.SESSION_STORE_CLASS is JSONSessionStore
    assert loaded.is_durable


def test_settings_are_read_from_the_module(make):
    root = make(
        {
            "src/hello/stores.py": "from incremental.session import BaseSessionStore\n"
            "class Store(BaseSessionStore): pass\n",
            "src/hello/settings.py": """
                from hello.stores import Store
                class Hook: pass
                HOOKS = [Hook()]
                CONF_SOURCE = "configuration"
                SESSION_STORE_CLASS = Store
                SESSION_STORE_ARGS = {"a": 1}
                DISABLE_HOOKS_FOR_PLUGINS = ("x",)
                MINE = 5
                _PRIVATE = 6
                lower = 7
                """,
        }
    )
    values = load_at(root).settings
    assert type(values.HOOKS[0]).__name__ == "Hook"
    assert values.CONF_SOURCE == values["CONF_SOURCE"] == "configuration"
    assert issubclass(values.SESSION_STORE_CLASS, BaseSessionStore)
    assert values.SESSION_STORE_ARGS == {"a": 1}
    assert values.MINE == 5
    assert "_PRIVATE" not in values
    assert "lower" not in values
    assert values.get("NOTHING", 1) == 1
    assert repr(values) == "<Settings of 'src/hello/settings.py'>"
    with pytest.raises(AttributeError, match="no setting 'NOTHING'"):
        values.NOTHING


def test_settings_are_a_mapping_of_upper_case_names():
    assert set(Settings({"A": 1})) > {"A", "HOOKS"}
    assert len(Settings()) == 13
    assert repr(Settings()) == "<Settings: all defaults>"


BAD_SETTINGS = [
    ("CONF_SOURCE = 5", "CONF_SOURCE is of type 'int'; give the name of the configuration folder"),
    ("HOOKS = 5", "HOOKS is of type 'int', not a tuple; write HOOKS = (int(),)"),
    ("class H: pass\nHOOKS = (H())", "HOOKS is of type 'H', not a tuple; write HOOKS = (H(),)"),
    ("class H: pass\nHOOKS = H", "HOOKS is the class 'H', not a tuple; write HOOKS = (H(),)"),
    ("SESSION_STORE_ARGS = None", "SESSION_STORE_ARGS is None; give a dict with names of arguments"),
    (
        "CONFIG_LOADER_ARGS = {1: 2}",
        "CONFIG_LOADER_ARGS is of type 'dict'; give a dict with names of arguments",
    ),
    (
        "DISABLE_HOOKS_FOR_PLUGINS = 'x'",
        "DISABLE_HOOKS_FOR_PLUGINS is of type 'str', not a tuple; write DISABLE_HOOKS_FOR_PLUGINS = (\"x\",)",
    ),
    ("SESSION_STORE_CLASS = 'x.Y'", "SESSION_STORE_CLASS is of type 'str'; give a class, without calling it"),
    (
        "class S: pass\nSESSION_STORE_CLASS = S",
        "SESSION_STORE_CLASS 'S' is not a BaseSessionStore; derive it from incremental.session.BaseSessionStore",
    ),
    (
        "from pathlib import Path as CONFIG_LOADER_CLASS",
        "CONFIG_LOADER_CLASS 'Path' is not a AbstractConfigLoader; "
        "derive it from incremental.config.AbstractConfigLoader",
    ),
    (
        "class S: pass\nSESSION_CLASS = S",
        "SESSION_CLASS cannot be replaced here: sessions are incremental.Session; remove it, and use hooks",
    ),
    ("DATASET_VALIDATION = 'no'", "DATASET_VALIDATION is of type 'str'; write True or False"),
    (
        "from incremental.session import Context\nclass C(Context):\n    def _get_catalog(self): ...\nCONTEXT_CLASS = C",
        "CONTEXT_CLASS 'C' overrides _get_catalog(), as contexts of Kedro do; "
        "here override create_catalog(save_version, load_versions)",
    ),
    (
        "DATA_CATALOG_CLASS = dict",
        "DATA_CATALOG_CLASS 'dict' has no from_config(); derive it from DataCatalog",
    ),
]


@pytest.mark.parametrize(("text", "message"), BAD_SETTINGS)
def test_a_setting_of_a_wrong_type_is_refused_with_its_line(make, text, message):
    root = make({"src/hello/settings.py": f"# settings\n{text}\n"})
    line = 2 + text.count("\n")
    assert error(lambda: load_at(root)) == f"src/hello/settings.py:{line}: {message}"


def test_all_wrong_settings_are_shown_together(make):
    root = make({"src/hello/settings.py": "CONF_SOURCE = 1\nif True:\n    HOOKS = 2\n"})
    assert error(lambda: load_at(root)).splitlines() == [
        "src/hello/settings.py:1: CONF_SOURCE is of type 'int'; give the name of the configuration folder",
        "src/hello/settings.py:2: HOOKS is of type 'int', not a tuple; write HOOKS = (int(),)",
    ]


def test_a_name_that_is_nearly_a_setting_warns(make):
    root = make({"src/hello/settings.py": "HOOK = ()\nRUNNER_MODULE_ALLOWLIST = ()\nMINE = 2\n"})
    with pytest.warns(UserWarning, match="is not a setting") as caught:
        load_at(root)
    assert [str(each.message) for each in caught] == [
        "src/hello/settings.py:1: 'HOOK' is not a setting; did you mean 'HOOKS'?"
    ]


def test_lines_of_settings_that_cannot_be_read_again_are_the_first():
    with pytest.raises(ProjectError, match=r"^gone\.py:1: CONF_SOURCE is None"):
        Settings.of({"CONF_SOURCE": None}, "gone.py")


def test_the_session_that_there_is_may_stand_in_the_settings(make):
    root = make({"src/hello/settings.py": "from incremental import Session as SESSION_CLASS"})
    assert load_at(root).settings.SESSION_CLASS.__name__ == "Session"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (
            "from incremental.framework.project import find_pipelines",
            "No module named 'incremental.framework'; what Kedro has there is in incremental.project, "
            ".session and .hooks",
        ),
        (
            "import incremental.server",
            "No module named 'incremental.server'; that part of Kedro is not offered here",
        ),
        (
            "from incremental.pipeline import llm_context_node",
            "'llm_context_node' of Kedro is not offered here: there are no LLM contexts; use plain nodes",
        ),
    ],
)
def test_what_kedro_has_and_we_have_not_is_told_where_a_port_comes_to_it(make, text, told):
    root = make({"src/hello/pipeline_registry.py": f"{text}\n"})
    message = error(lambda: load_at(root).pipelines["__default__"])
    assert told in message
    assert "src/hello/pipeline_registry.py:1" in message


# --- the configuration loader of a project


def test_the_loader_is_made_as_the_settings_say(make):
    root = make(
        {
            "src/hello/settings.py": 'CONF_SOURCE = "c"\nCONFIG_LOADER_ARGS = {"default_run_env": "dev"}\n',
            "c/base/parameters.yml": "a: 1",
            "c/dev/parameters.yml": "a: 2",
            "other/base/parameters.yml": "a: 3",
        }
    )
    loaded = load_at(root)
    assert loaded.config_loader()["parameters"] == {"a": 2}
    assert loaded.config_loader(env="base", runtime_params={"b": 1})["parameters"] == {"a": 1, "b": 1}
    assert loaded.config_loader(conf_source="other")["parameters"] == {"a": 3}
    assert loaded.conf_source == str(root / "c")


@pytest.mark.parametrize(
    ("arguments", "what"),
    [
        ('{"base": "x"}', "OmegaConfigLoader.__init__() got an unexpected keyword argument 'base'"),
        (
            '{"merge_strategy": {"catalg": "soft"}}',
            "merge_strategy names 'catalg', which is no kind of configuration; did you mean 'catalog'?",
        ),
        (
            '{"config_patterns": {"spark": "spark*"}}',
            "config_patterns of 'spark' is 'spark*'; give a list of globs",
        ),
        ('{"custom_resolvers": {"add": 5}}', "custom_resolvers has 'add': 5; give a function"),
    ],
)
def test_loader_arguments_that_do_not_fit_are_refused_with_file_and_line(make, arguments, what):
    loaded = load_at(make({"src/hello/settings.py": f"# settings\nCONFIG_LOADER_ARGS = {arguments}\n"}))
    assert error(loaded.config_loader) == (
        f"src/hello/settings.py:2: CONFIG_LOADER_CLASS 'OmegaConfigLoader' cannot be made: {what}; "
        "correct CONFIG_LOADER_ARGS in settings.py"
    )


def test_a_context_that_cannot_be_made_is_refused_with_file_and_line(make):
    text = "from incremental.session import Context\nclass Mine(Context):\n    def __init__(self): ...\nCONTEXT_CLASS = Mine\n"
    loaded = load_at(make({"src/hello/settings.py": text}))
    assert error(loaded.context).startswith("src/hello/settings.py:4: CONTEXT_CLASS 'Mine' cannot be made: ")


def test_configuration_of_a_file_in_an_archive_is_layered(make, tmp_path):
    import shutil

    root = make(
        {"conf/base/parameters.yml": "a: 1", "conf/local/parameters.yml": "b: 2", "one.py": "pipeline = None"}
    )
    place = shutil.make_archive(str(tmp_path / "conf"), "zip", root, "conf")
    loaded = load(Project.from_file(root / "one.py"))
    assert loaded.config_loader(conf_source=place)["parameters"] == {"a": 1, "b": 2}


# --- pipelines


def test_pipelines_are_found_and_registered_when_first_asked_for(make):
    root = make(
        {
            "src/hello/pipelines/a/__init__.py": MAKE.format("a"),
            "src/hello/pipelines/b/__init__.py": MAKE.format("b"),
            "src/hello/pipelines/.hidden/__init__.py": "1 / 0",
            "src/hello/pipelines/__pycache__/x.txt": "",
            "src/hello/pipelines/file.py": "1 / 0",
            "src/hello/pipeline_registry.py": REGISTRY,
        }
    )
    registry = load_at(root).pipelines
    assert "hello.pipeline_registry" not in sys.modules
    assert repr(registry) == "<PipelineRegistry of 'hello': not loaded>"
    assert list(registry) == ["__default__", "a", "b"]
    assert [node.name for node in registry["a"].nodes] == ["a"]
    assert registry["__default__"].nodes == []
    assert len(registry) == 3
    assert repr(registry) == "<PipelineRegistry of 'hello': __default__, a, b>"


def test_a_simple_project_has_one_pipeline_module(make):
    root = make({"src/hello/pipeline.py": MAKE.format("p"), "src/hello/pipeline_registry.py": REGISTRY})
    assert [node.name for node in load_at(root).pipelines["__default__"].nodes] == ["p"]


def test_a_registry_without_a_default_runs_all(make):
    registry = """
        from incremental.pipeline import Pipeline, node
        def register_pipelines():
            return {name: Pipeline([node(print, name, None, name=name)]) for name in ("x", "y")}
        """
    default = load_at(make({"src/hello/pipeline_registry.py": registry})).pipelines["__default__"]
    assert sorted(node.name for node in default.nodes) == ["x", "y"]


def test_pipelines_that_do_not_go_together_have_no_default(make):
    registry = """
        from incremental.pipeline import Pipeline, node
        def register_pipelines():
            return {name: Pipeline([node(len, name, "same", name=name)]) for name in ("x", "y")}
        """
    assert list(load_at(make({"src/hello/pipeline_registry.py": registry})).pipelines) == ["x", "y"]


def test_pipelines_are_made_once_however_many_threads_ask(make):
    registry = """
        import time
        calls = []
        def register_pipelines():
            calls.append(1)
            time.sleep(0.05)
            return {}
        """
    loaded = load_at(make({"src/hello/pipeline_registry.py": registry}))
    threads = [threading.Thread(target=lambda: len(loaded.pipelines)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sys.modules["hello.pipeline_registry"].calls == [1]


SUM = """
from incremental.project import find_pipelines
def register_pipelines():
    pipelines = find_pipelines(raise_errors=True)
    {}
    pipelines["__default__"] = sum(pipelines.values())
    return pipelines
"""
BROKEN = "import hello.missing_module\n"


def two(make, line="", other=None):
    """Write a project of two pipelines, with a line of the registry, and return its registry."""
    files = {
        "src/hello/pipelines/a/__init__.py": MAKE.format("a"),
        "src/hello/pipelines/b/__init__.py": other or MAKE.format("b"),
        "src/hello/pipeline_registry.py": SUM.format(line),
    }
    return load_at(make(files)).pipelines


def names_of(pipeline):
    return sorted(node.name for node in pipeline.nodes)


def test_asking_for_one_pipeline_imports_no_other(make):
    registry = two(make, other=BROKEN)
    assert names_of(registry["a"]) == ["a"]
    assert registry["a"] is registry["a"]
    assert "hello.pipelines.b" not in sys.modules
    with pytest.raises(ProjectError, match="cannot load module 'hello.pipelines.b'"):
        list(registry)
    with pytest.raises(ProjectError, match="cannot load module 'hello.pipelines.b'"):
        registry["__default__"]


def test_a_broken_pipeline_that_is_asked_for_is_told_as_ever(make):
    with pytest.raises(ProjectError, match="cannot load module 'hello.pipelines.b'"):
        two(make, other=BROKEN)["b"]


def test_a_pipeline_that_is_asked_for_alone_is_part_of_all_later(make):
    registry = two(make)
    assert names_of(registry["b"]) == ["b"]
    assert sorted(registry) == ["__default__", "a", "b"]
    assert names_of(registry["__default__"]) == ["a", "b"]
    assert "nothing" not in registry


@pytest.mark.parametrize(
    ("line", "name"),
    [
        ('pipelines["a"] = sum(pipelines.values())', "a"),
        ('pipelines["a"] = pipelines["a"] + pipelines["b"]', "a"),
        ('pipelines["all"] = sum(pipelines.values())', "all"),
        ('pipelines["a"] = pipelines["b"] if "b" in pipelines else pipelines["a"].tag("x")', "a"),
    ],
)
def test_a_pipeline_that_the_registry_makes_of_others_is_what_it_is_among_all(make, line, name):
    asked = two(make, line)[name]
    forget_modules()
    registry = two(make, line)
    list(registry)
    assert names_of(asked) == names_of(registry[name])
    assert "b" in names_of(asked)


def test_a_registry_that_finds_nothing_by_itself_runs_once(make):
    text = "calls = []\nfrom incremental.pipeline import Pipeline\ndef register_pipelines():\n"
    text += "    calls.append(1)\n    return {'a': Pipeline([]), 'b': Pipeline([])}\n"
    registry = load_at(make({"src/hello/pipeline_registry.py": text})).pipelines
    assert sorted([name for name in ("a", "b", "c") if name in registry]) == ["a", "b"]
    assert sys.modules["hello.pipeline_registry"].calls == [1]


def test_one_pipeline_that_fails_is_left_out_with_a_warning(make):
    root = make(
        {
            "src/hello/pipelines/a/__init__.py": MAKE.format("a"),
            "src/hello/pipelines/b/__init__.py": "import hello.missing_module\n",
            "src/hello/pipelines/c/__init__.py": "def create_pipeline():\n    return 1 / 0\n",
            "src/hello/pipelines/d/__init__.py": "def create_pipeline():\n    return 5\n",
            "src/hello/pipelines/e/__init__.py": "",
            "src/hello/pipeline_registry.py": REGISTRY,
        }
    )
    registry = load_at(root).pipelines
    with pytest.warns(UserWarning, match="find_pipelines.. leaves it out|no function") as caught:
        assert list(registry) == ["__default__", "a"]
    assert [str(each.message) for each in caught] == [
        "cannot load module 'hello.pipelines.b': ModuleNotFoundError: No module named 'hello.missing_module'\n"
        "  src/hello/pipelines/b/__init__.py:1\n"
        "    import hello.missing_module\n"
        "find_pipelines() leaves it out",
        "cannot load module 'hello.pipelines.c', create_pipeline() in src/hello/pipelines/c/__init__.py:1 failed: "
        "ZeroDivisionError: division by zero\n"
        "  src/hello/pipelines/c/__init__.py:2\n"
        "    return 1 / 0\n"
        "find_pipelines() leaves it out",
        "src/hello/pipelines/d/__init__.py:1: create_pipeline() returns an int, not a Pipeline\n"
        "find_pipelines() leaves it out",
        "module 'hello.pipelines.e' has no function create_pipeline()\nfind_pipelines() leaves it out",
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "import hello.missing_module\n",
            "cannot load module 'hello.pipelines.b': ModuleNotFoundError: No module named 'hello.missing_module'\n"
            "  src/hello/pipelines/b/__init__.py:1\n"
            "    import hello.missing_module",
        ),
        (
            "def create_pipeline():\n    return None\n",
            "src/hello/pipelines/b/__init__.py:1: create_pipeline() returns None, not a Pipeline",
        ),
    ],
)
def test_a_pipeline_that_fails_is_an_error_when_asked_for(make, text, message):
    registry = REGISTRY.replace("find_pipelines()", "find_pipelines(raise_errors=True)")
    root = make({"src/hello/pipelines/b/__init__.py": text, "src/hello/pipeline_registry.py": registry})
    assert error(lambda: dict(load_at(root).pipelines)) == message


def test_named_pipelines_are_found_and_no_others(make):
    root = make(
        {
            "src/hello/pipelines/a/__init__.py": MAKE.format("a"),
            "src/hello/pipelines/b/__init__.py": "1 / 0",
        }
    )
    bootstrap_project(root)
    assert list(find_pipelines(pipelines_to_find=["a"])) == ["a"]
    with pytest.warns(UserWarning, match="no pipeline 'zz' under hello.pipelines"):
        assert list(find_pipelines(pipelines_to_find=["a", "zz"])) == ["a"]
    with pytest.raises(ProjectError, match="no pipeline 'zz' under hello.pipelines"):
        find_pipelines(raise_errors=True, pipelines_to_find=["zz"])


FAILING = [
    (
        {"src/hello/pipeline_registry.py": "import pandsa\n"},
        "cannot load module 'hello.pipeline_registry': ModuleNotFoundError: No module named 'pandsa'\n"
        "  src/hello/pipeline_registry.py:1\n"
        "    import pandsa",
    ),
    (
        {
            "src/hello/pipeline_registry.py": "from hello.nodes import f\n",
            "src/hello/nodes.py": "import json\n\nf = json.loads('{')\n",
        },
        "cannot load module 'hello.pipeline_registry': JSONDecodeError: Expecting property name enclosed in "
        "double quotes: line 1 column 2 (char 1)\n"
        "  src/hello/pipeline_registry.py:1\n"
        "    from hello.nodes import f\n"
        "  src/hello/nodes.py:3\n"
        "    f = json.loads('{')",
    ),
    (
        {"src/hello/pipeline_registry.py": "def register_pipelines()\n    return {}\n"},
        "cannot load module 'hello.pipeline_registry': SyntaxError: expected ':'\n"
        "  src/hello/pipeline_registry.py:1\n"
        "    def register_pipelines()",
    ),
    (
        {"src/hello/pipeline_registry.py": "import sys\nsys.exit(3)\n"},
        "cannot load module 'hello.pipeline_registry': it calls sys.exit() while it is imported; "
        "put that under if __name__ == '__main__'\n"
        "  src/hello/pipeline_registry.py:2\n"
        "    sys.exit(3)",
    ),
    (
        {
            "src/hello/pipeline_registry.py": "from incremental.pipeline import Pipeline, node\n"
            "def register_pipelines():\n"
            "    return {'a': Pipeline([node(len, 'x', 'y'), node(max, 'z', 'y')])}\n"
        },
        None,
    ),
    (
        {
            "src/hello/pipeline_registry.py": "def register_pipelines():\n"
            "    raise ValueError('a\\n\\nb\\nc\\nd\\ne')\n"
        },
        "cannot load the pipelines, register_pipelines() in src/hello/pipeline_registry.py:1 failed: ValueError: a\n"
        "b\n"
        "c\n"
        "d\n"
        "  src/hello/pipeline_registry.py:2\n"
        "    raise ValueError('a\\n\\nb\\nc\\nd\\ne')",
    ),
    (
        {"src/hello/pipeline_registry.py": "\ndef register_pipelines():\n    return []\n"},
        "src/hello/pipeline_registry.py:2: register_pipelines() returns a list; "
        "return a dict of names and pipelines",
    ),
    (
        {"src/hello/pipeline_registry.py": "def register_pipelines():\n    return {'a': [], 'b': None}\n"},
        "src/hello/pipeline_registry.py:1: of the registered pipelines 'a' is a list, 'b' is None; "
        "make each a Pipeline([...])",
    ),
    (
        {
            "src/hello/pipeline_registry.py": "from incremental.pipeline import Pipeline\n"
            "def register_pipelines():\n    return {1: Pipeline([])}\n"
        },
        "src/hello/pipeline_registry.py:2: pipeline name 1 is not a text; quote it",
    ),
    (
        {"src/hello/pipeline_registry.py": "register_pipeline = 5\n"},
        "'src/hello/pipeline_registry.py' has no function register_pipelines(); "
        "write one that returns pipelines by name",
    ),
    (
        {},
        "'src/hello/pipeline_registry.py' does not exist; create it with a function register_pipelines() "
        "that returns pipelines by name",
    ),
    (
        {
            "src/hello/pipeline_registry.py": "from incremental.project import pipelines\n"
            "def register_pipelines():\n    return {'a': pipelines['b']}\n"
        },
        "the pipelines are asked for while register_pipelines() makes them; use the values it works with",
    ),
]


@pytest.mark.parametrize(("files", "message"), FAILING)
def test_users_code_that_fails_is_shown_with_its_own_lines(make, files, message):
    root = make(files)
    found = error(lambda: dict(load_at(root).pipelines))
    if message is None:  # an error of ours: its own words, then the user's line
        assert "'y'" in found
        assert found.splitlines()[-2:] == [
            "  src/hello/pipeline_registry.py:3",
            "    return {'a': Pipeline([node(len, 'x', 'y'), node(max, 'z', 'y')])}",
        ]
    else:
        assert found == message


def test_the_users_error_is_the_cause(make):
    root = make({"src/hello/settings.py": "1 / 0\n"})
    with pytest.raises(ProjectError) as caught:
        load_at(root)
    assert isinstance(caught.value.__cause__, ZeroDivisionError)


def test_a_registry_that_failed_can_be_asked_again(make):
    root = make({"src/hello/pipeline_registry.py": "1 / 0\n"})
    registry = load_at(root).pipelines
    error(lambda: dict(registry))
    (root / "src/hello/pipeline_registry.py").write_text("def register_pipelines():\n    return {}\n")
    assert dict(registry) == {}


def test_a_package_that_is_not_there_is_named(make):
    root = make({"pyproject.toml": _table("helo")})
    assert error(lambda: load_at(root)) == (
        "package 'helo' is not in 'src'; did you mean 'hello'? correct package_name in 'pyproject.toml'"
    )


# --- one file


FLOW = """
from incremental.pipeline import Pipeline, node

def double(x):
    return 2 * x

pipeline = Pipeline([node(double, "params:n", "doubled", name="double")])
"""


@pytest.fixture
def write_file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def write(text: str, name: str = "pipeline.py") -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(text))
        return path

    return write


def test_a_file_with_a_pipeline_is_a_project(write_file, tmp_path):
    file = write_file(FLOW)
    write_file("doubled: {type: text.TextDataset, filepath: d.txt}", "catalog.yml")
    write_file("n: 1", "parameters.yml")
    write_file("x: ${", "data/catalog.yml")
    loaded = load(find_project(file))
    assert [node.name for node in loaded.pipelines["__default__"].nodes] == ["double"]
    assert loaded.config_loader(runtime_params={"n": 2})["parameters"] == {"n": 2}
    assert loaded.config_loader()["catalog"] == {"doubled": {"type": "text.TextDataset", "filepath": "d.txt"}}
    assert loaded.project.package_name is None


def test_a_file_may_have_environments_beside_it(write_file):
    file = write_file(FLOW)
    write_file("n: 1", "parameters.yml")
    write_file("n: 5", "prod/parameters.yml")
    assert load(find_project(file)).config_loader(env="prod")["parameters"] == {"n": 5}


def test_a_file_may_use_a_layered_folder(write_file):
    loaded = load(find_project(write_file(FLOW)))
    write_file("n: 7", "conf/base/parameters.yml")
    write_file("n: 8", "flat/parameters.yml")
    assert loaded.config_loader(conf_source="conf")["parameters"] == {"n": 7}
    assert loaded.config_loader(conf_source="flat")["parameters"] == {"n": 8}


def test_a_file_may_register_pipelines_and_have_settings(write_file):
    text = FLOW.replace("pipeline =", "mine =") + (
        "\ndef register_pipelines():\n    return {'a': mine}\nSESSION_STORE_ARGS = {'x': 1}\n"
    )
    loaded = load(find_project(write_file(text)))
    assert list(loaded.pipelines) == ["__default__", "a"]
    assert loaded.settings.SESSION_STORE_ARGS == {"x": 1}


def test_find_pipelines_finds_nothing_beside_a_file(write_file):
    text = "from incremental.project import find_pipelines\ndef register_pipelines():\n    return find_pipelines()\n"
    assert load(find_project(write_file(text))).pipelines["__default__"].nodes == []


FILES = [
    (
        "from incremental.pipeline import node, pipeline\n",
        "'pipeline' in 'pipeline.py' is a function, not a Pipeline; write: pipeline = Pipeline([node(...), ...])",
    ),
    (
        "x = 1\n",
        "'pipeline.py' has neither a 'pipeline' nor a function register_pipelines(); "
        "write: pipeline = Pipeline([node(...), ...])",
    ),
    (
        "pipeline = []\n",
        "'pipeline' in 'pipeline.py' is a list, not a Pipeline; write: pipeline = Pipeline([node(...), ...])",
    ),
    (
        "from incremental.pipeline import pipeline\nflow = pipeline([])\n",
        "'pipeline.py' has no 'pipeline', but 'flow' is one; call it 'pipeline'",
    ),
    (
        "import pandsa\n",
        "cannot load project file 'pipeline.py': ModuleNotFoundError: No module named 'pandsa'\n"
        "  pipeline.py:1\n"
        "    import pandsa",
    ),
]


@pytest.mark.parametrize(("text", "message"), FILES)
def test_a_file_without_a_pipeline_says_what_to_write(write_file, text, message):
    file = write_file(text)
    assert error(lambda: dict(load(find_project(file)).pipelines)) == message
    assert "pandsa" not in text or not any(name.startswith("incremental_file_") for name in sys.modules)


def test_two_files_of_one_name_stay_apart(write_file):
    one = load(find_project(write_file(FLOW, "one/pipeline.py")))
    two = load(find_project(write_file(FLOW.replace("2 * x", "3 * x"), "two/pipeline.py")))
    results = [each.pipelines["__default__"].nodes[0].func(10) for each in (one, two, one)]
    assert results == [20, 30, 20]


def test_a_file_is_executed_again_only_when_it_changed(write_file):
    file = write_file(FLOW)
    first = load(find_project(file)).pipelines["__default__"].nodes[0].func
    assert load(find_project(file)).pipelines["__default__"].nodes[0].func is first
    write_file(FLOW.replace("2 * x", "30 * x"))
    assert load(find_project(file)).pipelines["__default__"].nodes[0].func(1) == 30


def test_a_file_may_import_what_lies_beside_it(write_file):
    write_file("def double(x): return 2 * x\n", "beside.py")
    file = write_file(
        "from beside import double\nfrom incremental.pipeline import Pipeline, node\n"
        "pipeline = Pipeline([node(double, 'a', 'b')])\n"
    )
    assert load(find_project(file)).pipelines["__default__"].nodes[0].func(2) == 4


def test_classes_of_a_file_can_be_made_and_pickled(write_file):
    text = f"from __future__ import annotations\n{FLOW}" + (
        "\nfrom dataclasses import dataclass\n@dataclass\nclass Model:\n    rate: float\n"
    )
    load(find_project(write_file(text)))
    model = sys.modules["incremental_file_pipeline"].Model(0.5)
    assert pickle.loads(pickle.dumps(model)) == model


@pytest.mark.parametrize("when", ["loaded before", "loaded after"])
def test_functions_of_a_file_travel_to_a_process_that_does_not_know_it(write_file, when, tmp_path):
    cloudpickle = pytest.importorskip("cloudpickle")
    file = write_file(FLOW)
    if when == "loaded after":
        function = load(find_project(file)).pipelines["__default__"].nodes[0].func
        pickle_by_value()
    else:
        function = load(find_project(file)).pipelines["__default__"].nodes[0].func
    sent = tmp_path / "sent.pickle"
    sent.write_bytes(cloudpickle.dumps(function))
    script = f"import pickle; print(pickle.loads(open({str(sent)!r}, 'rb').read())(21))"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, cwd="/", check=False
    )
    assert done.stdout == "42\n"


# --- several projects, and the current one


def test_two_projects_with_one_package_name_do_not_mix(make):
    registry = "from hello.nodes import name\ndef register_pipelines():\n    return {}\n"
    one = make(
        {
            "src/hello/pipeline_registry.py": registry,
            "src/hello/nodes.py": "name = 'one'\n",
            "src/hello/settings.py": "MINE = 1\n",
        },
        "one",
    )
    two = make(
        {
            "src/hello/pipeline_registry.py": registry,
            "src/hello/nodes.py": "name = 'two'\n",
            "src/hello/settings.py": "MINE = 2\n",
        },
        "two",
    )
    loaded = []
    for root, name in ((one, "one"), (two, "two"), (one, "one")):
        loaded.append(load_at(root))
        assert dict(loaded[-1].pipelines) == {}
        assert sys.modules["hello.nodes"].name == name
    assert [each.settings.MINE for each in loaded] == [1, 2, 1]


def test_the_source_folder_is_on_the_path_once(make):
    root = make({})
    load_at(root)
    load_at(root)
    assert sys.path.count(str(root / "src")) == 1
    assert sys.path[0] == str(root / "src")


def test_the_module_level_names_follow_the_project_configured_last(make):
    assert settings.CONF_SOURCE == "conf"
    assert repr(settings) == "<Settings: all defaults>"
    root = make(
        {
            "src/hello/settings.py": "CONF_SOURCE = 'c'\n",
            "src/hello/pipelines/a/__init__.py": MAKE.format("a"),
            "src/hello/pipeline_registry.py": REGISTRY,
        }
    )
    project = bootstrap_project(root)
    assert project.package_name == "hello"
    assert settings.CONF_SOURCE == "c"
    assert settings.get("CONF_SOURCE") == "c"
    assert settings.get("NOTHING") is None
    assert list(pipelines) == ["__default__", "a"]
    assert len(pipelines) == 2
    assert isinstance(pipelines["a"], Pipeline)
    assert repr(pipelines) == "<PipelineRegistry of 'hello': __default__, a>"
    validate_settings()


@pytest.mark.parametrize(
    ("ask", "what"),
    [
        (lambda: dict(pipelines), "'pipelines'"),
        (find_pipelines, "find_pipelines()"),
        (validate_settings, "validate_settings()"),
        (lambda: repr(pipelines), "'pipelines'"),
        (lambda: len(pipelines), "'pipelines'"),
        (lambda: pipelines["a"], "'pipelines'"),
    ],
)
def test_without_a_project_the_module_level_names_say_what_to_call(ask, what):
    assert error(ask) == f"{what} needs a project; call bootstrap_project() or configure_project() first"


def test_a_package_on_the_path_can_be_configured_by_name(make):
    root = make({"src/hello/settings.py": "CONF_SOURCE = 'c'\n"})
    sys.path.insert(0, str(root / "src"))
    configure_project("hello")
    assert settings.CONF_SOURCE == "c"
    assert current_project._current.loaded("").project == find_project(root)


def test_an_installed_package_without_a_project_folder_can_be_configured(make, monkeypatch, tmp_path):
    root = make({"src/other/__init__.py": "", "src/other/settings.py": "MINE = 1\n"})
    (root / "pyproject.toml").unlink()
    sys.path.insert(0, str(root / "src"))
    configure_project("other")
    assert settings.MINE == 1
    with pytest.raises(ProjectError, match="package 'no_such_package' is not in"):
        configure_project("no_such_package")


# --- looking leaves no trace


def test_nothing_is_written_when_no_trace_is_to_be_left(make):
    root = make(
        {
            "src/hello/settings.py": "",
            "src/hello/pipelines/a/__init__.py": MAKE.format("a"),
            "src/hello/pipeline_registry.py": REGISTRY,
        }
    )

    def tree():
        return {path: path.stat().st_mtime_ns for path in root.rglob("*")}

    before = tree()
    sys.dont_write_bytecode = False
    loaded = load(find_project(root), leave_no_trace=True)
    assert list(loaded.pipelines) == ["__default__", "a"]
    assert tree() == before
    assert sys.dont_write_bytecode is False


def test_bytecode_is_written_again_afterwards_even_after_an_error():
    sys.dont_write_bytecode = False
    with pytest.raises(KeyError), no_bytecode():
        assert sys.dont_write_bytecode is True
        raise KeyError
    with no_bytecode(False):
        assert sys.dont_write_bytecode is False


def test_an_unknown_name_of_the_room_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'configure_logging'"):
        projects.configure_logging


def test_no_warning_comes_out_of_a_project_that_is_fine(make):
    root = make({"src/hello/settings.py": "HOOKS = ()\n", "src/hello/pipeline_registry.py": REGISTRY})
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert list(load_at(root).pipelines) == ["__default__"]
