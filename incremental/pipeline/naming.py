"""What nodes, tags and datasets may be called, and what a node is called by default. It builds no node."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from incremental.errors import NodeError
from incremental.pipeline.signature import origin, readable_name

if TYPE_CHECKING:
    from collections.abc import Callable


def dataset_names(given: Any, role: str, func: Callable[..., Any]) -> tuple[str, ...]:
    """Return the names in a string, a list, a dictionary's values or None, if names they are."""
    if isinstance(given, str):
        names: tuple[Any, ...] = (given,)
    elif isinstance(given, list):
        names = tuple(given)
    elif isinstance(given, dict):
        names = tuple(given.values())
    elif not given:
        return ()
    else:
        raise NodeError(
            f"{role} of a node of {readable_name(func)!r} must be a name, a list, a dictionary or None, "
            f"not {type(given).__name__!r}"
        )
    for name in names:
        if not isinstance(name, str):
            raise NodeError(
                f"{role} of a node of {readable_name(func)!r} must be names, "
                f"but {name!r} in {given!r} is {type(name).__name__!r}"
            )
        if not name:
            raise NodeError(f"{role} of a node of {readable_name(func)!r} hold an empty name: {given!r}")
    return names


def word(given: str, role: str) -> str:
    """Return the word if it may be a node's name or tag."""
    if isinstance(given, str):
        letters = given.replace("_", "").replace("-", "").replace(".", "")
        if letters.isalnum() or (given and not letters):
            return given
    raise NodeError(
        f"{given!r} is not a valid node {role}: use letters, digits, hyphens, underscores and full stops only"
    )


def label(
    name: str | None, func: Callable[..., Any], inputs: tuple[str, ...], outputs: tuple[str, ...]
) -> str:
    """Return a node in one line: ``name: func([a;b]) -> [c]``."""
    taken = f"[{';'.join(inputs)}]" if inputs else "None"
    made = f"[{';'.join(outputs)}]" if outputs else "None"
    return f"{name + ': ' if name else ''}{readable_name(func)}({taken}) -> {made}"


def default_name(func: Callable[..., Any], inputs: tuple[str, ...], outputs: tuple[str, ...]) -> str:
    """Return the function's name and eight digits of what tells this node from its others.

    It is the very name that Kedro 1.7 gives, so that commands and tests that use it go on to work.
    """
    import hashlib  # here, as most nodes have names

    whence, called = origin(func)
    digest = hashlib.sha256(f"{whence}|{list(inputs)}|{list(outputs)}".encode()).hexdigest()
    return f"{called}__{digest[:8]}"
