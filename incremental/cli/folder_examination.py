"""The examinations behind ``doctor``: of the project's folder, its ledger and its disk. None writes."""

from __future__ import annotations

import os
import shutil
import stat
import time
from pathlib import Path
from typing import TYPE_CHECKING

from incremental.errors import IncrementalError
from incremental.render.checks import Check
from incremental.render.text import count, duration, volume

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator

    from incremental.session import Session

_LEAST_FREE = 200_000_000  # bytes
_LEAST_INODES = 1_000
_SKEW = 60.0  # seconds
_MOUNTS = Path("/proc/self/mounts")
_WITHOUT_LOCKS = frozenset({"9p", "cifs", "smb3", "smbfs", "vfat", "exfat", "msdos", "fuse.sshfs", "davfs"})
_SHARED = frozenset({"nfs", "nfs4", "ceph", "lustre", "gpfs", "fuse.glusterfs"})


def examine_folder(session: Session) -> Iterator[Check]:
    """Look at ``.incremental/``, at the rights of the folder, and at the disk that it is on."""
    root = session.project.path
    ours = root / ".incremental"
    yield from _writable(root, ours)
    yield from _ledger(session, ours)
    yield from _privacy(ours)
    yield from _set_aside(ours)
    yield from _records(root, ours)
    yield from examine_disk(root)


def examine_disk(folder: Path) -> Iterator[Check]:
    """Look whether the file system of a folder has room, can be written, and keeps what we rely on."""
    kind = _file_system(folder)
    if kind in _WITHOUT_LOCKS:
        yield Check(
            "file system",
            f"{folder} is on {kind}, where renaming in one step or locks are not certain",
            "keep outputs and .incremental on a local disk or in an object store",
        )
    elif kind in _SHARED:
        yield Check(
            "file system",
            f"{folder} is on {kind}, shared with other machines: runs of theirs are not seen",
            "run this project on one machine at a time",
        )
    try:
        free = shutil.disk_usage(folder).free
        inodes = os.statvfs(folder) if hasattr(os, "statvfs") else None
    except OSError:
        return
    if free < _LEAST_FREE:
        yield Check(
            "disk", f"{volume(free)} free at {folder}", "make room: an output is written beside the old one"
        )
    if inodes is not None and inodes.f_files and inodes.f_favail < _LEAST_INODES:
        yield Check(
            "disk", f"{inodes.f_favail:,} more files fit at {folder}", "remove files that nobody needs"
        )


def _writable(root: Path, ours: Path) -> Iterator[Check]:
    for folder in (ours, *([ours / "sessions"] if ours.is_dir() else [])):
        if folder.is_symlink() and folder != ours:
            yield Check(
                "folder", f"{folder} is a link", "remove it: records are not written through links", False
            )
        elif folder.exists() and not folder.is_dir():
            yield Check("folder", f"{folder} is no folder", "move it away", healthy=False)
    place = ours if ours.is_dir() else root
    if not os.access(place, os.W_OK | os.X_OK):
        yield Check(
            "folder",
            f"{place} cannot be written: no run can keep its record",
            "change its rights",
            healthy=False,
        )


def _ledger(session: Session, ours: Path) -> Iterator[Check]:
    from incremental.state.database import read_without_trace

    path = ours / "ledger.sqlite"
    if not path.exists():
        yield Check("ledger", "none yet; the first run makes it")
        return
    try:
        verdict = read_without_trace(path, _quick_check, "it is no database")
        if verdict != "ok":
            yield _damaged(path, verdict)
            return
        runs = session.history.runs()
    except IncrementalError as error:
        yield Check("ledger", str(error), "", healthy=False)
        return
    yield Check("ledger", count(len(runs), "run"))
    now = time.time()
    latest = max((run.started for run in runs), default=now)
    if max(latest, path.stat().st_mtime) > now + _SKEW:
        ahead = duration(max(latest, path.stat().st_mtime) - now)
        yield Check(
            "clock", f"the ledger is from {ahead} ahead of this clock", "set the clock, or that of the disk"
        )


def _quick_check(connection: sqlite3.Connection) -> str:
    return str(connection.execute("PRAGMA quick_check(1)").fetchone()[0])


def _damaged(path: Path, verdict: str) -> Check:
    return Check(
        "ledger",
        f"{path} is damaged: {' '.join(verdict.split())}",
        "nothing has to be done: the next run sets it aside; outputs stay, the history is lost",
        healthy=False,
    )


def _privacy(ours: Path) -> Iterator[Check]:
    """Look whether others may read what we wrote down."""
    if os.name == "nt" or not ours.is_dir():
        return
    if ours.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO):
        yield Check("privacy", f"others may look into {ours}", f"chmod -R go= {ours}")
    elif ours.stat().st_uid != os.getuid():
        yield Check("privacy", f"{ours} belongs to another user", "let each user have a copy of the project")


def _set_aside(ours: Path) -> Iterator[Check]:
    damaged = sorted(ours.glob("ledger.damaged-*")) if ours.is_dir() else []
    if damaged:
        what = f"{count(len(damaged), 'damaged ledger')} set aside, the last one {damaged[-1]}"
        yield Check("leftovers", what, "delete what you do not want to examine")


def _records(root: Path, ours: Path) -> Iterator[Check]:
    from incremental.session.store import JSONSessionStore

    unreadable = []
    folder = ours / "sessions"
    for file in sorted(folder.glob("*.json")) if folder.is_dir() and not folder.is_symlink() else ():
        try:
            JSONSessionStore(str(root), file.stem).read()
        except (IncrementalError, OSError):
            unreadable.append(file)
    if unreadable:
        what = f"{count(len(unreadable), 'session record')} cannot be read, such as {unreadable[0]}"
        yield Check("records", what, "delete them: they are copies, the ledger has the runs")


def _file_system(folder: Path) -> str | None:
    """Return the kind of file system that a folder is on, where the system tells."""
    try:
        lines = _MOUNTS.read_text(errors="replace").splitlines()
        place = folder.resolve()
    except OSError:
        return None
    found: tuple[int, str] | None = None
    for line in lines:
        _, mount, kind, *_ = (*line.split(), "", "", "")
        mount = mount.replace("\\040", " ")
        if mount and place.is_relative_to(mount) and (found is None or len(mount) >= found[0]):
            found = len(mount), kind
    return None if found is None else found[1]
