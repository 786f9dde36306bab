"""Command lines and parameters fit for a record: without secrets, and without what is declared private.

What is secret is decided in ``secrets``; this decides what else a project wants hidden.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from incremental.secrets import MASK, looks_secret, mask, names_secret, strip_url

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable


def mask_parameters(parameters: Mapping[str, Any], private: Collection[str] = ()) -> dict[str, Any]:
    """Return parameters fit for a record: masked, and with ``***`` for those that are declared private.

    Args:
        parameters: nested mappings.
        private: dotted names, in which ``*`` stands for any characters: ``patient.*``.
    """
    masked: dict[str, Any] = mask(_without_private(parameters, "", private)) if private else mask(parameters)
    return masked


def private_values(parameters: Mapping[str, Any], private: Collection[str]) -> list[Any]:
    """Return the values of the parameters that are declared private."""
    found: list[Any] = []
    _without_private(parameters, "", private, found)
    return found


def mask_argv(arguments: Iterable[str], private: Collection[str] = ()) -> list[str]:
    """Return a command line fit for a record: ``--params token=abc,a=1`` gives ``--params token=***,a=1``.

    ``private`` are dotted names of parameters, as for :func:`mask_parameters`.
    """
    masked: list[str] = []
    hide_next = False
    for argument in arguments:
        is_option = argument.startswith("-")
        if hide_next and not is_option:
            masked.append(MASK)
            hide_next = False
            continue
        masked.append(_mask_argument(argument, private))
        hide_next = is_option and "=" not in argument and looks_secret(argument)
    return masked


def _is_private(name: str, private: Collection[str]) -> bool:
    from fnmatch import fnmatchcase

    return any(fnmatchcase(name, pattern) for pattern in private)


def _without_private(
    value: Mapping[str, Any], prefix: str, private: Collection[str], found: list[Any] | None = None
) -> dict[str, Any]:
    """Return a copy with ``***`` in place of what is private, which is added to ``found``."""
    rest: dict[str, Any] = {}
    for key, item in value.items():
        name = f"{prefix}{key}"
        if _is_private(name, private):
            rest[key] = MASK
            if found is not None:
                found.append(item)
        elif isinstance(item, Mapping):
            rest[key] = _without_private(item, f"{name}.", private, found)
        else:
            rest[key] = item
    return rest


def _hides_private(name: str, private: Collection[str]) -> bool:
    """Whether a parameter of the command line is private, or is a part or a whole of what is."""
    wholes = [whole for pattern in private for whole in _wholes(pattern)]
    return any(_is_private(each, private) for each in (name, *_wholes(name))) or _is_private(name, wholes)


def _wholes(name: str) -> list[str]:
    """Return what a dotted name is a part of: ``a`` and ``a.b`` of ``a.b.c``."""
    return [name[:place] for place, sign in enumerate(name) if sign == "."]


def _mask_argument(argument: str, private: Collection[str] = ()) -> str:
    pieces: list[str] = []
    hidden = False
    for piece in argument.split(","):
        name, equals, value = piece.rpartition("=") if piece.count("=") == 1 else _split_option(piece)
        if not equals:
            pieces.append(MASK if hidden else strip_url(piece))
            continue
        hidden = looks_secret(name) or names_secret(value)
        hidden = hidden or _hides_private(name.rpartition("=")[2], private)
        pieces.append(f"{name}={MASK}" if hidden else strip_url(piece))
    return ",".join(pieces)


def _split_option(piece: str) -> tuple[str, str, str]:
    """Split ``--params=a=b`` at its second sign, anything else at its first."""
    name, equals, value = piece.partition("=")
    if name.startswith("-") and "=" in value and not looks_secret(name):
        inner, equals, value = value.partition("=")
        name = f"{name}={inner}"
    return name, equals, value
