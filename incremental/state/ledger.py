"""The record of which outputs were begun and committed, and from what. It never touches the data itself."""

from __future__ import annotations

import contextlib
import itertools
import sqlite3
import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from incremental.errors import LedgerError
from incremental.state.database import Found, open_for_writing, read_without_trace

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class Output:
    """One output of one node, about to be written or just written."""

    dataset: str
    location: str
    version: str | None = None
    size: int | None = None
    mtime_ns: int | None = None
    inode: int | None = None


@dataclass(frozen=True, slots=True)
class Marks:
    """What a ledger knows that existence alone does not tell; all keys are locations."""

    begun: frozenset[str] = frozenset()
    generations: Mapping[str, str] = field(default_factory=dict)
    """The identity of the last commit of each location."""
    outdated: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """An output -> the inputs that were committed again since it was made from them."""


class Ledger(Protocol):
    """What the runner tells, and what the planner is told."""

    def begin(self, run_id: str, node: str, outputs: Sequence[Output]) -> None:
        """Note, before the first byte can be seen, that these outputs are being replaced."""

    def commit(self, run_id: str, node: str, outputs: Sequence[Output], reads: Mapping[str, str]) -> str:
        """Note that all outputs of a node are whole, made from ``reads`` (location -> generation).

        Returns:
            The generation that the outputs have from now on.
        """

    def abandon(self, outputs: Sequence[Output]) -> None:
        """Take a begin back: nothing was written, the former outputs still stand."""

    def marks(self) -> Marks:
        """Return what is known of all outputs."""


class MemoryLedger:
    """A ledger that lives as long as the catalog it belongs to: for runners without a project."""

    def __init__(self) -> None:
        self._begun: set[str] = set()
        self._generations: dict[str, str] = {}
        self._reads: dict[str, dict[str, str]] = {}
        self._count = itertools.count(1)

    def begin(self, run_id: str, node: str, outputs: Sequence[Output]) -> None:
        """See :class:`Ledger`."""
        self._begun.update(output.location for output in outputs)

    def commit(self, run_id: str, node: str, outputs: Sequence[Output], reads: Mapping[str, str]) -> str:
        """See :class:`Ledger`."""
        generation = _generation(run_id, node, next(self._count))
        for output in outputs:
            self._generations[output.location] = generation
            self._reads[output.location] = dict(reads)
            self._begun.discard(output.location)
        return generation

    def abandon(self, outputs: Sequence[Output]) -> None:
        """See :class:`Ledger`."""
        self._begun.difference_update(output.location for output in outputs)

    def marks(self) -> Marks:
        """See :class:`Ledger`."""
        outdated = {}
        for location, reads in self._reads.items():
            if location in self._begun:
                continue
            newer = sorted(name for name, was in reads.items() if self._generations.get(name, was) != was)
            if newer:
                outdated[location] = tuple(newer)
        return Marks(frozenset(self._begun), dict(self._generations), outdated)


