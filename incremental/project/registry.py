"""The pipelines of one project by name, made by the user's code when they are first asked for.

It knows nothing of catalogs and runs.
"""

from __future__ import annotations

import threading
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from incremental.config.faults import show_path
from incremental.errors import IncrementalError, PipelineError, ProjectError
from incremental.project import modules
from incremental.project.modules import no_bytecode, users_errors

if TYPE_CHECKING:
    from types import ModuleType

    from incremental.pipeline import Pipeline
    from incremental.project.discovery import Project

DEFAULT = "__default__"
# The project whose register_pipelines() is running: find_pipelines() inside it means that one.
_registering: ContextVar[Project | None] = ContextVar("registering", default=None)
_searching: ContextVar[Search | None] = ContextVar("searching", default=None)


@dataclass(slots=True)
class Search:
    """The one pipeline that is wanted while ``register_pipelines()`` runs, and what became of that."""

    name: str
    has_narrowed: bool = False
    """Whether less may have been registered because of it."""
    found: Any = None
    """The very pipeline that its ``create_pipeline()`` made."""


class PipelineRegistry(Mapping[str, "Pipeline"]):
    """Pipelines by name; the user's modules are imported when the first one is asked for, once.

    ``__default__`` is the sum of all when the project registers none under that name. Where
    ``find_pipelines()`` makes a pipeline, asking for its name imports no others.
    """

    def __init__(self, project: Project, leave_no_trace: bool = False) -> None:
        self._project = project
        self._leave_no_trace = leave_no_trace
        self._lock = threading.RLock()
        self._loading = False
        self._pipelines: dict[str, Pipeline] | None = None
        self._alone: dict[str, Pipeline] = {}

    def __getitem__(self, name: str) -> Pipeline:
        with self._lock:
            if self._pipelines is None and name != DEFAULT and not self._loading:
                if name not in self._alone:
                    self._load_alone(name)
                if name in self._alone:
                    return self._alone[name]
        return self._load()[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._load())

    def __len__(self) -> int:
        return len(self._load())

    def __repr__(self) -> str:
        state = "not loaded" if self._pipelines is None else ", ".join(self._pipelines)
        return f"<PipelineRegistry of {self._project.project_name!r}: {state}>"

    def _load(self) -> dict[str, Pipeline]:
        with self._lock:
            if self._pipelines is None:
                if self._loading:
                    raise ProjectError(
                        "the pipelines are asked for while register_pipelines() makes them; "
                        "use the values it works with"
                    )
                with self._registering_now():
                    self._pipelines = _with_default(self._made())
            return self._pipelines

    def _load_alone(self, name: str) -> None:
        """Register with this pipeline in search, and keep it if it is what all together would have brought.

        That is so if it is registered as it was made. What is wrong otherwise is for all together to tell.
        """
        search = Search(name)
        with warnings.catch_warnings(record=True) as told:
            try:
                with self._registering_now(search):
                    made = self._made(search)
            except IncrementalError:
                if not search.has_narrowed:
                    raise
                return
        if not search.has_narrowed:
            self._pipelines = _with_default(made)
        elif search.found is not None and made.get(name) is search.found:
            self._alone[name] = made[name]
        else:
            return
        for each in told:
            warnings.warn_explicit(each.message, each.category, each.filename, each.lineno)

    @contextmanager
    def _registering_now(self, search: Search | None = None) -> Iterator[None]:
        self._loading = True
        tokens = _registering.set(self._project), _searching.set(search)
        try:
            with no_bytecode(self._leave_no_trace):
                yield
        finally:
            _registering.reset(tokens[0])
            _searching.reset(tokens[1])
            self._loading = False

    def _made(self, search: Search | None = None) -> dict[str, Pipeline]:
        """Return what ``register_pipelines()`` makes; a subclass may take over what another library made."""
        return register(self._project)


def find_pipelines_of(
    project: Project, raise_errors: bool = False, wanted: Iterable[str] | None = None
) -> dict[str, Pipeline]:
    """Collect what ``create_pipeline()`` of each package under ``<package>.pipelines`` returns.

    One that fails is left out with a warning, or raises a ProjectError with ``raise_errors``.
    """
    from incremental.pipeline import Pipeline

    search = _searching.get() if wanted is None else None
    if search is not None:
        search.has_narrowed, wanted = True, [search.name]
    names = None if wanted is None or DEFAULT in (wanted := list(wanted)) else set(wanted)
    found: dict[str, Pipeline] = {}
    package = project.package_name
    if names is None:
        made = _create(f"{package}.pipeline", project, raise_errors) if package else None
        found[DEFAULT] = Pipeline([]) if made is None else made
    there = _subpackages(f"{package}.pipelines", project) if package else []
    missing = sorted(names - set(there)) if names else []
    if missing:
        _complain(f"no pipeline {', '.join(map(repr, missing))} under {package}.pipelines", raise_errors)
    for name in there:
        if names is None or name in names:
            made = _create(f"{package}.pipelines.{name}", project, raise_errors)
            if made is not None:
                found[name] = made
    if search is not None:
        search.found = found.get(search.name)
        found = {DEFAULT: Pipeline([]), **found}  # so that a sum of all is another one
    return found


