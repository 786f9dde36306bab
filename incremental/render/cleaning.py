"""What ``clean`` removes or would remove, as text and as JSON types. It removes nothing."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from incremental.render.text import Look, Style, aligned, count, moment, row

if TYPE_CHECKING:
    from collections.abc import Sequence

_UNITS = ("B", "KB", "MB", "GB", "TB")


@dataclass(frozen=True, slots=True)
class Waste:
    """One thing that nobody needs any more."""

    kind: str
    name: str
    """A path, a URL, or the id of a run."""
    bytes: int | None = None
    """None where that is not known."""
    since: float | None = None
    """When it was last written, in seconds since the epoch."""


@dataclass(frozen=True, slots=True)
class Kept:
    """One thing that was left alone, and why."""

    name: str
    reason: str


def cleaning_text(waste: Sequence[Waste], kept: Sequence[Kept], look: Look, *, removed: bool) -> str:
    """Return a line for each thing, then what was left alone, then the sum."""
    rows = [
        row(
            each.kind,
            look.place(each.name),
            "" if each.bytes is None else size(each.bytes),
            "" if each.since is None else moment(each.since),
            style=Style.WORK,
        )
        for each in waste
    ]
    rows += [row("left alone", look.place(each.name), each.reason, style=Style.FAINT) for each in kept]
    total = f"{count(len(waste), 'thing')}, {size(sum(each.bytes or 0 for each in waste))}"
    if not waste:
        end = "nothing to clean"
    elif removed:
        end = f"removed {total}"
    else:
        end = f"{total}: --yes removes them"
    return "\n".join([*aligned(rows, look), end])


def cleaning_document(waste: Sequence[Waste], kept: Sequence[Kept], *, removed: bool) -> dict[str, Any]:
    """Return the same as ``incremental-clean/1``."""
    return {
        "format": "incremental-clean/1",
        "removed": removed,
        "bytes": sum(each.bytes or 0 for each in waste),
        "waste": [asdict(each) for each in waste],
        "left_alone": [asdict(each) for each in kept],
    }


def size(number: float) -> str:
    """Return bytes in the unit that suits them: ``0 B``, ``1.5 KB``, ``20 MB``; thousands, not 1024s."""
    for unit in _UNITS:
        if number < 999.5 or unit == _UNITS[-1]:
            break
        number /= 1000
    return f"{number:.1f} {unit}" if number < 9.95 and unit != "B" else f"{number:.0f} {unit}"
