"""Open a project, plan it, run it, keep a record. Loaded on first use."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from incremental.errors import SessionError
    from incremental.session.context import Context
    from incremental.session.session import Session
    from incremental.session.store import BaseSessionStore, JSONSessionStore

_HOMES = {
    "BaseSessionStore": "incremental.session.store",
    "Context": "incremental.session.context",
    "JSONSessionStore": "incremental.session.store",
    "Session": "incremental.session.session",
    "SessionError": "incremental.errors",
}

__all__ = ["BaseSessionStore", "Context", "JSONSessionStore", "Session", "SessionError"]


def __getattr__(name: str) -> Any:
    import importlib

    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(_HOMES[name]), name)
    globals()[name] = value
    return value
