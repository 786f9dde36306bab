"""One project, opened by Kedro and, with its imports replaced, by us: settings, registry, context, parameters.

The same script says for both what it sees; where it may differ, the test names the reason.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("kedro", reason="compares with Kedro")
pytest.importorskip("pydantic", reason="typed parameters are compared, too")

# What a port replaces, in this order.
PORT = {
    "kedro.framework.project": "incremental.project",
    "kedro.framework.startup": "incremental.project",
    "kedro.framework.context import KedroContext": "incremental.session import Context as KedroContext",
    "kedro.framework.session import KedroSession": "incremental.session import Session as KedroSession",
    "kedro.framework.hooks": "incremental.hooks",
    "[tool.kedro]": "[tool.incremental]",
    "kedro.": "incremental.",
    "context._get_catalog(settings.DATA_CATALOG_CLASS)": "context.create_catalog()",
    "_get_catalog(self, catalog_class=DataCatalog,": "create_catalog(self,",
    "super()._get_catalog(catalog_class,": "super().create_catalog(",
    "pandas.CSVDataset": "MemoryDataset",
}
FILES = {
    "pyproject.toml": """
        [tool.kedro]
        package_name = "shop"
        project_name = "Shop"
        kedro_init_version = "1.7.0"
    """,
    "src/shop/__init__.py": "",
    "src/shop/settings.py": """
        from kedro.config import OmegaConfigLoader
        from kedro.framework.context import KedroContext
        from kedro.framework.hooks import hook_impl
        from kedro.io import DataCatalog

        seen = []

        class Hooks:
            @hook_impl
            def after_context_created(self, context):
                seen.append(("context", type(context).__name__, context.env))
                context.config_loader["globals"] = {"where": "hooks"}

            @hook_impl
            def after_catalog_created(self, catalog, conf_catalog, conf_creds, parameters, save_version, load_versions):
                seen.append(("catalog", type(catalog).__name__, sorted(conf_catalog), sorted(parameters)))

        class Shop(DataCatalog):
            @classmethod
            def from_config(cls, catalog, credentials=None, load_versions=None, save_version=None):
                made = super().from_config(catalog, credentials, load_versions, save_version)
                made["from_the_class"] = 1
                return made

        class ShopContext(KedroContext):
            def _get_catalog(self, catalog_class=DataCatalog, save_version=None, load_versions=None):
                made = super()._get_catalog(catalog_class, save_version, load_versions)
                made["from_the_context"] = 2
                return made

            @property
            def params(self):
                return {**super().params, "added": {"deep": 3}}

        class Loader(OmegaConfigLoader):
            def __getitem__(self, key):
                found = super().__getitem__(key)
                return {**found, "by_loader": True} if key == "parameters" else found

        HOOKS = (Hooks(),)
        CONTEXT_CLASS = ShopContext
        DATA_CATALOG_CLASS = Shop
        CONFIG_LOADER_CLASS = Loader
        CONFIG_LOADER_ARGS = {
            "base_env": "base",
            "default_run_env": "local",
            "merge_strategy": {"parameters": "soft"},
            "custom_resolvers": {"twice": lambda text: text * 2},
            "config_patterns": {"spark": ["spark*"]},
        }
        DISABLE_HOOKS_FOR_PLUGINS = ("kedro-telemetry",)
        OWN_SETTING = {"a": 1}
    """,
    "src/shop/pipeline_registry.py": """
        from kedro.framework.project import find_pipelines

        def register_pipelines():
            pipelines = find_pipelines()
            pipelines["__default__"] = sum(pipelines.values())
            return pipelines
    """,
    "src/shop/pipelines/__init__.py": "",
    "src/shop/pipelines/sales/__init__.py": """
        from dataclasses import dataclass
        from pydantic import BaseModel
        from kedro.pipeline import Pipeline, node

        class Model(BaseModel):
            lr: float
            depth: int = 3

        @dataclass
        class Split:
            share: float

        def train(model: Model, split: Split | None, rest): ...

        def create_pipeline():
            return Pipeline([node(train, ["params:model", "params:data.split", "params:plain"], None, name="train")])
    """,
    "src/shop/pipelines/stock/__init__.py": """
        from kedro.pipeline import Pipeline, node

        def create_pipeline():
            return Pipeline([node(len, "a", "b", name="count")])
    """,
    "src/shop/pipelines/broken/__init__.py": "raise ImportError('broken on purpose')",
    "src/shop/pipelines/empty/__init__.py": "",
    "src/shop/pipelines/wrong/__init__.py": "def create_pipeline(): return 3",
    "src/shop/pipelines/.hidden/__init__.py": "raise ImportError",
    "src/shop/pipelines/no_folder.py": "raise ImportError",
    "conf/base/catalog.yml": "a: {type: pandas.CSVDataset, filepath: 'data/${globals:where}.csv', metadata: {x: '${twice:ab}'}}",
    "conf/base/globals.yml": "where: files",
    "conf/base/parameters.yml": "model: {lr: '0.5'}\ndata: {split: {share: 0.25}}\nplain: {k: 1, l: 2}",
    "conf/local/parameters.yml": "plain: {k: 3}",
    "conf/prod/parameters.yml": "plain: {k: 4}",
    "conf/base/spark.yml": "s: 1",
}
SCRIPT = """
import json, sys, warnings
from kedro.framework.project import configure_project, find_pipelines, pipelines, settings, validate_settings
from kedro.framework.startup import bootstrap_project
from kedro.framework.session import KedroSession

said = {}

def told(name, ask):
    try:
        said[name] = ask()
    except Exception as error:
        said[name] = "refused: " + ", ".join(each.__name__ for each in type(error).__mro__[:-2])

