"""One YAML or JSON document as plain values, read safely and in one pass over the parser's events.

It knows nothing of environments and interpolation: ``${...}`` is text here.

Events, not nodes: composing nodes costs three times as much, and PyYAML's C composer recurses
until the process dies on a document of deeply nested brackets.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from incremental.config import scalars
from incremental.config.faults import Fault, Origin
from incremental.config.origins import find_line
from incremental.secrets import MASK

try:
    from yaml import CSafeLoader as _Parser
except ImportError:  # a PyYAML without its C part
    from yaml import SafeLoader as _Parser  # type: ignore[assignment]

DEEPEST = 100
LARGEST = 64 * 1024 * 1024
_MOST_FAULTS = 20
_ALIAS_ALLOWANCE, _ALIAS_RATIO, _ALIAS_LIMIT = 10_000, 100, 500_000
_CONTAINER_TAGS: dict[type, tuple[str | None, ...]] = {
    dict: (None, "!", "tag:yaml.org,2002:map"),
    list: (None, "!", "tag:yaml.org,2002:seq"),
}
_MERGE = object()  # the key <<
_BAD_KEY = object()  # stands for a key that was refused
_UNPRINTABLE = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_REMEDIES = (
    ("mapping values are not allowed", "quote a text that holds ': ', or check the indentation"),
    ("cannot start any token", "indent with spaces, and quote a text that begins with @, ` or %"),
    ("could not find expected ':'", "write 'key: value'"),
    ("expected ',' or", "close the bracket"),
    ("unexpected end of stream", "close the quote"),
    ("expected <document start>", "indent the lines of one mapping alike"),
    ("did not find expected key", "indent the lines of one mapping alike"),
    ("expected '-' indicator", "do not mix '- item' and 'key: value' at one indentation"),
    ("nested deeper", "flatten it"),
    ("unknown escape", r"write \\ for a backslash, or use single quotes"),
)


@dataclass(frozen=True, slots=True)
class Document:
    """What one file holds, or what is wrong with it."""

    file: str
    values: dict[Any, Any] = field(default_factory=dict)
    faults: tuple[Fault, ...] = ()
    interpolated: bool = False


def read_file(file: str) -> Document:
    """Read a file that is no part of a configuration folder, as :func:`read` does. Raises ``OSError``."""
    return read(file, bytes_of(file))


def bytes_of(file: str) -> bytes:
    """Return the bytes of a file, or as many as show that it is too large. Raises ``OSError``."""
    with Path(file).open("rb") as stream:
        return stream.read(LARGEST + 1)


def read(file: str, data: bytes, *, hide: bool = False) -> Document:
    """Read the bytes of a file whose top level has to be a mapping; never raises for what they hold.

    ``hide``: show no word of the text in a fault, because a password may look like a tag.
    """
    if len(data) > LARGEST:
        return _faulty(
            file, 1, f"the file is larger than {LARGEST // 2**20} MiB; configuration is meant to be small"
        )
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        return _faulty(file, line, f"byte 0x{data[error.start]:02x} is not UTF-8; save the file as UTF-8")
    reader = _Reader(file, text, hide)
    value, faults = reader.value(), tuple(reader.faults)
    if faults and file.endswith(".json"):
        value, faults = _read_json(file, text, faults)
    if not faults and value is not None and not isinstance(value, dict):
        kind = "a list" if isinstance(value, list) else "a single value"
        return _faulty(file, reader.first_line, f"the top level is {kind}; write 'name: value' pairs")
    if faults or value is None:
        return Document(file, faults=faults)
    return Document(file, value, interpolated="${" in text or ("\\" in text and holds_interpolation(value)))


def read_value(text: str, *, hide: bool = False) -> Any:
    """Return the value of a YAML text of any kind, as for a value on the command line.

    Raises ``ValueError`` with what is wrong; the text itself is not in the message.
    """
    reader = _Reader("", text, hide)
    value = reader.value()
    if reader.faults:
        raise ValueError(reader.faults[0].text)
    return value


def holds_interpolation(value: Any) -> bool:
    """Tell whether a string anywhere in ``value`` holds ``${``."""
    if isinstance(value, str):
        return "${" in value
    if isinstance(value, dict):
        return any(holds_interpolation(item) for item in value.values())
    return isinstance(value, list | tuple) and any(holds_interpolation(item) for item in value)


class _Frame:
    """A mapping or list that is being read."""

    __slots__ = ("anchor", "awaits_key", "before", "key", "line", "merges", "values")

    def __init__(self, values: Any, anchor: str | None, before: int, line: int) -> None:
        self.values = values
        self.anchor = anchor
        self.before = before  # nodes counted when it began
        self.line = line
        self.awaits_key = isinstance(values, dict)
        self.key: Any = None
        self.merges: list[Any] | None = None


class _Reader:
    """Builds the value of one document from parser events, and collects what is wrong with it."""

    def __init__(self, file: str, text: str, hide: bool) -> None:
        self.hide = hide
        self.file = file
        self.text = text
        self.faults: list[Fault] = []
        self.first_line = 1
        self._anchors: dict[str, tuple[Any, int]] = {}
        self._open_anchors: set[str] = set()
        self._frames: list[_Frame] = []
        self._written = 0  # nodes in the text
        self._expanded = 0  # and with aliases written out
        self._root: Any = None

    def value(self) -> Any:
        try:
            self._read_events()
        except yaml.MarkedYAMLError as error:
            self._syntax_fault(error)
        except yaml.reader.ReaderError as error:
            bad = _UNPRINTABLE.search(self.text)
            line = self.text.count("\n", 0, bad.start() if bad else 0) + 1
            character = ord(bad[0]) if bad else error.character
            self._fault(line, f"character #x{character:04x} is not allowed; remove it")
        except _TooMuchError:
            pass
        return self._root

    def _read_events(self) -> None:
        parser = _Parser(self.text)
        try:
            next_event = parser.get_event
            documents = 0
            while True:
                event = next_event()
                kind = type(event)
                if kind is yaml.ScalarEvent:
                    self._scalar(event)
                elif kind is yaml.MappingEndEvent or kind is yaml.SequenceEndEvent:
                    self._close()
                elif kind is yaml.MappingStartEvent:
                    self._open(event, {})
                elif kind is yaml.SequenceStartEvent:
                    self._open(event, [])
                elif kind is yaml.AliasEvent:
                    self._alias(event)
                elif kind is yaml.DocumentStartEvent:
                    documents += 1
                    if documents > 1:
                        self._stop(event, "a second document begins; keep one document in a file")
                elif kind is yaml.StreamEndEvent:
                    return
        finally:
            parser.dispose()

    def _scalar(self, event: Any) -> None:
        self._written += 1
        self._expanded += 1
        tag = event.tag
        if tag is None or tag == "!":
            if not event.implicit[0]:
                value = event.value
            elif event.value == "<<" and self._frames and self._frames[-1].awaits_key:
                value = _MERGE
            else:
                value = self._convert(event, scalars.plain, event.value)
        else:
            value = self._convert(event, scalars.tagged, tag, event.value)
        if event.anchor is not None:
            self._begin_anchor(event)
            self._end_anchor(event.anchor, value, 1)
        self._place(value, event)

    def _convert(self, event: Any, convert: Any, *words: str) -> Any:
        try:
            return convert(*words)
        except LookupError:
            self._refuse_tag(event)
        except ValueError:
            looks = (
                "a value looks like a number and is none"
                if event.tag is None
                else "a value does not fit its tag"
            )
            self._fault(_line(event), f"{looks}; quote it")
        return None

    def _open(self, event: Any, values: Any) -> None:
        self._written += 1
        self._expanded += 1
        if not self._frames:
            self.first_line = _line(event)
        if len(self._frames) >= DEEPEST:
            self._stop(event, f"nested deeper than {DEEPEST} levels; flatten it")
        if self._frames and self._frames[-1].awaits_key:
            self._stop(event, "a key is a mapping or a list; keys are plain words")
        if event.tag not in _CONTAINER_TAGS[type(values)]:
            self._refuse_tag(event)
        if event.anchor is not None:
            self._begin_anchor(event)
        self._frames.append(_Frame(values, event.anchor, self._expanded - 1, _line(event)))

    def _close(self) -> None:
        frame = self._frames.pop()
        if frame.merges is not None:
            frame.values = self._merged(frame)
        if frame.anchor is not None:
            self._end_anchor(frame.anchor, frame.values, self._expanded - frame.before)
        self._place(frame.values, None)

    def _alias(self, event: Any) -> None:
        self._written += 1
        if event.anchor in self._open_anchors:
            self._stop(event, f"alias {self._shown('*', event)} stands inside what it repeats; write it out")
        if event.anchor not in self._anchors:
            alias, anchor = self._shown("*", event), self._shown("&", event)
            self._stop(event, f"alias {alias} has no anchor {anchor} before it; define it first")
        value, size = self._anchors[event.anchor]
        self._expanded += size
        extra = self._expanded - self._written
        if extra > _ALIAS_LIMIT or extra > max(_ALIAS_ALLOWANCE, _ALIAS_RATIO * self._written):
            self._stop(event, "aliases repeat more than is sensible; write the values out")
        self._place(_copy(value), event)

    def _begin_anchor(self, event: Any) -> None:
        if event.anchor in self._anchors or event.anchor in self._open_anchors:
            self._fault(_line(event), f"anchor {self._shown('&', event)} is defined twice; rename one")
        self._open_anchors.add(event.anchor)

    def _end_anchor(self, anchor: str, value: Any, size: int) -> None:
        self._open_anchors.discard(anchor)
        self._anchors[anchor] = (value, size)

    def _place(self, value: Any, event: Any) -> None:
        """Put a finished value where it belongs; ``event`` is None for a container that just closed."""
        if not self._frames:
            self._root = value
            return
        frame = self._frames[-1]
        values = frame.values
        if frame.awaits_key:
            frame.key = self._checked_key(frame, value, event)
            frame.awaits_key = False
        elif type(values) is list:
            values.append(value)
        else:
            frame.awaits_key = True
            if frame.key is _MERGE:
                frame.merges = [*(frame.merges or ()), value]
            elif frame.key is not _BAD_KEY:
                values[frame.key] = value

    def _checked_key(self, frame: _Frame, key: Any, event: Any) -> Any:
        if key is _MERGE:
            return key
        if key is None or isinstance(key, dict | list):
            self._fault(_line(event), "a key is empty or null; name it, or quote it")
            return _BAD_KEY
        if key in frame.values:
            first = self._first_line(next(known for known in frame.values if known == key))
            self._fault(_line(event), f"key {key!r} is already there in line {first}; remove one of them")
            return _BAD_KEY
        return key

    def _first_line(self, key: Any) -> int:
        """Find the line of a key again: lines of keys are not kept, most documents have no duplicate."""
        outer = [_position(frame) for frame in self._frames[:-1]]
        return find_line(self.text, (*outer, key))[1]

    def _merged(self, frame: _Frame) -> dict[Any, Any]:
        merged: dict[Any, Any] = {}
        for source in frame.merges or ():
            parts = source[::-1] if isinstance(source, list) else [source]
            if not all(isinstance(part, dict) for part in parts):
                self._fault(frame.line, "'<<' takes a mapping, or a list of mappings; use it as '<<: *name'")
                continue
            for part in parts:
                merged.update(part)
        for key in frame.values:
            merged.pop(key, None)
        return {**merged, **frame.values}

    def _refuse_tag(self, event: Any) -> None:
        tag = MASK if self.hide else str(event.tag).replace("tag:yaml.org,2002:", "!!")
        self._fault(_line(event), f"tag {tag!r} is not supported; configuration is plain data, remove it")

    def _shown(self, sign: str, event: Any) -> str:
        return MASK if self.hide else f"{sign}{event.anchor}"

    def _syntax_fault(self, error: yaml.MarkedYAMLError) -> None:
        mark = error.problem_mark or error.context_mark
        begun = error.context_mark
        problem = error.problem or error.context or "this is not YAML"
        if "nesting depth" in problem:  # a limit of some builds of libyaml, met before an event is out
            problem = f"nested deeper than {DEEPEST} levels"
        remedy = next((text for part, text in _REMEDIES if part in problem), "correct the syntax")
        last = self.text.count("\n") + (not self.text.endswith("\n"))
        line = max(1, min(mark.line + 1, last)) if mark else 1  # the end of the text has no line of its own
        since = f" (begun in line {begun.line + 1})" if begun and begun.line + 1 < line else ""
        self._fault(line, f"{problem}{since}; {remedy}")

    def _fault(self, line: int, text: str) -> None:
        self.faults.append(Fault(Origin(self.file, line), text))
        if len(self.faults) >= _MOST_FAULTS:
            raise _TooMuchError

    def _stop(self, event: Any, text: str) -> None:
        self._fault(_line(event), text)
        raise _TooMuchError


class _TooMuchError(Exception):
    """Reading on makes no sense; the fault is noted."""


def _read_json(file: str, text: str, faults: tuple[Fault, ...]) -> tuple[Any, tuple[Fault, ...]]:
    """Read what is JSON but not YAML (``"\\ud83d\\ude00"``); else keep the faults that were found."""
    import json

    def without_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        values = dict(pairs)
        if len(values) < len(pairs):
            raise ValueError
        return values

    try:
        return json.loads(text, object_pairs_hook=without_duplicates), ()
    except (ValueError, RecursionError):
        return None, faults


def _faulty(file: str, line: int, text: str) -> Document:
    return Document(file, faults=(Fault(Origin(file, line), text),))


def _line(event: Any) -> int:
    return int(event.start_mark.line) + 1


def _position(frame: _Frame) -> Any:
    return len(frame.values) if isinstance(frame.values, list) else frame.key


def _copy(value: Any) -> Any:
    """Copy nested dicts and lists, so that two places never share one object."""
    if isinstance(value, dict):
        return {key: _copy(item) for key, item in value.items()}
    return [_copy(item) for item in value] if isinstance(value, list) else value
