"""Ids of sessions and runs: moments that sort in the order in which they were claimed. It knows no runs."""

from __future__ import annotations

import logging
import sqlite3
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from incremental.state.writer import LedgerFile

logger = logging.getLogger(__name__)

_STEP = timedelta(milliseconds=1)
_NOTICEABLE = timedelta(minutes=1)  # that a clock is behind: what many processes ask for at once is less


def claim_id(ledger: LedgerFile, wanted: str | None = None) -> str:
    """Return an id that nobody else has: the present moment, or a later millisecond.

    Ids look like ``2024-01-15T10.30.45.123Z``, and each sorts after all before it, also where the clock
    went back or another machine's is ahead: an id is a save version, too, and the last one is what is
    read. Two processes that ask in the same millisecond get different ones, because each id is
    inserted exclusively.

    Args:
        ledger: where the ids are kept that are taken.
        wanted: the id to claim if it is free.
    """
    moment = datetime.now(timezone.utc)
    while True:
        try:
            with ledger.transaction() as connection:
                name = wanted or _free(connection, moment)
                connection.execute("INSERT INTO name VALUES (?)", (name,))
        except sqlite3.IntegrityError:
            wanted = None
            moment += _STEP
        else:
            return name


def _free(connection: sqlite3.Connection, moment: datetime) -> str:
    """Return the id of a moment, or where that or a later one is taken, of the millisecond after the last."""
    now = _id_of(moment)
    (last,) = connection.execute("SELECT max(name) FROM name").fetchone()
    try:
        if last is None or last < now:
            return now
        after = _moment_of(last) + _STEP
    except (ValueError, TypeError, OverflowError, AttributeError):  # no moment: somebody else's, or damaged
        return now
    if after - moment > _NOTICEABLE:
        logger.warning("the clock says %s, and there is a run %s: this one is numbered after it", now, last)
    return _id_of(after)


def _id_of(moment: datetime) -> str:
    return f"{moment:%Y-%m-%dT%H.%M.%S}.{moment.microsecond // 1000:03d}Z"


def _moment_of(name: str) -> datetime:
    """Return the moment that an id stands for. Raises ValueError."""
    day, _, rest = name.removesuffix("Z").partition("T")
    return datetime.fromisoformat(f"{day}T{rest.replace('.', ':', 2)}+00:00")
