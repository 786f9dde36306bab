"""Public names of a package that are loaded on first use (PEP 562). It knows none of them."""

from __future__ import annotations

import sys
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


def lazy_names(package: str, home_by_name: Mapping[str, str]) -> Callable[[str], Any]:
    """Return a ``__getattr__`` for a package: each name comes from the module that is its home.

    ::

        __getattr__ = lazy_names(__name__, {"Session": "incremental.session.session"})
    """

    def get(name: str) -> Any:
        if name not in home_by_name:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        value = getattr(import_module(home_by_name[name]), name)
        setattr(sys.modules[package], name, value)
        return value

    return get
