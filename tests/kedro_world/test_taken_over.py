"""Nodes, pipelines and settings of Kedro, taken over into ours."""

from __future__ import annotations

import logging
import sys
import warnings
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

import pytest

pytest.importorskip("kedro", reason="takes over what Kedro makes")

from kedro.config import OmegaConfigLoader
from kedro.framework.context import KedroContext
from kedro.framework.session.store import BaseSessionStore
from kedro.io import DataCatalog as KedroCatalog
from kedro.pipeline import Node as KedroNode
from kedro.pipeline import Pipeline as KedroPipeline
from kedro.pipeline import node as kedro_node
from kedro.pipeline.llm_context import llm_context_node
from kedro.pipeline.preview_contract import TextPreview

from incremental.config import OmegaConfigLoader as OurLoader
from incremental.errors import ConfigError, MissingConfigError, NodeError, SessionError
from incremental.kedro.pipelines import taken_over, taken_over_node
from incremental.kedro.settings import taken_over as settings_taken_over
from incremental.pipeline import Node, Pipeline
from incremental.project import Settings


def identity(value: Any) -> Any:
    return value


def pair(first: Any, *, second: Any) -> list[Any]:
    return [first, second]


def keyed(value: Any) -> dict[str, Any]:
    return {"left": value, "right": -value}


NODES = {
    "a name": (KedroNode(identity, "a", "b", name="n"), {"a": 1}, {"b": 1}),
    "a list of one": (KedroNode(lambda a: [a], ["a"], ["b"], name="n"), {"a": 1}, {"b": 1}),
    "keywords": (KedroNode(pair, {"second": "b", "first": "a"}, "c"), {"a": 1, "b": 2}, {"c": [1, 2]}),
    "keys": (KedroNode(keyed, "a", {"right": "r", "left": "l"}), {"a": 1}, {"l": 1, "r": -1}),
    "no inputs": (KedroNode(lambda: 5, None, "a", name="n"), {}, {"a": 5}),
    "no outputs": (KedroNode(lambda a: None, "a", None, name="n"), {"a": 1}, {}),
    "a partial": (KedroNode(partial(pair, second=2), "a", "c", name="n"), {"a": 1}, {"c": [1, 2]}),
    "a format": (KedroNode(identity, "a@pandas", "b@spark", name="n"), {"a@pandas": 1}, {"b@spark": 1}),
}


@pytest.mark.filterwarnings("ignore:The node producing outputs")
@pytest.mark.parametrize("form", NODES)
def test_a_node_is_called_and_called_upon_as_before(form: str) -> None:
    theirs, inputs, outputs = NODES[form]
    ours = taken_over_node(theirs)
    assert type(ours) is Node
    assert ours.run(inputs) == theirs.run(inputs) == outputs
    assert (ours.name, ours.short_name, ours.inputs, ours.outputs) == (
        theirs.name, theirs.short_name, theirs.inputs, theirs.outputs,
    )  # fmt: skip
    assert ours.func is theirs.func


def test_tags_namespaces_and_confirms_stay() -> None:
    theirs = KedroNode(identity, "x.a", "x.b", name="n", tags=["t", "u"], confirms="x.a", namespace="x")
    ours = taken_over_node(theirs)
    assert (ours.tags, ours.namespace, ours.confirms, ours.name) == ({"t", "u"}, "x", ["x.a"], "x.n")


def test_a_pipeline_keeps_its_order_prefixes_and_names() -> None:
    inner = KedroPipeline(
        [kedro_node(identity, "raw", "clean"), kedro_node(identity, "clean", "out", name="z")]
    )
    theirs = KedroPipeline(inner, namespace="eu", inputs={"raw": "all_raw"}, tags="modular")
    ours = taken_over(theirs)
    assert type(ours) is Pipeline
    assert [node.name for node in ours.nodes] == [node.name for node in theirs.nodes]
    assert (ours.inputs(), ours.outputs(), ours.datasets()) == (
        theirs.inputs(), theirs.outputs(), theirs.datasets(),
    )  # fmt: skip


def test_what_is_no_pipeline_of_kedros_is_left_alone() -> None:
    mine = Pipeline([])
    assert taken_over(mine) is mine
    assert taken_over(5) == 5


def test_a_node_that_runs_in_a_way_of_its_own_is_refused() -> None:
    class Loud(KedroNode):
        def run(self, inputs: Any = None) -> Any:
            return super().run(inputs)

    with pytest.raises(NodeError, match=r"Loud', which has a run\(\) of its own; put what it does into"):
        taken_over_node(Loud(identity, "a", "b", name="n"))


LLM_CONTEXT = (
    "node '{}' makes an LLM context, which is not supported here; "
    "make model, prompts and tools in the function of the node that uses them"
)


