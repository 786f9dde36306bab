"""The one staging helper: a file is written under a name of its own and shown in one atomic step.

It knows no formats and no datasets, and decides nothing about when to publish.

A kill at any moment leaves the old file or the new one, and at worst a staging name, which
:func:`is_staging_name` recognises. Rules for local files:

* a target that is a symbolic link is written through: the file it points at is replaced;
* the permissions (and where allowed the owner) of an existing file are kept, a new one respects
  the umask; a file that may not be written is not replaced either; hard links are parted;
* what is no regular file (a folder, a device, a pipe) is never replaced.
"""

# Strings and `os`, not Path: on the way of every save and plan, where Path costs more than the call.
# ruff: noqa: PTH100, PTH102, PTH105, PTH106, PTH108, PTH112, PTH116, PTH118, PTH120, PTH122
from __future__ import annotations

import errno
import io
import os
import re
import stat
from abc import ABC, abstractmethod
from contextlib import suppress
from typing import IO, TYPE_CHECKING

from incremental.io.files.digests import TappedFile, digest_of

if TYPE_CHECKING:
    from types import TracebackType

STAGING_PATTERN = re.compile(
    r"\A\.(?P<name>.+)\.[0-9a-f]{16}\.incremental-tmp(?P<suffix>\.[^./]+)?\Z", re.DOTALL
)

_FLAGS = os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0) | getattr(os, "O_NOFOLLOW", 0)
_BUFFER = 1 << 16  # bytes
LONGEST_REPEATED = 200  # bytes of the target's name that a staging name repeats; file systems allow 255
_UNSUPPORTED = frozenset({errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.EMLINK, errno.ENOSYS})


def staging_name(name: str, keep_extension: bool = False) -> str:
    """Return a hidden, unguessable name for what will become ``name`` in the same folder.

    With ``keep_extension`` the name ends as the target does, for libraries that look at it.
    """
    kept = os.fsdecode(os.fsencode(name)[:LONGEST_REPEATED])
    suffix = os.path.splitext(name)[1] if keep_extension else ""
    return f".{kept}.{os.urandom(8).hex()}.incremental-tmp{suffix}"


def is_staging_name(name: str) -> bool:
    """Tell whether a file or folder of this name was being staged by us."""
    return ".incremental-tmp" in name and STAGING_PATTERN.match(name) is not None


def write_atomically(path: str | os.PathLike[str], data: bytes, durable: bool = True) -> None:
    """Replace a local file by ``data`` in one step. Raises OSError, and then the old file is as it was."""
    stage = LocalStage(os.fspath(path), durable)
    with stage as file:
        file.write(data)
    stage.publish()


class Stage(ABC):
    """One output on its way: ``with stage as file`` writes it, then ``publish`` or ``discard``.

    Leaving the ``with`` block by an exception discards; leaving it normally seals (all is written,
    flushed, checked) and shows nothing yet.
    """

    __slots__ = ("digest",)

    digest: str | None
    """XXH3-128 of all that was written, once it is sealed; ``None`` where that is not known."""

    @property
    def held(self) -> int:
        """How many bytes are kept in memory until it is published."""
        return 0

    def send(self) -> None:
        """Let go of what is kept in memory; it still does not show."""
        return

    @abstractmethod
    def __enter__(self) -> IO[bytes]: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is not None:
            self.discard()
            return
        try:
            self.seal()
        except BaseException:
            self.discard()
            raise

    @abstractmethod
    def seal(self) -> None:
        """Write out what is buffered and close the file; nothing can be written after it."""

    @abstractmethod
    def publish(self) -> None:
        """Make it visible under its target; a second call does nothing."""

    @abstractmethod
    def discard(self) -> None:
        """Remove it without trace; does nothing after :meth:`publish` or a first call."""


