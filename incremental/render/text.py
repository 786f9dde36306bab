"""The small parts of every text: lists, numbers, times, columns, colour. It knows no plan and no run."""

from __future__ import annotations

import time
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

_ASCII = str.maketrans({"·": "-", "…": "...", "→": "->", "–": "-", "✓": "ok", "°": "deg"})


_MOST_LINES = 12
"""What one row may take of a screen."""


class Style(Enum):
    """What a word is, for the eye."""

    GOOD = "32"
    BAD = "31"
    WORK = "33"
    FAINT = "2"
    STRONG = "1"


@dataclass(frozen=True, slots=True)
class Look:
    """What the reader's screen can show."""

    colour: bool = False
    unicode: bool = True
    width: int | None = None
    """Characters in a line; None: lines are as long as they are."""
    folder: str = ""
    """The folder that the reader is in: paths inside it are shown from there."""

    def paint(self, text: str, style: Style | None) -> str:
        """Return the text in a colour where there is colour."""
        if not self.colour or style is None or not text:
            return text
        return f"\x1b[{style.value}m{text}\x1b[0m"

    def spell(self, text: str) -> str:
        """Return the text with plain signs where the screen knows no others."""
        return text if self.unicode else text.translate(_ASCII)

    def place(self, location: str | None) -> str:
        """Return a path as the reader would type it."""
        if not location or location.startswith("dataset:"):  # a table or the like: only its name is known
            return ""
        return location.removeprefix(f"{self.folder}/") if self.folder else location

    def fit(self, text: str, hang: int = 4) -> str:
        """Return a line broken to the width, cut after a dozen lines; no word is broken that has room in one.

        Args:
            text: the line.
            hang: how far the lines below the first are moved in, where that leaves room for what is in them.
        """
        if self.width is None or len(text) <= self.width:
            return text
        import textwrap

        longest = max(map(len, text.split()), default=0)
        by = " " * max(0, min(hang, self.width // 2, self.width - longest))
        lines = textwrap.TextWrapper(
            self.width, "", by, break_on_hyphens=False, max_lines=_MOST_LINES, placeholder=" …"
        )
        return lines.fill(text)


@dataclass(frozen=True, slots=True)
class Row:
    """One line of a table; the style is that of its first word."""

    cells: tuple[str, ...]
    style: Style | None = None


def row(*cells: str, style: Style | None = None) -> Row:
    """Make a row of its cells."""
    return Row(cells, style)


def aligned(rows: Sequence[Row], look: Look, indent: str = "") -> list[str]:
    """Return the rows as lines with columns below each other; what ends a row is not padded.

    A line that the screen is too narrow for is a text of several lines.
    """
    widths: dict[int, int] = {}
    for each in rows:
        for column, cell in enumerate(each.cells[:-1]):
            widths[column] = max(widths.get(column, 0), len(cell))
    lines = []
    for each in rows:
        end = max((column for column, cell in enumerate(each.cells) if cell), default=0)
        before = [f"{cell.ljust(widths[column])}  " for column, cell in enumerate(each.cells[:end])]
        start = "".join((indent, *before))
        line = look.fit(f"{start}{each.cells[end]}", len(start))
        first = len(indent) + len(each.cells[0])
        lines.append(look.paint(line[:first], each.style) + line[first:])
    return lines


def cut(lines: Sequence[str], most: int | None, noun: str = "") -> list[str]:
    """Return the first lines, and one that counts the others."""
    if most is None or len(lines) <= most:
        return list(lines)
    rest = f"and {len(lines) - most:,} more {noun}".rstrip()
    return [*lines[:most], rest]


def listed(words: Iterable[str], most: int = 5) -> str:
    """Return words with commas between, a long list cut with ``and N more``."""
    known = list(words)
    if len(known) <= most:
        return ", ".join(known)
    return f"{', '.join(known[:most])} and {len(known) - most:,} more"


def count(number: int, noun: str) -> str:
    """Return ``1 node``, ``2,000 nodes``."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def duration(seconds: float) -> str:
    """Return a time span in the unit that suits it: ``12 ms``, ``1.2 s``, ``3 min 20 s``, ``2 h 03 min``."""
    if seconds < 0.9995:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 59.95:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02} s"
    minutes = round(seconds / 60)
    return f"{minutes // 60} h {minutes % 60:02} min"


def volume(size: int) -> str:
    """Return a number of bytes in the unit that suits it: ``812 B``, ``1.2 kB``, ``34 MB``."""
    amount, unit = float(size), "B"
    for larger in ("kB", "MB", "GB", "TB"):
        if amount < 999.5:
            break
        amount, unit = amount / 1000, larger
    return f"{amount:.1f} {unit}" if unit != "B" and amount < 9.95 else f"{amount:,.0f} {unit}"


def moment(epoch: float) -> str:
    """Return a time of day with its date, in the reader's time zone."""
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(epoch))


def clock(epoch: float) -> str:
    """Return a time of day in the reader's time zone."""
    return time.strftime("%H:%M:%S", time.localtime(epoch))


def indented(lines: Iterable[str], by: str = "  ") -> list[str]:
    """Return the lines moved to the right."""
    return [f"{by}{line}" for line in lines]
