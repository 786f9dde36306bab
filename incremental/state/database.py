"""The SQLite file under ``.incremental/``: written, or read without a trace. It queries nothing."""

from __future__ import annotations

import contextlib
import errno
import functools
import logging
import os
import re
import shutil
import sqlite3
import stat
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from incremental.errors import LedgerError
from incremental.state import seals
from incremental.state.private import make_private_folder, refuse_link

if TYPE_CHECKING:
    from collections.abc import Callable

logger = logging.getLogger(__name__)

Found = TypeVar("Found")

_PATIENCE = 10.0  # seconds to wait for another process that writes
_ATTEMPTS = 20  # to read while another process folds its journal into the file
_FLAGS = os.O_CREAT | os.O_RDWR | getattr(os, "O_NOFOLLOW", 0)
_COMMENT = re.compile(r"--.*")
_NO_DAMAGE = ("locked", "busy", "unable to open", "full", "interrupted")
"""Words of errors that a whole file raises as well."""
BROKEN = (sqlite3.Error, ValueError, TypeError, KeyError, AttributeError)
"""How a query fails on what is damaged: in SQLite, or in taking apart what SQLite hands out."""
_MARK = 0x696E6300  # "inc"; with the version added it is the application's id in the file
_JOURNAL_HEADER = 32  # bytes; its salt changes when the journal begins anew

