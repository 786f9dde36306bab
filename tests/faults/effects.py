"""What is done to a disk, operation by operation, and what may happen at one. It intercepts nothing itself."""

from __future__ import annotations

import errno
import os
import signal
import sqlite3
from collections.abc import Callable
from dataclasses import dataclass, field

_SQL_TEXTS = {
    errno.ENOSPC: "database or disk is full",
    errno.EIO: "disk I/O error",
    errno.EACCES: "attempt to write a readonly database",
}


@dataclass(frozen=True)
class Operation:
    """One thing that was done to the disk."""

    name: str
    path: str
    """Absolute; of the new name where there are two."""
    source: str = ""
    """The old name, where there are two."""
    fd: int = -1
    data: bytes = b""
    """What is written, and for a file that is opened how: ``b"new"``, ``b"empty"`` or ``b""``."""
    connection: sqlite3.Connection | None = field(default=None, compare=False, repr=False)

    def __str__(self) -> str:
        return f"{self.name} {os.path.basename(self.source) or os.path.basename(self.path)}"


class Effect:
    """What happens at operations. This one lets all of them pass."""

    def before(self, at: int, operation: Operation) -> None:
        """Called before an operation takes effect; may raise, or end the process."""

    def half(self, at: int, operation: Operation) -> bool:
        """Whether only half of this write takes place, :meth:`torn` following."""
        return False

    def torn(self, at: int, operation: Operation) -> None:
        """Called after the half of a write; if it returns, the rest is written."""

    def after(self, at: int, operation: Operation) -> None:
        """Called after an operation took effect."""

    def failed(self, at: int, operation: Operation) -> None:
        """Called after an operation that the system refused."""


@dataclass
class Fail(Effect):
    """Raise an error of the system at one operation, or at that and all later ones.

    Args:
        at: the number of the operation, from 0.
        error: such as ``errno.ENOSPC``. A write writes half of its data first, as a full disk lets it.
        for_ever: whether all later operations fail too, but for those that make room.
    """

    at: int
    error: int
    for_ever: bool = False

    def before(self, at: int, operation: Operation) -> None:
        if self._is_due(at, operation) and operation.name != "write":
            raise self._failure(operation)

    def half(self, at: int, operation: Operation) -> bool:
        return self._is_due(at, operation)

    def torn(self, at: int, operation: Operation) -> None:
        raise self._failure(operation)

    def _is_due(self, at: int, operation: Operation) -> bool:
        if operation.name == "sql close":  # SQLite keeps what it could not fold to itself
            return False
        if at == self.at:
            return True
        makes_room = self.error == errno.ENOSPC and operation.name in (
            "unlink",
            "rmdir",
            "close",
            "sql close",
        )
        return self.for_ever and at > self.at and not makes_room

    def _failure(self, operation: Operation) -> Exception:
        if operation.name.startswith("sql"):
            return sqlite3.OperationalError(_SQL_TEXTS[self.error])
        return OSError(self.error, os.strerror(self.error), operation.path)


@dataclass
class Happen(Effect):
    """Do something at one operation: before it takes effect, after, or in the middle of a write."""

    at: int
    what: Callable[[], None]
    when: str = "before"

    def before(self, at: int, operation: Operation) -> None:
        if at == self.at and self.when == "before":
            self.what()

    def half(self, at: int, operation: Operation) -> bool:
        return at == self.at and self.when == "torn"

    def torn(self, at: int, operation: Operation) -> None:
        self.what()

    def after(self, at: int, operation: Operation) -> None:
        if at == self.at and self.when == "after":
            self.what()

    failed = after


def die() -> None:
    """End this process as the kernel would when it is out of memory."""
    os.kill(os.getpid(), signal.SIGKILL)


def raising(error: BaseException) -> Callable[..., None]:
    """Return what raises an error when it is called."""

    def happen(*_: object) -> None:
        raise error

    return happen
