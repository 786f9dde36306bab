"""Projects: finding one, its settings, its pipelines. It plans and runs nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from incremental.project.current import (
        LoadedProject,
        bootstrap_project,
        configure_project,
        find_pipelines,
        load,
        pipelines,
        settings,
        validate_settings,
    )
    from incremental.project.discovery import Project, find_project, read_project
    from incremental.project.modules import no_bytecode, pickle_by_value
    from incremental.project.registry import PipelineRegistry
    from incremental.project.values import Settings

_HOMES = {
    "LoadedProject": "current",
    "PipelineRegistry": "registry",
    "Project": "discovery",
    "Settings": "values",
    "bootstrap_project": "current",
    "configure_project": "current",
    "find_pipelines": "current",
    "find_project": "discovery",
    "load": "current",
    "no_bytecode": "modules",
    "pickle_by_value": "modules",
    "pipelines": "current",
    "read_project": "discovery",
    "settings": "current",
    "validate_settings": "current",
}

__all__ = [
    "LoadedProject",
    "PipelineRegistry",
    "Project",
    "Settings",
    "bootstrap_project",
    "configure_project",
    "find_pipelines",
    "find_project",
    "load",
    "no_bytecode",
    "pickle_by_value",
    "pipelines",
    "read_project",
    "settings",
    "validate_settings",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
