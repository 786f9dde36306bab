"""The SQLite file under ``.incremental/``: open it to write, or to read without a trace. No queries."""

from __future__ import annotations

import contextlib
import logging
import os
import shutil
import sqlite3
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from incremental.errors import LedgerError

if TYPE_CHECKING:
    from collections.abc import Iterator

logger = logging.getLogger(__name__)

SCHEMA_VERSION = 1

_SCHEMA = """
CREATE TABLE output (
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
CREATE TABLE lineage (            -- what the last commit of an output was made from
    location   TEXT NOT NULL,
    input      TEXT NOT NULL,
    generation TEXT NOT NULL,
    PRIMARY KEY (location, input)
) WITHOUT ROWID;
CREATE TABLE name (name TEXT PRIMARY KEY) WITHOUT ROWID;  -- ids that sessions and runs have claimed
CREATE TABLE run (
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
CREATE TABLE step (
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

    A file that is no database any more is set aside under another name: losing a ledger costs
    history, believing a damaged one would cost data.

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


@contextlib.contextmanager
def open_for_reading(path: Path) -> Iterator[sqlite3.Connection | None]:
    """Give a connection that writes nothing beside the file, or None when there is nothing to read.

    With a journal present (a run is on, or was killed) the files are copied to the system's temporary
    folder first: SQLite cannot read a journal without writing its shared-memory file.
    """
    if not path.exists():
        yield None
        return
    with contextlib.ExitStack() as stack:
        address = f"{path.absolute().as_uri()}?mode=ro&immutable=1"
        if _size(_journal(path)):
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="incremental-")))
            address = _copy_at_rest(path, folder).as_uri()
        try:
            connection = sqlite3.connect(address, uri=True, check_same_thread=False)
            stack.callback(connection.close)
            _check_version(connection, path)
        except sqlite3.DatabaseError:
            logger.warning("the ledger %s cannot be read: it counts as empty", path)
            yield None
            return
        yield connection


def _prepare(path: Path) -> sqlite3.Connection:
    os.close(os.open(path, os.O_CREAT | os.O_RDWR | getattr(os, "O_NOFOLLOW", 0), 0o600))
    connection = sqlite3.connect(path, timeout=10, isolation_level=None, check_same_thread=False)
    try:
        connection.execute("PRAGMA journal_mode=WAL")
        if _check_version(connection, path) == 0:
            connection.executescript(
                f"BEGIN IMMEDIATE; {_SCHEMA} PRAGMA user_version={SCHEMA_VERSION}; COMMIT;"
            )
    except BaseException:
        connection.close()
        raise
    return connection


def _check_version(connection: sqlite3.Connection, path: Path) -> int:
    version: int = connection.execute("PRAGMA user_version").fetchone()[0]
    if version > SCHEMA_VERSION:
        raise LedgerError(
            f"the ledger {str(path)!r} has version {version}, this engine reads up to {SCHEMA_VERSION}: "
            "upgrade incremental-engine, or move the file away to start a new history"
        )
    if version == 0:
        connection.execute("SELECT count(*) FROM sqlite_master")  # fails on what is no database
    return version


def _set_aside(path: Path) -> None:
    damaged = path.with_name(f"{path.stem}.damaged-{os.getpid()}{path.suffix}")
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


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0


def _copy_at_rest(path: Path, folder: Path) -> Path:
    """Copy database and journal, again if a writer moved them meanwhile."""
    for _ in range(20):
        before = _stamp(path)
        for source in (path, _journal(path)):
            target = folder / source.name
            target.unlink(missing_ok=True)
            with contextlib.suppress(FileNotFoundError):
                shutil.copyfile(source, target)
        if _stamp(path) == before:
            break
    return folder / path.name


def _stamp(path: Path) -> tuple[tuple[int, int], ...]:
    stamps = []
    for each in (path, _journal(path)):
        try:
            found = each.stat()
            stamps.append((found.st_size, found.st_mtime_ns))
        except FileNotFoundError:
            stamps.append((0, 0))
    return tuple(stamps)
