"""Files that stay locked as long as the process lives that locked them. It knows nothing of what is in them.

The kernel lets go of the lock when the process ends, however it ends, so there is never one to break. What
a process forks does not keep it: a child that outlives its parent would make it look alive. ``flock`` rather
than a library: the one that wraps it takes longer to import than a plan of a thousand nodes.
"""

# Strings and `os`, not Path: a descriptor is what is locked.
# ruff: noqa: PTH108
from __future__ import annotations

import contextlib
import os
import sys
import time

from incremental.state.forks import owned

if sys.platform != "win32":
    import fcntl

can_lock = sys.platform != "win32"
"""Whether this system has the locks that this module needs."""

_PAUSE = 0.005  # seconds between two tries
_FLAGS = os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0)


class Lock:
    """A file that this process holds locked; made by :meth:`create` or :meth:`wait_for`."""

    __slots__ = ("__weakref__", "_fd", "path")

    def __init__(self, path: str, fd: int) -> None:
        self.path = path
        self._fd: int | None = fd
        owned().add(self)

    @classmethod
    def create(cls, path: str) -> Lock:
        """Make a file that is not there and lock it. Raises OSError."""
        return cls._locked(path, _FLAGS | os.O_EXCL, None)

    @classmethod
    def wait_for(cls, path: str, seconds: float) -> Lock:
        """Lock a file, which is made if it is not there, once nobody else has it locked.

        Raises:
            TimeoutError: somebody still had it after so many seconds.
            OSError: it cannot be opened, or its file system has no locks.
        """
        return cls._locked(path, _FLAGS, time.monotonic() + seconds)

    @classmethod
    def _locked(cls, path: str, flags: int, until: float | None) -> Lock:
        fd = os.open(path, flags, 0o600)
        lock = cls(path, fd)
        try:
            _acquire(fd, path, until)
        except BaseException:
            lock.release()
            raise
        return lock

    @property
    def is_held(self) -> bool:
        """Whether this process has it: not after a release, and never in a forked child."""
        return self._fd is not None

    def append(self, text: bytes) -> None:
        """Write at the end of the file. Raises OSError; then part of it may be there."""
        assert self._fd is not None, "released already"
        os.lseek(self._fd, 0, os.SEEK_END)
        rest = memoryview(text)
        while rest:
            rest = rest[os.write(self._fd, rest) :]

    def remove(self) -> None:
        """Remove the file and let go of it; in a forked child, where it is the parent's, do nothing."""
        if self._fd is not None:
            with contextlib.suppress(OSError):
                os.unlink(self.path)
            self.release()

    def release(self) -> None:
        """Let go of the file; a second call does nothing."""
        fd, self._fd = self._fd, None
        if fd is not None:
            with contextlib.suppress(OSError):
                fcntl.flock(fd, fcntl.LOCK_UN)  # a child that C code forked has the descriptor, too
            os.close(fd)

    def forget(self) -> None:
        """In a forked child, close what belongs to the parent without unlocking it."""
        fd, self._fd = self._fd, None
        if fd is not None:
            with contextlib.suppress(OSError):
                os.close(fd)


def is_held(path: str) -> bool:
    """Whether a living process holds a file locked; False for no file. Changes nothing. Raises OSError."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)  # shared: two that look are not in each other's way
    except BlockingIOError:
        return True
    finally:
        os.close(fd)
    return False


def _acquire(fd: int, path: str, until: float | None) -> None:
    if until is None:  # nobody holds what is new; one that looks has it for a moment
        fcntl.flock(fd, fcntl.LOCK_EX)
        return
    while True:
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > until:
                raise TimeoutError(f"{path} is locked") from None
            time.sleep(_PAUSE)
        else:
            return
