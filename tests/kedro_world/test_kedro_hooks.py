"""Hooks that are marked for Kedro, in a run of ours: in a project, from installed plug-ins, without Kedro."""

from __future__ import annotations

import inspect
import json
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest
from kedro_projects import KedroProject

pytest.importorskip("kedro", reason="uses the marks of Kedro")

from kedro.framework.hooks import hook_impl
from kedro.framework.hooks import specs as kedro_specs

from incremental.errors import HookError
from incremental.hooks import create_hook_manager, kedro_plugins_offered

SPECS = {
    name: list(inspect.signature(method).parameters)[1:]
    for group in vars(kedro_specs).values()
    if inspect.isclass(group) and group.__module__ == kedro_specs.__name__
    for name, method in vars(group).items()
    if hasattr(method, "kedro_spec")
}
LISTENER = '''
"""Write down every hook that is called, with what Kedro says that it is called with."""

import json
from pathlib import Path

from kedro.framework.hooks import hook_impl


class Listener:
    def __init__(self):
        self.calls = []

    def note(self, name, **arguments):
        told = {key: type(value).__name__ for key, value in arguments.items()}
        self.calls.append([name, told])
        Path("calls.json").write_text(json.dumps(self.calls))

'''


def listening(project: KedroProject, body: str = "") -> None:
    """Give a project a hook object that implements every spec of Kedro, but for those in ``body``."""
    methods = ""
    for name, arguments in SPECS.items():
        if f"def {name}(" not in body:
            passed = ", ".join(f"{each}={each}" for each in arguments)
            methods += f"    @hook_impl\n    def {name}(self, {', '.join(arguments)}):\n"
            methods += f"        self.note({name!r}, {passed})\n\n"
    text = LISTENER + methods + dedent(body).replace("\n", "\n    ")
    (project.path / "src/spaceflights/hooks.py").write_text(text)
    settings = project.path / "src/spaceflights/settings.py"
    settings.write_text(f"{settings.read_text()}\nfrom .hooks import Listener\n\nHOOKS = (Listener(),)\n")


def calls(project: KedroProject) -> list[tuple[str, dict[str, str]]]:
    return [tuple(each) for each in json.loads((project.path / "calls.json").read_text())]


def test_every_hook_of_kedro_is_called_with_its_arguments(raw: KedroProject, ours: Any) -> None:
    listening(raw)
    said = ours(raw, "run", "--nodes", "preprocess_companies_node")
    assert said.code == 0, said.err
    told = calls(raw)
    assert [name for name, _ in told] == [
        "after_context_created", "after_catalog_created", "before_pipeline_run", "before_dataset_loaded",
        "after_dataset_loaded", "before_node_run", "after_node_run", "before_dataset_saved", "after_dataset_saved",
        "after_pipeline_run",
    ]  # fmt: skip
    by_name = dict(told)
    assert by_name["after_node_run"] == {
        "node": "Node", "catalog": "ProjectCatalog", "inputs": "dict", "outputs": "dict", "is_async": "bool",
        "run_id": "str",
    }  # fmt: skip
    assert by_name["after_dataset_saved"] == {"dataset_name": "str", "data": "DataFrame", "node": "Node"}


def test_both_hooks_for_errors_are_called(raw: KedroProject, ours: Any) -> None:
    listening(raw)
    raw.replace("src/spaceflights/pipelines/data_processing/nodes.py", '"company_rating"', '"rating"')
    assert ours(raw, "run", "--nodes", "preprocess_companies_node").code == 1
    told = dict(calls(raw))
    assert told["on_node_error"]["error"] == "KeyError"
    assert told["on_pipeline_error"]["error"] == "KeyError"
    assert "after_pipeline_run" not in told


def test_a_hook_may_replace_inputs_and_extend_the_catalog(raw: KedroProject, ours: Any) -> None:
    body = """
    @hook_impl
    def after_catalog_created(self, catalog):
        catalog["preprocessed_companies"] = CSVDataset(filepath="elsewhere.csv", save_args={"index": False})

    @hook_impl
    def before_node_run(self, node, catalog, inputs):
        return {name: table.head(2) for name, table in inputs.items()}
    """
    listening(raw, body)
    raw.replace(
        "src/spaceflights/hooks.py", "from kedro.framework",
        "from kedro_datasets.pandas import CSVDataset\n\nfrom kedro.framework",
    )  # fmt: skip
    said = ours(raw, "run", "--nodes", "preprocess_companies_node")
    assert said.code == 0, said.err
    assert len((raw.path / "elsewhere.csv").read_text().splitlines()) == 3
    assert not raw.data("02_intermediate").exists()


