"""A disk that fails on purpose: counts every file operation below one folder and lets something happen at one.

It stands between Python and the system: the functions of ``os``, ``open`` for writing, and the
transactions of ``sqlite3``. What C code writes by itself, SQLite's own pages above all, is not seen:
a transaction is one operation. It knows nothing of what is written, and judges nothing.

::

    with Disk(folder) as disk:  # count
        save()
    for at in range(len(disk.operations)):
        with Disk(folder, Fail(at, errno.ENOSPC)):
            save()
"""

from __future__ import annotations

import builtins
import io
import os
import pathlib
import sqlite3
from collections.abc import Callable
from typing import Any

from faults.effects import Effect, Operation

from incremental.io.files import folders
from incremental.io.files.digests import TappedFile

_LSTAT = os.lstat  # our own question is no operation
WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
_SQL = ("BEGIN", "COMMIT", "PRAGMA journal_mode", "PRAGMA wal_checkpoint")


_ACCESSOR = getattr(pathlib, "_NormalAccessor", None)  # Python 3.10 keeps the functions that it found


class Disk:
    """While entered, every change below ``root`` is an operation; with ``looks`` every question too.

    Not for several threads.
    """

    def __init__(
        self, root: str | os.PathLike[str], effect: Effect | None = None, *, looks: bool = False
    ) -> None:
        self.operations: list[Operation] = []
        self.effect = effect or Effect()
        self._root = os.path.realpath(root)
        self._looks = looks
        self._names: dict[int, str] = {}  # of open files and folders below the root
        self._written: set[int] = set()
        self._replaced: list[tuple[Any, str, Any]] = []

    # -- entering and leaving

    def __enter__(self) -> Disk:
        real_open, real_connect = io.open, sqlite3.connect
        for name in ("replace", "rename", "link"):
            self._replace(name, self._two_names(name, getattr(os, name)))
        self._put(folders, "_exchanged", self._two_names("exchange", folders._exchanged))
        for name, called in (
            ("mkdir", "mkdir"),
            ("rmdir", "rmdir"),
            ("unlink", "unlink"),
            ("remove", "unlink"),
        ):
            self._replace(name, self._one_name(called, getattr(os, name)))
        for name in ("chmod", "truncate", "utime"):
            self._replace(name, self._one_name(name, getattr(os, name)))
        for name in ("fsync", "fchmod", "ftruncate"):
            self._replace(name, self._by_descriptor(name, getattr(os, name)))
        for name in ("lstat", "stat", "access") if self._looks else ():
            self._replace(name, self._one_name(name, getattr(os, name)))
        for name in ("fstat",) if self._looks else ():
            self._replace(name, self._by_descriptor(name, getattr(os, name)))
        self._put(os, "open", self._open(os.open))
        self._replace("close", self._close(os.close))
        self._replace("write", self._write(os.write))
        file_open = self._file_open(real_open)
        self._put(builtins, "open", file_open)
        self._put(io, "open", file_open)
        if _ACCESSOR is not None:
            self._put(_ACCESSOR, "open", staticmethod(file_open))
        self._put(TappedFile, "write", self._tapped_write(TappedFile.write))
        self._put(sqlite3, "connect", self._connect(real_connect))
        return self

    def __exit__(self, *_: object) -> None:
        while self._replaced:
            owner, name, former = self._replaced.pop()
            setattr(owner, name, former)

    def _put(self, owner: Any, name: str, new: Any) -> None:
        self._replaced.append(
            (owner, name, vars(owner)[name] if isinstance(owner, type) else getattr(owner, name))
        )
        setattr(owner, name, new)

    def _replace(self, name: str, new: Callable[..., Any]) -> None:
        self._put(os, name, new)
        if _ACCESSOR is not None and name in vars(_ACCESSOR):
            self._put(_ACCESSOR, name, staticmethod(new))

    # -- one operation

    def perform(self, operation: Operation, act: Callable[[], Any]) -> Any:
        """Count an operation and carry it out, as the effect lets it."""
        at = len(self.operations)
        self.operations.append(operation)
        self.effect.before(at, operation)
        try:
            result = act()
        except OSError:
            self.effect.failed(at, operation)
            raise
        self.effect.after(at, operation)
        return result

    def perform_write(self, path: str, fd: int, data: Any, write: Callable[[Any], int]) -> int:
        """Count a write and carry it out, in two halves where the effect wants something in between."""
        view = memoryview(data).cast("B")
        operation = Operation("write", path, fd=fd, data=bytes(view))
        at = len(self.operations)
        self.operations.append(operation)
        self.effect.before(at, operation)
        done = 0
        if self.effect.half(at, operation):
            done = write(view[: len(view) // 2])
            self.effect.torn(at, operation)
        done += write(view[done:])
        self.effect.after(at, operation)
        return done

    def _below(self, path: Any, dir_fd: int | None = None) -> str | None:
        """Return the absolute path of what is below the root, or None."""
        if isinstance(path, int):
            return self._names.get(path)
        try:
            text = os.fsdecode(path)
        except TypeError:
            return None
        if dir_fd is not None:
            folder = self._names.get(dir_fd)
            if folder is None:
                return None
            text = os.path.join(folder, text)
        text = os.path.abspath(text)
        return text if text.startswith(self._root + os.sep) or text == self._root else None

    def _one_name(self, name: str, real: Callable[..., Any]) -> Callable[..., Any]:
        def call(path: Any, *args: Any, **kwargs: Any) -> Any:
            found = self._below(path, kwargs.get("dir_fd"))
            if found is None:
                return real(path, *args, **kwargs)
            return self.perform(Operation(name, found), lambda: real(path, *args, **kwargs))

        return call

    def _two_names(self, name: str, real: Callable[..., Any]) -> Callable[..., Any]:
        def call(source: Any, target: Any, **kwargs: Any) -> Any:
            old, new = self._below(source), self._below(target)
            if new is None:
                return real(source, target, **kwargs)
            called = "rename" if name == "replace" else name
            return self.perform(Operation(called, new, old or ""), lambda: real(source, target, **kwargs))

        return call

    def _by_descriptor(self, name: str, real: Callable[..., Any]) -> Callable[..., Any]:
        def call(fd: int, *args: Any) -> Any:
            found = self._names.get(fd)
            if found is None:
                return real(fd, *args)
            return self.perform(Operation(name, found, fd=fd), lambda: real(fd, *args))

        return call

    def _open(self, real: Callable[..., int]) -> Callable[..., int]:
        def call(path: Any, flags: int, mode: int = 0o777, *, dir_fd: int | None = None) -> int:
            found = self._below(path, dir_fd)
            if found is None:
                return real(path, flags, mode, dir_fd=dir_fd)
            if not flags & WRITING and not self._looks:
                fd = real(path, flags, mode, dir_fd=dir_fd)
            else:
                how = _how(found, bool(flags & os.O_TRUNC))
                fd = self.perform(
                    Operation("open", found, data=how), lambda: real(path, flags, mode, dir_fd=dir_fd)
                )
            self._names[fd] = found
            self._written.discard(fd)
            if flags & WRITING:
                self._written.add(fd)
            return fd

        return call

    def _close(self, real: Callable[[int], None]) -> Callable[[int], None]:
        def call(fd: int) -> None:
            found = self._names.pop(fd, None)
            if found is None or (fd not in self._written and not self._looks):
                return real(fd)
            self._written.discard(fd)
            try:
                self.perform(Operation("close", found, fd=fd), lambda: None)
            finally:
                real(fd)  # also where it fails: Linux lets go of the descriptor all the same
            return None

        return call

    def _write(self, real: Callable[[int, Any], int]) -> Callable[[int, Any], int]:
        def call(fd: int, data: Any) -> int:
            found = self._names.get(fd)
            if found is None:
                return real(fd, data)
            return self.perform_write(found, fd, data, lambda part: real(fd, part))

        return call

    def _tapped_write(self, real: Callable[..., int]) -> Callable[..., int]:
        def write(file: TappedFile, data: Any) -> int:
            fd = io.FileIO.fileno(file)  # its own says that somebody may write past it
            found = self._names.get(fd)
            if found is None:
                return real(file, data)
            return self.perform_write(found, fd, data, lambda part: real(file, part))

        return write

    def _file_open(self, real: Callable[..., Any]) -> Callable[..., Any]:
        def call(file: Any, mode: str = "r", buffering: int = -1, *args: Any, **kwargs: Any) -> Any:
            found = self._below(file)
            if found is None or not set(mode) & set("wax+") or kwargs.get("opener") is not None:
                return real(file, mode, buffering, *args, **kwargs)
            keeps_open = {"closefd": kwargs.pop("closefd")} if "closefd" in kwargs else {}
            raw = _RawFile(self, file, found, mode.replace("t", "").replace("b", ""), **keeps_open)
            size = buffering if buffering > 1 else io.DEFAULT_BUFFER_SIZE
            buffered: Any = io.BufferedRandom(raw, size) if "+" in mode else io.BufferedWriter(raw, size)
            return buffered if "b" in mode else io.TextIOWrapper(buffered, *args, **kwargs)

        return call

    def _connect(self, real: Callable[..., sqlite3.Connection]) -> Callable[..., sqlite3.Connection]:
        def call(database: Any, *args: Any, **kwargs: Any) -> sqlite3.Connection:
            found = None if kwargs.get("uri") else self._below(database)
            if found is None:
                return real(database, *args, **kwargs)
            connection = real(database, *args, factory=_Connection, **kwargs)
            connection.watch(self, found)
            return connection

        return call


class _RawFile(io.FileIO):
    """A file whose opening, writes and closing are operations."""

    def __init__(self, disk: Disk, file: Any, path: str, mode: str, **kwargs: Any) -> None:
        self._disk, self._path, self._is_ours = disk, path, not isinstance(file, int)
        if self._is_ours:
            how = _how(path, "w" in mode)
            super_init = super().__init__
            disk.perform(Operation("open", path, data=how), lambda: super_init(file, mode, **kwargs))
        else:
            super().__init__(file, mode, **kwargs)

    def write(self, data: Any) -> int:
        return self._disk.perform_write(self._path, self.fileno(), data, super().write)

    def close(self) -> None:
        if self.closed or not self._is_ours:
            super().close()
            return
        try:
            self._disk.perform(Operation("close", self._path), lambda: None)
        finally:
            super().close()


class _Connection(sqlite3.Connection):
    """A connection whose transactions are operations."""

    _disk: Disk | None = None
    _path = ""

    def watch(self, disk: Disk, path: str) -> None:
        self._disk, self._path = disk, path

    def execute(self, sql: str, *args: Any) -> sqlite3.Cursor:
        execute = super().execute
        name = next((f"sql {start}" for start in _SQL if sql.lstrip().startswith(start)), None)
        if self._disk is None or name is None:
            return execute(sql, *args)
        cursor: sqlite3.Cursor = self._disk.perform(
            Operation(name, self._path, connection=self), lambda: execute(sql, *args)
        )
        return cursor

    def close(self) -> None:
        disk, self._disk = self._disk, None
        if disk is None:
            super().close()
            return
        close = super().close
        disk.perform(Operation("sql close", self._path), close)


def _how(path: str, empties: bool) -> bytes:
    try:
        _LSTAT(path)
    except OSError:
        return b"new"
    return b"empty" if empties else b""
