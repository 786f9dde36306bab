"""What a power cut may leave: what was not synced is dropped, torn, or kept in another order.

A run is recorded once; from the record come the states that POSIX allows at each moment of it:

* a write that no fsync of its file followed may be there, missing (a hole, or a shorter file), or half there;
* a name that was made, changed or removed, and no fsync of its folder followed, may be the new one or the old
  one, whatever happened to other names; a rename is whole or did not take place;
* the ledger is what it was after its last synced transaction, or after any later one: SQLite's promise for a
  write-ahead journal, which is believed here. A torn end of the journal is tried as well.

It judges nothing. A file system that loses what was synced is not modelled.
"""

from __future__ import annotations

import os
import pickle
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from faults.effects import Effect, Operation
from faults.faultfs import Disk
from faults.states import LEDGER, Tree, in_child, take_tree

_SYNCED = 2  # PRAGMA synchronous=FULL


@dataclass(eq=False)
class Inode:
    """A file, whatever its name."""

    content: bytes
    """What it held, safely, before the run."""


@dataclass(frozen=True)
class Change:
    """One thing that a power cut may take back: of a file's content, or of a name."""

    at: int
    kind: str
    """write or empty (content); name, move, remove or folder (names)."""
    inode: Inode | None = None
    offset: int = 0
    data: bytes = b""
    path: str = ""
    source: str = ""

    @property
    def is_content(self) -> bool:
        return self.kind in ("write", "empty")

    def is_made_safe_by(self, sync: Sync) -> bool:
        if sync.at < self.at:
            return False
        if self.is_content:
            return sync.inode is self.inode
        return sync.folder == os.path.dirname(self.path)


@dataclass(frozen=True)
class Sync:
    """The content of a file, or the names in a folder, that are safe from now on."""

    at: int
    inode: Inode | None = None
    folder: str | None = None


@dataclass
class Record:
    """All that a run did to the disk."""

    base: Tree
    inodes: dict[str, Inode]
    changes: list[Change] = field(default_factory=list)
    syncs: list[Sync] = field(default_factory=list)
    ledgers: list[tuple[int, bool, Tree]] = field(default_factory=list)
    """After which operation, whether synced, and the files of the database."""
    length: int = 0


class Recorder(Effect):
    """Writes down what is done and what is made safe; paths are relative to the root."""

    def __init__(self, root: Path, deaf_to: str = "") -> None:
        self._root = str(root)
        self._deaf_to = deaf_to
        base = take_tree(root)
        self._inode_of = {name: Inode(data) for name, data in base.items() if not name.endswith("/")}
        ledger = {name: data for name, data in base.items() if name.startswith(LEDGER)}
        self.record = Record(base, dict(self._inode_of), ledgers=[(-1, True, ledger)])

    def before(self, at: int, operation: Operation) -> None:
        if operation.name == "write":  # afterwards the position is another one
            offset = os.lseek(operation.fd, 0, os.SEEK_CUR) if operation.fd >= 0 else 0
            inode = self._inode_of[self._place(operation.path)]
            self._note(at, "write", inode=inode, offset=offset, data=operation.data)

    def after(self, at: int, operation: Operation) -> None:
        self.record.length = at + 1
        path, source = self._place(operation.path), self._place(operation.source)
        name = operation.name
        if name == "open" and operation.data == b"new":
            self._inode_of[path] = Inode(b"")
            self._note(at, "name", inode=self._inode_of[path], path=path)
        elif name == "open" and operation.data == b"empty":
            self._note(at, "empty", inode=self._inode_of[path])
        elif name == "rename":
            self._inode_of[path] = self._inode_of.pop(source)
            self._note(at, "move", inode=self._inode_of[path], path=path, source=source)
        elif name == "link":
            self._inode_of[path] = self._inode_of[source]
            self._note(at, "name", inode=self._inode_of[path], path=path)
        elif name in ("unlink", "rmdir"):
            self._inode_of.pop(path, None)
            self._note(at, "remove", path=path)
        elif name == "mkdir":
            self._note(at, "folder", path=path)
        elif name == "fsync":
            inode = self._inode_of.get(path)
            if self._deaf_to != ("folders" if inode is None else "files"):
                self.record.syncs.append(Sync(at, inode, path if inode is None else None))
        elif name in ("sql COMMIT", "sql PRAGMA journal_mode", "sql close"):
            self._note_ledger(at, operation)

    def _note(self, at: int, kind: str, **details: Any) -> None:
        self.record.changes.append(Change(at, kind, **details))

    def _note_ledger(self, at: int, operation: Operation) -> None:
        files = {
            name: Path(self._root, name).read_bytes()
            for name in (LEDGER, f"{LEDGER}-wal")
            if Path(self._root, name).exists()
        }
        is_synced = True  # closing folds the journal into the file, synced
        if operation.connection is not None:
            is_synced = operation.connection.execute("PRAGMA synchronous").fetchone()[0] >= _SYNCED
        self.record.ledgers.append((at, is_synced, files))

    def _place(self, path: str) -> str:
        return os.path.relpath(path, self._root) if path else ""


