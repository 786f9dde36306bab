"""The settings of one project: what its ``settings.py`` says over the defaults, checked.

It holds no state; default classes are imported when they are first asked for.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from difflib import get_close_matches
from pathlib import Path
from types import MappingProxyType
from typing import Any

from incremental.config.faults import show_path
from incremental.errors import ProjectError

# A text with a colon is a class that is imported when it is asked for.
_DEFAULTS: Mapping[str, Any] = MappingProxyType(
    {
        "ALLOW_IMPORTS": (),
        "CONF_SOURCE": "conf",
        "CONFIG_LOADER_CLASS": "incremental.config:OmegaConfigLoader",
        "CONFIG_LOADER_ARGS": MappingProxyType({"base_env": "base", "default_run_env": "local"}),
        "CONTEXT_CLASS": "incremental.session:Context",
        "DATASET_VALIDATION": True,
        "DATA_CATALOG_CLASS": "incremental.io:DataCatalog",
        "DISABLE_HOOKS_FOR_PLUGINS": (),
        "HOOKS": (),
        "KEDRO_PLUGINS": (),
        "PRIVATE_PARAMETERS": (),
        "SESSION_STORE_CLASS": "incremental.session:JSONSessionStore",
        "SESSION_STORE_ARGS": MappingProxyType({}),
    }
)
_BASES = {
    "CONFIG_LOADER_CLASS": "incremental.config:AbstractConfigLoader",
    "CONTEXT_CLASS": "incremental.session:Context",
    "SESSION_STORE_CLASS": "incremental.session:BaseSessionStore",
}
_KEDRO_ONLY = frozenset({"SESSION_CLASS", "RUNNER_MODULE_ALLOWLIST"})  # the latter is of its HTTP server
# What users override in a context of Kedro's, and where that is done here.
_CONTEXT_METHODS = {
    "_get_catalog": "create_catalog(save_version, load_versions)",
    "_get_parameters": "the property 'params'",
    "_get_validated_params": "the property 'params'",
    "_get_config_credentials": "a CONFIG_LOADER_CLASS of your own",
}


class Settings(Mapping[str, Any]):
    """What a project sets, by attribute or by name: ``settings.CONF_SOURCE``, ``settings["HOOKS"]``.

    Every upper-case name of ``settings.py`` is there, those that this package does not know too.
    """

    __slots__ = ("_file", "_values")

    def __init__(self, values: Mapping[str, Any] | None = None, file: str | None = None) -> None:
        self._values = {**_DEFAULTS, **(values or {})}
        self._file = file

    @classmethod
    def of(cls, names: Mapping[str, Any], file: str, defaults: Mapping[str, Any] | None = None) -> Settings:
        """Take the upper-case names of a module over, check the ones that are known.

        Raises:
            ProjectError: values of a wrong type, all of them, with the lines of ``file``.
        """
        given = {name: value for name, value in names.items() if name.isupper() and not name.startswith("_")}
        faults = [(name, text) for name, value in given.items() for text in _check(name, value)]
        if faults:
            source = _source(file)
            lines = [f"{show_path(file)}:{_line(source, name)}: {text}" for name, text in faults]
            raise ProjectError("\n".join(lines[:9]))
        return cls({**(defaults or {}), **given}, file)

    def place(self, name: str) -> str:
        """Return file and line of a setting, as messages begin with it; "" where it has a default."""
        if self._file is None or self._values.get(name) is _DEFAULTS.get(name):
            return ""
        return f"{show_path(self._file)}:{_line(_source(self._file), name)}: "

    def warn_of_typing_errors(self) -> None:
        """Warn of upper-case names that are nearly a setting: ``HOOK`` would silently do nothing."""
        for name in self._values.keys() - _DEFAULTS.keys() - _KEDRO_ONLY:
            near = get_close_matches(name, _DEFAULTS, n=1, cutoff=0.85)
            if near and self._file:
                place = f"{show_path(self._file)}:{_line(_source(self._file), name)}"
                text = f"{place}: {name!r} is not a setting; did you mean {near[0]!r}?"
                warnings.warn(text, UserWarning, stacklevel=2)

    def __getitem__(self, name: str) -> Any:
        value = self._values[name]
        if isinstance(value, str) and value == _DEFAULTS.get(name) and ":" in value:
            return _import(value)
        return value

    def __getattr__(self, name: str) -> Any:
        if not name.startswith("_") and name in self._values:
            return self[name]
        raise AttributeError(f"no setting {name!r}")

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def __repr__(self) -> str:
        return f"<Settings of {show_path(self._file)!r}>" if self._file else "<Settings: all defaults>"


def _import(dotted: str) -> Any:
    from importlib import import_module

    module, _, name = dotted.partition(":")
    return getattr(import_module(module), name)


def _check(name: str, value: Any) -> list[str]:
    check = _CHECKS.get(name)
    text = check(name, value) if check else None
    return [text] if text else []


def _is_path(name: str, value: Any) -> str | None:
    if isinstance(value, str | Path):
        return None
    return f"{name} is {_kind(value)}; give the name of the configuration folder"


def _is_mapping(name: str, value: Any) -> str | None:
    if isinstance(value, Mapping) and all(isinstance(key, str) for key in value):
        return None
    return f"{name} is {_kind(value)}; give a dict with names of arguments"


def _is_collection(name: str, value: Any) -> str | None:
    if isinstance(value, Iterable) and not isinstance(value, str | bytes | Mapping | type):
        return None
    shown = f'"{value}"' if isinstance(value, str) else f"{_class_name(value)}()"
    return f"{name} is {_kind(value)}, not a tuple; write {name} = ({shown},)"


def _is_names(name: str, value: Any) -> str | None:
    text = _is_collection(name, value)
    if text is None and not all(isinstance(each, str) for each in value):
        return f"{name} takes dotted names of parameters in quotes, such as 'patient.*'"
    return text


def _is_distributions(name: str, value: Any) -> str | None:
    text = _is_collection(name, value)
    if text is None and not all(isinstance(each, str) for each in value):
        return f"{name} takes names of distributions in quotes, such as 'kedro-mlflow'"
    return text


def _is_module_names(name: str, value: Any) -> str | None:
    text = _is_collection(name, value)
    if text is not None or not isinstance(value, Collection):
        return text
    for each in value:
        if not isinstance(each, str) or not all(part.isidentifier() for part in each.split(".")):
            return (
                f"{name} holds {each!r}; name modules or classes by their dotted paths, as 'shared.datasets'"
            )
    return None


def _is_hooks(name: str, value: Any) -> str | None:
    text = _is_collection(name, value)
    if text is not None or not isinstance(value, Collection):  # an iterator would be used up by looking at it
        return text
    for hook in value:
        if isinstance(hook, type):
            return f"{name} takes objects, {hook.__qualname__!r} is a class; write {hook.__qualname__}()"
    return None


def _is_class(name: str, value: Any) -> str | None:
    if not isinstance(value, type):
        return f"{name} is {_kind(value)}; give a class, without calling it"
    if name not in _BASES:
        if callable(getattr(value, "from_config", None)):
            return None
        return f"{name} {value.__qualname__!r} has no from_config(); derive it from DataCatalog"
    base = _import(_BASES[name])
    if issubclass(value, base):
        return _overrides_in_vain(name, value) if name == "CONTEXT_CLASS" else None
    home = _BASES[name].replace(":", ".")
    return f"{name} {value.__qualname__!r} is not a {base.__name__}; derive it from {home}"


def _overrides_in_vain(name: str, kind: type) -> str | None:
    """Refuse a context that overrides what nobody calls: it would silently do nothing."""
    for method, place in _CONTEXT_METHODS.items():
        if hasattr(kind, method):
            what = f"{name} {kind.__qualname__!r} overrides {method}(), as contexts of Kedro do"
            return f"{what}; here override {place}"
    return None


def _is_session(name: str, value: Any) -> str | None:
    if value is _import("incremental.session:Session"):
        return None
    return f"{name} cannot be replaced here: sessions are incremental.Session; remove it, and use hooks"


def _is_switch(name: str, value: Any) -> str | None:
    if isinstance(value, bool):
        return None
    return f"{name} is {_kind(value)}; write True or False"


def _kind(value: Any) -> str:
    if isinstance(value, type):
        return f"the class {value.__qualname__!r}"
    return "None" if value is None else f"of type {type(value).__qualname__!r}"


def _class_name(value: Any) -> str:
    return value.__qualname__ if isinstance(value, type) else type(value).__qualname__


_CHECKS: Mapping[str, Callable[[str, Any], str | None]] = {
    "ALLOW_IMPORTS": _is_module_names,
    "CONF_SOURCE": _is_path,
    "CONFIG_LOADER_CLASS": _is_class,
    "CONFIG_LOADER_ARGS": _is_mapping,
    "CONTEXT_CLASS": _is_class,
    "DATASET_VALIDATION": _is_switch,
    "DATA_CATALOG_CLASS": _is_class,
    "DISABLE_HOOKS_FOR_PLUGINS": _is_collection,
    "HOOKS": _is_hooks,
    "KEDRO_PLUGINS": _is_distributions,
    "PRIVATE_PARAMETERS": _is_names,
    "SESSION_CLASS": _is_session,
    "SESSION_STORE_CLASS": _is_class,
    "SESSION_STORE_ARGS": _is_mapping,
}


def _source(file: str) -> str:
    try:
        return Path(file).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return ""


def _line(source: str, name: str) -> int:
    """Return the line where a name is last bound at the top level of a module."""
    import ast

    line = 1
    for statement in ast.parse(source).body:
        if any(_binds(part, name) for part in ast.walk(statement)):
            line = statement.lineno
    return line


def _binds(part: Any, name: str) -> bool:
    import ast

    if isinstance(part, ast.alias):
        return name == (part.asname or part.name)
    return isinstance(part, ast.Name) and part.id == name and isinstance(part.ctx, ast.Store)
