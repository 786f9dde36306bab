"""What ``doctor`` found, as text and as JSON types. It examines nothing."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from incremental.render.text import Look, Style, aligned, count, row

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was looked at; a fault has a remedy, and what is healthy may have advice."""

    subject: str
    finding: str
    remedy: str = ""
    healthy: bool = True

    @property
    def level(self) -> str:
        """ok, advice or fault."""
        if not self.healthy:
            return "fault"
        return "advice" if self.remedy else "ok"


_STYLES = {"ok": Style.GOOD, "advice": Style.WORK, "fault": Style.BAD}


def checks_text(checks: Sequence[Check], look: Look) -> str:
    """Return a line a check, its remedy below it, and the number of faults."""
    rows = []
    for each in checks:
        first, *more = each.finding.splitlines() or [""]
        rows.append(row(each.level, each.subject, first, style=_STYLES[each.level]))
        rows += [row("", "", line.strip()) for line in more]
        if each.remedy:
            rows.append(row("", "", f"→ {each.remedy}"))
    faults = sum(each.level == "fault" for each in checks)
    advice = sum(each.level == "advice" for each in checks)
    told = count(faults, "fault") if faults else "no faults found"
    return "\n".join([*aligned(rows, look), f"{told}, {advice:,} with advice" if advice else told])


def checks_document(checks: Sequence[Check]) -> dict[str, Any]:
    """Return the checks as ``incremental-doctor/1``."""
    return {
        "format": "incremental-doctor/1",
        "healthy": all(each.healthy for each in checks),
        "checks": [{**asdict(each), "level": each.level} for each in checks],
    }
