"""The SQLite file under ``.incremental/``: written, or read without a trace. It queries nothing."""

from __future__ import annotations

import contextlib
import logging
import os
import shutil
import sqlite3
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from incremental.errors import LedgerError

if TYPE_CHECKING:
    from collections.abc import Callable

logger = logging.getLogger(__name__)

SCHEMA_VERSION = 1

Found = TypeVar("Found")

_PATIENCE = 10.0  # seconds to wait for another process that writes
_ATTEMPTS = 20  # to read while another process folds its journal into the file
_JOURNAL_HEADER = 32  # bytes; its salt changes when the journal begins anew

_SCHEMA = """
CREATE TABLE IF NOT EXISTS output (
    location   TEXT PRIMARY KEY,  -- path (relative inside the project) or URL of an output
    dataset    TEXT NOT NULL,
    state      TEXT NOT NULL CHECK (state IN ('begun', 'committed')),
    generation TEXT,              -- identity of the last commit; NULL before the first
    run_id     TEXT NOT NULL,
    node       TEXT NOT NULL,
    version    TEXT,
    size       INTEGER,
    mtime_ns   INTEGER,
    inode      INTEGER,
    at         REAL NOT NULL      -- seconds since the epoch
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS lineage (            -- what the last commit of an output was made from
    location   TEXT NOT NULL,
    input      TEXT NOT NULL,
    generation TEXT NOT NULL,
    PRIMARY KEY (location, input)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS name ( -- an id that a session or run has claimed
    name       TEXT PRIMARY KEY
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS run (
    run_id     TEXT PRIMARY KEY,
    session_id TEXT,
    status     TEXT NOT NULL CHECK (status IN ('running', 'succeeded', 'failed', 'interrupted')),
    started    REAL NOT NULL,
    ended      REAL,
    pid        INTEGER NOT NULL,
    host       TEXT NOT NULL,
    request    TEXT NOT NULL,     -- JSON: pipelines, selection, mode, env, command line
    skipped    INTEGER NOT NULL,
    error      TEXT
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS step (
    run_id     TEXT NOT NULL,
    position   INTEGER NOT NULL,
    node       TEXT NOT NULL,
    reason     TEXT NOT NULL,
    status     TEXT NOT NULL CHECK (status IN ('planned', 'done', 'failed')),
    started    REAL,
    seconds    REAL,
    PRIMARY KEY (run_id, node)
) WITHOUT ROWID;
"""


def open_for_writing(path: Path) -> sqlite3.Connection:
    """Open the file, making it and its folder (private to the user) when they are not there.

    A file that is damaged is set aside under another name: losing a ledger costs history, believing
    a damaged one would cost data.

    Raises:
        LedgerError: the folder cannot be written, or the file is from a newer version.
    """
    try:
        make_private_folder(path.parent)
        try:
            return _prepare(path)
        except sqlite3.DatabaseError as error:
            if isinstance(error, sqlite3.OperationalError):
                raise
            _set_aside(path)
            return _prepare(path)
    except (OSError, sqlite3.Error) as error:
        raise LedgerError(
            f"cannot write the ledger {str(path)!r}: {error}; check the rights on its folder"
        ) from error


def read_without_trace(path: Path, query: Callable[[sqlite3.Connection], Found], otherwise: Found) -> Found:
    """Return what a query finds, or ``otherwise`` where there is no ledger or a damaged one; write nothing.

    The query may be made again, when another process wrote in between.

    Raises:
        LedgerError: the file may not be read, or is from a newer version.
    """
    try:
        for _ in range(_ATTEMPTS):
            before = _stamp(path)
            if before is None:
                return otherwise
            failure: sqlite3.DatabaseError | None = None
            try:
                found = _ask_at_rest(path, query, otherwise)
            except sqlite3.OperationalError:
                raise
            except sqlite3.DatabaseError as error:
                failure, found = error, otherwise
            if _stamp(path) == before:
                break
    except (OSError, sqlite3.OperationalError) as error:
        raise LedgerError(f"cannot read the ledger {str(path)!r}: {error}; check its rights") from error
    if failure is not None:
        logger.warning("the ledger %s is damaged (%s): it counts as empty", path, failure)
    return found


