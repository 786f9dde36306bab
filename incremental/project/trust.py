"""What configuration that travels apart from the code may name, and so have imported. It imports nothing.

Configuration inside the project is its user's own, as the code is. What lies elsewhere (another folder,
an archive, a remote store) may have been written by anybody: it may name datasets that are registered
here, those of kedro-datasets, the project's own package, and what ``ALLOW_IMPORTS`` in settings says.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from incremental.config.faults import Fault, Origin, error_of, show_path
from incremental.config.folder import ARCHIVES, LOCAL
from incremental.errors import ConfigError, did_you_mean
from incremental.io.files.registry import SHORT_NAMES

if TYPE_CHECKING:
    from incremental.project.discovery import Project

_KEDROS = "kedro_datasets"
_BACKEND = "backend"
_REGISTERED = ("incremental.io", _KEDROS)
_PICKLERS = frozenset({"pickle", "joblib", "dill", "cloudpickle", "compress_pickle"})
_TYPE_KEYS = frozenset({"type", "dataset"})
_FUNCTION_KEYS = frozenset({"comparison_func", "validator"})  # the first is that of a checkpoint
_LOGGING_KEYS = frozenset({"class", "()", "listener", "queue"})
_LOGGING = frozenset(
    {f"logging.{name}" for name in ("Filter", "Formatter", "StreamHandler", "FileHandler", "NullHandler")}
    | {
        f"logging.handlers.{name}"
        for name in ("RotatingFileHandler", "TimedRotatingFileHandler", "WatchedFileHandler", "MemoryHandler")
    }
    | {"rich.logging.RichHandler", "kedro.logging.RichHandler", "ext://sys.stdout", "ext://sys.stderr"}
)

Where = Callable[..., Origin | None]
"""Tells where an entry stands: ``where("catalog", "cars", "type")``."""


def travels(place: str, project: Project) -> bool:
    """Tell whether configuration in a file, a folder or at a URL comes apart from the code of a project."""
    local = place.removeprefix(LOCAL)
    if "://" in local or local.endswith(ARCHIVES):
        return True
    return not Path(local).expanduser().resolve().is_relative_to(project.path.resolve())


@dataclass(frozen=True, slots=True)
class ImportRule:
    """What configuration from elsewhere may name: ``own`` modules, beside what is registered."""

    place: str
    own: tuple[str, ...]

    @classmethod
    def of(cls, place: str, project: Project, allow_imports: Iterable[str]) -> ImportRule | None:
        """Return the rule for configuration at a place; None where it is the project's own."""
        if not travels(place, project):
            return None
        package = () if project.package_name is None else (project.package_name,)
        return cls(place.removeprefix(LOCAL), (*package, *allow_imports))

    def check_files(self, files: Iterable[str], kind: str) -> None:
        """Raise a ConfigError for files of one kind that links bring in from outside the folder."""
        root = Path(self.place).resolve()
        faults = [
            Fault(
                Origin(file, 1),
                f"a link brings it in from outside {show_path(self.place)!r}; put a copy there",
            )
            for file in files
            if not Path(file).resolve().is_relative_to(root)
        ]
        if faults:
            raise error_of(faults, kind)

    def checked_catalog(self, entries: Mapping[str, Any], where: Where) -> dict[str, Any]:
        """Return catalog entries that name nothing but what is allowed.

        Types of kedro-datasets are written out whole in them, so that no module of the same name as
        theirs can stand in.

        Raises:
            ConfigError: all names that are not allowed, with file and line. None of them was imported.
        """
        reading = _Reading(self, where)
        checked = {name: reading.rewritten(entry, (name,)) for name, entry in entries.items()}
        if reading.faults:
            raise error_of(reading.faults, "catalog")
        return checked

    def check_logging(self, config: Mapping[str, Any], place: str) -> None:
        """Raise a ConfigError where a logging configuration names what is neither usual nor allowed.

        What is allowed has to be allowed by its full name: logging looks a name up attribute by attribute,
        so that a module would bring with it all that it imports.
        """
        for key, word in _logging_names(config):
            if word not in _LOGGING and word.removeprefix("ext://") not in self.own:
                raise ConfigError(f"{place}: {_refusal(key, word, word.removeprefix('ext://'))}")

    def check_runner(self, path: str) -> None:
        """Raise a ConfigError for the dotted path of a runner that is not allowed."""
        if "." in path and not _lies_in(path, ("incremental.runner", *self.own)):
            raise ConfigError(f"{show_path(self.place)}: {_refusal('runner', path)}")

    def whole_type(self, word: str) -> str | None:
        """Return what to import for a type; None where that is not allowed. Without a dot nothing is."""
        if word in SHORT_NAMES or _lies_in(word, (*_REGISTERED, *self.own)):
            return word
        if "." not in word and "{" not in word:
            return word
        return f"{_KEDROS}.{word}" if _is_of_kedro_datasets(word) else None


