"""Open a Kedro project as one of ours: its settings, and its pipelines taken over. It runs nothing."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from incremental.config.faults import show_path
from incremental.errors import ProjectError
from incremental.kedro.quiet import chatter_ignored, kedro_kept_quiet
from incremental.project import LoadedProject, PipelineRegistry, Settings, modules, no_bytecode
from incremental.project.modules import users_errors
from incremental.project.registry import register

if TYPE_CHECKING:
    from incremental.pipeline import Pipeline
    from incremental.project import Project


def load(project: Project, leave_no_trace: bool = False) -> LoadedProject:
    """Import the settings of a project of Kedro; its pipelines follow when they are asked for.

    Args:
        project: as :func:`incremental.project.find_project` returns it; its package can be imported.
        leave_no_trace: write no bytecode of the user's modules.

    Raises:
        ProjectError: Kedro is not installed, the user's modules fail, or a setting has a wrong type.
    """
    _import_kedro(project)
    with no_bytecode(leave_no_trace):
        modules.import_package(project)
        settings = _settings(project)
        _configure(project)
    return LoadedProject(project, settings, KedroRegistry(project, leave_no_trace))


class KedroRegistry(PipelineRegistry):
    """Pipelines that ``register_pipelines()`` makes with Kedro, or with us, as pipelines of ours."""

    def _made(self) -> dict[str, Pipeline]:
        from kedro.framework import project as kedros

        from incremental.kedro.pipelines import taken_over

        if self._project.package_name != kedros.PACKAGE_NAME:  # another one was opened since
            _configure(self._project)
        with chatter_ignored():
            return register(self._project, taken_over)


def _import_kedro(project: Project) -> None:
    with kedro_kept_quiet():
        try:
            import kedro.framework.project  # noqa: F401
        except ImportError as error:
            file = show_path(project.path / "pyproject.toml")
            missing = (error.name or "kedro").partition(".")[0]
            raise ProjectError(
                f"{file!r} describes a Kedro project, and {missing!r} cannot be imported; "
                "install it, or port the project: import 'incremental' in place of 'kedro', "
                "and call the table [tool.incremental]"
            ) from error
        with suppress(ImportError):
            import kedro_datasets  # noqa: F401 - it changes the filter of warnings, too


def _configure(project: Project) -> None:
    """Make a project the current one for modules that import ``kedro.framework.project``."""
    from kedro.framework.project import configure_project

    with kedro_kept_quiet(), users_errors("the settings into Kedro", project):
        configure_project(project.package_name)


def _settings(project: Project) -> Settings:
    from incremental.kedro.settings import taken_over

    found = modules.import_optional(f"{project.package_name}.settings", project)
    given = {} if found is None else vars(found)
    file = (found and found.__file__) or "settings.py"
    values = Settings.of(taken_over(given, project.path, show_path(file)), file)
    values.warn_of_typing_errors()
    return values
