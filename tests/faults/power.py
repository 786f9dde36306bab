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


@dataclass(eq=False)
class Folder:
    """A folder, whatever its name: what is done to names in it stays with it where it is moved."""


@dataclass(frozen=True)
class Name:
    """A place in a folder at which a file or a folder can be."""

    folder: Folder
    base: str
    path: str = field(compare=False)
    """Where the folder was then; for reading."""


@dataclass(frozen=True)
class Change:
    """One thing that a power cut may take back: of a file's content, or of a name."""

    at: int
    kind: str
    """write or empty (content); name, move, exchange or remove (names)."""
    inode: Inode | Folder | None = None
    offset: int = 0
    data: bytes = b""
    name: Name | None = None
    source: Name | None = None

    @property
    def is_content(self) -> bool:
        return self.kind in ("write", "empty")

    def is_made_safe_by(self, sync: Sync) -> bool:
        if sync.at < self.at:
            return False
        if self.is_content:
            return sync.inode is self.inode
        return self.name is not None and sync.inode is self.name.folder


@dataclass(frozen=True)
class Sync:
    """The content of a file, or the names in a folder, that are safe from now on."""

    at: int
    inode: Inode | Folder


@dataclass
class Record:
    """All that a run did to the disk."""

    top: Folder
    names: dict[Name, Inode | Folder]
    """What was there before, without the ledger."""
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
        self._at: dict[str, Inode | Folder] = {"": Folder()}
        base = take_tree(root)
        for path in sorted(base):  # a folder comes before what is in it
            self._at[path.rstrip("/")] = Folder() if path.endswith("/") else Inode(base[path])
        ledger = {path: data for path, data in base.items() if path.startswith(LEDGER)}
        names = {self._name(path): self._at[path] for path in self._at if path and path not in ledger}
        self.record = Record(self._folder(""), names, ledgers=[(-1, True, ledger)])

    def before(self, at: int, operation: Operation) -> None:
        if operation.name == "write":  # afterwards the position is another one
            offset = os.lseek(operation.fd, 0, os.SEEK_CUR) if operation.fd >= 0 else 0
            inode = self._at[self._place(operation.path)]
            self._note(at, "write", inode=inode, offset=offset, data=operation.data)

    def after(self, at: int, operation: Operation) -> None:
        self.record.length = at + 1
        path, source = self._place(operation.path), self._place(operation.source)
        name = operation.name
        if (name == "open" and operation.data == b"new") or name == "mkdir":
            self._at[path] = Folder() if name == "mkdir" else Inode(b"")
            self._note(at, "name", inode=self._at[path], name=self._name(path))
        elif name == "open" and operation.data == b"empty":
            self._note(at, "empty", inode=self._at[path])
        elif name == "link":
            self._at[path] = self._at[source]
            self._note(at, "name", inode=self._at[path], name=self._name(path))
        elif name in ("rename", "exchange"):
            moved, other = self._taken(source), self._taken(path)
            self._put(path, moved)
            if name == "exchange":
                self._put(source, other)
            kind = "move" if name == "rename" else name
            self._note(at, kind, inode=moved[""], name=self._name(path), source=self._name(source))
        elif name in ("unlink", "rmdir"):
            self._note(at, "remove", name=self._name(path))
            self._at.pop(path, None)
        elif name == "fsync":
            inode = self._at.get(path)
            deaf = Folder if self._deaf_to == "folders" else Inode if self._deaf_to == "files" else ()
            if inode is not None and not isinstance(inode, deaf):
                self.record.syncs.append(Sync(at, inode))
        elif name in ("sql COMMIT", "sql PRAGMA journal_mode", "sql close"):
            self._note_ledger(at, operation)

    def _note(self, at: int, kind: str, **details: Any) -> None:
        self.record.changes.append(Change(at, kind, **details))

    def _name(self, path: str) -> Name:
        return Name(self._folder(os.path.dirname(path)), os.path.basename(path), path)

    def _folder(self, path: str) -> Folder:
        found = self._at.setdefault(path, Folder())
        assert isinstance(found, Folder)
        return found

    def _taken(self, path: str) -> dict[str, Inode | Folder]:
        """Take away what is at a path and below it, and return it by the rest of its paths."""
        below = [each for each in self._at if each == path or each.startswith(f"{path}/")]
        return {each[len(path) :]: self._at.pop(each) for each in below}

    def _put(self, path: str, nodes: dict[str, Inode | Folder]) -> None:
        self._at.update({path + rest: node for rest, node in nodes.items()})

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
        return os.path.relpath(path, self._root) if path and path != self._root else ""


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
        lost = ", ".join(
            f"{change.kind} {change.name.path if change.name else ''}({change.at})" for change in self.lost
        )
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
    names, content = dict(taken.names), {}
    for change in happened:
        if isinstance(change.inode, Inode):
            content.setdefault(change.inode, bytearray(change.inode.content))
        if id(change) in gone:
            continue
        if change.kind == "write":
            _write(content[change.inode], change, is_half=id(change) in half)  # type: ignore[index]
        elif change.kind == "empty":
            content[change.inode].clear()  # type: ignore[index]
        else:
            _rename(names, change)
    return dict(_walk(taken.top, "", names, content))


def _rename(names: dict[Name, Inode | Folder], change: Change) -> None:
    assert change.name is not None
    before = names.pop(change.name, None)
    if change.source is not None:
        names.pop(change.source, None)
        if change.kind == "exchange" and before is not None:
            names[change.source] = before
    if change.inode is not None:
        names[change.name] = change.inode


def _walk(
    folder: Folder, path: str, names: dict[Name, Inode | Folder], content: dict[Inode, bytearray]
) -> Iterator[tuple[str, bytes]]:
    """Yield what is reached from a folder: what is in one whose own name was lost is lost with it."""
    for name, node in names.items():
        if name.folder is not folder:
            continue
        if isinstance(node, Folder):
            yield f"{path}{name.base}/", b""
            yield from _walk(node, f"{path}{name.base}/", names, content)
        else:
            yield f"{path}{name.base}", bytes(content.get(node, node.content))


def _write(content: bytearray, change: Change, is_half: bool) -> None:
    data = change.data[: len(change.data) // 2] if is_half else change.data
    if len(content) < change.offset:
        content.extend(bytes(change.offset - len(content)))  # a hole: the write before was lost
    content[change.offset : change.offset + len(data)] = data
