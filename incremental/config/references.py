"""Interpolation without OmegaConf: the everyday forms of ``${...}``, with the values it would give.

Not the authority: whatever is unusual or wrong here is left to OmegaConf, which knows and explains all.

Known are ``${a.b}``, ``${globals:a.b}`` and ``${runtime_params:a.b}`` with and without a default, and
``${oc.env:NAME}`` in credentials, alone or within a text.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from incremental.config.merging import MISSING, merge_softly

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from incremental.config.interpolation import Scope

ENVIRONMENT = "oc.env"
_WORD = r"[A-Za-z_][A-Za-z0-9_]*"
_PATH = rf"{_WORD}(?:\.{_WORD})*"
_REFERENCE = re.compile(rf"\$\{{({_PATH})\}}")
_CALL = re.compile(rf"\$\{{(globals|runtime_params|oc\.env):\s*({_PATH})\s*([,}}])\s*")
_END = re.compile(r"\s*\}")
_QUOTED = re.compile(r"'([^'\"\\$]*)'|\"([^'\"\\$]*)\"")
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]{0,17})(\.[0-9]+)?(?=\s*\})")
_PLAIN = re.compile(r"[A-Za-z/][A-Za-z0-9_/.\-]*(?::[A-Za-z0-9_/.\-]+)*(?=\s*\})")
_CONSTANTS: dict[str, Any] = {"true": True, "false": False, "null": None}
_KEYWORDS = frozenset({*_CONSTANTS, "nan", "inf"})
_SCALARS = (str, int, float, bool, bytes, type(None))
_Values = dict[Any, Any]
_Path = tuple[Any, ...]
_NOTHING = object()


class _UnknownError(Exception):
    """Something here is for OmegaConf to read, or to refuse."""


@dataclass(frozen=True, slots=True)
class _Reference:
    path: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Call:
    name: str
    path: tuple[str, ...]
    default: Any  # a value, a reference, another call, or _NOTHING


def resolve_simply(layers: Sequence[_Values], scope: Scope, over: Mapping[str, Any]) -> _Values | None:
    """Merge the values of several files, put ``over`` on top, and resolve every interpolation.

    Returns None where that takes OmegaConf; nothing was changed then.
    """
    pairs = ((under, upper) for at, under in enumerate(layers) for upper in (*layers[at + 1 :], over))
    if any(_mixes(under, upper) for under, upper in pairs):
        return None
    try:
        pieces = {text: _pieces(text) for layer in (*layers, over) for text in _texts(layer)}
        merged: _Values = {}
        for layer in (*layers, over):
            merge_softly(merged, dict(layer))
        values: _Values = _Resolution(merged, scope, pieces).value(merged, ())
    except (_UnknownError, RecursionError):
        return None
    return values


def _mixes(under: Mapping[Any, Any], over: Mapping[Any, Any]) -> bool:
    """Tell whether an interpolation meets a mapping or a list: OmegaConf may merge what it stands for."""
    for key, value in over.items():
        present = under.get(key)
        if isinstance(present, dict) and isinstance(value, dict):
            if _mixes(present, value):
                return True
        else:
            one, other = (present, value) if isinstance(value, dict | list) else (value, present)
            if isinstance(other, dict | list) and _is_interpolated(one):
                return True
    return False


class _Resolution:
    """One pass over merged values."""

    def __init__(self, root: _Values, scope: Scope, pieces: Mapping[str, list[Any]]) -> None:
        self._root = root
        self._scope = scope
        self._pieces = pieces
        self._done: dict[_Path, Any] = {}  # texts that came to a single value
        self._open: set[_Path] = set()

    def value(self, value: Any, path: _Path) -> Any:
        """Return a value with all that it refers to in its place; containers are copies."""
        if isinstance(value, dict):
            return {key: self.value(item, (*path, key)) for key, item in value.items()}
        if isinstance(value, list):
            return [self.value(item, (*path, place)) for place, item in enumerate(value)]
        if _is_interpolated(value):
            return self._text(value, path)
        if not isinstance(value, _SCALARS):
            raise _UnknownError
        return value

    def _text(self, text: str, path: _Path) -> Any:
        if path in self._done:
            return self._done[path]
        if path in self._open:
            raise _UnknownError
        self._open.add(path)
        values = [piece if isinstance(piece, str) else self._piece(piece) for piece in self._pieces[text]]
        self._open.discard(path)
        if len(values) > 1 and any(isinstance(each, dict | list) for each in values):
            raise _UnknownError
        value = values[0] if len(values) == 1 else "".join(map(str, values))
        if not isinstance(value, dict | list):
            self._done[path] = value
        return value

    def _piece(self, piece: Any) -> Any:
        if isinstance(piece, _Reference):
            return self._at(piece.path)
        if not isinstance(piece, _Call):
            return piece
        default = _NOTHING if piece.default is _NOTHING else self._piece(piece.default)
        if isinstance(default, dict | list):
            raise _UnknownError
        return _checked(self._called(piece, default))

    def _at(self, path: tuple[str, ...]) -> Any:
        found: Any = self._root
        for depth, word in enumerate(path):
            if _is_interpolated(found):
                found = self._text(found, path[:depth])
            if not isinstance(found, dict) or word not in found:
                raise _UnknownError
            found = found[word]
        return _checked(self.value(found, path))

    def _called(self, call: _Call, default: Any) -> Any:
        scope = self._scope
        if call.name == ENVIRONMENT:
            if not scope.environment or ENVIRONMENT in scope.custom or len(call.path) > 1:
                raise _UnknownError
            fallback = default if default is None or default is _NOTHING else str(default)
            return os.environ.get(call.path[0], fallback)
        if scope.global_values is None or (call.name == "globals" and call.path[0].startswith("_")):
            raise _UnknownError
        found: Any = scope.global_values if call.name == "globals" else scope.runtime_params
        for word in call.path:
            if not isinstance(found, Mapping):
                raise _UnknownError
            found = found.get(word, _NOTHING)
            if found is _NOTHING:
                return default
        return _NOTHING if next(_texts(found), None) else self.value(found, ())


def _pieces(text: str) -> list[Any]:
    """Split a text into what stands between references, and these."""
    if "\\" in text:
        raise _UnknownError
    pieces: list[Any] = []
    at = 0
    while (begin := text.find("${", at)) >= 0:
        if begin > at:
            pieces.append(text[at:begin])
        piece, at = _read(text, begin)
        pieces.append(piece)
    if at < len(text):
        pieces.append(text[at:])
    return pieces


def _read(text: str, at: int) -> tuple[Any, int]:
    """Read the reference or call that begins at a position; returns it and where it ends."""
    if match := _REFERENCE.match(text, at):
        return _Reference(_words(match[1])), match.end()
    match = _CALL.match(text, at)
    if match is None:
        raise _UnknownError
    if match[3] == "}":  # the blanks that follow are no part of it
        return _Call(match[1], _words(match[2]), _NOTHING), match.end(3)
    default, at = _default(text, match.end())
    end = _END.match(text, at)
    if end is None:
        raise _UnknownError
    return _Call(match[1], _words(match[2]), default), end.end()


def _default(text: str, at: int) -> tuple[Any, int]:
    if text.startswith("${", at):
        return _read(text, at)
    if match := _QUOTED.match(text, at):
        return match[1] or match[2] or "", match.end()
    if match := _NUMBER.match(text, at):
        return float(match[0]) if match[1] else int(match[0]), match.end()
    match = _PLAIN.match(text, at)
    if match is None:
        raise _UnknownError
    word = match[0].lower()
    if word in _CONSTANTS:
        return _CONSTANTS[word], match.end()
    if word in _KEYWORDS:
        raise _UnknownError
    return match[0], match.end()


def _words(path: str) -> tuple[str, ...]:
    words = tuple(path.split("."))
    if any(word.lower() in _KEYWORDS for word in words):
        raise _UnknownError
    return words


def _checked(value: Any) -> Any:
    """Return a value that a reference came to; what is missing is for OmegaConf to explain."""
    if value is _NOTHING or (isinstance(value, str) and (value == MISSING or "${" in value)):
        raise _UnknownError
    return value


def _texts(value: Any) -> Iterator[str]:
    """Yield every text with a reference, of nested values."""
    if _is_interpolated(value):
        yield value
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from _texts(item)
    elif isinstance(value, list):
        for item in value:
            yield from _texts(item)


def _is_interpolated(value: Any) -> bool:
    return isinstance(value, str) and "${" in value
