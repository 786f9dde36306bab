"""The record of which outputs were begun and committed, and from what. It never touches the data itself."""

from __future__ import annotations

import itertools
import json
import os
import sqlite3
import time
from typing import TYPE_CHECKING, Any, Protocol

from incremental.state import seals
from incremental.state.records import Marks, Newer, Output, Record, Records, find_older, record_of
from incremental.state.writer import LedgerFile

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path


class Ledger(Protocol):
    """What the runner tells, and what the planner is told."""

    def begin(self, run_id: str, node: str, outputs: Sequence[Output]) -> None:
        """Note, before the first byte can be seen, that these outputs are being replaced."""

    def commit(self, run_id: str, node: str, outputs: Sequence[Output], reads: Mapping[str, str]) -> str:
        """Note that all outputs of a node are whole, made from ``reads`` (location -> generation).

        It may be written later, with others; until then the outputs count as begun, or as unproven.

        Returns:
            The generation that the outputs have from now on.
        """

    def abandon(self, outputs: Sequence[Output]) -> None:
        """Take a begin back: nothing was written, the former outputs still stand."""

    def flush(self) -> None:
        """Write now what was to be written later."""

    def marks(self) -> Marks:
        """Return what is known of all outputs."""


class MemoryLedger:
    """A ledger that lives as long as the catalog it belongs to: for runners without a project."""

    def __init__(self) -> None:
        self._begun: set[str] = set()
        self._generations: dict[str, str] = {}
        self._records: dict[str, Record] = {}
        self._reads: dict[str, dict[str, str]] = {}
        self._count = itertools.count(1)

    def begin(self, run_id: str, node: str, outputs: Sequence[Output]) -> None:
        """See :class:`Ledger`."""
        self._begun.update(output.location for output in outputs)

    def commit(self, run_id: str, node: str, outputs: Sequence[Output], reads: Mapping[str, str]) -> str:
        """See :class:`Ledger`."""
        generation = _generation(run_id, node, next(self._count))
        for output in outputs:
            location = output.location
            self._generations[location] = generation
            self._records[location] = record_of(output, run_id, node, generation)
            self._reads[location] = dict(reads)
            self._begun.discard(location)
        return generation

    def abandon(self, outputs: Sequence[Output]) -> None:
        """See :class:`Ledger`."""
        self._begun.difference_update(output.location for output in outputs)

    def flush(self) -> None:
        """See :class:`Ledger`."""

    def marks(self) -> Marks:
        """See :class:`Ledger`."""
        reads = [(location, reads) for location, reads in self._reads.items() if location not in self._begun]
        rows = {
            location: record.begun() if location in self._begun else record
            for location, record in self._records.items()
        }
        older = find_older(reads, self._generations)
        return Marks(frozenset(self._begun), dict(self._generations), *older, Records(rows))


