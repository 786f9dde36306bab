"""Where files live: one small interface over the local disk and over whatever fsspec reaches.

It knows no formats and no versions. For local paths fsspec is never imported.
"""

# Strings and `os`, not Path: on the way of every save and plan, where Path costs more than the call.
# ruff: noqa: PTH100, PTH108, PTH111, PTH116, PTH118, PTH123, PTH208
from __future__ import annotations

import io
import os
import re
import stat
from abc import ABC, abstractmethod
from contextlib import suppress
from dataclasses import dataclass
from enum import Enum
from pathlib import PurePosixPath
from typing import IO, TYPE_CHECKING, Any, cast

from incremental.errors import DatasetError
from incremental.io.files.staging import LocalStage, Stage, make_folders
from incremental.io.files.uploads import SpoolStage, UploadStage, abort_upload, unfinished_uploads
from incremental.secrets import reveal, strip_url

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from incremental.io.files.uploads import Upload

_SCHEME = re.compile(r"\A([A-Za-z][A-Za-z0-9+.\-]+)://")  # one letter is a drive
_USERINFO = re.compile(r"\A([^/@]*@)")
_BUCKETS = frozenset({"s3", "s3a", "s3n", "gs", "gcs", "oss", "r2"})  # userinfo is no part of the address
_UPLOADS_UNSEEN = frozenset({"s3", "s3a"})  # autocommit=False is known to hold back the object
_OPEN_ARGS = ("open_args_load", "open_args_save")


class Kind(Enum):
    """What a name in a folder is."""

    FILE = "file"
    FOLDER = "folder"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Entry:
    """One name in a folder; size in bytes, time in nanoseconds since 1970, ``None`` where not known."""

    kind: Kind
    size: int | None = None
    mtime_ns: int | None = None


class Storage(ABC):
    """Opens, stages, lists. Paths are those that :func:`storage_for` returned, or begin with one."""

    protocol: str

    @abstractmethod
    def read(self, path: str, **arguments: Any) -> IO[bytes]:
        """Open a file for reading bytes."""

    @abstractmethod
    def stage(self, path: str, durable: bool = True, exclusive: bool = False, **arguments: Any) -> Stage:
        """Prepare to write a file that shows only when it is published."""

    @abstractmethod
    def kind(self, path: str) -> Kind | None:
        """Return what is at ``path``; ``None`` for nothing."""

    @abstractmethod
    def kinds(self, path: str) -> dict[str, Kind]:
        """Return the names in a folder and what they are, as cheaply as can be; empty for no folder."""

    def children(self, path: str) -> list[str]:
        """Return the names in a folder, in any order; empty for no folder."""
        return list(self.kinds(path))

    @abstractmethod
    def entries(self, path: str) -> dict[str, Entry]:
        """Return the names in a folder with size and time; empty for no folder."""

    @abstractmethod
    def find(self, path: str) -> dict[str, Entry]:
        """Return all files below a folder, by path relative to it; empty for no folder."""

    @abstractmethod
    def names(self, path: str, **arguments: Any) -> Iterator[str]:
        """Yield the path of each file below a folder, relative to it; links to folders are not followed.

        ``maxdepth`` ends the search so many levels down; other arguments are those of the file system.
        """

    @abstractmethod
    def remove(self, path: str) -> None:
        """Remove a file. Raises FileNotFoundError."""

    @abstractmethod
    def make_folder(self, path: str) -> None:
        """Create a folder and those above it, where the storage has folders."""

    def uploads(self, prefix: str) -> Iterator[Upload]:
        """Yield the unfinished uploads to all paths that begin with a prefix, where there are such things."""
        return iter(())

    def abort(self, upload: Upload) -> None:
        """Take an unfinished upload back."""
        raise NotImplementedError(f"{self.protocol}:// has no unfinished uploads")

    def leads_out(self, folder: str, name: str) -> bool:
        """Tell whether a name in a folder is a link to somewhere outside the folder."""
        return False

    def connection(self, path: str) -> dict[str, Any]:
        """Return the arguments with which another library opens ``path`` through fsspec."""
        return {}

    def exists(self, path: str) -> bool:
        """Tell whether a file or a folder is there."""
        return self.kind(path) is not None


