"""Staging where there is no disk of ours: objects that are uploaded, or spooled, before they show.

It knows no formats; local files are staged by ``staging``.
"""

# ruff: noqa: PTH108, PTH123, PTH202
from __future__ import annotations

import errno
import logging
import os
from contextlib import suppress
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, Any, cast

from incremental.io.files.digests import TappedStream, digest_of
from incremental.io.files.staging import Stage
from incremental.secrets import strip_url

if TYPE_CHECKING:
    from collections.abc import Iterator

_log = logging.getLogger(__name__)

_BUFFER = 1 << 16  # bytes
_ONE_REQUEST = 5 << 20  # bytes; so much is kept in memory until it is published


@dataclass(frozen=True, slots=True)
class Upload:
    """An upload in parts that was begun and neither finished nor taken back."""

    url: str
    bucket: str
    key: str
    id: str
    started: float
    """Seconds since the epoch."""


def unfinished_uploads(fs: Any, prefix: str, scheme: str) -> Iterator[Upload]:
    """Yield the unfinished uploads to all keys of a bucket that begin with a prefix."""
    bucket, key, _ = fs.split_path(prefix)
    page: dict[str, Any] = {"IsTruncated": True}
    arguments: dict[str, Any] = {"Bucket": bucket, "Prefix": key}
    while page.get("IsTruncated"):
        page = fs.call_s3("list_multipart_uploads", **arguments)
        for each in page.get("Uploads", ()):
            url = f"{scheme}://{bucket}/{each['Key']}"
            yield Upload(url, bucket, each["Key"], each["UploadId"], each["Initiated"].timestamp())
        arguments |= {
            "KeyMarker": page.get("NextKeyMarker", ""),
            "UploadIdMarker": page.get("NextUploadIdMarker", ""),
        }


def abort_upload(fs: Any, upload: Upload) -> None:
    """Take an unfinished upload back, with all its parts."""
    fs.call_s3("abort_multipart_upload", Bucket=upload.bucket, Key=upload.key, UploadId=upload.id)


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

    @property
    def held(self) -> int:
        """How many bytes wait to be sent in one request."""
        return 0 if self._file is None or self._file.closed else int(self._file.tell())

    def send(self) -> None:
        """Upload what waits, in three requests for one; it still does not show."""
        if self._file is not None and not self._file.closed:
            self._file.close()

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
        except Exception:  # noqa: BLE001 - whatever made us discard is what the user is to hear of
            _log.warning("an upload to %s was not taken back; it does not show, and the next run removes it",
                         strip_url(str(self.target)))  # fmt: skip
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
        fd, self._name = mkstemp(prefix=f".spool.{os.getpid()}.", suffix=".incremental-tmp")
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