class FileLedger(LedgerFile):
    """The ledger of a project, in SQLite; made when something is first written.

    Locations inside the project are kept relative to it, so a moved or copied folder keeps its record.
    A record that a crash loses costs a re-run; none is believed that was not written whole: each row
    has a checksum, and a begin is written at once.

    Args:
        path: the database file.
        root: the project folder.
        durable: survive a power cut (a begin is synced to disk); otherwise the death of the process.
    """

    def __init__(self, path: Path, root: Path, *, durable: bool = True) -> None:
        super().__init__(path, durable=durable)
        self._root = f"{root}/"
        self._count = itertools.count(1)

    def begin(self, run_id: str, node: str, outputs: Sequence[Output]) -> None:
        """See :class:`Ledger`."""
        now = time.time()
        rows = [
            _sealed(self._key(out.location), out.dataset, None, run_id, node, *_NOTHING, now)
            for out in outputs
        ]
        self.at_once(_BEGIN, rows)

    def commit(self, run_id: str, node: str, outputs: Sequence[Output], reads: Mapping[str, str]) -> str:
        """See :class:`Ledger`. Written later, with others."""
        generation = _generation(run_id, node, next(self._count))
        now = time.time()
        root = self._root
        inputs = {location.removeprefix(root): was for location, was in reads.items()}
        made_from = json.dumps(inputs) if inputs else None
        rows = [
            _sealed(
                self._key(out.location),
                out.dataset,
                generation,
                run_id,
                node,
                out.version,
                out.size,
                out.mtime_ns,
                out.inode,
                out.ctime_ns,
                out.digest,
                out.attempt,
                made_from,
                now,
            )
            for out in outputs
        ]
        self.later(_COMMIT, rows)
        return generation

    def restamp(self, outputs: Sequence[Output]) -> None:
        """Note that outputs whose content is as it was have other times, or another place on the disk."""
        with self.transaction() as connection:
            for out in outputs:
                query = f"SELECT {seals.SEALED} FROM output WHERE location = ?"
                row = connection.execute(query, (self._key(out.location),)).fetchone()
                stamp = (out.size, out.mtime_ns, out.inode, out.ctime_ns)
                connection.execute(_COMMIT, _sealed(*row[:6], *stamp, *row[10:]))

    def abandon(self, outputs: Sequence[Output]) -> None:
        """See :class:`Ledger`. Written later, with others."""
        keys = [(self._key(out.location),) for out in outputs]
        self.later("DELETE FROM output WHERE location = ? AND generation IS NULL", keys)
        self.later("UPDATE output SET state = 'committed' WHERE location = ?", keys)

    def marks(self) -> Marks:
        """See :class:`Ledger`. Writes nothing, not even when the ledger is not there."""
        return self.read(self._marks, Marks())

    def _marks(self, connection: sqlite3.Connection) -> Marks:
        root, check = self._root, seals.check
        begun: set[str] = set()
        generations: dict[str, str] = {}
        rows: dict[str, tuple[Any, ...]] = {}
        found = connection.execute(seals.SELECT).fetchall()
        if len({row[0] for row in found}) < len(
            found
        ):  # a damaged page leads twice to one, and never to another
            raise sqlite3.DatabaseError("a record is there twice")
        for row in found:
            check(row)
            key = row[0]
            is_plain = key.__class__ is str and ":" not in key and key[:1] != "/"
            location = root + key if is_plain else self.location(key)
            if row[-1] == "begun":
                begun.add(location)
            if row[2] is not None:
                generations[location] = row[2]
                rows[location] = row
        outdated, derived, edited = map(self._located, self._older(rows))
        return Marks(frozenset(begun), generations, outdated, derived, edited, Records(rows))

    def _older(self, rows: Mapping[str, tuple[Any, ...]]) -> tuple[Newer, Newer, Newer]:
        generations = {_text(row[0]): row[2] for row in rows.values()}
        reads = [
            (_text(row[0]), json.loads(row[12]))
            for row in rows.values()
            if row[12] is not None and row[-1] != "begun"
        ]
        return find_older(reads, generations)

    def _located(self, newer_by_key: Newer) -> Newer:
        return {self.location(key): tuple(map(self.location, newer)) for key, newer in newer_by_key.items()}

    def location(self, key: str | bytes) -> str:
        """Return the location that a key of the database stands for."""
        key = _text(key)
        return key if key[0] == "/" or "://" in key or key.startswith("dataset:") else self._root + key

    def _key(self, location: str) -> str | bytes:
        """Return what stands for a location in the database; a path that is no text is kept as bytes."""
        key = location.removeprefix(self._root)
        if key.isascii():
            return key
        try:
            key.encode()
        except UnicodeEncodeError:
            return os.fsencode(key)
        return key


def _generation(run_id: str, node: str, number: int) -> str:
    """Name a commit: unique, since run ids are; the number orders the commits of a run."""
    return f"{run_id}#{number}:{node}"


def _text(key: str | bytes) -> str:
    return key if isinstance(key, str) else os.fsdecode(key)


def _sealed(*values: Any) -> tuple[Any, ...]:
    return (*values, seals.seal_of(*values))


_NOTHING = (None,) * 8
"""Version, size, times, inode, digest, attempt and inputs of what was begun and never committed."""

_INSERT = f"INSERT INTO output ({seals.SEALED}, seal, state) VALUES ({'?, ' * (seals.COUNT + 1)}"

_BEGIN = f"{_INSERT}'begun') ON CONFLICT (location) DO UPDATE SET state = 'begun'"

_COMMIT = f"""{_INSERT}'committed') ON CONFLICT (location) DO UPDATE SET state = 'committed',
    {", ".join(f"{name} = excluded.{name}" for name in f"{seals.SEALED}, seal".split(", ")[1:])}"""
