"""Importing the modules of a project, with errors that show the user's own lines.

It decides what is imported and under which name; what the modules mean is for settings and registry.
"""

from __future__ import annotations

import importlib
import sys
import traceback
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from incremental.config.faults import show_path
from incremental.errors import IncrementalError, ProjectError, did_you_mean
from incremental.secrets import strip_url

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import ModuleType

    from incremental.project.discovery import Project

_FRAMES = 3
_LINES = 4  # of an error; with those of the frames they are ten
_FOREIGN = ("site-packages", "dist-packages")
# Where a port by search and replace comes to, and finds no module.
_PORTED = {
    "incremental.framework": "what Kedro has there is in incremental.project, .session and .hooks",
    "incremental.inspection": "that part of Kedro is not offered here",
    "incremental.ipython": "that part of Kedro is not offered here",
    "incremental.server": "that part of Kedro is not offered here",
}
_STAMP = "__incremental_stamp__"


@contextmanager
def no_bytecode(wanted: bool = True) -> Iterator[None]:
    """Keep Python from writing ``.pyc`` files: looking leaves no trace."""
    before = sys.dont_write_bytecode
    sys.dont_write_bytecode = before or wanted
    try:
        yield
    finally:
        sys.dont_write_bytecode = before


def add_source(project: Project) -> None:
    """Make the package of a project importable, ahead of another package of the same name."""
    if project.package_name is None:
        return
    source = str(project.source_dir)
    top = project.package_name.partition(".")[0]
    if source not in sys.path:
        sys.path.insert(0, source)
    elif _comes_from_elsewhere(top, project.source_dir):
        sys.path.remove(source)
        sys.path.insert(0, source)
    if _comes_from_elsewhere(top, project.source_dir):
        _forget(top)
    importlib.invalidate_caches()  # a project that was written a moment ago


def import_optional(name: str, project: Project) -> ModuleType | None:
    """Import a module of a project; None when there is no such module."""
    with users_errors(f"module {name!r}", project):
        try:
            return importlib.import_module(name)
        except ModuleNotFoundError as error:
            if error.name and (name == error.name or name.startswith(f"{error.name}.")):
                return None
            raise


def import_package(project: Project) -> ModuleType:
    """Import the package of a project."""
    assert project.package_name is not None
    package = import_optional(project.package_name, project)
    if package is not None:
        return package
    there = [each.parent.name for each in project.source_dir.glob("*/__init__.py")]
    near = did_you_mean(project.package_name, there)
    remedy = f"correct package_name in {show_path(project.path / 'pyproject.toml')!r}"
    raise ProjectError(
        f"package {project.package_name!r} is not in {show_path(project.source_dir)!r}"
        f"{f'{near} {remedy}' if near else f'; {remedy}, or create the package'}"
    )


def import_file(project: Project) -> ModuleType:
    """Execute the file of a one-file project, once as long as the file does not change.

    Its module gets a name that no other module has, so that two files ``pipeline.py`` in one
    process stay apart. :func:`pickle_by_value` makes what it defines travel to other processes.
    """
    from importlib.util import module_from_spec, spec_from_file_location

    file = project.file
    assert file is not None
    status = file.stat()
    stamp = (status.st_mtime_ns, status.st_size)
    name = _module_name(file)
    loaded = sys.modules.get(name)
    if loaded is not None and getattr(loaded, _STAMP, None) == stamp:
        return loaded
    spec = spec_from_file_location(name, file)
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    setattr(module, _STAMP, stamp)
    sys.modules[name] = module  # dataclasses and pickle look a class's module up there
    try:
        if str(file.parent) not in sys.path:  # what lies beside a file, it can import
            sys.path.append(str(file.parent))
        with users_errors(f"project file {show_path(file)!r}", project):
            spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    if "cloudpickle" in sys.modules:
        sys.modules["cloudpickle"].register_pickle_by_value(module)
    return module


def pickle_by_value() -> None:
    """Tell cloudpickle that functions of one-file projects travel whole: no worker can import them.

    Call it before the first task is sent.
    """
    import cloudpickle

    for module in list(sys.modules.values()):
        if _STAMP in getattr(module, "__dict__", ()):
            cloudpickle.register_pickle_by_value(module)


@contextmanager
def users_errors(what: str, project: Project) -> Iterator[None]:
    """Turn an error of the user's code into a ProjectError that shows the user's lines."""
    try:
        yield
    except ProjectError:
        raise
    except (Exception, SystemExit) as error:
        raise ProjectError(f"cannot load {what}: {explain(error, project)}") from error


def explain(error: BaseException, project: Project) -> str:
    """Return the error and the lines of the project that led to it, the innermost last."""
    while isinstance(error, ImportError) and error.__cause__ is not None:
        error = error.__cause__  # Kedro's find_pipelines() wraps whatever a module of the user's raises
    if isinstance(error, IncrementalError):
        text = str(error)
    elif isinstance(error, SystemExit):
        text = "it calls sys.exit() while it is imported; put that under if __name__ == '__main__'"
    elif isinstance(error, SyntaxError):
        return f"{type(error).__name__}: {error.msg}\n{_place(error.filename, error.lineno, error.text)}"
    else:
        text = f"{type(error).__name__}: {error}"
        hint = _PORTED.get(getattr(error, "name", None) or "")
        text = f"{text}; {hint}" if hint and isinstance(error, ModuleNotFoundError) else text
    lines = [line for line in strip_url(text).splitlines() if line.strip()][:_LINES] or [""]
    return "\n".join([*lines, *_users_frames(error, project)])


def _users_frames(error: BaseException, project: Project) -> list[str]:
    frames = traceback.extract_tb(error.__traceback__)
    root = str(project.path)
    ours = str(Path(__file__).parent.parent)
    users = [
        frame
        for frame in frames
        if frame.filename.startswith(root)
        and not frame.filename.startswith(ours)
        and not any(part in frame.filename for part in _FOREIGN)
    ]
    return [_place(frame.filename, frame.lineno, frame.line) for frame in users[-_FRAMES:]]


def _place(file: str | None, line: int | None, source: str | None) -> str:
    place = f"  {show_path(file or '?')}:{line or 1}"
    return f"{place}\n    {source.strip()}" if source and source.strip() else place


def _module_name(file: Path) -> str:
    """Return a name for the module of a file: the same in each process, unless another file has it here."""
    name = f"incremental_file_{file.stem}"
    present = sys.modules.get(name)
    if present is None or present.__file__ == str(file):
        return name
    import hashlib

    return f"{name}_{hashlib.sha256(str(file).encode('utf-8', 'surrogateescape')).hexdigest()[:8]}"


def _comes_from_elsewhere(top: str, source: Path) -> bool:
    """Tell whether a package that is already imported is another one than the project's."""
    present = sys.modules.get(top)
    if present is None or not ((source / top).is_dir() or (source / f"{top}.py").is_file()):
        return False
    places = [*getattr(present, "__path__", ()), getattr(present, "__file__", None) or ""]
    return not any(place and Path(place).is_relative_to(source) for place in places)


def _forget(top: str) -> None:
    for name in [each for each in sys.modules if each == top or each.startswith(f"{top}.")]:
        del sys.modules[name]
