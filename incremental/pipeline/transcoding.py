"""What a dataset's name says: ``name@format`` and parameters. It knows no node and no catalog."""

from __future__ import annotations

from typing import TYPE_CHECKING

from incremental.errors import PipelineError

if TYPE_CHECKING:
    from collections.abc import Iterable

SEPARATOR = "@"
PARAMETERS = "parameters"
PARAMETER_PREFIX = "params:"


def base_name(name: str) -> str:
    """Return the name without its format: ``"cars@pandas"`` gives ``"cars"``."""
    if SEPARATOR not in name:
        return name
    return split_format(name)[0]


def split_format(name: str) -> tuple[str, str]:
    """Return base name and format; the format is empty where the name has none.

    Raises ``PipelineError`` for more than one ``@``, and for nothing before it.
    """
    base, _, kind = name.partition(SEPARATOR)
    if SEPARATOR in kind:
        count = name.count(SEPARATOR)
        raise PipelineError(
            f"dataset name {name!r} has {count} {SEPARATOR!r}, but one at most may set off its format"
        )
    if not base:
        raise PipelineError(f"dataset name {name!r} has nothing before {SEPARATOR!r}")
    return base, kind


def base_names(names: tuple[str, ...]) -> tuple[str, ...]:
    """Return the base name of each; the very same tuple where no name has a format."""
    for name in names:
        if SEPARATOR in name:
            return tuple(base_name(each) for each in names)
    return names


def distinct(names: tuple[str, ...]) -> tuple[str, ...]:
    """Return the names without repetitions, in order of first use."""
    if len(names) < 2 or len(set(names)) == len(names):
        return names
    return tuple(dict.fromkeys(names))


def words(given: str | Iterable[str] | None) -> tuple[str, ...]:
    """Return the words given; a bare string is one word, None is none."""
    if given is None:
        return ()
    if isinstance(given, str):
        return (given,)
    return tuple(given)


def is_parameter(name: str) -> bool:
    """Tell whether the name is ``parameters`` or one of ``params:…``."""
    return name.startswith(PARAMETER_PREFIX) or name == PARAMETERS