def register(project: Project, take_over: Callable[[Any], Any] | None = None) -> dict[str, Pipeline]:
    """Import the registry of a project and return the pipelines that it registers.

    Args:
        project: whose modules are imported.
        take_over: makes a pipeline of ours of each that is returned.

    Raises:
        ProjectError: there is no registry, it fails, or it returns no pipelines.
    """
    if project.file is not None:
        return _register_file(modules.import_file(project), project)
    modules.import_package(project)
    name = f"{project.package_name}.pipeline_registry"
    module = modules.import_optional(name, project)
    if module is None:
        expected = project.source_dir / Path(*name.split(".")).with_suffix(".py")
        raise ProjectError(
            f"{show_path(expected)!r} does not exist; create it with a function register_pipelines() "
            "that returns pipelines by name"
        )
    function = getattr(module, "register_pipelines", None)
    if not callable(function):
        raise ProjectError(
            f"{show_path(module.__file__ or name)!r} has no function register_pipelines(); "
            "write one that returns pipelines by name"
        )
    return _call(function, project, take_over)


def registering_project() -> Project | None:
    """Return the project whose ``register_pipelines()`` is running in this thread."""
    return _registering.get()


def _register_file(module: ModuleType, project: Project) -> dict[str, Pipeline]:
    from incremental.pipeline import Pipeline

    function = getattr(module, "register_pipelines", None)
    if callable(function):
        return _call(function, project)
    value = getattr(module, "pipeline", None)
    if isinstance(value, Pipeline):
        return {DEFAULT: value}
    shown = show_path(project.file or "")
    others = [name for name, each in vars(module).items() if isinstance(each, Pipeline)]
    if others:
        raise ProjectError(f"{shown!r} has no 'pipeline', but {others[0]!r} is one; call it 'pipeline'")
    if value is None:
        what = f"{shown!r} has neither a 'pipeline' nor a function register_pipelines()"
    elif callable(value):
        what = f"'pipeline' in {shown!r} is a function, not a Pipeline"
    else:
        what = f"'pipeline' in {shown!r} is a {type(value).__name__}, not a Pipeline"
    raise ProjectError(f"{what}; write: pipeline = Pipeline([node(...), ...])")


def _call(
    function: Callable[[], Any], project: Project, take_over: Callable[[Any], Any] | None = None
) -> dict[str, Pipeline]:
    """Call ``register_pipelines()`` and check what it returns."""
    from incremental.pipeline import Pipeline

    place = _place(function)
    with users_errors(f"the pipelines, register_pipelines() in {place} failed", project):
        pipelines = function()
    if not isinstance(pipelines, Mapping):
        raise ProjectError(
            f"{place}: register_pipelines() returns {_a(pipelines)}; return a dict of names and pipelines"
        )
    if take_over is not None:
        with users_errors(f"the pipelines of register_pipelines() in {place}", project):
            pipelines = {name: take_over(each) for name, each in pipelines.items()}
    wrong = {name: each for name, each in pipelines.items() if not isinstance(each, Pipeline)}
    if wrong:
        shown = ", ".join(f"{name!r} is {_a(each)}" for name, each in list(wrong.items())[:5])
        raise ProjectError(f"{place}: of the registered pipelines {shown}; make each a Pipeline([...])")
    unnamed = [name for name in pipelines if not isinstance(name, str)]
    if unnamed:
        raise ProjectError(f"{place}: pipeline name {unnamed[0]!r} is not a text; quote it")
    return dict(pipelines)


def _with_default(pipelines: dict[str, Pipeline]) -> dict[str, Pipeline]:
    if DEFAULT in pipelines or not pipelines:
        return pipelines
    from incremental.pipeline import Pipeline

    try:
        return {DEFAULT: sum(pipelines.values(), Pipeline([])), **pipelines}
    except PipelineError:  # pipelines that are not meant to run together
        return pipelines


def _create(name: str, project: Project, raise_errors: bool) -> Pipeline | None:
    """Return what ``create_pipeline()`` of a module makes; None without a module, or when it fails."""
    from incremental.pipeline import Pipeline

    try:
        module = modules.import_optional(name, project)
        if module is None:
            return None
        function = getattr(module, "create_pipeline", None)
        if function is None:
            _complain(f"module {name!r} has no function create_pipeline()", False)
            return None
        with users_errors(f"module {name!r}, create_pipeline() in {_place(function)} failed", project):
            made = function()
    except ProjectError as error:
        if raise_errors:
            raise
        _complain(str(error), False)
        return None
    if isinstance(made, Pipeline):
        return made
    _complain(f"{_place(function)}: create_pipeline() returns {_a(made)}, not a Pipeline", raise_errors)
    return None


def _subpackages(name: str, project: Project) -> list[str]:
    package = modules.import_optional(name, project)
    folders = [Path(place) for place in getattr(package, "__path__", ())]
    return sorted(
        each.name
        for folder in folders
        for each in folder.iterdir()
        if each.is_dir() and not each.name.startswith(".") and each.name != "__pycache__"
    )


def _complain(text: str, raise_errors: bool) -> None:
    if raise_errors:
        raise ProjectError(text)
    warnings.warn(f"{text}\nfind_pipelines() leaves it out", UserWarning, stacklevel=2)


def _place(function: Any) -> str:
    code = getattr(function, "__code__", None)
    return f"{show_path(code.co_filename)}:{code.co_firstlineno}" if code else repr(function)


def _a(value: Any) -> str:
    if value is None:
        return "None"
    kind = type(value).__name__
    return f"{'an' if kind[0] in 'aeiou' else 'a'} {kind}"