def test_run_parameters_have_the_keys_of_kedro(raw: KedroProject, ours: Any) -> None:
    body = """
    @hook_impl
    def before_pipeline_run(self, run_params):
        self.calls.append(["run_params", run_params])
    """
    listening(raw, body)
    assert ours(raw, "run", "--nodes", "preprocess_companies_node", "--params", "currency=EUR").code == 0
    told = dict(calls(raw))["run_params"]
    kedros = {
        "run_id", "project_path", "env", "kedro_version", "tags", "from_nodes", "to_nodes", "node_names",
        "from_inputs", "to_outputs", "load_versions", "runtime_params", "pipeline_names", "namespaces", "runner",
        "only_missing_outputs",
    }  # fmt: skip
    assert kedros <= told.keys()
    assert told["kedro_version"] == "1.7.0"
    assert told["runtime_params"] == {"currency": "EUR"}


class Marked:
    """Marked for Kedro, registered with us."""

    def __init__(self) -> None:
        self.seen: list[str] = []

    @hook_impl
    def on_node_skipped(self, node: Any, reason: str) -> None:
        self.seen.append(f"{node} {reason}")


def test_marks_of_kedro_work_for_our_own_hooks_too() -> None:
    hook = Marked()
    manager = create_hook_manager([hook], plugins=False)
    assert manager is not None
    manager.hook.on_node_skipped(node="n", reason="r")
    assert hook.seen == ["n r"]


def test_what_neither_engine_calls_is_refused() -> None:
    class Old:
        @hook_impl
        def register_pipelines(self) -> None: ...

    with pytest.raises(HookError, match="implements 'register_pipelines', which is no hook"):
        create_hook_manager([Old()], plugins=False)


# -- plug-ins


@pytest.fixture
def plugin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Install a distribution that offers hooks for Kedro."""
    site = tmp_path / "site"
    info = site / "kedro_counting-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: kedro-counting\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[kedro.hooks]\ncounting = kedro_counting:hooks\n")
    (site / "kedro_counting.py").write_text(
        "from kedro.framework.hooks import hook_impl\n\n\nclass Counting:\n    nodes = 0\n\n    @hook_impl\n"
        "    def after_node_run(self, node):\n        self.nodes += 1\n\n\nhooks = Counting()\n"
    )
    monkeypatch.syspath_prepend(site)
    return "kedro-counting"


def test_hooks_of_a_plug_in_are_called_where_settings_name_it(
    raw: KedroProject, ours: Any, plugin: str
) -> None:
    import sys

    assert plugin in kedro_plugins_offered()
    assert "incremental-engine" not in kedro_plugins_offered()  # what we offer is for sessions of Kedro's
    assert ours(raw, "run", "--nodes", "preprocess_companies_node").code == 0
    assert "kedro_counting" not in sys.modules
    settings = raw.path / "src/spaceflights/settings.py"
    settings.write_text(f"{settings.read_text()}\nKEDRO_PLUGINS = ('kedro_counting',)\n")
    assert ours(raw, "run", "--nodes", "preprocess_companies_node").code == 0
    assert sys.modules["kedro_counting"].hooks.nodes == 1


def test_doctor_names_the_plug_ins_that_are_not_called(raw: KedroProject, ours: Any, plugin: str) -> None:
    said = ours(raw, "doctor")
    assert "hooks for Kedro that are not called: kedro-counting" in said.out
    assert "KEDRO_PLUGINS = ('kedro-counting',)" in said.out


def test_an_unknown_plug_in_gets_the_nearest_name(plugin: str) -> None:
    with pytest.raises(HookError) as caught:
        create_hook_manager(kedro_plugins=("kedro-countng",))
    assert str(caught.value) == (
        "KEDRO_PLUGINS names 'kedro-countng', which offers no hooks for Kedro; did you mean 'kedro-counting'?"
    )


def test_a_plug_in_from_the_index_works(
    raw: KedroProject, ours: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """kedro-intercept calls functions of the user's around nodes and datasets; it implements every hook of Kedro."""
    package = pytest.importorskip("kedro_intercept", reason="tries kedro-intercept")
    registry = package.InterceptorRegistry()
    monkeypatch.setattr(package, "interceptor_registry", registry)
    seen: list[Any] = []
    registry.intercept("before_pipeline_run", lambda run_params: seen.append(run_params["node_names"]))
    registry.intercept("after_dataset_loaded", lambda data: seen.append(len(data)), "companies")
    registry.intercept(
        "after_node_run", lambda outputs: seen.append(list(outputs)), "preprocess_companies_node"
    )
    settings = raw.path / "src/spaceflights/settings.py"
    settings.write_text(f"{settings.read_text()}\nKEDRO_PLUGINS = ('kedro-intercept',)\n")
    said = ours(raw, "run", "--nodes", "preprocess_companies_node")
    assert said.code == 0, said.err
    assert seen == [["preprocess_companies_node"], 60, ["preprocessed_companies"]]