class _Reading:
    """One pass over a catalog: what is not allowed, and what was found out about each type."""

    def __init__(self, rule: ImportRule, where: Where) -> None:
        self.faults: list[Fault] = []
        self._rule = rule
        self._where = where
        self._whole: dict[str, str | None] = {}  # there are thousands of entries and few types

    def rewritten(self, value: Any, path: tuple[Any, ...]) -> Any:
        """Return a copy of nested configuration in which every name of something to import was checked."""
        if isinstance(value, list | tuple):
            return [self.rewritten(item, (*path, place)) for place, item in enumerate(value)]
        if not isinstance(value, Mapping):
            return value
        pickles = str(value.get("type", "")).endswith("PickleDataset")
        checked = {key: self._item(key, item, (*path, key), pickles) for key, item in value.items()}
        if path and path[-1] == "validator" and isinstance(value.get("class"), str):
            self._item("validator", value["class"], (*path, "class"), pickles)
        return checked

    def _item(self, key: Any, item: Any, path: tuple[Any, ...], pickles: bool) -> Any:
        if not isinstance(item, str):
            return self.rewritten(item, path)
        if key in _TYPE_KEYS:
            if item not in self._whole:
                self._whole[item] = self._rule.whole_type(item)
            whole = self._whole[item]
            if whole is not None:
                return whole
            self._refuse(path, item, _module(item))
        elif key in _FUNCTION_KEYS and not _lies_in(item, self._rule.own):
            self._refuse(path, item, _module(item))
        elif key == _BACKEND and pickles and item not in _PICKLERS and not _lies_in(item, self._rule.own):
            self._refuse(path, item, item)
        return item

    def _refuse(self, path: tuple[Any, ...], word: str, module: str) -> None:
        text = _refusal(f"dataset {path[0]!r}: {path[-1]}", word, module)
        self.faults.append(Fault(self._where("catalog", *path), text))


def _lies_in(word: str, modules: Iterable[str]) -> bool:
    """Whether a dotted name lies in one of these modules, whatever a name pattern puts between braces."""
    fixed, brace, _ = word.partition("{")
    return any(fixed.startswith(f"{each}.") or (not brace and word == each) for each in modules)


def _module(word: str) -> str:
    return word.rpartition(".")[0] or word


def _refusal(what: str, word: str, remedy: str = "") -> str:
    near = did_you_mean(word, SHORT_NAMES) if what != "runner" else ""
    return (
        f"{what} {word!r} is not known here, and this configuration lies outside the project{near}; "
        f"if you trust it, add {remedy or _module(word)!r} to ALLOW_IMPORTS in settings.py"
    )


def _logging_names(value: Any) -> Iterator[tuple[str, str]]:
    """Yield each text in a logging configuration that would be imported, with its key."""
    items: Iterable[tuple[Any, Any]] = ()
    if isinstance(value, Mapping):
        items = value.items()
    elif isinstance(value, list | tuple):
        items = enumerate(value)
    for key, item in items:
        if not isinstance(item, str):
            yield from _logging_names(item)
        elif key in _LOGGING_KEYS or item.startswith("ext://"):
            yield str(key), item


def _is_of_kedro_datasets(word: str) -> bool:
    """Whether kedro-datasets is installed and has the module of a type; imports no more than its packages."""
    module, _, name = word.rpartition(".")
    if not all(part.isidentifier() for part in (*module.split("."), name)):
        return False
    from importlib.util import find_spec

    try:
        return find_spec(f"{_KEDROS}.{module}") is not None
    except ModuleNotFoundError:
        return False
