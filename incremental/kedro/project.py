"""Open a Kedro project as one of ours: its settings, and its pipelines taken over. It runs nothing."""

from __future__ import annotations

from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

from incremental.config.faults import show_path
from incremental.errors import ProjectError
from incremental.kedro.pipelines import taken_over
from incremental.kedro.quiet import chatter_ignored, kedro_kept_quiet
from incremental.project import LoadedProject, PipelineRegistry, Settings, modules, no_bytecode
from incremental.project.modules import users_errors
from incremental.project.registry import Search, register

if TYPE_CHECKING:
    from collections.abc import Iterator

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

    def _made(self, search: Search | None = None) -> dict[str, Pipeline]:
        from kedro.framework import project as kedros

        if self._project.package_name != kedros.PACKAGE_NAME:  # another one was opened since
            _configure(self._project)
        if search is None:
            with chatter_ignored():
                return register(self._project, taken_over)
        with chatter_ignored(), _narrowed(search, self._project) as created:
            return register(self._project, lambda each: _noted(search, each, created))


@contextmanager
def _narrowed(search: Search, project: Project) -> Iterator[list[Any]]:
    """Have Kedro's ``find_pipelines()`` find no other than one; yields what ``create_pipeline()`` makes."""
    from kedro.framework.project import pipelines

    created: list[Any] = []
    narrow = getattr(pipelines, "set_requested", None)  # older versions of Kedro always find all
    module: Any = None
    if narrow is not None and search.name.isidentifier():
        search.has_narrowed = True  # should the module fail
        module = modules.import_optional(f"{project.package_name}.pipelines.{search.name}", project)
    create = getattr(module, "create_pipeline", None)
    search.has_narrowed = create is not None
    if narrow is None or module is None or create is None:
        yield created
        return

    def noted(*arguments: Any, **more: Any) -> Any:
        created.append(create(*arguments, **more))
        return created[-1]

    narrow([search.name])
    module.create_pipeline = noted
    try:
        yield created
    finally:
        module.create_pipeline = create
        narrow(None)


def _noted(search: Search, pipeline: Any, created: list[Any]) -> Any:
    """Take a pipeline over; the one in search once, under whatever names it is registered."""
    if not any(pipeline is each for each in created):
        return taken_over(pipeline)
    if search.found is None:
        search.found = taken_over(pipeline)
    return search.found


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
