"""What was adopted and what was verified, as text and as JSON types. It reads no output."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from incremental.render.text import Look, Style, aligned, count, cut, listed, row

if TYPE_CHECKING:
    from collections.abc import Sequence

    from incremental.session.outputs import Finding, Holding

_MOST = 50
"""Lines on a screen; a file or ``--json`` gets all."""
_STYLES = {
    "damaged": Style.BAD,
    "lost": Style.BAD,
    "unreadable": Style.BAD,
    "incomplete": Style.WORK,
    "unverified": Style.FAINT,
}
_NOTES = {
    "damaged": "is not what run {run} committed",
    "lost": "was committed by run {run} and is not there",
    "unreadable": "was committed by run {run} and cannot be read",
    "incomplete": "a save began and never ended: the next run makes it again",
    "unverified": "run {run} committed it without a digest",
}


def adoption_text(chosen: Sequence[Holding], look: Look, run_id: str | None) -> str:
    """Return a line an output, and what was done: nothing without a ``run_id``."""
    if not chosen:
        return "nothing to adopt: every output that is there has a record that fits"
    rows = [
        row(each.standing.value, each.dataset, look.place(each.location), style=Style.WORK) for each in chosen
    ]
    lines = cut(aligned(rows, look), None if look.width is None else _MOST, "outputs")
    told = count(len(chosen), "output")
    lines.append(f"adopted {told} as {run_id}" if run_id else f"{told} to adopt: name them, or give --all")
    return "\n".join(lines)


def adoption_document(chosen: Sequence[Holding], run_id: str | None) -> dict[str, Any]:
    """Return ``incremental-adopt/1``."""
    return {
        "format": "incremental-adopt/1",
        "adopted_as": run_id,
        "outputs": [
            {
                "dataset": each.dataset,
                "node": each.node,
                "location": each.location,
                "version": each.version,
                "was": each.standing.value,
            }
            for each in chosen
        ],
    }


def verification_text(findings: Sequence[Finding], look: Look) -> str:
    """Return a line for each output that is not whole, and how many there are of each kind."""
    rows = [
        row(
            each.verdict.value,
            each.dataset,
            look.place(each.location),
            _NOTES[each.verdict.value].format(run=each.run_id) + _details(each),
            style=_STYLES[each.verdict.value],
        )
        for each in findings
        if each.verdict.value in _NOTES
    ]
    lines = cut(aligned(rows, look), None if look.width is None else _MOST, "outputs")
    return "\n".join([*lines, verification_summary(findings)])


def _details(finding: Finding) -> str:
    told = listed(finding.members, 3) or finding.error
    return f": {told}" if told else ""


def verification_summary(findings: Sequence[Finding]) -> str:
    """Return how many outputs there are of each kind, in one line."""
    if not findings:
        return "nothing to verify: no output has a record"
    numbers = Counter(each.verdict.value for each in findings)
    kinds = ("whole", *_NOTES)
    parts = [f"{numbers[kind]:,} {kind}" for kind in kinds if numbers[kind] or kind in ("whole", "damaged")]
    return f"verified {count(len(findings), 'output')}: {', '.join(parts)}"


def verification_document(findings: Sequence[Finding], repaired_by: str | None) -> dict[str, Any]:
    """Return ``incremental-verify/1``."""
    return {
        "format": "incremental-verify/1",
        "outputs": [
            {
                "dataset": each.dataset,
                "node": each.node,
                "location": each.location,
                "verdict": each.verdict.value,
                "members": list(each.members),
                "error": each.error,
                "committed_by": each.run_id,
            }
            for each in findings
        ],
        "repaired_by": repaired_by,
        "summary": verification_summary(findings),
    }