def _prepare(path: Path) -> sqlite3.Connection:
    os.close(os.open(path, os.O_CREAT | os.O_RDWR | getattr(os, "O_NOFOLLOW", 0), 0o600))
    connection = sqlite3.connect(path, timeout=_PATIENCE, isolation_level=None, check_same_thread=False)
    try:
        _keep_a_journal(connection)
        if _check_version(connection, path) == 0:
            connection.executescript(
                f"BEGIN IMMEDIATE; {_SCHEMA} PRAGMA user_version={SCHEMA_VERSION}; COMMIT;"
            )
        else:
            _check_whole(connection)
    except BaseException:
        connection.close()
        raise
    return connection


def _keep_a_journal(connection: sqlite3.Connection) -> None:
    """Switch to a write-ahead journal; two processes that do so at once are not made to wait by SQLite."""
    end = time.monotonic() + _PATIENCE
    while True:
        try:
            connection.execute("PRAGMA journal_mode=WAL")
        except sqlite3.OperationalError as error:
            if "locked" not in str(error) or time.monotonic() > end:
                raise
            time.sleep(0.01)
        else:
            return


def _check_version(connection: sqlite3.Connection, path: Path) -> int:
    version: int = connection.execute("PRAGMA user_version").fetchone()[0]
    if version > SCHEMA_VERSION:
        raise LedgerError(
            f"the ledger {str(path)!r} has version {version}, this engine reads up to {SCHEMA_VERSION}: "
            "upgrade incremental-engine, or move the file away to start a new history"
        )
    return version


def _check_whole(connection: sqlite3.Connection) -> None:
    verdict = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
    if verdict != "ok":
        raise sqlite3.DatabaseError(verdict)


def _set_aside(path: Path) -> None:
    damaged = path.with_name(f"{path.stem}.damaged-{os.getpid()}-{time.time_ns()}{path.suffix}")
    path.replace(damaged)
    for companion in (_journal(path), path.with_name(path.name + "-shm")):
        companion.unlink(missing_ok=True)
    logger.warning("the ledger was damaged: set aside as %s, a new one begins", damaged)


def make_private_folder(folder: Path) -> None:
    """Make a folder that only the user may enter and that git leaves alone, if it is not there."""
    if folder.is_dir():
        return
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    ignore = folder / ".gitignore"
    if not ignore.exists():
        ignore.write_text("*\n")


def _journal(path: Path) -> Path:
    return path.with_name(path.name + "-wal")


def _ask_at_rest(path: Path, query: Callable[[sqlite3.Connection], Found], otherwise: Found) -> Found:
    """Query the file itself, or a copy where it has a journal: a run is on, or was killed.

    SQLite cannot read a journal without writing its shared-memory file.
    """
    with contextlib.ExitStack() as stack:
        address = f"{path.absolute().as_uri()}?mode=ro&immutable=1"
        if _has_content(_journal(path)):
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="incremental-")))
            for source in (path, _journal(path)):
                with contextlib.suppress(FileNotFoundError):
                    shutil.copyfile(source, folder / source.name)
            address = (folder / path.name).as_uri()
        connection = sqlite3.connect(address, uri=True, check_same_thread=False)
        stack.callback(connection.close)
        if _check_version(connection, path) == 0:
            connection.execute("SELECT count(*) FROM sqlite_master")  # fails on what is no database
            return otherwise
        return query(connection)


def _has_content(path: Path) -> bool:
    try:
        return path.stat().st_size > 0
    except FileNotFoundError:
        return False


def _stamp(path: Path) -> tuple[int, int, bytes] | None:
    """Return what changes when the journal is folded into the file; None when there is no file.

    A journal that only grows is no change: what was appended after the copy began is not seen.
    """
    try:
        found = path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return None
    try:
        with _journal(path).open("rb") as journal:
            header = journal.read(_JOURNAL_HEADER)
    except FileNotFoundError:
        header = b""
    return found.st_size, found.st_mtime_ns, header
