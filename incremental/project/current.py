"""The project that was configured last, for modules that import ``settings`` and ``pipelines``.

The one place with state of its own, and only a pointer: sessions hold the values of their project.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from incremental.errors import ConfigError, ProjectError
from incremental.project import modules
from incremental.project.discovery import Project, find_project
from incremental.project.registry import PipelineRegistry, find_pipelines_of, registering_project
from incremental.project.trust import ImportRule
from incremental.project.values import Settings

if TYPE_CHECKING:
    from collections.abc import Iterable

    from incremental.pipeline import Pipeline

_KEDRO_LOADER = "incremental.kedro.project"  # imported by its name only: no other room knows Kedro
_KINDS = ("catalog", "parameters", "credentials", "logging")


@dataclass(frozen=True, slots=True)
class LoadedProject:
    """A project with its settings, and its pipelines by name; these are made when first asked for."""

    project: Project
    settings: Settings
    pipelines: PipelineRegistry

    @property
    def is_durable(self) -> bool:
        """Whether saves survive a power cut, not only the death of the process."""
        return self.project.durability == "power"

    @property
    def default_env(self) -> str | None:
        """The environment of the configuration where the caller names none."""
        return os.environ.get("KEDRO_ENV" if self.project.of_kedro else "INCREMENTAL_ENV") or None

    @property
    def conf_source(self) -> str:
        """The configuration folder that the project names."""
        source = str(self.settings.CONF_SOURCE)
        return source if "://" in source else str(self.project.path / source)

    def import_rule(self, place: str | None = None) -> ImportRule | None:
        """Return what configuration at a place may have imported; None where it is the project's own.

        ``place`` is a configuration folder, an archive, a URL or a file; by default the project's folder.
        """
        return ImportRule.of(place or self.conf_source, self.project, self.settings.ALLOW_IMPORTS)

    def hook_manager(self) -> Any:
        """Make a manager with the hooks of the settings and of installed plug-ins; None without any."""
        from incremental.hooks import create_hook_manager

        return create_hook_manager(
            self.settings.HOOKS,
            disabled_plugins=self.settings.DISABLE_HOOKS_FOR_PLUGINS,
            kedro_plugins=self.settings.KEDRO_PLUGINS,
        )

    def config_loader(
        self,
        env: str | None = None,
        runtime_params: Mapping[str, Any] | None = None,
        conf_source: str | None = None,
    ) -> Any:
        """Make the configuration loader that the settings name, for one environment."""
        loader = self.settings.CONFIG_LOADER_CLASS
        arguments = dict(self.settings.CONFIG_LOADER_ARGS)
        if self.project.file is not None and conf_source is not None and _has_environments(conf_source):
            arguments = {}
        try:
            return loader(
                conf_source=conf_source or self.conf_source,
                env=env,
                runtime_params=dict(runtime_params or {}),
                **arguments,
            )
        except (TypeError, ConfigError) as error:
            place = self.settings.place("CONFIG_LOADER_ARGS") or self.settings.place("CONFIG_LOADER_CLASS")
            raise ProjectError(
                f"{place}CONFIG_LOADER_CLASS {loader.__qualname__!r} cannot be made: {error}; "
                "correct CONFIG_LOADER_ARGS in settings.py"
            ) from error

    def context(
        self,
        env: str | None = None,
        runtime_params: Mapping[str, Any] | None = None,
        conf_source: str | None = None,
        hook_manager: Any = None,
    ) -> Any:
        """Make the context that the settings name, for one environment."""
        settings = self.settings
        loader = self.config_loader(env, runtime_params, conf_source)
        kind = settings.CONTEXT_CLASS
        try:
            context = kind(
                project_path=self.project.path,
                config_loader=loader,
                env=env,
                package_name=self.project.package_name,
                hook_manager=hook_manager,
                runtime_params=dict(runtime_params or {}),
            )
        except TypeError as error:
            raise ProjectError(
                f"{settings.place('CONTEXT_CLASS')}CONTEXT_CLASS {kind.__qualname__!r} cannot be made: "
                f"{error}; its constructor takes project_path, config_loader, env, package_name, "
                "hook_manager and runtime_params"
            ) from error
        context.catalog_class = settings.DATA_CATALOG_CLASS
        context.validates_datasets = settings.DATASET_VALIDATION
        context.durable = self.is_durable
        context.tells_as_kedro = self.project.of_kedro
        context.import_rule = self.import_rule(conf_source)
        context.private_parameters = tuple(settings.PRIVATE_PARAMETERS)
        context.pipelines = self.pipelines
        return context


def load(project: Project, *, leave_no_trace: bool = False) -> LoadedProject:
    """Import the settings of a project; its pipelines follow when they are asked for.

    Args:
        project: as :func:`find_project` returns it.
        leave_no_trace: write no bytecode of the user's modules.

    Raises:
        ProjectError: the user's modules fail, or a setting has a wrong type.
    """
    modules.add_source(project)
    if project.of_kedro:
        loaded = _loaded_by_name(_KEDRO_LOADER, project, leave_no_trace)
    else:
        with modules.no_bytecode(leave_no_trace):
            settings = _settings(project)
        loaded = LoadedProject(project, settings, PipelineRegistry(project, leave_no_trace))
    _current.point_to(loaded)
    return loaded


def bootstrap_project(project_path: str | Path) -> Project:
    """Make a project importable and the current one; returns what its ``pyproject.toml`` says."""
    project = find_project(project_path)
    load(project)
    return project


def configure_project(package_name: str, preserve_logging: bool = True) -> None:
    """Make an importable package the current project, as the ``__main__.py`` of a project does.

    Logging is preserved whatever ``preserve_logging`` says, an argument that Kedro has: nothing is
    configured here.
    """
    project = Project(Path.cwd(), package_name, package_name, Path.cwd())
    package = modules.import_package(project)
    source = Path(next(iter(package.__path__))).parents[package_name.count(".")]
    try:
        found = find_project(source)
    except ProjectError:  # an installed package
        found = project
    load(
        found
        if found.package_name == package_name
        else Project(Path.cwd(), package_name, package_name, source)
    )


def validate_settings() -> None:
    """Raise a ProjectError unless a project is configured, whose settings can be imported."""
    _settings(_current.loaded("validate_settings()").project)


def find_pipelines(
    raise_errors: bool = False, pipelines_to_find: Iterable[str] | None = None
) -> dict[str, Pipeline]:
    """Collect ``create_pipeline()`` of every package under ``<package>.pipelines``.

    Args:
        raise_errors: raise for a package that fails; otherwise it is left out with a warning.
        pipelines_to_find: names to load and no others.
    """
    project = registering_project() or _current.loaded("find_pipelines()").project
    return find_pipelines_of(project, raise_errors, pipelines_to_find)


class _Current:
    """Points to the project that was configured last."""

    def __init__(self) -> None:
        self._loaded: LoadedProject | None = None

    def point_to(self, loaded: LoadedProject | None) -> None:
        self._loaded = loaded

    def loaded(self, asker: str) -> LoadedProject:
        if self._loaded is None:
            raise ProjectError(
                f"{asker} needs a project; call bootstrap_project() or configure_project() first"
            )
        return self._loaded

    def settings(self) -> Settings:
        return Settings() if self._loaded is None else self._loaded.settings


class _CurrentSettings:
    """The settings of the project that was configured last; the defaults before."""

    def __getattr__(self, name: str) -> Any:
        return getattr(_current.settings(), name)

    def get(self, name: str, default: Any = None) -> Any:
        """Return a setting by name."""
        return _current.settings().get(name, default)

    def __repr__(self) -> str:
        return repr(_current.settings())


class _CurrentPipelines(Mapping[str, "Pipeline"]):
    """The pipelines of the project that was configured last; loaded when first used."""

    def __getitem__(self, name: str) -> Pipeline:
        return _current.loaded("'pipelines'").pipelines[name]

    def __iter__(self) -> Iterator[str]:
        return iter(_current.loaded("'pipelines'").pipelines)

    def __len__(self) -> int:
        return len(_current.loaded("'pipelines'").pipelines)

    def __repr__(self) -> str:
        return repr(_current.loaded("'pipelines'").pipelines)


_current = _Current()
settings = _CurrentSettings()
pipelines = _CurrentPipelines()


def _loaded_by_name(module: str, project: Project, leave_no_trace: bool) -> LoadedProject:
    from importlib import import_module

    loaded: LoadedProject = import_module(module).load(project, leave_no_trace)
    return loaded


def _settings(project: Project) -> Settings:
    if project.file is not None:
        module = modules.import_file(project)
        return Settings.of(vars(module), str(project.file), _one_file_defaults())
    modules.import_package(project)
    found = modules.import_optional(f"{project.package_name}.settings", project)
    if found is None:
        return Settings()
    values = Settings.of(vars(found), found.__file__ or "settings.py")
    values.warn_of_typing_errors()
    return values


def _has_environments(conf_source: str) -> bool:
    """Tell whether configuration is layered, other than that beside a file: archives and URLs always are."""
    return not Path(conf_source).is_dir() or Path(conf_source, "base").is_dir()


def _one_file_defaults() -> dict[str, Any]:
    """Return settings under which configuration lies beside the file, and no folder is searched."""
    patterns = {kind: [f"{kind}.{suffix}" for suffix in ("yml", "yaml", "json")] for kind in _KINDS}
    return {
        "CONF_SOURCE": ".",
        "CONFIG_LOADER_ARGS": {"base_env": "", "default_run_env": "", "config_patterns": patterns},
    }
