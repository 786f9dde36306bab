"""How large configuration becomes once its references are followed, worked out without following them.

It resolves nothing. A dozen lines that each use the line before twice would take more memory than there is.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

_MOST, _RATIO = 10_000_000, 10  # units beyond, and times, what is written
_REFERENCE = 100  # units: following one takes as long as copying as many characters
_BRACE = re.compile(r"\$?\{|\}")
_HOLE = "\0"  # stands for a part of a name that is a reference itself
_SELECTING = ("oc.select", "oc.dict.keys", "oc.dict.values")
_HARMLESS = ("oc.env",)
_Path = tuple[str, ...]


def find_excess(layers: Sequence[Mapping[Any, Any]], known: Mapping[str, Mapping[str, Any]]) -> _Path | None:
    """Return the path of a text that grows beyond all sense; None where all stays within bounds.

    ``known`` has the values behind resolvers: ``{"globals": {...}, "runtime_params": {...}}``.
    """
    growth = _Growth(layers, known)
    written = sum(_written(layer) for layer in layers)
    limit = _MOST + _RATIO * written
    for path, _ in growth.texts():
        if growth.of_path(path) * growth.loops > limit:
            return path
    total = sum(growth.of_path((str(key),)) for layer in layers for key in layer)
    return next((path for path, _ in growth.texts()), ()) if total * growth.loops > limit else None


class _Growth:
    """The sizes of one configuration, each found once. Where several layers have a path, they add up."""

    def __init__(self, layers: Sequence[Any], known: Mapping[str, Mapping[str, Any]]) -> None:
        self.loops = 1  # how often names that are not known beforehand may multiply each other
        self._layers = layers
        self._known = known
        self._sizes: dict[_Path, int] = {}
        self._open: set[_Path] = set()

    def texts(self) -> Iterator[tuple[_Path, str]]:
        """Yield every text that holds a reference, with its path."""
        for layer in self._layers:
            yield from _texts(layer, ())

    def of_path(self, path: _Path, unsure: int = 0) -> int:
        """Return the size of what is at a path; ``unsure``: references in a text that may lead there."""
        if path in self._open:
            if unsure > 1:
                self.loops *= unsure
            return 0  # OmegaConf refuses a circle
        if path not in self._sizes:
            self._open.add(path)
            self._sizes[path] = sum(self._of_node(layer, path, ()) for layer in self._layers)
            self._open.discard(path)
        return self._sizes[path]

    def of_text(self, text: str, path: _Path) -> int:
        """Return the size of a text in which everything is put in its place."""
        bodies = list(_bodies(text))
        size = len(text) + _REFERENCE * len(bodies)
        for body in bodies:
            head, colon, rest = body.partition(":")
            if not colon:
                size += self._of_target(_target(head, path), len(bodies))
            elif head in self._known:
                size += self._of_known(head, rest)
            elif head in _SELECTING:
                size += self._of_target(_target(rest.partition(",")[0], path), len(bodies))
            elif head not in _HARMLESS and (_HOLE in head or head.startswith("oc.")):
                size += self._of_target((_HOLE,), len(bodies))
        return size

    def _of_target(self, target: _Path, references: int) -> int:
        holes = [place for place, word in enumerate(target) if _HOLE in word]
        if not holes:
            return self.of_path(target)
        return self.of_path(target[: holes[0]], unsure=references)  # whichever it is, it lies below that

    def _of_known(self, kind: str, arguments: str) -> int:
        values: Any = self._known[kind]
        for word in _target(arguments.partition(",")[0], ()):
            if not isinstance(values, Mapping) or _HOLE in word:
                break
            values = values.get(word)
        return _written(values)

    def _of_node(self, node: Any, rest: _Path, path: _Path) -> int:
        if isinstance(node, str):
            if "${" not in node:
                return 0 if rest else 1 + len(node)
            if not rest:
                return self.of_text(node, path)
            targets = [_target(body, path) for body in _bodies(node) if ":" not in body]
            return _REFERENCE + sum(self._of_target((*target, *rest), len(targets)) for target in targets)
        if rest:
            child = _child(node, rest[0])
            return 0 if child is None else self._of_node(child, rest[1:], (*path, rest[0]))
        return 1 + sum(self._of_node(item, (), (*path, str(key))) for key, item in _items(node))


def _bodies(text: str) -> Iterator[str]:
    """Yield what is between the braces of every reference of a text, the inner ones as holes in the outer."""
    around: list[tuple[bool, list[str]]] = []  # braces that are open: of a reference? and what they hold
    begin = 0
    for brace in _BRACE.finditer(text):
        if around:
            around[-1][1].append(text[begin : brace.start()])
        begin = brace.end()
        if brace[0] != "}":
            around.append((brace[0] == "${", []))
        elif around:
            is_reference, parts = around.pop()
            if is_reference:
                yield "".join(parts).strip()
            if around:
                around[-1][1].append(_HOLE)


def _target(key: str, path: _Path) -> _Path:
    """Return the path that a key means to a text at ``path``; a leading dot is what the text lies in."""
    key = key.strip().strip("'\"")
    name = key.lstrip(".")
    up = len(key) - len(name)
    words = tuple(word for word in re.split(r"[.\[\]]", name) if word)
    return (*path[: max(0, len(path) - up)], *words) if up else words


def _texts(node: Any, path: _Path) -> Iterator[tuple[_Path, str]]:
    if isinstance(node, str):
        if "${" in node:
            yield path, node
        return
    for key, item in _items(node):
        yield from _texts(item, (*path, str(key)))


def _items(node: Any) -> Iterator[tuple[Any, Any]]:
    if isinstance(node, Mapping):
        yield from node.items()
    elif isinstance(node, list | tuple):
        yield from enumerate(node)


def _child(node: Any, word: str) -> Any:
    if isinstance(node, Mapping):
        return node[word] if word in node else next((node[key] for key in node if str(key) == word), None)
    if isinstance(node, list | tuple) and word.isdigit() and int(word) < len(node):
        return node[int(word)]
    return None


def _written(node: Any) -> int:
    """Return the size of plain values as they stand."""
    if isinstance(node, str):
        return 1 + len(node)
    return 1 + sum(_written(item) for _, item in _items(node))
