"""Registering hooks: objects with marked methods, their order, and those that cannot be."""

from __future__ import annotations

import inspect
import subprocess
import sys
from importlib import metadata
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from incremental.errors import HookError
from incremental.hooks import create_hook_manager, hook_impl
from incremental.hooks.specs import ALL_SPECS


class Nodes:
    def __init__(self, name: str = "", calls: list[str] | None = None) -> None:
        self.name = name
        self.calls = calls if calls is not None else []

    @hook_impl
    def on_node_skipped(self, node: Any, reason: str) -> None:
        self.calls.append(f"{self.name} {node} {reason}")


def test_without_hooks_there_is_no_manager() -> None:
    assert create_hook_manager(plugins=False) is None


def test_the_hook_that_was_registered_last_is_called_first() -> None:
    calls: list[str] = []
    manager = create_hook_manager([Nodes("one", calls), Nodes("two", calls)], plugins=False)
    assert manager is not None
    manager.hook.on_node_skipped(node="n", reason="r")
    assert calls == ["two n r", "one n r"]


def test_a_hook_that_is_given_twice_is_called_once() -> None:
    hook = Nodes("one")
    manager = create_hook_manager([hook, hook], plugins=False)
    assert manager is not None
    manager.hook.on_node_skipped(node="n", reason="r")
    assert len(hook.calls) == 1


def test_a_hook_takes_the_arguments_that_it_wants() -> None:
    class Wants:
        seen: Any = None

        @hook_impl
        def before_pipeline_run(self, pipeline: Any) -> None:
            self.seen = pipeline

    hook = Wants()
    manager = create_hook_manager([hook], plugins=False)
    assert manager is not None
    manager.hook.before_pipeline_run(run_params={}, pipeline="p", catalog="c")
    assert hook.seen == "p"


class NoMarks:
    def on_node_skipped(self, node: Any) -> None: ...


class Unknown:
    @hook_impl
    def before_node_runs(self, node: Any) -> None: ...


class Strange:
    @hook_impl
    def qwertz(self) -> None: ...


class WrongArgument:
    @hook_impl
    def on_node_skipped(self, nodes: Any) -> None: ...


@pytest.mark.parametrize(
    ("hook", "message"),
    [
        (Nodes, "hook 'Nodes' is a class; HOOKS takes objects: write Nodes()"),
        (NoMarks(), "'NoMarks' implements no hook: mark its methods with @hook_impl from incremental.hooks"),
        (
            Unknown(),
            "'Unknown' implements 'before_node_runs', which is no hook; "
            "did you mean 'before_node_run' or 'before_pipeline_run' or 'after_node_run'?",
        ),
        (
            WrongArgument(),
            "'WrongArgument' wants 'nodes' in 'on_node_skipped', which has node, reason; did you mean 'node'?",
        ),
        (Strange(), "'Strange' implements 'qwertz', which is no hook"),
    ],
)
def test_what_cannot_be_a_hook_is_refused(hook: Any, message: str) -> None:
    with pytest.raises(HookError) as caught:
        create_hook_manager([hook], plugins=False)
    assert str(caught.value) == message


class Wrapped:
    @hook_impl(hookwrapper=True)
    def on_node_skipped(self, node: Any) -> None: ...


def test_what_pluggy_itself_refuses_is_told_in_one_line() -> None:
    with pytest.raises(HookError) as caught:
        create_hook_manager([Wrapped()], plugins=False)
    assert "generator function" in str(caught.value)
    assert "\n" not in str(caught.value)


def plug_ins(monkeypatch: pytest.MonkeyPatch, *offered: tuple[str, str | None, Any]) -> None:
    """Let distributions offer hooks: (name, distribution, what it loads)."""

    def load(found: Any) -> Any:
        if isinstance(found, Exception):
            raise found
        return found

    entries = [
        SimpleNamespace(
            name=name,
            value=f"{name}:hooks",
            dist=dist and SimpleNamespace(name=dist),
            load=lambda found=found: load(found),
        )
        for name, dist, found in offered
    ]
    monkeypatch.setattr(
        metadata, "entry_points", lambda group: entries if group == "incremental.hooks" else []
    )


def test_plug_ins_are_loaded_unless_they_are_disabled(monkeypatch: pytest.MonkeyPatch) -> None:
    hooks = {name: Nodes(name) for name in ("one", "two", "three")}
    plug_ins(
        monkeypatch,
        ("one", "dist-one", hooks["one"]),
        ("two", "dist-two", hooks["two"]),
        ("three", None, hooks["three"]),
    )
    manager = create_hook_manager(disabled_plugins=["dist-two"])
    assert manager is not None
    assert manager.get_plugins() == {hooks["one"], hooks["three"]}
    assert create_hook_manager(disabled_plugins=["dist-one", "dist-two", "three"]) is None


@pytest.mark.parametrize(
    ("found", "message"),
    [
        (Nodes, "hook 'Nodes' is a class; HOOKS takes objects: write Nodes()"),
        (
            ImportError("no module"),
            "the hooks of plug-in 'dist' (one:hooks) cannot be loaded: ImportError: no module",
        ),
    ],
)
def test_a_plug_in_that_offers_no_hook_is_named(
    monkeypatch: pytest.MonkeyPatch, found: Any, message: str
) -> None:
    plug_ins(monkeypatch, ("one", "dist", found))
    with pytest.raises(HookError) as caught:
        create_hook_manager()
    assert str(caught.value) == message


KEDRO = {
    "after_context_created": ["context"],
    "after_catalog_created": [
        "catalog", "conf_catalog", "conf_creds", "parameters", "save_version", "load_versions",
    ],
    "before_pipeline_run": ["run_params", "pipeline", "catalog"],
    "after_pipeline_run": ["run_params", "run_result", "pipeline", "catalog"],
    "on_pipeline_error": ["error", "run_params", "pipeline", "catalog"],
    "before_node_run": ["node", "catalog", "inputs", "is_async", "run_id"],
    "after_node_run": ["node", "catalog", "inputs", "outputs", "is_async", "run_id"],
    "on_node_error": ["error", "node", "catalog", "inputs", "is_async", "run_id"],
    "before_dataset_loaded": ["dataset_name", "node"],
    "after_dataset_loaded": ["dataset_name", "data", "node"],
    "before_dataset_saved": ["dataset_name", "data", "node"],
    "after_dataset_saved": ["dataset_name", "data", "node"],
}  # fmt: skip
OURS = {"after_plan_created": ["plan", "catalog"], "on_node_skipped": ["node", "reason"]}


def test_the_hooks_are_those_of_kedro_with_their_arguments_and_two_of_ours() -> None:
    specs = {
        name: list(inspect.signature(method).parameters)[1:]
        for spec in ALL_SPECS
        for name, method in vars(spec).items()
        if not name.startswith("_")
    }
    assert specs == KEDRO | OURS


def test_who_has_no_hooks_does_not_load_pluggy(tmp_path: Path) -> None:
    program = "import sys; import incremental.runner; assert 'pluggy' not in sys.modules"
    subprocess.run([sys.executable, "-c", program], check=True, cwd=tmp_path)