class FileLedger:
    """The ledger of a project, in SQLite; made when something is first written.

    Locations inside the project are kept relative to it, so a moved or copied folder keeps its record.
    A record that a crash loses costs a re-run; none is believed that was not written whole.

    Args:
        path: the database file.
        root: the project folder.
        durable: survive a power cut (a begin is synced to disk); otherwise the death of the process.
    """

    def __init__(self, path: Path, root: Path, *, durable: bool = True) -> None:
        self.path = path
        self._root = f"{root}/"
        self._durable = durable
        self._count = itertools.count(1)
        self._lock = threading.Lock()
        self._connection: sqlite3.Connection | None = None

    def begin(self, run_id: str, node: str, outputs: Sequence[Output]) -> None:
        """See :class:`Ledger`."""
        now = time.time()
        rows = [(self._key(out.location), out.dataset, run_id, node, now) for out in outputs]
        with self.transaction(synced=self._durable) as connection:
            connection.executemany(_BEGIN, rows)

    def commit(self, run_id: str, node: str, outputs: Sequence[Output], reads: Mapping[str, str]) -> str:
        """See :class:`Ledger`."""
        generation = _generation(run_id, node, next(self._count))
        now = time.time()
        rows, lineage, keys = [], [], []
        for out in outputs:
            key = self._key(out.location)
            keys.append((key,))
            rows.append(
                (
                    key,
                    out.dataset,
                    generation,
                    run_id,
                    node,
                    out.version,
                    out.size,
                    out.mtime_ns,
                    out.inode,
                    now,
                )
            )
            lineage += [(key, self._key(location), was) for location, was in reads.items()]
        with self.transaction() as connection:
            connection.executemany(_COMMIT, rows)
            connection.executemany("DELETE FROM lineage WHERE location = ?", keys)
            if lineage:
                connection.executemany("INSERT INTO lineage VALUES (?, ?, ?)", lineage)
        return generation

    def abandon(self, outputs: Sequence[Output]) -> None:
        """See :class:`Ledger`."""
        keys = [(self._key(out.location),) for out in outputs]
        with self.transaction() as connection:
            connection.executemany("DELETE FROM output WHERE location = ? AND generation IS NULL", keys)
            connection.executemany("UPDATE output SET state = 'committed' WHERE location = ?", keys)

    def marks(self) -> Marks:
        """See :class:`Ledger`. Writes nothing, not even when the ledger is not there."""
        return self.read(self._marks, Marks())

    def _marks(self, connection: sqlite3.Connection) -> Marks:
        location = self.location
        begun = {location(key) for (key,) in connection.execute(_BEGUN)}
        generations = {location(key): generation for key, generation in connection.execute(_GENERATIONS)}
        outdated: dict[str, tuple[str, ...]] = {}
        for key, source in connection.execute(_OUTDATED):
            made = location(key)
            if made not in begun:
                outdated[made] = (*outdated.get(made, ()), location(source))
        return Marks(frozenset(begun), generations, outdated)

    @contextlib.contextmanager
    def transaction(self, *, synced: bool = False) -> Iterator[sqlite3.Connection]:
        """Write in one transaction, all or nothing; ``synced`` waits until it is on disk.

        Raises:
            LedgerError: the file cannot be written. An IntegrityError comes through as it is.
        """
        with self._lock:
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
            if self._connection is not None:
                try:
                    return query(self._connection)
                except sqlite3.Error as error:
                    raise LedgerError(f"cannot read the ledger {str(self.path)!r}: {error}") from error
        return read_without_trace(self.path, query, otherwise)

    def close(self) -> None:
        """Fold the journal into the file and let go of it."""
        with self._lock:
            if self._connection is not None:
                self._connection.close()
                self._connection = None

    def location(self, key: str) -> str:
        """Return the location that a key of the database stands for."""
        return key if key[0] == "/" or "://" in key or key.startswith("dataset:") else self._root + key

    def _key(self, location: str) -> str:
        return location.removeprefix(self._root)

    @property
    def _relaxed(self) -> str:
        return "NORMAL" if self._durable else "OFF"

    def _open(self) -> sqlite3.Connection:
        if self._connection is None:
            self._connection = open_for_writing(self.path)
            self._connection.execute(f"PRAGMA synchronous={self._relaxed}")
        return self._connection


def _generation(run_id: str, node: str, number: int) -> str:
    """Name a commit: unique, since run ids are; the number orders the commits of a run."""
    return f"{run_id}#{number}:{node}"


_BEGIN = """
INSERT INTO output (location, dataset, state, run_id, node, at) VALUES (?, ?, 'begun', ?, ?, ?)
ON CONFLICT (location) DO UPDATE SET state = 'begun'
"""

_COMMIT = """
INSERT INTO output (location, dataset, state, generation, run_id, node, version, size, mtime_ns, inode, at)
VALUES (?, ?, 'committed', ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (location) DO UPDATE SET
    dataset = excluded.dataset, state = 'committed', generation = excluded.generation,
    run_id = excluded.run_id, node = excluded.node, version = excluded.version,
    size = excluded.size, mtime_ns = excluded.mtime_ns, inode = excluded.inode, at = excluded.at
"""

_BEGUN = "SELECT location FROM output WHERE state = 'begun'"

_GENERATIONS = "SELECT location, generation FROM output WHERE generation IS NOT NULL"

_OUTDATED = """
SELECT lineage.location, lineage.input
FROM lineage JOIN output AS source ON source.location = lineage.input
WHERE source.generation <> lineage.generation
ORDER BY lineage.location, lineage.input
"""
