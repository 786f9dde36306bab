"""Whole local folders, staged beside their target and exchanged with it. It knows no partitions.

A kill at any moment leaves the old folder or the new one, and at worst a folder with a staging name.
Where the system cannot exchange two folders in one step, a kill between two renames leaves none at all.
"""

# Strings and `os`, not Path, as in the staging of files.
# ruff: noqa: PTH101, PTH102, PTH104, PTH106, PTH116, PTH118, PTH120
from __future__ import annotations

import errno
import os
import shutil
import stat
import sys
from contextlib import suppress

from incremental.io.files.staging import make_folders, staging_name, sync_folder

_HERE = -100  # AT_FDCWD: paths are relative to the working folder
_EXCHANGE = 2  # RENAME_EXCHANGE of Linux, RENAME_SWAP of macOS
_CANNOT_EXCHANGE = frozenset({errno.ENOSYS, errno.EINVAL, errno.ENOTSUP, errno.EOPNOTSUPP})


class FolderStage:
    """One folder on its way: ``open`` makes it, ``seal`` syncs it, then ``publish`` or ``discard``.

    A target that is a symbolic link is replaced where it points at; its permissions are kept. Sealed,
    it can be pickled and published by another process on the same machine.
    """

    __slots__ = ("_created", "_name", "durable", "target")

    def __init__(self, target: str, durable: bool = True) -> None:
        self.target = target
        self.durable = durable
        self._name: str | None = None
        self._created: list[str] = []

    def open(self) -> str:
        """Make the folder that is to be filled, and return its path. Raises OSError."""
        self.target = os.path.realpath(self.target)
        existing = self._existing()
        above, base = os.path.split(self.target)
        self._created = make_folders(above)
        self._name = os.path.join(above, staging_name(base))
        try:
            os.mkdir(self._name)
            if existing is not None:
                os.chmod(self._name, stat.S_IMODE(existing.st_mode))
        except BaseException:
            self.discard()
            raise
        return self._name

    def seal(self) -> None:
        """Make what is in the folder survive a power cut, if that is asked for. Raises OSError."""
        if self.durable and self._name is not None:
            for folder, _, files in os.walk(self._name):
                for name in files:
                    _sync_file(os.path.join(folder, name))
                sync_folder(folder)

    def publish(self) -> None:
        """Put it in place of its target; a second call does nothing. Raises OSError."""
        name = self._name
        if name is None:
            return
        if self._existing() is None:
            os.rename(name, self.target)
            self._name = None
        else:
            exchange(name, self.target)
        if self.durable:
            for folder in {os.path.dirname(path) for path in (self.target, *self._created)}:
                sync_folder(folder)
        self._created = []
        self.discard()  # of the old one

    def discard(self) -> None:
        """Remove it without trace; does nothing after :meth:`publish` or a first call."""
        name, created = self._name, self._created
        self._name, self._created = None, []
        if name is not None:
            shutil.rmtree(name, ignore_errors=True)
        for folder in reversed(created):
            with suppress(OSError):  # somebody else uses it by now
                os.rmdir(folder)

    def _existing(self) -> os.stat_result | None:
        """Return the stat of the target; refuse what must not be replaced."""
        try:
            found = os.stat(self.target)
        except FileNotFoundError:
            return None
        if not stat.S_ISDIR(found.st_mode):
            raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), self.target)
        if not os.access(self.target, os.W_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), self.target)
        return found


def exchange(one: str, other: str) -> None:
    """Give each of two paths the name of the other, in one step where the system can. Raises OSError."""
    if _exchanged(one, other):
        return
    aside = os.path.join(os.path.dirname(other), staging_name(os.path.basename(other)))  # noqa: PTH119
    os.rename(other, aside)
    try:
        os.rename(one, other)
    except BaseException:
        os.rename(aside, other)
        raise
    os.rename(aside, one)


def _exchanged(one: str, other: str) -> bool:
    """Exchange two paths in one step; False where system or file system cannot."""
    import ctypes

    try:
        system = ctypes.CDLL(None, use_errno=True)
        if sys.platform == "darwin":
            failed = system.renamex_np(os.fsencode(one), os.fsencode(other), _EXCHANGE)
        else:
            failed = system.renameat2(_HERE, os.fsencode(one), _HERE, os.fsencode(other), _EXCHANGE)
    except (AttributeError, TypeError, OSError):  # no such call in this system's library
        return False
    if not failed:
        return True
    number = ctypes.get_errno()
    if number in _CANNOT_EXCHANGE:
        return False
    raise OSError(number, os.strerror(number), one, None, other)


def _sync_file(path: str) -> None:
    try:
        fd = os.open(path, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0))
    except OSError as error:
        if error.errno in (errno.ELOOP, errno.EACCES):  # a link, or closed to ourselves
            return
        raise
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
