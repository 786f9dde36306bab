"""Files and folders that only the user may see, and that no planted link leads elsewhere. It reads none."""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

_FLAGS = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)


def make_private_folder(folder: Path) -> None:
    """Make a folder that only the user may enter and that git leaves alone, if it is not there."""
    if folder.is_dir():
        return
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    with contextlib.suppress(FileExistsError):
        write_new(folder / ".gitignore", b"*\n")


def make_private_subfolder(folder: Path) -> None:
    """Make a folder inside one of ours, if it is not there.

    Raises:
        NotADirectoryError: a link or a file has its name.
    """
    with contextlib.suppress(FileExistsError):
        folder.mkdir(mode=0o700)
    refuse_link(folder)
    if not folder.is_dir():
        raise NotADirectoryError(f"{str(folder)!r} is no folder; move it away")


def refuse_link(path: Path) -> None:
    """Raise NotADirectoryError where a symbolic link has the name of a file or folder of ours."""
    if path.is_symlink():
        raise NotADirectoryError(f"{str(path)!r} is a link that is not ours; remove it")


def write_private(path: Path, data: bytes) -> None:
    """Write or replace a file in one step, readable by the user only. A link of that name is replaced."""
    from incremental.io.files.staging import staging_name, sync_folder

    staged = path.with_name(staging_name(path.name))
    try:
        write_new(staged, data)
        staged.replace(path)
    except BaseException:
        staged.unlink(missing_ok=True)
        raise
    sync_folder(str(path.parent))


def write_new(path: Path, data: bytes) -> None:
    """Write a file that is not there yet, readable by the user only. Raises FileExistsError."""
    descriptor = os.open(path, _FLAGS, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
