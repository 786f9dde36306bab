"""Objects on their way between processes: cloudpickle, with large buffers as mapped files. It sends nothing.

A buffer (of an array, a frame, anything that pickles its data out of band) of a megabyte or more is
written to a file in memory where the system has such a folder, and mapped copy-on-write by whoever
unpacks it: no copy through a pipe, and a change stays with the one who made it.
"""

# ruff: noqa: PTH108, PTH118, PTH123
from __future__ import annotations

import functools
import io
import mmap
import os
import pickle
import struct
from collections import ChainMap
from contextlib import suppress
from types import CodeType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

LARGE = 1 << 20  # bytes
_HEAD = struct.Struct("<I")


def cloudpickle() -> Any:
    """Return the cloudpickle that comes with joblib: newer ones depend on it, older ones bring it."""
    try:
        import cloudpickle as found
    except ImportError:
        from joblib.externals import cloudpickle as found
    return found


def scratch_root() -> str:
    """Return the folder for large buffers: one in memory if there is one."""
    import tempfile

    return "/dev/shm" if os.access("/dev/shm", os.W_OK | os.X_OK) else tempfile.gettempdir()


def pack(value: Any, folder: str | None) -> bytes:
    """Return a value as bytes; its large buffers are put into files in ``folder``, each for one reader."""
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
        body = _dumps(value, keep)
    except BaseException:
        remove(names)
        raise
    head: bytes = pickle.dumps(names) if names else b""
    return _HEAD.pack(len(head)) + head + bytes(body)


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


def remove(names: list[str]) -> None:
    """Remove files of large buffers."""
    for name in names:
        with suppress(FileNotFoundError):
            os.unlink(name)


def _dumps(value: Any, keep: Callable[[pickle.PickleBuffer], bool]) -> bytes:
    """Return the pickle of a value; its code knows where it was written, which newer cloudpickles forget."""
    file = io.BytesIO()
    _pickler()(file, protocol=5, buffer_callback=keep).dump(value)
    return file.getvalue()


@functools.cache
def _pickler() -> Any:
    base: Any = cloudpickle().Pickler
    reduce = base.dispatch_table[CodeType]

    def reduce_code(code: CodeType) -> tuple[Any, ...]:
        return _placed, (code.co_filename, *reduce(code))

    table = ChainMap({CodeType: reduce_code}, base.dispatch_table)
    return type("Pickler", (base,), {"dispatch_table": table})


def _placed(filename: str, make: Callable[..., CodeType], arguments: tuple[Any, ...]) -> CodeType:
    return make(*arguments).replace(co_filename=filename)


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