class LocalStorage(Storage):
    """The local disk, through ``os``."""

    protocol = "file"

    def __init__(self, mkdir: bool = True) -> None:
        self._mkdir = mkdir

    def read(self, path: str, **arguments: Any) -> IO[bytes]:
        return open(path, "rb")

    def stage(self, path: str, durable: bool = True, exclusive: bool = False, **arguments: Any) -> Stage:
        return LocalStage(path, durable, exclusive, self._mkdir)

    def kind(self, path: str) -> Kind | None:
        try:
            return _kind_of_mode(os.stat(path).st_mode)
        except (FileNotFoundError, NotADirectoryError):
            return None

    def kinds(self, path: str) -> dict[str, Kind]:
        try:
            with os.scandir(path) as found:
                return {entry.name: _kind_of_entry(entry) for entry in found}
        except (FileNotFoundError, NotADirectoryError):
            return {}

    def children(self, path: str) -> list[str]:
        try:
            return os.listdir(path)  # a third of what it costs to tell their kinds
        except (FileNotFoundError, NotADirectoryError):
            return []

    def entries(self, path: str) -> dict[str, Entry]:
        entries: dict[str, Entry] = {}
        with suppress(FileNotFoundError, NotADirectoryError), os.scandir(path) as found:
            for entry in found:
                with suppress(FileNotFoundError):  # gone meanwhile, or a link to nowhere
                    status = entry.stat()
                    entries[entry.name] = Entry(
                        _kind_of_mode(status.st_mode), status.st_size, status.st_mtime_ns
                    )
        return entries

    def find(self, path: str) -> dict[str, Entry]:
        files: dict[str, Entry] = {}
        for name, entry in self.entries(path).items():
            if entry.kind is Kind.FOLDER:
                below = self.find(os.path.join(path, name))
                files.update({f"{name}/{rest}": found for rest, found in below.items()})
            else:
                files[name] = entry
        return files

    def names(self, path: str, maxdepth: int | None = None, **arguments: Any) -> Iterator[str]:
        if arguments:
            raise DatasetError(f"a local folder is not searched by {', '.join(map(repr, arguments))}")
        pending = [("", 1)]
        while pending:
            below, depth = pending.pop()
            with suppress(FileNotFoundError, NotADirectoryError), os.scandir(f"{path}/{below}") as found:
                for entry in found:
                    if not entry.is_dir(follow_symlinks=False):
                        yield below + entry.name
                    elif maxdepth is None or depth < maxdepth:
                        pending.append((f"{below}{entry.name}/", depth + 1))

    def leads_out(self, folder: str, name: str) -> bool:
        link = f"{folder}/{name}"
        try:
            if not stat.S_ISLNK(os.lstat(link).st_mode):
                return False
        except OSError:  # nothing there, or a name that no file can have
            return False
        return not os.path.realpath(link).startswith(os.path.join(os.path.realpath(folder), ""))

    def remove(self, path: str) -> None:
        os.unlink(path)

    def make_folder(self, path: str) -> None:
        make_folders(os.path.abspath(path))


class FsspecStorage(Storage):
    """Any file system of fsspec, connected to when first used; what it remembers is not trusted."""

    def __init__(self, protocol: str, options: Mapping[str, Any]) -> None:
        self.protocol = protocol
        self.options = options

    def connection(self, path: str) -> dict[str, Any]:
        self._fresh(path)  # the other library shares what fsspec remembers
        return self._arguments()

    def read(self, path: str, **arguments: Any) -> IO[bytes]:
        fs, path = self._fresh(path)
        if self.protocol == "memory":  # its open files share one position
            return io.BytesIO(fs.cat_file(path))
        return cast("IO[bytes]", fs.open(path, "rb", **arguments))

    def stage(self, path: str, durable: bool = True, exclusive: bool = False, **arguments: Any) -> Stage:
        fs, path = self._at(path)
        kind = UploadStage if self.protocol in _UPLOADS_UNSEEN else SpoolStage
        return kind(fs, path, exclusive, arguments)

    def kind(self, path: str) -> Kind | None:
        fs, path = self._fresh(path)
        try:
            return _kind_of_info(fs.info(path))
        except (FileNotFoundError, NotADirectoryError):
            return None

    def kinds(self, path: str) -> dict[str, Kind]:
        return {name: entry.kind for name, entry in self.entries(path).items()}

    def entries(self, path: str) -> dict[str, Entry]:
        fs, path = self._fresh(path)
        try:
            found = fs.ls(path, detail=True)
        except (FileNotFoundError, NotADirectoryError):
            return {}
        folder = path.rstrip("/")
        names = {info["name"].rstrip("/").rpartition("/")[2]: info for info in found}
        return {
            name: _entry_of_info(info)
            for name, info in names.items()
            if name and info["name"].strip("/") != folder.strip("/")  # the folder, or the file, itself
        }

    def find(self, path: str) -> dict[str, Entry]:
        fs, path = self._fresh(path)
        folder = path.rstrip("/") + "/"
        found: dict[str, Any] = fs.find(path, detail=True)
        return {
            name.removeprefix(folder): _entry_of_info(info)
            for name, info in found.items()
            if name.startswith(folder) and name != folder
        }

    def names(self, path: str, **arguments: Any) -> Iterator[str]:
        fs, path = self._fresh(path)
        folder = path.rstrip("/") + "/"
        for name in fs.find(path, **arguments):
            if name.startswith(folder) and name != folder:
                yield name.removeprefix(folder)

    def remove(self, path: str) -> None:
        fs, path = self._fresh(path)
        fs.rm_file(path)

    def uploads(self, prefix: str) -> Iterator[Upload]:
        if self.protocol not in _UPLOADS_UNSEEN:
            return iter(())
        return unfinished_uploads(*self._at(prefix), self.protocol)

    def abort(self, upload: Upload) -> None:
        abort_upload(self._at(upload.url)[0], upload)

    def make_folder(self, path: str) -> None:
        if self.protocol not in _BUCKETS:  # there it would try to create the bucket
            fs, path = self._at(path)
            fs.makedirs(path, exist_ok=True)

    def _arguments(self) -> dict[str, Any]:
        """Return credentials and options in the clear: fsspec tells connections apart by their ``repr``,
        and masked ones would share one connection."""
        return cast("dict[str, Any]", reveal(dict(self.options)))

    def _at(self, path: str) -> tuple[Any, str]:
        from fsspec.core import url_to_fs

        try:
            fs, path = url_to_fs(path, **self._arguments())
        except ImportError as error:
            raise DatasetError(
                f"{self.protocol}:// needs a library that is not installed: {error}"
            ) from error
        except ValueError as error:
            raise DatasetError(f"cannot open {strip_url(path)!r}: {error}") from error
        return fs, path

    def _fresh(self, path: str) -> tuple[Any, str]:
        """Return file system and path, with what is remembered of the path forgotten."""
        fs, path = self._at(path)
        fs.invalidate_cache(path)
        return fs, path


