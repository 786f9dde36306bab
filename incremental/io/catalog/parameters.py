"""Parameters as datasets: ``parameters`` and ``params:a.b``, looked up when asked for. It reads no files."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass
from typing import Any

ALL = "parameters"
PREFIX = "params:"

_NOTHING = object()
_ATOMS = frozenset({type(None), bool, int, float, complex, str, bytes})


class Parameters:
    """The parameters of a session.

    Nothing is made per leaf: a name is resolved when it is asked for, and each caller gets a copy of
    its own. A key with dots in it is found as well as a path of keys.
    """

    def __init__(self, tree: Mapping[str, Any]) -> None:
        self._tree = tree

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and self._find(name) is not _NOTHING

    def __getitem__(self, name: str) -> Any:
        value = self._find(name)
        if value is _NOTHING:
            raise KeyError(name)
        return value if type(value) in _ATOMS else copy.deepcopy(value)

    def names(self) -> Iterator[str]:
        """Yield every name that a node may use, the nested ones included."""
        yield ALL
        yield from _names(self._tree, PREFIX)

    def _find(self, name: str) -> Any:
        if name == ALL:
            return self._tree
        if not name.startswith(PREFIX):
            return _NOTHING
        return _descend(self._tree, name[len(PREFIX) :])


def _descend(tree: Mapping[Any, Any], path: str) -> Any:
    """Return the value at a dotted path; the longest literal key wins."""
    value = _child(tree, path)
    if value is not _NOTHING:
        return value
    cut = path.rfind(".")
    while cut > 0:
        inner = _fields(_child(tree, path[:cut]))
        if inner is not None:
            value = _descend(inner, path[cut + 1 :])
            if value is not _NOTHING:
                return value
        cut = path.rfind(".", 0, cut)
    return _NOTHING


def _child(tree: Mapping[Any, Any], key: str) -> Any:
    if key in tree:
        return tree[key]
    if all(type(each) is str for each in tree):
        return _NOTHING
    return next((tree[each] for each in tree if str(each) == key), _NOTHING)  # YAML reads '2024:' as a number


def _names(tree: Mapping[Any, Any], prefix: str) -> Iterator[str]:
    for key, value in tree.items():
        yield f"{prefix}{key}"
        inner = _fields(value)
        if inner is not None:
            yield from _names(inner, f"{prefix}{key}.")


def _fields(value: Any) -> Mapping[Any, Any] | None:
    """Return what a parameter has inside: the items of a mapping, the fields of a dataclass or a model."""
    if type(value) in _ATOMS:
        return None
    if isinstance(value, Mapping):
        return value
    kind = type(value)
    if is_dataclass(kind):
        return {each.name: getattr(value, each.name) for each in fields(value)}
    names = getattr(kind, "model_fields", None)  # of pydantic, which is not imported to find out
    return {name: getattr(value, name) for name in names} if isinstance(names, Mapping) else None
