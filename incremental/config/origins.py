"""The line of an entry in a YAML text, found by going through the text again when a message needs it.

Not used while reading goes well: lines are never kept.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import yaml

from incremental.config import scalars

if TYPE_CHECKING:
    from collections.abc import Iterator

try:
    from yaml import CSafeLoader as _Parser
except ImportError:  # a PyYAML without its C part
    from yaml import SafeLoader as _Parser  # type: ignore[assignment]


def find_line(text: str, path: tuple[object, ...]) -> tuple[int, int]:
    """Return how many leading words of ``path`` the text has, and the line of the last one found.

    Keys are compared as text, items of a list by position; (0, 1) when not even the first is there.
    """
    wanted = tuple(str(word) for word in path)
    found, line = 0, 1
    try:
        for place, at in _places(text):
            depth = len(place)
            if found < depth and place == wanted[:depth]:
                found, line = depth, at
                if found == len(wanted):
                    break
    except yaml.YAMLError:
        pass  # a text that is broken further down: the line found so far has to do
    return found, line


class _Level:
    """A mapping or list on the way to where the parser is."""

    __slots__ = ("awaits_key", "is_mapping", "word")

    def __init__(self, is_mapping: bool) -> None:
        self.is_mapping = is_mapping
        self.awaits_key = is_mapping
        self.word: str = "" if is_mapping else "-1"


def _places(text: str) -> Iterator[tuple[tuple[str, ...], int]]:
    """Yield the path and the line of every key and list item, in the order of the text."""
    levels: list[_Level] = []
    for event in yaml.parse(text, _Parser):
        if isinstance(event, yaml.CollectionEndEvent):
            levels.pop()
            _finish_value(levels)
        elif isinstance(event, yaml.NodeEvent):
            if levels and _takes_word(levels[-1], event):
                yield tuple(level.word for level in levels), _line(event)
                if levels[-1].is_mapping:
                    if isinstance(event, yaml.CollectionStartEvent):
                        return  # a key that no document may have
                    continue  # the value comes next
            if isinstance(event, yaml.CollectionStartEvent):
                levels.append(_Level(isinstance(event, yaml.MappingStartEvent)))
            else:
                _finish_value(levels)


def _takes_word(level: _Level, event: Any) -> bool:
    if level.is_mapping:
        if not level.awaits_key:
            return False
        level.word = _word(event)
        level.awaits_key = False
        return True
    level.word = str(int(level.word) + 1)
    return True


def _word(event: Any) -> str:
    """Return a key as ``str()`` shows it once it is read: ``yes`` is the key True."""
    if not isinstance(event, yaml.ScalarEvent):
        return ""
    try:
        return str(scalars.plain(event.value)) if event.implicit[0] else str(event.value)
    except ValueError:
        return str(event.value)


def _line(event: Any) -> int:
    return int(event.start_mark.line) + 1


def _finish_value(levels: list[_Level]) -> None:
    if levels and levels[-1].is_mapping:
        levels[-1].awaits_key = True
