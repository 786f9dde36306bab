"""Open a project, plan it, run it, keep a record. Loaded on first use."""

from __future__ import annotations

from typing import TYPE_CHECKING

from incremental._lazy import lazy_names

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

__getattr__ = lazy_names(__name__, _HOMES)
