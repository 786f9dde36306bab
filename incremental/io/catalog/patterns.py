"""Name patterns of a catalog: ``{namespace}.{table}`` stands for many entries. It knows names only."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from incremental.errors import DatasetError

if TYPE_CHECKING:
    from collections.abc import Iterable

_PLACEHOLDER = re.compile(r"\{([^{}]*)\}")
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
        """Return the entry for one name, its placeholders filled in."""
        match = self._regex.fullmatch(name)
        assert match is not None, "resolve() of a name that does not match"
        return _fill(self.config, match.groupdict())


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


def _fill(config: Any, values: Mapping[str, str]) -> Any:
    if isinstance(config, Mapping):
        return {key: _fill(value, values) for key, value in config.items()}
    if isinstance(config, list | tuple):
        return [_fill(value, values) for value in config]
    if isinstance(config, str) and "{" in config:
        return _PLACEHOLDER.sub(lambda found: values[found[1]], config)
    return config
