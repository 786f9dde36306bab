"""Staging where there is no disk of ours: objects that are uploaded, or spooled, before they show.

It knows no formats; local files are staged by ``staging``.
"""

# ruff: noqa: PTH108, PTH123, PTH202
from __future__ import annotations

import errno
import os
from contextlib import suppress
from typing import IO, Any, cast

from incremental.io.files.digests import TappedStream, digest_of
from incremental.io.files.staging import Stage

_BUFFER = 1 << 16  # bytes
_ONE_REQUEST = 5 << 20  # bytes; so much is kept in memory until it is published


class UploadStage(Stage):
    """Stages an object in a store that can upload without showing (``autocommit=False``).

    It cannot be pickled: the process that wrote it publishes it.
    """

    __slots__ = ("_arguments", "_done", "_file", "_fs", "_tap", "exclusive", "target")

    def __init__(self, fs: Any, target: str, exclusive: bool, arguments: dict[str, Any]) -> None:
        self.target = target
        self.exclusive = exclusive
        self._fs = fs
        self._arguments = arguments
        self.digest = None
        self._file: Any = None
        self._tap: TappedStream | None = None
        self._done = False

    def __enter__(self) -> IO[bytes]:
        if self.exclusive:
            _refuse_existing(self._fs, self.target)
        file = self._fs.open(
            self.target, "xb" if self.exclusive else "wb", autocommit=False, **self._arguments
        )
        self._file = file
        with suppress(ValueError):  # fsspec would commit it again with somebody's next transaction
            self._fs.transaction.files.remove(file)
        self._tap = TappedStream(file)
        return cast("IO[bytes]", self._tap)

    def seal(self) -> None:
        file = self._file
        if file is None or file.closed or self._tap is None:
            return
        self.digest = self._tap.digest()
        unsent = getattr(file, "offset", 0) is None
        if not (unsent and file.tell() <= _ONE_REQUEST):  # else commit() sends it, in one request for three
            file.close()

    def publish(self) -> None:
        if self._done or self._file is None:
            return
        try:
            self.seal()
            self._file.commit()
        except BaseException:
            self.discard()
            raise
        self._done = self._file.closed = True

    def discard(self) -> None:
        if self._done or self._file is None:
            return
        self._done = True
        try:
            self._file.discard()
        finally:
            self._file.closed = True  # or its destructor would finish the upload


class SpoolStage(Stage):
    """Stages an object in a local temporary file, and sends it in one call when it is published.

    For stores of which we do not know that they can upload without showing. The one call is atomic
    on object stores; on remote file systems (FTP, SFTP, SMB) it is the best there is.
    """

    __slots__ = ("_arguments", "_file", "_fs", "_name", "exclusive", "target")

    in_one_piece = 64 * 1024 * 1024  # bytes; larger ones are sent from the file

    def __init__(self, fs: Any, target: str, exclusive: bool, arguments: dict[str, Any]) -> None:
        self.target = target
        self.exclusive = exclusive
        self._fs = fs
        self._arguments = arguments
        self.digest = None
        self._file: IO[bytes] | None = None
        self._name: str | None = None

    def __enter__(self) -> IO[bytes]:
        from tempfile import mkstemp

        if self.exclusive:
            _refuse_existing(self._fs, self.target)
        fd, self._name = mkstemp(prefix=".spool.", suffix=".incremental-tmp")
        self._file = open(fd, "wb", buffering=_BUFFER)
        return self._file

    def seal(self) -> None:
        if self._file is None or self._name is None:
            return
        self._file.close()
        self._file = None
        with open(self._name, "rb", buffering=0) as spool:
            self.digest = digest_of(spool)

    def publish(self) -> None:
        name = self._name
        if name is None:
            return
        try:
            self.seal()
            if self.exclusive:
                _refuse_existing(self._fs, self.target)
            try:
                self._send(name)
            except FileNotFoundError:  # a file system with real folders
                self._fs.makedirs(self.target.rpartition("/")[0], exist_ok=True)
                self._send(name)
        finally:
            self.discard()

    def discard(self) -> None:
        file, name = self._file, self._name
        self._file = self._name = None
        if file is not None:
            with suppress(OSError, ValueError):
                file.close()
        if name is not None:
            with suppress(FileNotFoundError):
                os.unlink(name)

    def _send(self, name: str) -> None:
        if os.path.getsize(name) <= self.in_one_piece or self._fs.protocol == "memory":
            with open(name, "rb") as spool:
                self._fs.pipe_file(self.target, spool.read(), **self._arguments)
        else:
            self._fs.put_file(name, self.target, **self._arguments)


def _refuse_existing(fs: Any, target: str) -> None:
    fs.invalidate_cache(target)
    if fs.exists(target):
        raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), target)
