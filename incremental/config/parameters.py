"""Runtime parameters: from the command line to typed values, from dotted names to nested ones.

It does not read files and knows no environments.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from incremental.config.merging import merge_softly
from incremental.errors import ConfigError, did_you_mean
from incremental.secrets import MASK, looks_secret, names_secret, strip_url

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_BRACKETS = {"[": "]", "{": "}"}


def parse_parameters(text: str) -> dict[str, Any]:
    """Read ``a.b=1,c=x`` as ``--params`` has it; dotted names stay as they are, see :func:`expand`.

    Values are read as in ``parameters.yml``: numbers, true and false, null, ``[1, 2]``, ``{a: 1}``;
    commas within brackets and quotes do not separate.
    """
    items = [item.strip() for item in _split(text)]
    return dict(_parse_item(item, number, items) for number, item in enumerate(items, 1) if item)


def expand(parameters: Mapping[str, Any], known: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Return parameters with dotted names as nested mappings: ``{"a.b": 1}`` becomes ``{"a": {"b": 1}}``.

    A dotted name that ``known`` has literally at its level stays whole.
    """
    nested: dict[str, Any] = {}
    given: dict[tuple[str, ...], tuple[str, bool]] = {}
    for name, value in parameters.items():
        path, known_there = _path_of(name, known or {})
        _check_conflict(path, name, value, given)
        given[path] = name, isinstance(value, dict)
        if isinstance(value, dict):
            value = expand(value, known_there if isinstance(known_there, dict) else {})
        for word in reversed(path):
            value = {word: value}
        merge_softly(nested, value)
    return nested


def misspelt(given: Mapping[Any, Any], known: Mapping[Any, Any], within: str = "") -> Iterator[str]:
    """Yield a sentence for each expanded parameter that is not configured but looks like one that is."""
    for name, value in given.items():
        if name in known:
            if isinstance(value, dict) and isinstance(known[name], dict):
                yield from misspelt(value, known[name], f"{within}{name}.")
        elif near := did_you_mean(str(name), map(str, known)):
            yield f"runtime parameter '{within}{name}' is not configured{near}"


def _path_of(name: Any, known: Mapping[str, Any]) -> tuple[tuple[str, ...], Any]:
    """Return the words of a dotted name, and what ``known`` has there."""
    if not isinstance(name, str) or "." not in name or name in known:
        return (name,), known.get(name)
    words = name.split(".")
    if not all(words):
        raise ConfigError(f"runtime parameter {name!r} has an empty part between its dots; write it as 'a.b'")
    for length in range(len(words) - 1, 0, -1):
        head, rest = ".".join(words[:length]), ".".join(words[length:])
        if isinstance(known.get(head), dict):
            path, there = _path_of(rest, known[head])
            return (head, *path), there
    return tuple(words), None


def _check_conflict(
    path: tuple[str, ...], name: str, value: Any, given: dict[tuple[str, ...], tuple[str, bool]]
) -> None:
    """Refuse ``{"a": 1, "a.b": 2}``; ``{"a": {"c": 1}, "a.b": 2}`` is fine."""
    for other_path, (other, is_mapping) in given.items():
        shorter = min(len(path), len(other_path))
        if len(path) == len(other_path) or path[:shorter] != other_path[:shorter]:
            continue
        if not (is_mapping if len(other_path) == shorter else isinstance(value, dict)):
            raise ConfigError(
                f"runtime parameters {other!r} and {name!r} contradict each other; give one of them"
            )


def _parse_item(item: str, number: int, items: list[str]) -> tuple[str, Any]:
    from incremental.config.document import read_value

    name, equals, text = item.partition("=")
    name = name.strip()
    if not equals or not name:
        what = "has no '='" if not equals else "has no name before the '='"
        # a piece without '=' may be the rest of a secret value that holds a comma
        quoted = (
            f" ({item!r})"
            if not any(looks_secret(each.partition("=")[0]) or names_secret(each) for each in items)
            else ""
        )
        raise ConfigError(
            f"item {number}{quoted} of the parameters {what}; write them as 'name=value,other.name=value'"
        )
    hide = looks_secret(name) or names_secret(text)
    try:
        return name, read_value(text.strip(), hide=hide)
    except ValueError as error:
        shown = MASK if hide else repr(strip_url(text.strip()))
        raise ConfigError(f"value {shown} of parameter {name!r} cannot be read: {error}") from None


def _split(text: str) -> Iterator[str]:
    """Split at commas outside brackets and quotes."""
    closing: list[str] = []
    quote = ""
    begin = 0
    for position, character in enumerate(text):
        if quote:
            quote = "" if character == quote else quote
        elif character in "'\"" and text[:position].rstrip()[-1:] in ("=", ",", ":", *_BRACKETS):
            quote = character
        elif character in _BRACKETS:
            closing.append(_BRACKETS[character])
        elif closing and character == closing[-1]:
            closing.pop()
        elif character == "," and not closing:
            yield text[begin:position]
            begin = position + 1
    yield text[begin:]
