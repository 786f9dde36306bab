"""Name patterns of a catalog: ``{namespace}.{table}`` stands for many entries. It knows names only."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from incremental.errors import DatasetError

if TYPE_CHECKING:
    from collections.abc import Iterable

_PLACEHOLDER = re.compile(r"\{([^{}]*)\}")
PATH_KEYS = frozenset({"filepath", "filename", "path"})
"""The arguments that say where a dataset lives."""
_IDENTIFIER = re.compile(r"[A-Za-z_]\w*")


def is_pattern(name: str) -> bool:
    """Whether a catalog key stands for many names."""
    return "{" in name


class Pattern:
    """One pattern with the entry that it stands for.

    A placeholder matches one character or more, as few as possible; the same placeholder twice
    matches the same text twice.

    Raises:
        DatasetError: a placeholder has no proper name, or the entry uses one that the pattern lacks.
    """

    __slots__ = ("_regex", "config", "text")

    def __init__(self, text: str, config: Any) -> None:
        self.text = text
        self.config = config
        names = _PLACEHOLDER.findall(text)
        wrong = [name for name in names if not _IDENTIFIER.fullmatch(name)]
        if wrong or _PLACEHOLDER.sub("", text).strip("{}") != _PLACEHOLDER.sub("", text):
            raise DatasetError(
                f"pattern {text!r}: a placeholder is a name between braces, like '{{table}}'"
                + (f", not {', '.join('{' + name + '}' for name in wrong)}" if wrong else "")
            )
        unknown = sorted(set(_placeholders(config)) - set(names))
        if unknown:
            raise DatasetError(
                f"pattern {text!r}: its entry uses {', '.join('{' + name + '}' for name in unknown)}, "
                f"which the pattern does not have; it has {', '.join('{' + name + '}' for name in names)}"
            )
        self._regex = re.compile(_regex(text))

    @property
    def specificity(self) -> int:
        """The number of characters outside the placeholders; 0 for a catch-all."""
        return len(_PLACEHOLDER.sub("", self.text))

    @property
    def precedence(self) -> tuple[int, int, str]:
        """Sorts the most specific pattern first."""
        return (-self.specificity, -self.text.count("{"), self.text)

    def matches(self, name: str) -> bool:
        """Whether the pattern stands for this name."""
        return self._regex.fullmatch(name) is not None

    def resolve(self, name: str) -> Any:
        """Return the entry for one name, its placeholders filled in.

        Raises:
            DatasetError: the name would lead a path out of the folder that the pattern names.
        """
        match = self._regex.fullmatch(name)
        assert match is not None, "resolve() of a name that does not match"
        try:
            return _fill(self.config, match.groupdict())
        except _LeadsOutError as error:
            raise DatasetError(
                f"dataset {name!r} makes {error} of pattern {self.text!r} lead out of its folder; rename it"
            ) from None


class Patterns:
    """All patterns of a catalog, the most specific first, a catch-all last."""

    def __init__(self, patterns: Iterable[Pattern] = ()) -> None:
        self._patterns = sorted(patterns, key=lambda pattern: pattern.precedence)
        catch_all = [pattern.text for pattern in self._patterns if not pattern.specificity]
        if len(catch_all) > 1:
            raise DatasetError(
                f"patterns {', '.join(map(repr, catch_all))} all match every name: keep one of them"
            )
        self._match_by_name: dict[str, Pattern | None] = {}

    def __iter__(self) -> Iterator[Pattern]:
        return iter(self._patterns)

    def match(self, name: str) -> Pattern | None:
        """Return the first pattern that stands for a name, or None."""
        if not self._patterns:
            return None
        if name not in self._match_by_name:
            found = next((pattern for pattern in self._patterns if pattern.matches(name)), None)
            self._match_by_name[name] = found
        return self._match_by_name[name]


def _regex(text: str) -> str:
    parts = _PLACEHOLDER.split(text)
    seen: set[str] = set()
    regex = []
    for place, part in enumerate(parts):
        if place % 2 == 0:
            regex.append(re.escape(part))
        elif part in seen:
            regex.append(f"(?P={part})")
        else:
            seen.add(part)
            regex.append(f"(?P<{part}>.+?)")
    return "".join(regex)


def _placeholders(config: Any) -> list[str]:
    if isinstance(config, Mapping):
        return [name for value in config.values() for name in _placeholders(value)]
    if isinstance(config, list | tuple):
        return [name for value in config for name in _placeholders(value)]
    return _PLACEHOLDER.findall(config) if isinstance(config, str) else []


def _fill(config: Any, values: Mapping[str, str], key: object = None) -> Any:
    if isinstance(config, Mapping):
        return {inner: _fill(value, values, inner) for inner, value in config.items()}
    if isinstance(config, list | tuple):
        return [_fill(value, values) for value in config]
    if isinstance(config, str) and "{" in config:
        filled = _PLACEHOLDER.sub(lambda found: values[found[1]], config)
        if key in PATH_KEYS and _leads_out(config, filled):
            raise _LeadsOutError(f"{key} {filled!r}")
        return filled
    return config


def _leads_out(template: str, path: str) -> bool:
    """Whether a path is not below the folder that its template names before the first placeholder."""
    if "\0" in path or not _is_encodable(path):
        return True
    folder = template.partition("{")[0].rpartition("/")[0]
    if not folder and not template.startswith("/"):
        return path.startswith(("/", "~", "..")) or "://" in path or _climbs(path)
    return _climbs(path.removeprefix(folder).lstrip("/"))


def _is_encodable(path: str) -> bool:
    """Whether a path can be given to the system: half of a surrogate pair cannot."""
    try:
        os.fsencode(path)
    except UnicodeEncodeError:
        return False
    return True


def _climbs(path: str) -> bool:
    """Whether a relative path has a part that climbs above where it begins."""
    depth = 0
    for part in path.replace("\\", "/").split("/"):
        depth += -1 if part == ".." else part not in ("", ".")
        if depth < 0:
            return True
    return False


class _LeadsOutError(Exception):
    """A name would lead a path out of its folder; the text says which path."""
