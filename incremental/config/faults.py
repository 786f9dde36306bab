"""Where configuration is wrong, as values, and the one error that shows all of them.

It finds no fault itself: readers and loaders do.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from incremental.errors import ConfigError
from incremental.secrets import strip_url

if TYPE_CHECKING:
    from collections.abc import Sequence

SHOWN = 8  # faults in one message; with a first and a last line that makes ten


@dataclass(frozen=True, slots=True)
class Origin:
    """A place in a configuration file; lines count from 1."""

    file: str
    line: int

    def __str__(self) -> str:
        return f"{show_path(self.file)}:{self.line}"


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is wrong, where, and what to do about it."""

    origin: Origin | None
    text: str

    def __str__(self) -> str:
        return f"{self.origin}: {self.text}" if self.origin else self.text


def show_path(path: str | os.PathLike[str]) -> str:
    """Return a path as a reader would type it: relative when it lies in the working folder."""
    text = os.fspath(path)
    try:
        return Path(text).relative_to(Path.cwd()).as_posix()
    except (ValueError, OSError):
        return strip_url(text)


def error_of(faults: Sequence[Fault], what: str, kind: type[ConfigError] = ConfigError) -> ConfigError:
    """Return one error, of at most ten lines, that shows the faults of ``what`` (``'catalog'``)."""
    if len(faults) == 1:
        return kind(str(faults[0]))
    count = len(faults) if len(faults) <= SHOWN else f"more than {SHOWN}"
    lines = [f"{count} faults in the configuration of {what!r}:"]
    lines += [f"  {fault}" for fault in faults[:SHOWN]]
    if len(faults) > SHOWN:
        lines.append("  and more, shown when these are corrected")
    return kind("\n".join(lines))
