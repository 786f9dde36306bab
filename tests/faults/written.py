"""What the projects of the fault tests have in common: foreign datasets, and how their outputs are read back.

It runs nothing.
"""

from __future__ import annotations

from pathlib import Path

from incremental.io.files.members import is_hidden

FOREIGN = '''
from pathlib import Path
from incremental.io import AbstractDataset


class InPlace(AbstractDataset):
    """Writes its own path, piece by piece."""

    def __init__(self, filepath, piece=1500):
        self._filepath, self._piece = Path(filepath), piece

    def load(self):
        return self._filepath.read_text()

    def save(self, data):
        with open(self._filepath, "w") as file:
            for start in range(0, len(data), self._piece):
                file.write(data[start : start + self._piece])
                file.flush()

    def exists(self):
        return self._filepath.exists()


class Appending(InPlace):
    """Adds to what is there, and can begin anew."""

    def save(self, data):
        with open(self._filepath, "a") as file:
            file.write(data)

    def reset(self):
        open(self._filepath, "w").close()
'''


def content_at(path: Path) -> bytes | None:
    """Return what an output holds: a file, the latest of its versions, or all partitions with their names."""
    if not path.is_dir():
        return path.read_bytes() if path.exists() else None
    versions = sorted(path.glob(f"*/{path.name}"))
    if versions:
        return versions[-1].read_bytes()
    members = [
        found
        for found in sorted(path.rglob("*"))
        if found.is_file() and not any(map(is_hidden, found.relative_to(path).parts))
    ]
    if not members:
        return None
    return b"".join(f"{found.relative_to(path)}\0".encode() + found.read_bytes() for found in members)
