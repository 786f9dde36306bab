"""Projects: finding one, its settings, its pipelines. It plans and runs nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from incremental._lazy import lazy_names

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
    from incremental.project.trust import ImportRule
    from incremental.project.values import Settings

_HOMES = {
    "ImportRule": "incremental.project.trust",
    "LoadedProject": "incremental.project.current",
    "PipelineRegistry": "incremental.project.registry",
    "Project": "incremental.project.discovery",
    "Settings": "incremental.project.values",
    "bootstrap_project": "incremental.project.current",
    "configure_project": "incremental.project.current",
    "find_pipelines": "incremental.project.current",
    "find_project": "incremental.project.discovery",
    "load": "incremental.project.current",
    "no_bytecode": "incremental.project.modules",
    "pickle_by_value": "incremental.project.modules",
    "pipelines": "incremental.project.current",
    "read_project": "incremental.project.discovery",
    "settings": "incremental.project.current",
    "validate_settings": "incremental.project.current",
}

__all__ = [
    "ImportRule",
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

__getattr__ = lazy_names(__name__, _HOMES)
