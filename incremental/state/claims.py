"""Which run writes where, so that two never write to one place. It decides nothing about what runs.

Each run of a user on this machine has one file in one folder, whatever its project: two worktrees on one data
folder see each other. The file is locked as long as the run's process lives; one that is not is swept by the
next run, so there is nothing to unlock by hand. It has one JSON document a line: who runs, what it may write
at most, what it will write.

Not covered, though what is staged still appears whole or not at all: two users, two machines (a home folder
that they share included, unless its file system shares locks), containers without a common home folder, two
values of ``XDG_STATE_HOME``, Windows; and runners that are used without a session.

Only what is written is claimed. A run that reads what another writes gets the old content or the new, and
its own outputs are suspect once the new one is committed.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import re
import socket
import stat
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from incremental.errors import ClaimError
from incremental.state.locks import Lock, can_lock, is_held
from incremental.state.places import first_overlap, resolve

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence
    from types import TracebackType

logger = logging.getLogger(__name__)

_PATIENCE = 1.0  # seconds: for others to claim, and for a run that has claimed to have planned
_FIRST_PAUSE, _LONGEST_PAUSE = 0.02, 0.5  # seconds between two looks
_STRANGERS_KEPT = 30 * 24 * 3600.0  # seconds that a file of another machine stays which cannot be asked
_LONGEST_COMMAND = 200  # characters
_SUFFIX = ".claim"
_CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")


class Claim:
    """The claim of one run on the locations of its outputs; a context manager that gives all back."""

    def __init__(self, lock: Lock | None) -> None:
        self._lock = lock

    def settle(self, run_id: str, locations: Collection[str]) -> None:
        """Name the run, and give back everything but these locations.

        Raises:
            ClaimError: it cannot be written down.
        """
        if self._lock is not None:
            _write(self._lock, {"run": run_id, "locations": list(locations)})

    def release(self) -> None:
        """Give everything back; a second call does nothing."""
        if self._lock is not None:
            self._lock.remove()

    def __enter__(self) -> Claim:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()


class Claims:
    """The claims of all runs of this user on this machine.

    Args:
        project: the root of the project for which this one claims.
        folders: where they are kept: the first of these that can be used. By default that is
            ``$XDG_STATE_HOME/incremental/claims``, or else one in the folder for temporary files.
    """

    def __init__(self, project: Path, folders: Sequence[Path] | None = None) -> None:
        self._project = str(project.resolve())
        self._folders = _default_folders() if folders is None else tuple(folders)

    def claim(self, command: str, locations: Collection[str], *, wait: bool = False) -> Claim:
        """Claim locations, all of them or none.

        A run that has not planned yet has claimed more than it will write: it gets a moment to do so.

        Args:
            command: the command line to tell others of, without secrets.
            locations: absolute paths, URLs, or ``dataset:name``.
            wait: wait until nobody else has claimed any of them.

        Raises:
            ClaimError: another run has claimed one of them, or claims cannot be kept.
        """
        if not can_lock:
            return Claim(None)
        holder = _holder(self._project, command)
        until, pause, is_told = time.monotonic() + _PATIENCE, _FIRST_PAUSE, False
        while True:
            with self._alone() as folder:
                conflict = _conflict(folder, holder, locations)
                if conflict is None:
                    return Claim(_enter(folder, holder, locations))
            if conflict.is_settled or time.monotonic() > until:
                if not wait:
                    raise ClaimError(f"{conflict}; --wait waits for it to end")
                if not is_told:
                    logger.warning("waiting: %s", conflict)
                    is_told = True
            time.sleep(pause)
            pause = min(_LONGEST_PAUSE, 1.5 * pause)

    def holders(self, locations: Collection[str]) -> list[str]:
        """Return a line for each living run that has claimed one of these locations. Changes nothing."""
        if not can_lock:
            return []
        mine = resolve(locations, self._project, os.getpid())
        return [
            str(entry.holder)
            for folder in self._folders
            for entry in _living(folder)
            if first_overlap(mine, resolve(entry.locations, entry.holder.project, entry.holder.pid))
        ]

    @contextlib.contextmanager
    def _alone(self) -> Iterator[Path]:
        """Give the folder, while no other process claims."""
        failures = []
        for folder in self._folders:
            try:
                _make_private(folder)
                lock = Lock.wait_for(str(folder / "lock"), _PATIENCE)
            except TimeoutError as error:
                raise ClaimError(
                    f"another process claims and does not come to an end (is it stopped?): {error}"
                ) from error
            except OSError as error:
                failures.append(f"{folder}: {error.strerror or error}")
                continue
            try:
                yield folder
            finally:
                lock.release()
            return
        raise ClaimError(
            f"claims of runs can be kept nowhere: {'; '.join(failures)}; "
            "let XDG_STATE_HOME name a folder that can be written"
        )


@dataclass(frozen=True, slots=True)
class _Holder:
    """A run that claims: what others are told of it."""

    project: str
    command: str
    pid: int
    host: str
    started: float
    """Seconds since the epoch."""

    def __str__(self) -> str:
        since = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(self.started))
        return f"process {self.pid} on {self.host}, since {since}: {self.command}"


@dataclass(frozen=True, slots=True)
class _Entry:
    """The claim of a run as its file has it."""

    holder: _Holder
    locations: tuple[str, ...]
    run_id: str | None
    """None until it has planned."""


@dataclass(frozen=True, slots=True)
class _Conflict:
    """A location that somebody has claimed before."""

    location: str
    entry: _Entry

    @property
    def is_settled(self) -> bool:
        return self.entry.run_id is not None

    def __str__(self) -> str:
        return f"{self.location!r} is being written by another run: {self.entry.holder}"


def _holder(project: str, command: str) -> _Holder:
    line = _CONTROLS.sub(" ", command)
    if len(line) > _LONGEST_COMMAND:
        line = f"{line[:_LONGEST_COMMAND]}…"
    return _Holder(project, line, os.getpid(), socket.gethostname(), time.time())


def _conflict(folder: Path, holder: _Holder, locations: Collection[str]) -> _Conflict | None:
    """Return what stands in the way of a claim. Sweeps the files of runs that are dead."""
    _sweep(folder)
    mine: dict[str, str] | None = None
    for entry in _living(folder):
        if not entry.locations:
            continue
        if mine is None:
            mine = resolve(locations, holder.project, holder.pid)
        theirs = resolve(entry.locations, entry.holder.project, entry.holder.pid)
        location = first_overlap(mine, theirs)
        if location is not None:
            return _Conflict(location, entry)
    return None


def _enter(folder: Path, holder: _Holder, locations: Collection[str]) -> Lock:
    """Write a claim down, locked before others may look at it."""
    name = f"{_prefix(holder.host)}{holder.pid}.{os.urandom(8).hex()}{_SUFFIX}"
    try:
        lock = Lock.create(str(folder / name))
    except OSError as error:
        raise ClaimError(f"cannot write the claims of runs in {folder}: {error.strerror or error}") from error
    _write(lock, asdict(holder), {"run": None, "locations": list(locations)})
    return lock


def _write(lock: Lock, *documents: dict[str, Any]) -> None:
    try:
        lock.append(b"".join(json.dumps(document).encode() + b"\n" for document in documents))
    except OSError as error:
        lock.remove()
        raise ClaimError(
            f"cannot write the claims of runs: {lock.path}: {error.strerror or error}"
        ) from error


def _living(folder: Path) -> Iterator[_Entry]:
    for path in _files(folder):
        try:
            if is_held(path):
                yield _read(path)
        except FileNotFoundError:  # it ended just now
            continue
        except (OSError, ValueError, LookupError, TypeError, AttributeError) as error:
            logger.warning("the claim of a run cannot be read and counts for nothing: %s: %s", path, error)


def _read(path: str) -> _Entry:
    """Read the complete lines of a file: the last one may be being written."""
    lines = Path(path).read_bytes().split(b"\n")[:-1]
    holder = _Holder(**json.loads(lines[0]))
    last = json.loads(lines[-1])
    run_id: str | None = last["run"]
    return _Entry(holder, tuple(map(str, last["locations"])), run_id)


def _sweep(folder: Path) -> None:
    """Remove what the dead left. Of other machines only what is old: their locks may not be seen here."""
    ours = _prefix(socket.gethostname())
    for path in _files(folder):
        with contextlib.suppress(OSError):
            file = Path(path)
            may_ask = file.name.startswith(ours) or time.time() - file.stat().st_mtime > _STRANGERS_KEPT
            if may_ask and not is_held(path):
                file.unlink()


def _files(folder: Path) -> list[str]:
    try:
        return [f"{folder}/{name}" for name in sorted(os.listdir(folder)) if name.endswith(_SUFFIX)]  # noqa: PTH208
    except OSError:
        return []


def _prefix(host: str) -> str:
    return re.sub(r"[^A-Za-z0-9-]", "_", host)[:60] + "."


def _default_folders() -> tuple[Path, ...]:
    state = Path(os.environ.get("XDG_STATE_HOME", ""))
    if not state.is_absolute():
        state = Path(os.path.expanduser("~/.local/state"))  # noqa: PTH111 - Path raises where there is no home
    uid = os.getuid() if hasattr(os, "getuid") else ""
    found = state / "incremental" / "claims", Path(tempfile.gettempdir()) / f"incremental-claims-{uid}"
    return found if state.is_absolute() else found[1:]


def _make_private(folder: Path) -> None:
    """Make a folder for this user alone. Raises OSError, also when it is somebody else's."""
    with contextlib.suppress(FileExistsError):
        folder.mkdir(mode=0o700, parents=True)
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode):
        raise NotADirectoryError("it is no folder")
    if found.st_uid != os.getuid() or found.st_mode & 0o022:
        raise PermissionError("others may write to it")