LOCAL = LocalStorage()
_LOCAL_WITHOUT_FOLDERS = LocalStorage(mkdir=False)


def storage_for(
    filepath: str | os.PathLike[str],
    credentials: Mapping[str, Any] | None = None,
    fs_args: Mapping[str, Any] | None = None,
) -> tuple[Storage, str]:
    """Return where a ``filepath`` of a catalog lives, and the path to use there. Opens nothing.

    ``credentials`` and ``fs_args`` are the arguments of the file system; ``open_args_load`` and
    ``open_args_save`` in them are not looked at here.
    """
    protocol, path = split_address(filepath)
    if protocol == "file":
        return (_LOCAL_WITHOUT_FOLDERS if fs_args and not fs_args.get("auto_mkdir", True) else LOCAL), path
    options = {**(credentials or {}), **(fs_args or {})}
    for name in _OPEN_ARGS:
        options.pop(name, None)
    return FsspecStorage(protocol, options), path


def split_address(filepath: str | os.PathLike[str]) -> tuple[str, str]:
    """Return protocol and path of a ``filepath``: ``("file", path)`` or ``(scheme, URL)``.

    ``~`` is the home folder, and nothing is unquoted, both as under Kedro.
    """
    text = os.fspath(filepath)
    if "://" not in text:
        return "file", os.path.expanduser(text) if text.startswith("~") else text
    match = _SCHEME.match(text)
    if match is None:
        if "::" in text.partition("://")[0]:
            raise DatasetError(f"filepath {strip_url(text)!r} chains file systems, which is not supported")
        return "file", text
    protocol, rest = match[1].lower(), text[match.end() :]
    if protocol in ("file", "local"):
        rest = rest.removeprefix("localhost") if rest.startswith("localhost/") else rest
        if re.match(r"/[A-Za-z]:[\\/]", rest):  # file:///C:/folder
            rest = rest[1:]
        return split_address(rest)
    return protocol, f"{protocol}://{_USERINFO.sub('', rest) if protocol in _BUCKETS else rest}"


def bare_path(filepath: str | os.PathLike[str]) -> PurePosixPath:
    """Return the path without its scheme, as Kedro's ``_filepath`` has it."""
    protocol, path = split_address(filepath)
    is_address = protocol in ("http", "https")
    return PurePosixPath(path if is_address or "://" not in path else path.partition("://")[2])


def _kind_of_mode(mode: int) -> Kind:
    if stat.S_ISREG(mode):
        return Kind.FILE
    return Kind.FOLDER if stat.S_ISDIR(mode) else Kind.OTHER


def _kind_of_entry(entry: os.DirEntry[str]) -> Kind:
    if entry.is_dir():
        return Kind.FOLDER
    return Kind.FILE if entry.is_file() else Kind.OTHER


def _kind_of_info(info: Mapping[str, Any]) -> Kind:
    return {"file": Kind.FILE, "directory": Kind.FOLDER}.get(info.get("type", ""), Kind.OTHER)


def _entry_of_info(info: Mapping[str, Any]) -> Entry:
    moment = next(
        (
            info[key]
            for key in ("mtime", "LastModified", "updated", "last_modified", "modified", "created")
            if info.get(key)
        ),
        None,
    )
    return Entry(_kind_of_info(info), info.get("size"), _nanoseconds(moment))


def _nanoseconds(moment: Any) -> int | None:
    if hasattr(moment, "timestamp"):
        moment = moment.timestamp()
    return int(moment * 1_000_000_000) if isinstance(moment, int | float) else None
