"""What ``doctor`` found, as text and as JSON types. It examines nothing."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from incremental.render.text import Look, Style, aligned, count, row

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was looked at; a fault has a remedy."""

    subject: str
    finding: str
    remedy: str = ""
    healthy: bool = True


def checks_text(checks: Sequence[Check], look: Look) -> str:
    """Return a line a check, its remedy below it, and the number of faults."""
    rows = []
    for each in checks:
        word, style = ("ok", Style.GOOD) if each.healthy else ("fault", Style.BAD)
        first, *more = each.finding.splitlines() or [""]
        rows.append(row(word, each.subject, first, style=style))
        rows += [row("", "", line.strip()) for line in more]
        if each.remedy:
            rows.append(row("", "", f"→ {each.remedy}"))
    faults = sum(not each.healthy for each in checks)
    return "\n".join([*aligned(rows, look), count(faults, "fault") if faults else "no faults found"])


def checks_document(checks: Sequence[Check]) -> dict[str, Any]:
    """Return the checks as ``incremental-doctor/1``."""
    return {
        "format": "incremental-doctor/1",
        "healthy": all(each.healthy for each in checks),
        "checks": [asdict(each) for each in checks],
    }
