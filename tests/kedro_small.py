"""Small Kedro projects of text files and functions of strings, written into a folder, and hooks that listen."""

from __future__ import annotations

import itertools
from pathlib import Path
from textwrap import dedent
from typing import Any

_NUMBERS = itertools.count(1)
MARKERS = ("before_dataset_loaded", "after_dataset_loaded", "before_node_run", "after_node_run",
           "before_dataset_saved", "after_dataset_saved", "on_node_error")  # fmt: skip


def write_project(folder: Path, nodes: str, catalog: str, *, settings: str = "", functions: str = "") -> str:
    """Write a Kedro project and return the name of its package, which no other of this process has.

    Args:
        nodes: source of the list of nodes; ``node`` is there, and what ``functions`` defines.
        catalog: YAML of the catalog.
        settings: source of ``settings.py``.
        functions: source of what the nodes call.
    """
    package = f"small_{next(_NUMBERS)}"
    files = {
        "pyproject.toml": f"""
            [tool.kedro]
            package_name = "{package}"
            project_name = "small"
            kedro_init_version = "1.7.0"
            """,
        "conf/base/catalog.yml": catalog,
        "conf/base/parameters.yml": "word: salt\n",
        "conf/local/.gitkeep": "",
        f"src/{package}/__init__.py": "",
        f"src/{package}/settings.py": settings,
        f"src/{package}/functions.py": functions,
        f"src/{package}/pipeline_registry.py": f"from kedro.pipeline import Pipeline, node\n"
        f"from {package}.functions import *\n\n\n"
        f"def register_pipelines():\n    return {{'__default__': Pipeline({nodes})}}\n",
    }
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(dedent(text))
    return package


class Listener:
    """Hooks of Kedro that note what they are told, in order."""

    def __init__(self) -> None:
        self.heard: list[tuple[str, str]] = []
        self.arguments: list[tuple[str, dict[str, Any]]] = []

    def names(self) -> list[str]:
        return [hook for hook, _ in self.heard]


def _listening(hook: str) -> Any:
    from kedro.framework.hooks import hook_impl

    if "dataset" in hook:

        def told(self: Listener, dataset_name: str, node: Any) -> None:
            self.heard.append((hook, f"{node.name}:{dataset_name}"))
            self.arguments.append((hook, {"node": node}))

    elif hook == "on_node_error":

        def told(self: Listener, node: Any, error: Exception, catalog: Any) -> None:  # type: ignore[misc]
            self.heard.append((hook, node.name))
            self.arguments.append((hook, {"node": node, "error": error, "catalog": catalog}))

    else:

        def told(self: Listener, node: Any, catalog: Any, inputs: Any) -> None:  # type: ignore[misc]
            self.heard.append((hook, f"{node.name} of {sorted(inputs)}"))
            self.arguments.append((hook, {"node": node, "catalog": catalog}))

    told.__name__ = hook
    return hook_impl(told)


def listener() -> Listener:
    """Return hooks that note every call about nodes and datasets."""
    kind = type("ListenerOfKedro", (Listener,), {hook: _listening(hook) for hook in MARKERS})
    made: Listener = kind()
    return made


def manager_with(*hooks: Any) -> Any:
    """Return a hook manager as Kedro's session makes one."""
    from kedro.framework.hooks.manager import _create_hook_manager

    manager = _create_hook_manager()
    for hook in hooks:
        manager.register(hook)
    return manager


def text_dataset(path: Path, **arguments: Any) -> Any:
    """Return Kedro's dataset of one text file."""
    from kedro_datasets.text import TextDataset

    return TextDataset(filepath=str(path), **arguments)
