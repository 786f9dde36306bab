"""Digests of content, taken while the bytes pass to a file or by reading it. It stages and publishes nothing.

A digest is an XXH3-128 of all bytes in 32 hexadecimal digits: it finds what went wrong, and is no
protection against somebody who wants to be believed.
"""

from __future__ import annotations

import io
from _thread import allocate_lock, start_new_thread
from typing import IO, TYPE_CHECKING, Any

if TYPE_CHECKING:
    from _thread import LockType
    from collections.abc import Callable

BLOCK = 1 << 20  # bytes read at a time
_ASIDE = 4 << 20  # bytes from which a second thread hashes them: starting it costs as much as hashing one
_PIECE = 64 << 20  # bytes written at a time


def digest_of(file: IO[bytes], tell: Callable[[int], None] | None = None) -> str:
    """Return the digest of what is left in a file, telling after each block how many bytes it had."""
    hasher = _hasher()
    buffer = memoryview(bytearray(BLOCK))
    readinto = getattr(file, "readinto", None)
    while True:
        block = memoryview(file.read(BLOCK)) if readinto is None else buffer[: readinto(buffer)]
        if not block:
            return str(hasher.hexdigest())
        hasher.update(block)
        if tell is not None:
            tell(len(block))


def digest_at(path: str, tell: Callable[[int], None] | None = None) -> str:
    """Return the digest of a local file. Raises OSError."""
    with io.FileIO(path) as file:
        return digest_of(file, tell)


class TappedFile(io.FileIO):
    """A file on disk that hashes what is written to it, while it is written from the first byte on.

    A library that goes back and writes again, or writes past us through the descriptor, is noticed:
    there is no digest then, and the file has to be read.
    """

    def __init__(self, fd: int) -> None:
        super().__init__(fd, "wb", closefd=False)
        self._hasher = _hasher()
        self._hashed = 0
        self._position = 0
        self._in_order = True

    def write(self, data: Any) -> int:
        """Write and hash, as far as the system takes it."""
        if self._position != self._hashed:
            self._in_order = False
        view = memoryview(data).cast("B")
        written = 0
        for start in range(0, len(view), _PIECE):
            piece = view[start : start + _PIECE]
            count = self._write_piece(piece)
            written += count
            if count < len(piece):
                self._in_order = False  # the rest comes again
                break
        self._position += written
        self._hashed += written
        return written

    def _write_piece(self, piece: memoryview) -> int:
        if not self._in_order:
            return super().write(piece)
        if len(piece) < _ASIDE:
            self._hasher.update(piece)
            return super().write(piece)
        hashed = allocate_lock()
        hashed.acquire()
        try:
            start_new_thread(self._hash, (piece, hashed))  # Thread.start would wait until it has begun
        except RuntimeError:  # there are too many
            self._hash(piece, hashed)
        try:
            return super().write(piece)
        finally:
            hashed.acquire()

    def _hash(self, piece: memoryview, hashed: LockType) -> None:
        try:
            self._hasher.update(piece)
        finally:
            hashed.release()

    def seek(self, offset: int, whence: int = 0, /) -> int:
        """Move, and remember where to."""
        self._position = super().seek(offset, whence)
        return self._position

    def truncate(self, size: int | None = None, /) -> int:
        """Cut the file; the digest is lost."""
        self._in_order = False
        return super().truncate(size)

    def fileno(self) -> int:
        """Return the descriptor; who asks for it may write to it."""
        self._in_order = False
        return super().fileno()

    def digest(self, size: int) -> str | None:
        """Return the digest if the file, of this size, is what was written in order; else None."""
        return self._hasher.hexdigest() if self._in_order and self._hashed == size else None


class TappedStream(io.BufferedIOBase):
    """Hashes what is written to a stream that cannot go back. Closing it leaves the stream open."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream
        self._hasher = _hasher()

    def writable(self) -> bool:
        """Yes."""
        return True

    def write(self, data: Any) -> int:
        """Hash and write."""
        self._hasher.update(memoryview(data).cast("B"))
        self._stream.write(data)
        return memoryview(data).nbytes

    def tell(self) -> int:
        """Return how many bytes were written."""
        position: int = self._stream.tell()
        return position

    def digest(self) -> str:
        """Return the digest of all that was written."""
        return str(self._hasher.hexdigest())


def _hasher() -> Any:
    import xxhash  # when something is written, not when a plan looks for files

    return xxhash.xxh3_128()
