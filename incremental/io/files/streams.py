"""Text and compression over binary files, from the ``open_args_load`` and ``open_args_save`` of a dataset.

It opens and closes no file of its own.
"""

from __future__ import annotations

import io
from contextlib import contextmanager
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, Any, cast

from incremental.errors import DatasetError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_TEXT = ("encoding", "errors", "newline")


@dataclass(frozen=True, slots=True)
class OpenArgs:
    """How a file is opened: what we do ourselves, and the rest for the storage."""

    mode: str
    text: dict[str, Any]
    compression: str | None
    rest: dict[str, Any]

    @classmethod
    def of(cls, default_mode: str, given: Mapping[str, Any] | None) -> OpenArgs:
        """Split the arguments that a catalog gives."""
        rest = dict(given or {})
        mode = rest.pop("mode", default_mode)
        text = {name: rest.pop(name) for name in _TEXT if name in rest}
        text.setdefault("encoding", "utf-8")
        return cls(mode, text, rest.pop("compression", None), rest)

    @property
    def is_text(self) -> bool:
        return "b" not in self.mode

    @property
    def appends(self) -> bool:
        return "a" in self.mode

    @property
    def exclusive(self) -> bool:
        return "x" in self.mode

    def check_writes(self) -> None:
        """Raise DatasetError when this mode does not write a whole file or append to one."""
        if not set(self.mode) & set("wax"):
            raise DatasetError(
                f"open_args_save has mode {self.mode!r}, which cannot save; use 'w', 'a' or 'x'"
            )


def reading(file: IO[bytes], path: str, args: OpenArgs) -> IO[Any]:
    """Return a stream over ``file`` that decompresses and decodes as asked; closing it closes ``file``."""
    codec = _codec(path, args.compression)
    if codec is not None:
        file = codec(file, mode="rb")
    return cast("IO[Any]", io.TextIOWrapper(file, **args.text)) if args.is_text else file


@contextmanager
def writing(file: IO[bytes], path: str, args: OpenArgs) -> Iterator[IO[Any]]:
    """Yield a stream over ``file`` that encodes and compresses as asked; finish it, leaving ``file`` open."""
    codec = _codec(path, args.compression)
    inner = file if codec is None else codec(_Undying(file), mode="wb")
    if args.is_text:
        text = io.TextIOWrapper(inner, **args.text)
        yield cast("IO[Any]", text)
        text.flush()
        text.detach()
    else:
        yield inner
    if codec is not None:
        inner.close()  # writes the trailer


class _Undying(io.BufferedIOBase):
    """A file that a compressor may close without closing the one beneath."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        return self._file.write(data)

    def tell(self) -> int:
        return self._file.tell()

    def flush(self) -> None:
        if not self._file.closed:
            self._file.flush()


def _codec(path: str, compression: str | None) -> Any:
    """Return the opener of a compression, ``"infer"`` looking at the path; ``None`` for none."""
    if compression is None:
        return None
    from fsspec.compression import compr
    from fsspec.core import get_compression

    return compr[get_compression(path, compression)]
