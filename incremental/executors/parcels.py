"""Objects on their way between processes: pickled, with large buffers as mapped files. It sends nothing.

A buffer (of an array, a frame, anything that pickles its data out of band) of a megabyte or more is
written to a file in memory where the system has such a folder, and mapped copy-on-write by whoever
unpacks it: no copy through a pipe, and a change stays with the one who made it. A value that is only
handed on is sealed: its parcel goes from worker to worker, and its files are written once.
"""

# ruff: noqa: PTH108, PTH118, PTH123
from __future__ import annotations

import functools
import io
import mmap
import os
import pickle
import struct
import sys
from collections import ChainMap
from contextlib import suppress
from types import CodeType
from typing import TYPE_CHECKING, Any

from incremental.errors import RunError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

LARGE = 1 << 20  # bytes
_HEAD = struct.Struct("<I")


class Parcel:
    """A sealed value: each ``load`` makes a new one, which is nobody else's. It keeps no files in place."""

    __slots__ = ("body", "files")

    def __init__(self, body: bytes | None, files: tuple[str, ...] = ()) -> None:
        self.body = body
        """The pickle; None where it is large, and the first file."""
        self.files = files

    def __reduce__(self) -> tuple[type[Parcel], tuple[bytes | None, tuple[str, ...]]]:
        return Parcel, (self.body, self.files)

    def load(self) -> Any:
        """Return the value; its large buffers are mapped."""
        if not self.files:
            return pickle.loads(self.body)  # type: ignore[arg-type]  # without files there is a body
        buffers: list[Any] = [_map(name) for name in self.files]
        body = buffers.pop(0) if self.body is None else self.body
        return pickle.loads(body, buffers=buffers)

    def owned(self) -> Parcel:
        """Return the parcel that the files go with."""
        return _OwnParcel(self.body, self.files) if self.files else self


class _OwnParcel(Parcel):
    __slots__ = ()

    def __del__(self) -> None:
        with suppress(Exception):  # whatever is left of the interpreter at its end
            remove(self.files)


def scratch_root() -> str:
    """Return the folder for large buffers: one in memory if there is one."""
    import tempfile

    return "/dev/shm" if os.access("/dev/shm", os.W_OK | os.X_OK) else tempfile.gettempdir()


def pack(value: Any, folder: str | None) -> bytes:
    """Return a value as bytes; its large buffers are put into files in ``folder``, each for one reader."""
    body, names = _pickled(value, folder)
    if not names:
        return _NO_FILES + body
    head = pickle.dumps(names)
    return b"".join((_HEAD.pack(len(head)), head, body))


def unpack(parcel: bytes | memoryview) -> Any:
    """Return the value of a parcel. Its files are gone then; what is mapped lives as long as it is used."""
    view = memoryview(parcel)
    (length,) = _HEAD.unpack_from(view)
    begin = _HEAD.size + length
    if not length:
        return pickle.loads(view[begin:])
    names: list[str] = pickle.loads(view[_HEAD.size : begin])
    try:
        buffers = [_map(name) for name in names]
    finally:
        remove(names)
    return pickle.loads(view[begin:], buffers=buffers)


def seal(values: Mapping[str, Any], folder: str) -> dict[str, Parcel]:
    """Return each value as a parcel, whose large parts are put into files in ``folder``."""
    sealed: dict[str, Parcel] = {}
    try:
        for name, value in values.items():
            body, files = _pickled(value, folder)
            if len(body) < LARGE:
                sealed[name] = Parcel(body, tuple(files))
            else:
                sealed[name] = Parcel(None, (_write(memoryview(body), folder), *files))
    except BaseException:
        for parcel in sealed.values():
            remove(parcel.files)
        raise
    return sealed


def opened(parcels: Mapping[str, Parcel]) -> dict[str, Any]:
    """Return new values of parcels. Raises RunError with the name of the one that does not open."""
    values = {}
    for name, parcel in parcels.items():
        try:
            values[name] = parcel.load()
        except Exception as error:
            text = f"{type(error).__name__}: {error}"
            raise RunError(f"the value of {name!r} cannot be read back: {text}") from error
    return values


def remove(names: Iterable[str]) -> None:
    """Remove files of large buffers."""
    for name in names:
        with suppress(FileNotFoundError):
            os.unlink(name)


_NO_FILES = _HEAD.pack(0)


def _pickled(value: Any, folder: str | None) -> tuple[bytes, list[str]]:
    """Return the pickle of a value and the files that its large buffers went to, in order."""
    names: list[str] = []

    def keep(buffer: pickle.PickleBuffer) -> bool:
        try:
            raw = buffer.raw()
        except BufferError:  # not contiguous
            return True
        if folder is None or raw.nbytes < LARGE:
            return True  # stays in the stream
        names.append(_write(raw, folder))
        return False

    try:
        try:
            body = pickle.dumps(value, protocol=5, buffer_callback=keep)
        except Exception:  # noqa: BLE001 - the other pickler says what it is, should it fail, too
            body = b""
        if body and not _names_what_stays_here(body):
            return body, names
        remove(names)
        names.clear()
        return _dumps(value, keep), names
    except BaseException:
        remove(names)
        raise


def _dumps(value: Any, keep: Callable[[pickle.PickleBuffer], bool]) -> bytes:
    """Return the pickle of a value; its code knows where it was written, which newer cloudpickles forget."""
    file = io.BytesIO()
    _pickler()(file, protocol=5, buffer_callback=keep).dump(value)
    return file.getvalue()


@functools.cache
def _pickler() -> Any:
    import cloudpickle

    base: Any = cloudpickle.Pickler
    reduce = base.dispatch_table[CodeType]

    def reduce_code(code: CodeType) -> tuple[Any, ...]:
        return _placed, (code.co_filename, *reduce(code))

    table = ChainMap({CodeType: reduce_code}, base.dispatch_table)
    return type("Pickler", (base,), {"dispatch_table": table})


def _placed(filename: str, make: Callable[..., CodeType], arguments: tuple[Any, ...]) -> CodeType:
    return make(*arguments).replace(co_filename=filename)


def _names_what_stays_here(body: bytes) -> bool:
    """Tell whether a pickle may name something by a module that another process does not have."""
    if b"__main__" in body:
        return True
    cloudpickle = sys.modules.get("cloudpickle")
    modules: set[str] = set() if cloudpickle is None else cloudpickle.list_registry_pickle_by_value()
    return any(name.encode() in body for name in modules)


def _write(raw: memoryview, folder: str) -> str:
    name = os.path.join(folder, os.urandom(8).hex())
    with open(name, "xb", buffering=0) as file:
        rest = raw.cast("B") if raw.format != "B" else raw
        while rest:
            rest = rest[file.write(rest) :]
    return name


def _map(name: str) -> mmap.mmap:
    with open(name, "rb") as file:
        return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_COPY)
