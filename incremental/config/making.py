"""OmegaConf's own resolvers that make values of texts, kept within bounds. It registers none of them.

What a text holds only when it has been put together is not seen beforehand: references in it would be
followed whatever they multiply to. A name in it would be imported, whoever wrote it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from incremental.config.document import read_value

LONGEST = 10_000
"""Characters of one text with references, or that is read as values: the time grows with the square."""

_COERCED = ("pathlib.Path",)  # of the types with a dot, and so of what is imported
_Refuse = Callable[[str], Any]


def bounded(oc: Any, refuse: _Refuse) -> dict[str, Callable[..., Any]]:
    """Return resolvers that do what those of OmegaConf do, or ``refuse``, with a reason, where they must not.

    Args:
        oc: the module of OmegaConf's resolvers.
        refuse: raises an error.
    """

    def decode(text: Any, _parent_: Any, _node_: Any) -> Any:
        _check_text("oc.decode", text, refuse)
        return _checked("oc.decode", oc.decode(text, _parent_, _node_), refuse)

    def create(what: Any, _parent_: Any) -> Any:
        _check_text("oc.create", what, refuse)
        if isinstance(what, str):
            what = read_value(what)
        return oc.create(_checked("oc.create", what, refuse), _parent_)

    def coerce(name: Any, value: Any) -> Any:
        if "." in str(name) and name not in _COERCED:
            refuse(f"'${{oc.coerce:...}}' makes no {str(name)!r}: configuration imports nothing but datasets")
        return oc.coerce(name, value)

    made: dict[str, Callable[..., Any]] = {"oc.decode": decode, "oc.create": create}
    return {**made, "oc.coerce": coerce} if hasattr(oc, "coerce") else made


def _check_text(resolver: str, text: Any, refuse: _Refuse) -> None:
    if isinstance(text, str) and len(text) > LONGEST:
        refuse(f"'${{{resolver}:...}}' reads at most {LONGEST:,} characters; write the values out")
    _checked(resolver, text, refuse)


def _checked(resolver: str, value: Any, refuse: _Refuse) -> Any:
    """Return plain values that hold no reference; values of OmegaConf's were seen beforehand."""
    if isinstance(value, str):
        if "${" in value:
            refuse(f"'${{{resolver}:...}}' follows no references that are put together; write them out")
    elif isinstance(value, dict | list | tuple):  # not those of OmegaConf, which derive from none of them
        for item in value.values() if isinstance(value, dict) else value:
            _checked(resolver, item, refuse)
    return value