@pytest.mark.parametrize("namespace", [None, "chat"])
def test_a_node_that_makes_an_llm_context_is_refused(namespace: str | None) -> None:
    theirs = KedroPipeline(
        [llm_context_node(outputs="context", llm="model", prompts=["prompt"], name="talk")],
        namespace=namespace,
    )
    with pytest.raises(NodeError) as caught:
        taken_over(theirs)
    assert str(caught.value) == LLM_CONTEXT.format("chat.talk" if namespace else "talk")


def test_a_preview_is_left_out_and_logged(caplog: pytest.LogCaptureFixture) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs = KedroNode(identity, "a", "b", name="n", preview_fn=lambda: TextPreview("x"))
    with caplog.at_level(logging.INFO, "incremental"):
        assert taken_over_node(theirs).run({"a": 1}) == {"b": 1}
    assert "node 'n' has a preview, which only Kedro-Viz shows" in caplog.text


# -- settings


class Loader(OmegaConfigLoader):
    def __getitem__(self, key: str) -> Any:
        if key == "broken":
            raise RuntimeError("no such server")
        return {"taken": key} if key == "parameters" else super().__getitem__(key)


class Context(KedroContext):
    @property
    def params(self) -> dict[str, Any]:
        return {**super().params, "added": self.env}


class Catalog(KedroCatalog):
    pass


class Store(BaseSessionStore):
    kept: ClassVar[dict[str, Any]] = {}

    def __init__(self, path: str, session_id: str, suffix: str = "") -> None:
        self.place = f"{path}{suffix}"
        super().__init__(path, session_id)

    def read(self) -> dict[str, Any]:
        return dict(self.kept.get(self.place, {}))

    def save(self) -> None:
        if "refused" in self:
            raise OSError("disk full")
        self.kept[self.place] = dict(self.data)


def settings(folder: Path, **names: Any) -> Settings:
    return Settings.of(settings_taken_over(names, folder, "settings.py"), "settings.py")


def test_classes_of_kedros_own_become_ours(tmp_path: Path) -> None:
    found = settings(
        tmp_path, CONFIG_LOADER_CLASS=OmegaConfigLoader, CONTEXT_CLASS=KedroContext,
        DATA_CATALOG_CLASS=KedroCatalog, SESSION_STORE_CLASS=BaseSessionStore, SESSION_STORE_ARGS={"path": "x"},
    )  # fmt: skip
    default = settings(tmp_path)
    assert found.CONFIG_LOADER_CLASS is OurLoader
    for name in ("CONTEXT_CLASS", "DATA_CATALOG_CLASS", "SESSION_STORE_CLASS", "SESSION_STORE_ARGS"):
        assert found[name] == default[name]
        assert "kedro.framework" not in str(found[name])


def test_a_loader_of_the_users_is_asked_and_its_errors_are_ours(tmp_path: Path) -> None:
    (tmp_path / "base").mkdir()
    (tmp_path / "local").mkdir()
    found = settings(tmp_path, CONFIG_LOADER_CLASS=Loader).CONFIG_LOADER_CLASS
    assert found.__qualname__ == "Loader"
    loader = found(
        conf_source=str(tmp_path), env=None, runtime_params={}, base_env="base", default_run_env="local"
    )
    assert loader["parameters"] == {"taken": "parameters"}
    assert loader.base_env == "base"
    with pytest.raises(MissingConfigError, match="Loader has no 'catalog'"):
        loader["catalog"]
    assert loader.get("catalog", 5) == 5
    with pytest.raises(ConfigError, match="Loader cannot read 'broken': RuntimeError: no such server"):
        loader["broken"]
    loader["catalog"] = {"a": 1}
    assert loader["catalog"] == {"a": 1}


def test_a_store_of_the_users_keeps_the_records_where_kedro_would(tmp_path: Path) -> None:
    found = settings(tmp_path, SESSION_STORE_CLASS=Store, SESSION_STORE_ARGS={"suffix": "!"})
    store = found.SESSION_STORE_CLASS(session_id="1", **found.SESSION_STORE_ARGS)
    with pytest.raises(FileNotFoundError):
        store.read()
    store.save({"runs": [1]})
    assert store.read() == {"runs": [1]}
    assert Store.kept.keys() == {f"{tmp_path.as_posix()}/sessions!"}
    with pytest.raises(SessionError, match="Store cannot save session '1': OSError: disk full"):
        store.save({"refused": True})