class LocalStage(Stage):
    """Stages a local file beside its target.

    ``durable`` means fsync of file and folder; ``exclusive`` that an existing target is never
    overwritten. Sealed, it can be pickled and published by another process on the same machine.
    """

    __slots__ = ("_created", "_fd", "_file", "_name", "_raw", "durable", "exclusive", "mkdir", "target")

    def __init__(
        self, target: str, durable: bool = True, exclusive: bool = False, mkdir: bool = True
    ) -> None:
        self.target = target
        self.durable = durable
        self.exclusive = exclusive
        self.mkdir = mkdir
        self.digest = None
        self._name: str | None = None
        self._fd: int | None = None
        self._raw: TappedFile | None = None
        self._file: IO[bytes] | None = None
        self._created: list[str] = []

    def __enter__(self) -> IO[bytes]:
        try:
            self.target = os.path.abspath(self.target)
            existing = self._existing()
            folder, base = os.path.split(self.target)
            self._name = os.path.join(folder, staging_name(base))
            mode = 0o666 if existing is None else stat.S_IMODE(existing.st_mode) & 0o777
            self._fd = fd = self._open(self._name, mode, folder)
            if existing is not None:
                _keep_permissions(fd, existing)
            self._raw = TappedFile(fd)
            self._file = file = io.BufferedWriter(self._raw, _BUFFER)
        except BaseException:
            self.discard()
            raise
        return file

    def seal(self) -> None:
        file, fd, raw = self._file, self._fd, self._raw
        if file is None or fd is None or raw is None:
            return
        file.close()  # flushes; a library may have closed it already
        self.digest = raw.digest(os.fstat(fd).st_size) or _digest_by_reading(fd)
        if self.durable:
            os.fsync(fd)
        self._file = self._fd = self._raw = None
        os.close(fd)  # checked: some file systems report a failed write only here

    def publish(self) -> None:
        name = self._name
        if name is None:
            return
        try:
            self.seal()
            if self.exclusive:
                _name_anew(name, self.target)
            else:
                os.replace(name, self.target)
        except BaseException:
            self.discard()
            raise
        self._name = None
        if self.durable:
            for folder in {os.path.dirname(path) for path in (self.target, *self._created)}:
                sync_folder(folder)

    def discard(self) -> None:
        file, fd, name = self._file, self._fd, self._name
        self._file = self._fd = self._name = self._raw = None
        if file is not None:
            with suppress(OSError, ValueError):
                file.close()  # before its descriptor, or a late flush would reach another file
        if fd is not None:
            with suppress(OSError):
                os.close(fd)
        if name is None:
            return
        with suppress(FileNotFoundError):
            os.unlink(name)
        for folder in reversed(self._created):
            with suppress(OSError):  # somebody else uses it by now
                os.rmdir(folder)

    def _existing(self) -> os.stat_result | None:
        """Return the stat of what the target names, following a link; refuse what must not be replaced."""
        try:
            found = os.lstat(self.target)
            if stat.S_ISLNK(found.st_mode):
                self.target = os.path.realpath(self.target)
                found = os.stat(self.target)
        except FileNotFoundError:
            return None
        if stat.S_ISDIR(found.st_mode):
            raise _system_error(errno.EISDIR, self.target)
        if not stat.S_ISREG(found.st_mode):
            raise OSError(errno.EINVAL, "not a regular file, so it is not replaced", self.target)
        if self.exclusive:
            raise _system_error(errno.EEXIST, self.target)
        if not os.access(self.target, os.W_OK):
            raise _system_error(errno.EACCES, self.target)
        return found

    def _open(self, name: str, mode: int, folder: str) -> int:
        try:
            return os.open(name, _FLAGS, mode)
        except FileNotFoundError:
            if not self.mkdir:
                raise
        self._created = make_folders(folder)
        return os.open(name, _FLAGS, mode)


def _digest_by_reading(fd: int) -> str:
    """Return the digest of a file that was not written in order; it is in the page cache still."""
    os.lseek(fd, 0, os.SEEK_SET)
    with io.FileIO(fd, closefd=False) as file:
        return digest_of(file)


def make_folders(folder: str) -> list[str]:
    """Create a folder and those above it; return the new ones, outermost first."""
    missing: list[str] = []
    while not os.path.isdir(folder):
        missing.append(folder)
        above = os.path.dirname(folder)
        if above == folder:
            break
        folder = above
    created: list[str] = []
    for path in reversed(missing):
        try:
            os.mkdir(path)
        except FileExistsError:
            if not os.path.isdir(path):
                raise _system_error(errno.ENOTDIR, path) from None
        else:
            created.append(path)
    return created


def sync_folder(folder: str) -> None:
    """Make the names in a folder survive a power cut, where the system lets us."""
    if os.name == "nt":
        return
    try:
        fd = os.open(folder, os.O_RDONLY)
    except PermissionError:
        return  # writable but not readable: nothing to hold on to
    try:
        os.fsync(fd)
    except OSError as error:
        if error.errno not in (errno.EINVAL, *_UNSUPPORTED):
            raise
    finally:
        os.close(fd)


def _keep_permissions(fd: int, existing: os.stat_result) -> None:
    if not hasattr(os, "fchown"):  # Windows
        return
    mode = stat.S_IMODE(existing.st_mode)
    ours = os.fstat(fd)
    if existing.st_gid != ours.st_gid:
        try:
            os.fchown(fd, -1, existing.st_gid)
        except OSError:
            mode &= ~0o070  # what that group was allowed is not another group's
    if existing.st_uid != ours.st_uid:
        with suppress(OSError):
            os.fchown(fd, existing.st_uid, -1)
    if stat.S_IMODE(ours.st_mode) != mode:
        os.fchmod(fd, mode)


def _name_anew(name: str, target: str) -> None:
    """Give the file its target's name unless that is taken, in one step where hard links exist."""
    try:
        os.link(name, target)
    except FileExistsError:
        raise
    except OSError as error:
        if error.errno not in _UNSUPPORTED:
            raise
        if os.path.lexists(target):
            raise _system_error(errno.EEXIST, target) from None
        os.replace(name, target)
        return
    os.unlink(name)


def _system_error(number: int, path: str) -> OSError:
    """Return the error that the system itself would raise, of the class that belongs to its number."""
    return OSError(number, os.strerror(number), path)