def record(root: Path, act: Callable[[], Any], deaf_to: str = "") -> Record:
    """Return what ``act`` does to a project, which a child process carries out.

    ``deaf_to`` makes the disk one that does not heed an fsync of ``"files"``, or of ``"folders"``.
    """
    notes = root.parent / f"{root.name}.record"

    def take() -> None:
        recorder = Recorder(root, deaf_to)
        with Disk(root, recorder):
            act()
        notes.write_bytes(pickle.dumps(recorder.record))

    assert in_child(take) == 0
    found: Record = pickle.loads(notes.read_bytes())
    notes.unlink()
    return found


@dataclass(frozen=True)
class Cut:
    """One state after a power cut, and how it came about."""

    at: int
    lost: tuple[Change, ...]
    torn: tuple[Change, ...]
    ledger: int
    """The operation after which the ledger is as it is found."""
    tree: Tree

    def __str__(self) -> str:
        lost = ", ".join(f"{change.kind} {change.path}({change.at})" for change in self.lost)
        torn = ", ".join(str(change.at) for change in self.torn)
        return f"cut after operation {self.at}, lost: {lost or '-'}, torn: {torn or '-'}, ledger of {self.ledger}"


def cuts(taken: Record, drawn: random.Random, each: int) -> Iterator[Cut]:
    """Yield different states: for each moment all is kept, all is lost, and ``each`` random ones."""
    seen = set()
    for at in range(-1, taken.length):
        happened = [change for change in taken.changes if change.at <= at]
        synced = [sync for sync in taken.syncs if sync.at <= at]
        open_ = [change for change in happened if not any(map(change.is_made_safe_by, synced))]
        ledgers = _possible_ledgers(taken, at)
        for number in range(each + 2):
            lost, torn = _fate(open_, drawn, number)
            ledger_at, _, ledger = ledgers[-1] if number == 0 else drawn.choice(ledgers)
            tree = _materialised(taken, happened, lost, torn)
            tree.update(_with_torn_end(ledger, drawn, number))
            key = hash(frozenset(tree.items()))
            if key not in seen:
                seen.add(key)
                yield Cut(at, tuple(lost), tuple(torn), ledger_at, tree)


def _fate(open_: list[Change], drawn: random.Random, number: int) -> tuple[list[Change], list[Change]]:
    """Return which changes are lost and which of the others are half there."""
    if number < 2:
        return (open_ if number else []), []
    odds = drawn.choice((0.2, 0.5, 0.8))
    lost = [change for change in open_ if drawn.random() < odds]
    kept = [change for change in open_ if change not in lost and change.kind == "write"]
    return lost, [change for change in kept if drawn.random() < 0.3]


def _possible_ledgers(taken: Record, at: int) -> list[tuple[int, bool, Tree]]:
    past = [ledger for ledger in taken.ledgers if ledger[0] <= at]
    last_synced = max(place for place, (_, is_synced, _) in enumerate(past) if is_synced)
    return past[last_synced:]


def _with_torn_end(ledger: Tree, drawn: random.Random, number: int) -> Tree:
    """Return the files of a ledger, now and then with the start of a transaction that never ended."""
    journal = ledger.get(f"{LEDGER}-wal")
    if number % 4 != 3 or not journal:
        return ledger
    return {**ledger, f"{LEDGER}-wal": journal + drawn.randbytes(drawn.randrange(1, 5000))}


def _materialised(taken: Record, happened: list[Change], lost: list[Change], torn: list[Change]) -> Tree:
    gone, half = set(map(id, lost)), set(map(id, torn))
    content = {inode: bytearray(inode.content) for inode in taken.inodes.values()}
    names = {name: inode for name, inode in taken.inodes.items() if not name.startswith(LEDGER)}
    folders = {name.rstrip("/") for name in taken.base if name.endswith("/")}
    for change in happened:
        if id(change) in gone:
            continue
        if change.inode is not None:
            content.setdefault(change.inode, bytearray(change.inode.content))
        if change.kind == "write":
            _write(content[change.inode], change, is_half=id(change) in half)  # type: ignore[index]
        elif change.kind == "empty":
            content[change.inode].clear()  # type: ignore[index]
        elif change.kind == "folder":
            folders.add(change.path)
        elif change.kind == "remove":
            names.pop(change.path, None)
            folders.discard(change.path)
        else:
            names.pop(change.source, None)
            names[change.path] = change.inode  # type: ignore[assignment]
    tree: Tree = {f"{folder}/": b"" for folder in folders if _is_reachable(folder, folders)}
    for name, inode in names.items():
        if os.path.dirname(name) in folders and _is_reachable(os.path.dirname(name), folders):
            tree[name] = bytes(content[inode])
    return tree


def _write(content: bytearray, change: Change, is_half: bool) -> None:
    data = change.data[: len(change.data) // 2] if is_half else change.data
    if len(content) < change.offset:
        content.extend(bytes(change.offset - len(content)))  # a hole: the write before was lost
    content[change.offset : change.offset + len(data)] = data


def _is_reachable(folder: str, folders: set[str]) -> bool:
    above = os.path.dirname(folder)
    return folder in folders and (not above or _is_reachable(above, folders))