def test_a_session_class_of_the_users_is_not_used_and_said_so(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    settings(tmp_path, SESSION_CLASS=object)
    assert "settings.py: SESSION_CLASS is not used here" in caplog.text


def with_context(project: Any, classes: str) -> None:
    (project.path / "src/spaceflights/classes.py").write_text(classes)
    settings = project.path / "src/spaceflights/settings.py"
    settings.write_text(
        f"{settings.read_text()}\nfrom spaceflights.classes import Context as CONTEXT_CLASS\n"
    )


def test_what_a_context_of_the_users_raises_is_told_without_secrets(raw: Any, ours: Any) -> None:
    (raw.path / "conf/local/credentials.yml").write_text("db: {password: canary-in-a-cage}\n")
    with_context(raw, CLASSES.replace("return super().params", "raise RuntimeError('lost canary-in-a-cage')"))
    said = ours(raw, "plan", "--dry-run")
    assert (said.code, said.err) == (2, "error: Context cannot make the catalog: RuntimeError: lost ***\n")


def outside(project: Any, classes: str) -> tuple[str, str]:
    """Move the configuration out of a project with a context of the user's; return the option for it."""
    folder = project.path.parent / "elsewhere"
    (project.path / "conf").rename(folder)
    with_context(project, classes)
    return "--conf-source", str(folder)


def test_configuration_from_outside_is_given_to_a_context_of_the_users(raw: Any, ours: Any) -> None:
    option = outside(raw, CLASSES)
    node = ("--nodes", "preprocess_companies_node")
    said = ours(raw, "run", *node, *option)
    assert said.code == 0, said.err
    assert raw.data("02_intermediate/preprocessed_companies.pq").exists()
    assert (raw.path / "proof").read_text() == "Context"


@pytest.mark.parametrize(
    ("entry", "told"),
    [
        ("{type: imported_from_outside.Dataset}", "dataset 'extra': type 'imported_from_outside.Dataset' is not"),
        ("{type: text.TextDataset, filepath: x, extra: '${oc.coerce:imported_from_outside.Enum,1}'}",
         "makes no 'imported_from_outside.Enum': configuration imports nothing but datasets"),
    ],
)  # fmt: skip
def test_a_context_of_the_users_imports_nothing_that_is_not_allowed(
    raw: Any, ours: Any, entry: str, told: str
) -> None:
    (raw.path / "src/imported_from_outside.py").write_text("from enum import Enum\nDataset = 1\n")
    option = outside(raw, CLASSES)
    (raw.path.parent / "elsewhere/base/catalog_extra.yml").write_text(f"extra: {entry}\n")
    said = ours(raw, "plan", "--dry-run", *option)
    assert said.code == 2
    assert told in said.err
    assert "imported_from_outside" not in sys.modules


def test_links_out_of_configuration_from_outside_are_refused(raw: Any, ours: Any) -> None:
    option = outside(raw, CLASSES)
    (raw.path.parent / "secret.yml").write_text("mine: {type: MemoryDataset}\n")
    (raw.path.parent / "elsewhere/base/catalog_extra.yml").symlink_to(raw.path.parent / "secret.yml")
    said = ours(raw, "plan", "--dry-run", *option)
    assert said.code == 2
    assert "a link brings it in from outside" in said.err


def test_a_loader_that_reads_again_what_was_checked_is_refused(raw: Any, ours: Any) -> None:
    classes = CLASSES.replace("return super().__getitem__(key)", "self.data.pop(key, None)\n        return super().__getitem__(key)")  # fmt: skip
    option = outside(raw, classes)
    settings = raw.path / "src/spaceflights/settings.py"
    settings.write_text(
        f"{settings.read_text()}from spaceflights.classes import Loader as CONFIG_LOADER_CLASS\n"
    )
    said = ours(raw, "plan", "--dry-run", *option)
    assert said.code == 2
    assert "CONFIG_LOADER_CLASS of settings.py reads it again after it was checked" in said.err


@pytest.mark.parametrize(
    "words",
    [
        "CONTEXT_CLASS = Context", "DATA_CATALOG_CLASS = Catalog", "CONFIG_LOADER_CLASS = Loader",
        "SESSION_STORE_CLASS = Store",
    ],
)  # fmt: skip
def test_a_project_runs_with_a_class_of_its_own(raw: Any, ours: Any, words: str) -> None:
    (raw.path / "src/spaceflights/classes.py").write_text(CLASSES)
    settings = raw.path / "src/spaceflights/settings.py"
    settings.write_text(f"{settings.read_text()}\nfrom spaceflights.classes import *\n\n{words}\n")
    node = ("--nodes", "preprocess_companies_node")
    said = ours(raw, "run", *node)
    assert said.code == 0, said.err
    assert "warning" not in said.err
    assert raw.data("02_intermediate/preprocessed_companies.pq").exists()
    assert ours(raw, "plan", "--dry-run", *node).out == "nothing to do: 1 node up to date\n"
    assert (raw.path / "proof").read_text() == words.split()[-1]


CLASSES = """
from pathlib import Path

from kedro.config import OmegaConfigLoader
from kedro.framework.context import KedroContext
from kedro.framework.session.store import BaseSessionStore
from kedro.io import DataCatalog


def prove(value):
    Path("proof").write_text(type(value).__name__)


class Context(KedroContext):
    @property
    def params(self):
        prove(self)
        return super().params


class Catalog(DataCatalog):
    def load(self, name, version=None):
        prove(self)
        return super().load(name, version)


class Loader(OmegaConfigLoader):
    def __getitem__(self, key):
        prove(self)
        return super().__getitem__(key)


class Store(BaseSessionStore):
    def save(self):
        prove(self)
"""
