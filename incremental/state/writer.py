"""One process's hold on a ledger file: transactions, at once or grouped. It knows no records."""

from __future__ import annotations

import contextlib
import logging
import os
import sqlite3
import threading
from itertools import chain, groupby
from operator import itemgetter
from typing import TYPE_CHECKING, Any

from incremental.errors import LedgerError
from incremental.state.database import BROKEN, Found, open_for_writing, read_without_trace
from incremental.state.forks import owned

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

logger = logging.getLogger(__name__)

GROUPED_FOR = 0.05
"""Seconds that a record may wait for others to be written with it."""


class LedgerFile:
    """A database file, made when something is first written, by one thread at a time.

    Args:
        path: the file.
        durable: whether what is ``synced`` survives a power cut; otherwise the death of the process.
    """

    def __init__(self, path: Path, *, durable: bool) -> None:
        self.path = path
        self._durable = durable
        self._lock = threading.RLock()
        self._connection: sqlite3.Connection | None = None
        self._identity: tuple[int, int] | None = None  # of the file that the connection writes
        self._waiting: list[tuple[str, Iterable[Any]]] = []
        self._timer: threading.Timer | None = None
        self._inherited: list[sqlite3.Connection] = []  # SQLite lets no child use, nor close, its parent's
        owned().add(self)

    def forget(self) -> None:
        """In a forked child, begin anew: what waits is written by the parent."""
        if self._connection is not None:
            self._inherited.append(self._connection)
        self._connection = self._timer = None
        self._waiting = []
        self._lock = threading.RLock()  # a thread that the child does not have may hold the other

    def later(self, statement: str, rows: Iterable[Any]) -> None:
        """Write with others: at most 50 ms later, or before whatever is written at once, in order.

        For records of which the loss costs work and never truth. What cannot be written then is kept,
        and the next that is written at once says why.
        """
        with self._lock:
            self._waiting.append((statement, rows))
            if self._timer is None:
                self._timer = threading.Timer(GROUPED_FOR, self._flush_late)
                self._timer.daemon = True
                self._timer.start()

    def at_once(self, statement: str, rows: Iterable[Any]) -> None:
        """Write now, with what waits, and where durable on the disk before returning. Raises LedgerError."""
        with self._lock:
            self._waiting.append((statement, rows))
            try:
                self._write_waiting(synced=self._durable)
            except BaseException:
                self._waiting.pop()
                raise

    def flush(self) -> None:
        """Write what waits. Raises LedgerError."""
        with self._lock:
            if self._waiting:
                self._write_waiting()

    @contextlib.contextmanager
    def transaction(self, *, synced: bool = False) -> Iterator[sqlite3.Connection]:
        """Write in one transaction, all or nothing, after what waits; ``synced`` waits until it is on disk.

        Raises:
            LedgerError: the file cannot be written. An IntegrityError comes through as it is.
        """
        with self._lock:
            self.flush()
            connection = self._open()
            try:
                if synced:
                    connection.execute("PRAGMA synchronous=FULL")
                connection.execute("BEGIN IMMEDIATE")
                yield connection
                connection.execute("COMMIT")
            except sqlite3.IntegrityError:
                raise
            except sqlite3.Error as error:
                raise LedgerError(f"cannot write the ledger {str(self.path)!r}: {error}") from error
            finally:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                if synced:
                    connection.execute(f"PRAGMA synchronous={self._relaxed}")

    def read(self, query: Callable[[sqlite3.Connection], Found], otherwise: Found) -> Found:
        """Return what a query finds, or ``otherwise`` when there is no ledger; leaves no trace.

        Raises:
            LedgerError: the file cannot be read, or is from a newer version.
        """
        with self._lock:
            self.flush()
            self._leave_what_is_gone()
            if self._connection is not None:
                try:
                    return query(self._connection)
                except BROKEN as error:
                    if isinstance(error, sqlite3.OperationalError) and "decode" not in str(error):
                        raise LedgerError(f"cannot read the ledger {str(self.path)!r}: {error}") from error
                    logger.warning("the ledger %s is damaged (%s): it counts as empty", self.path, error)
                    return otherwise
        return read_without_trace(self.path, query, otherwise)

    def close(self) -> None:
        """Write what waits, fold the journal into the file and let go of it."""
        with self._lock:
            try:
                self.flush()
            finally:
                if self._timer is not None:
                    self._timer.cancel()
                    self._timer = None
                if self._connection is not None:
                    self._connection.close()
                    self._connection = None

    def _write_waiting(self, *, synced: bool = False) -> None:
        """Write what waits in a transaction of its own, so that it does not fail with another."""
        waiting, self._waiting = self._waiting, []  # a timer goes on, for what will wait next: threads cost
        try:
            with self.transaction(synced=synced) as connection:
                for statement, group in groupby(waiting, key=itemgetter(0)):
                    connection.executemany(statement, chain.from_iterable(map(itemgetter(1), group)))
        except BaseException:
            self._waiting = waiting
            raise

    def _flush_late(self) -> None:
        with self._lock:
            self._timer = None
            with contextlib.suppress(LedgerError):  # who writes next will hear of it
                self.flush()

    @property
    def _relaxed(self) -> str:
        return "NORMAL" if self._durable else "OFF"

    def _open(self) -> sqlite3.Connection:
        self._leave_what_is_gone()
        if self._connection is None:
            self._connection = open_for_writing(self.path)
            self._identity = self._found()
            self._connection.execute(f"PRAGMA synchronous={self._relaxed}")
        return self._connection

    def _leave_what_is_gone(self) -> None:
        """Close a file that was removed, or set aside, while it was open: nobody would read it again."""
        if self._connection is not None and self._found() != self._identity:
            self._connection.close()
            self._connection = None

    def _found(self) -> tuple[int, int] | None:
        try:
            found = os.stat(self.path)  # noqa: PTH116 - asked for each record
        except OSError:
            return None
        return found.st_dev, found.st_ino
