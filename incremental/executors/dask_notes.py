"""What a process had begun and ended, in a file that outlives it. It knows nothing of calls but numbers."""

from __future__ import annotations

import itertools
import mmap
import struct
from pathlib import Path
from urllib.parse import quote

_NOTE = struct.Struct("<qqq")  # in which place it began, from 1, the number of the call, whether it has ended
_NOTES = 512  # the last so many: what is older was heard long ago


class Notes:
    """The notes of one process; threads may share them. A note costs no call of the system.

    Args:
        path: of the file, which is made anew.
    """

    def __init__(self, path: Path) -> None:
        with path.open("w+b") as file:
            file.truncate(_NOTE.size * _NOTES)
            self._map = mmap.mmap(file.fileno(), _NOTE.size * _NOTES)
        self._order = itertools.count(1)

    def begin(self, number: int) -> int:
        """Note that a call begins; return what to end the note by."""
        note = next(self._order)
        _NOTE.pack_into(self._map, note % _NOTES * _NOTE.size, note, number, 0)
        return note

    def end(self, note: int) -> None:
        """Note that a call has ended, unless there is no room for that any more."""
        here = note % _NOTES * _NOTE.size
        found, number, _ = _NOTE.unpack_from(self._map, here)
        if found == note:
            _NOTE.pack_into(self._map, here, note, number, 1)


def notes_of(folder: str, address: str) -> Path:
    """Return the file for the notes of a worker."""
    return Path(folder, quote(address, safe=""))


def read_notes(path: Path) -> dict[int, bool]:
    """Return the last calls that a process began, and whether each had ended, unless it was the death of it.

    A signal that a call sends to its own process may be served by another thread, a moment after the call.
    So the last call counts as one that has not ended, where no other is.
    """
    try:
        notes = sorted(_NOTE.iter_unpack(path.read_bytes()))
    except OSError:  # it had not come so far
        return {}
    found = {number: bool(has_ended) for order, number, has_ended in notes if order}
    if all(found.values()) and found:
        found[notes[-1][1]] = False
    return found