told("validate before", validate_settings)
told("find before", find_pipelines)
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    metadata = bootstrap_project(sys.argv[1])
    told("names", lambda: sorted(pipelines))
    said["warned"] = sorted(name for name in ("broken", "empty", "wrong", "hidden") if any(name in str(each.message) for each in caught))
told("metadata", lambda: [metadata.package_name, metadata.project_name, str(metadata.project_path), str(metadata.source_dir)])
told("validate after", validate_settings)
told("nodes", lambda: {name: [each.name for each in pipelines[name].nodes] for name in pipelines})
told("unknown pipeline", lambda: pipelines["nothing"])
told("length", lambda: [len(pipelines), "stock" in pipelines, pipelines.get("nothing")])
told("raising", lambda: find_pipelines(True, ["broken"]))
warnings.simplefilter("ignore")
told("found some", lambda: sorted(find_pipelines(pipelines_to_find=["stock"])))
told("found some and default", lambda: sorted(find_pipelines(pipelines_to_find=["stock", "__default__"])))
told("raising for one that is good", lambda: sorted(find_pipelines(True, ["stock"])))
told("raising for one that is absent", lambda: sorted(find_pipelines(True, ["absent"])))
told("setting SESSION_STORE_ARGS", lambda: dict(settings.SESSION_STORE_ARGS))
for name in ("CONF_SOURCE", "OWN_SETTING", "DATASET_VALIDATION"):
    told("setting " + name, lambda: getattr(settings, name))
told("disabled", lambda: list(settings.DISABLE_HOOKS_FOR_PLUGINS))
for name in ("CONTEXT_CLASS", "DATA_CATALOG_CLASS", "CONFIG_LOADER_CLASS"):
    told("setting " + name, lambda: getattr(settings, name).__name__)
told("hooks", lambda: [type(each).__name__ for each in settings.HOOKS])
told("unknown setting", lambda: settings.NOTHING)
told("unknown setting with default", lambda: settings.get("NOTHING", 5))
configure_project("shop")
told("names again", lambda: sorted(pipelines))
for env in (None, "prod"):
    with KedroSession.create(sys.argv[1], env=env, runtime_params={"plain": {"l": 9}}) as session:
        context = session.load_context()
        params = context.params
        catalog = context._get_catalog(settings.DATA_CATALOG_CLASS)
        said[f"context {env}"] = {
            "env": context.env,
            "path": str(context.project_path),
            "loader": type(context.config_loader).__name__,
            "model": [type(params["model"]).__name__, params["model"].lr],
            "split": [type(params["data"]["split"]).__name__, params["data"]["split"].share],
            "plain": params["plain"],
            "added": [params["added"], params["by_loader"], catalog.load("params:added.deep")],
            "names": sorted(catalog),
            "lr": catalog.load("params:model.lr"),
            "share": catalog.load("params:data.split.share"),
            "whole": sorted(catalog.load("parameters")),
            "extra": [catalog.load("from_the_class"), catalog.load("from_the_context")],
            "spark": context.config_loader["spark"],
        }
import shop.settings
said["hooks seen"] = json.loads(json.dumps(shop.settings.seen))
print("SAID" + json.dumps(said, default=str))
"""


def _ported(text: str) -> str:
    for old, new in PORT.items():
        text = text.replace(old, new)
    return text


def _said(folder: Path, port: bool) -> dict[str, Any]:
    for name, text in FILES.items():
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        text = textwrap.dedent(text)
        file.write_text(_ported(text) if port else text)
    script = folder / "script.py"
    script.write_text(_ported(SCRIPT) if port else SCRIPT)
    done = subprocess.run(
        [sys.executable, str(script), str(folder)],
        capture_output=True,
        text=True,
        check=False,
        cwd=folder,
        env={**os.environ, "DO_NOT_TRACK": "1", "PYTHONPATH": str(Path(__file__).parents[2])},
    )
    assert "SAID" in done.stdout, done.stderr
    said: dict[str, Any] = json.loads(done.stdout.rpartition("SAID")[2].replace(str(folder), "FOLDER"))
    return said


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, Any], dict[str, Any]]:
    return tuple(_said(tmp_path_factory.mktemp(name), name == "ours") for name in ("kedros", "ours"))  # type: ignore[return-value]


@pytest.mark.parametrize(
    "what",
    [
        "names",
        "warned",
        "metadata",
        "validate after",
        "nodes",
        "length",
        "found some",
        "found some and default",
        "raising for one that is good",
        "setting CONF_SOURCE",
        "setting OWN_SETTING",
        "setting SESSION_STORE_ARGS",
        "setting DATASET_VALIDATION",
        "setting CONTEXT_CLASS",
        "setting DATA_CATALOG_CLASS",
        "setting CONFIG_LOADER_CLASS",
        "disabled",
        "hooks",
        "unknown setting with default",
        "names again",
        "context None",
        "context prod",
        "hooks seen",
    ],
)
def test_a_ported_project_says_what_it_says_under_kedro(both: Any, what: str) -> None:
    theirs, ours = both
    assert ours[what] == theirs[what]


@pytest.mark.parametrize(
    ("what", "theirs", "ours"),
    [
        ("validate before", "ValueError", "ProjectError"),
        ("find before", "RuntimeError", "ProjectError"),
        ("raising", "ImportError", "ProjectError"),
        ("raising for one that is absent", "ImportError", "ProjectError"),
        ("unknown pipeline", "KeyError", "KeyError"),
        ("unknown setting", "AttributeError", "AttributeError"),
    ],
)
def test_what_kedro_refuses_is_refused_with_an_error_of_ours(
    both: Any, what: str, theirs: str, ours: str
) -> None:
    said = [each[what] for each in both]
    assert all(each.startswith("refused: ") for each in said)
    assert theirs in said[0]
    assert ours in said[1]