_FIRST = """
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

_DIGESTS_AND_DETAILS = """
ALTER TABLE output ADD COLUMN ctime_ns INTEGER;
ALTER TABLE output ADD COLUMN digest TEXT;      -- XXH3-128 of the content, where the bytes passed through us
ALTER TABLE output ADD COLUMN attempt INTEGER;  -- of the node, counted from 1
ALTER TABLE run ADD COLUMN details TEXT;        -- JSON: parameters, code, versions; the plan's skipped nodes
ALTER TABLE step ADD COLUMN load_seconds REAL;
ALTER TABLE step ADD COLUMN compute_seconds REAL;
ALTER TABLE step ADD COLUMN save_seconds REAL;
ALTER TABLE step ADD COLUMN bytes_in INTEGER;   -- read from storage
ALTER TABLE step ADD COLUMN bytes_out INTEGER;  -- written to storage
ALTER TABLE step ADD COLUMN worker TEXT;
ALTER TABLE step ADD COLUMN attempt INTEGER;    -- the last one, counted from 1
ALTER TABLE step ADD COLUMN error TEXT;
"""

_SEALS = f"""
ALTER TABLE output ADD COLUMN reads TEXT;       -- JSON: what the last commit was made from
UPDATE output SET reads = (
    SELECT json_group_object(input, lineage.generation) FROM lineage WHERE lineage.location = output.location
) WHERE location IN (SELECT location FROM lineage);
DROP TABLE lineage;
ALTER TABLE output ADD COLUMN seal INTEGER;     -- checksum of all columns but the state
UPDATE output SET seal = seal_of({seals.SEALED});
"""

_MIGRATIONS = (_FIRST, _DIGESTS_AND_DETAILS, _SEALS)
"""What takes a file from each version to the next; a released one is never changed, only followed."""

SCHEMA_VERSION = len(_MIGRATIONS)
_FIRST_SEALED = 3
"""The version from which on records have seals, and the file says its version twice."""


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
            connection = _opened_whole(path)
        except BROKEN as error:
            if not is_damage(error):
                raise
            _set_aside(path, error)
            connection = _opened_whole(path)
        try:
            _migrate(connection, path)
        except BaseException:
            connection.close()
            raise
        return connection
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
            failure: Exception | None = None
            try:
                found = _ask_at_rest(path, query, otherwise)
            except BROKEN as error:
                if not is_damage(error):
                    raise
                failure, found = error, otherwise
            if _stamp(path) == before:
                break
    except (OSError, sqlite3.Error) as error:
        raise LedgerError(f"cannot read the ledger {str(path)!r}: {error}; check its rights") from error
    if failure is not None:
        logger.warning("the ledger %s is damaged (%s): it counts as empty", path, failure)
    return found


def is_damage(error: Exception) -> bool:
    """Whether an error says that the file is not as it was written, rather than out of reach or in use."""
    if isinstance(error, sqlite3.OperationalError):
        return not any(words in str(error).lower() for words in _NO_DAMAGE)
    return True


def _opened_whole(path: Path) -> sqlite3.Connection:
    for companion in _companions(path):
        refuse_link(companion)  # SQLite would write through it
    os.close(os.open(path, _FLAGS, 0o600))
    connection = sqlite3.connect(path, timeout=_PATIENCE, isolation_level=None, check_same_thread=False)
    try:
        _keep_a_journal(connection)
        version = _check_version(connection, path)
        if version > 0:
            _check_whole(connection, version)
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
    """Return the version of a file; it is there twice, so that a flipped bit makes no other version of it."""
    connection.execute("SAVEPOINT version")  # another process may be writing both: neither is read alone
    try:
        version: int = connection.execute("PRAGMA user_version").fetchone()[0]
        mark: int = connection.execute("PRAGMA application_id").fetchone()[0]
    finally:
        connection.execute("RELEASE version")
    if mark not in (0, _MARK + version) or (version >= _FIRST_SEALED and not mark):
        raise sqlite3.DatabaseError(f"it says that it has version {version}, and another one besides")
    if version > SCHEMA_VERSION:
        raise LedgerError(
            f"the ledger {str(path)!r} has version {version}, this engine reads up to {SCHEMA_VERSION}: "
            "upgrade incremental-engine, or move the file away to start a new history"
        )
    return version


def _migrate(connection: sqlite3.Connection, path: Path) -> None:
    """Bring a file to the present version, all or nothing; a process that does so at once is waited for."""
    if _check_version(connection, path) == SCHEMA_VERSION:
        return
    connection.execute("BEGIN IMMEDIATE")
    try:
        _run_migrations(connection, _check_version(connection, path))
        connection.execute(f"PRAGMA user_version={SCHEMA_VERSION}")
        connection.execute(f"PRAGMA application_id={_MARK + SCHEMA_VERSION}")
        connection.execute("COMMIT")
    finally:
        if connection.in_transaction:
            connection.execute("ROLLBACK")


def _run_migrations(connection: sqlite3.Connection, version: int) -> None:
    connection.create_function("seal_of", -1, seals.seal_of)
    for statements in _MIGRATIONS[version:]:
        for statement in filter(str.strip, _COMMENT.sub("", statements).split(";")):
            connection.execute(statement)


def _check_whole(connection: sqlite3.Connection, version: int) -> None:
    verdict: str = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
    if verdict != "ok":
        raise sqlite3.DatabaseError(verdict.splitlines()[-1])  # the first one only names the database
    if version == SCHEMA_VERSION and not _columns(connection) >= _expected_columns():
        raise sqlite3.DatabaseError("a table is not as it was made")
    if version >= _FIRST_SEALED:
        seals.check_all(connection)


def _columns(connection: sqlite3.Connection) -> set[tuple[str, str]]:
    """Return all columns with their tables."""
    tables = [name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
    return {
        (table, row[0])
        for table in tables
        for row in connection.execute("SELECT name FROM pragma_table_info(?)", (table,))
    }


@functools.cache
def _expected_columns() -> set[tuple[str, str]]:
    with contextlib.closing(sqlite3.connect(":memory:", isolation_level=None)) as connection:
        _run_migrations(connection, 0)
        return _columns(connection)


def _set_aside(path: Path, why: Exception) -> None:
    damaged = path.with_name(f"{path.stem}.damaged-{os.getpid()}-{time.time_ns()}{path.suffix}")
    path.replace(damaged)
    for companion in _companions(path):
        companion.unlink(missing_ok=True)
    logger.warning("the ledger was damaged (%s): set aside as %s, a new one begins", why, damaged)


def _companions(path: Path) -> tuple[Path, ...]:
    """Return the files that SQLite puts beside a database."""
    return tuple(path.with_name(path.name + suffix) for suffix in ("-wal", "-shm", "-journal"))


def _journal(path: Path) -> Path:
    return path.with_name(path.name + "-wal")


def _ask_at_rest(path: Path, query: Callable[[sqlite3.Connection], Found], otherwise: Found) -> Found:
    """Query the file itself, or a copy where it has a journal or an older schema.

    SQLite cannot read a journal, which a run has that is on or was killed, without writing its
    shared-memory file.
    """
    with contextlib.ExitStack() as stack:
        if not _has_content(_journal(path)):
            connection = stack.enter_context(_connected(f"{path.absolute().as_uri()}?mode=ro&immutable=1"))
            version = _check_version(connection, path)
            if version == 0:
                connection.execute("SELECT count(*) FROM sqlite_master")  # fails on what is no database
                return otherwise
            if version == SCHEMA_VERSION:
                return query(connection)
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="incremental-")))
        for source in (path, _journal(path)):
            with contextlib.suppress(FileNotFoundError):
                shutil.copyfile(source, folder / source.name)
        connection = stack.enter_context(_connected((folder / path.name).as_uri()))
        if _check_version(connection, path) == 0:
            return otherwise
        _migrate(connection, path)
        return query(connection)


def _connected(address: str) -> contextlib.closing[sqlite3.Connection]:
    return contextlib.closing(sqlite3.connect(address, uri=True))


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
    if stat.S_ISDIR(found.st_mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    try:
        with _journal(path).open("rb") as journal:
            header = journal.read(_JOURNAL_HEADER)
    except FileNotFoundError:
        header = b""
    return found.st_size, found.st_mtime_ns, header
