"""In what two runs differ, as text and as JSON types. It compares nothing itself."""

from __future__ import annotations

import math
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from incremental.render.runs import runs_text, told_cause
from incremental.render.text import Look, Row, Style, aligned, cut, duration, row, volume
from incremental.state.comparison import SKIPPED

if TYPE_CHECKING:
    from collections.abc import Sequence

    from incremental.state.comparison import Change, Comparison, OnlyIn, Tempo, Volume

_MOST_NODES = 50


def comparison_text(found: Comparison, look: Look) -> str:
    """Return both runs, and a section for each way in which they differ."""
    before, after = found.before.run_id, found.after.run_id
    sections = (
        (f"ran only in {before}", [_only_row(each, "in the other") for each in found.only_before]),
        (f"ran only in {after}", [_only_row(each, "in the other") for each in found.only_after]),
        ("changed", [_change_row(each) for each in found.changes]),
        ("slower", [_tempo_row(each, Style.BAD) for each in found.slower]),
        ("faster", [_tempo_row(each, Style.GOOD) for each in found.faster]),
        ("sizes", [_volume_row(each) for each in found.volumes]),
    )
    lines = [runs_text([found.before, found.after], look)]
    for title, rows in sections:
        if rows:
            lines += ["", look.paint(title, Style.STRONG), *_table(rows, look)]
    if found.is_empty:
        lines += ["", "no differences"]
    return "\n".join(lines)


def comparison_document(found: Comparison) -> dict[str, Any]:
    """Return the differences as ``incremental-runs-diff/1``; times in seconds, sizes in bytes."""
    return {
        "format": "incremental-runs-diff/1",
        "before": found.before.run_id,
        "after": found.after.run_id,
        "only_before": [asdict(each) for each in found.only_before],
        "only_after": [asdict(each) for each in found.only_after],
        "changes": [asdict(each) for each in found.changes],
        "slower": [_tempo(each) for each in found.slower],
        "faster": [_tempo(each) for each in found.faster],
        "sizes": [asdict(each) for each in found.volumes],
    }


def _table(rows: Sequence[Row], look: Look) -> list[str]:
    return cut(aligned(rows, look, "  "), None if look.width is None else _MOST_NODES, "lines")


def _only_row(each: OnlyIn, other: str) -> Row:
    skipped, _, cause = each.why_not.partition(SKIPPED)
    why_not = each.why_not if skipped or not cause else told_cause(cause)
    return row(each.node, each.why, f"{other}: {why_not}")


def _change_row(each: Change) -> Row:
    return row(each.kind, each.name, f"{each.before} → {each.after}")


def _tempo_row(each: Tempo, style: Style) -> Row:
    return row(each.node, f"{duration(each.before)} → {duration(each.after)}", _times(each), style=style)


def _times(each: Tempo) -> str:
    """Return how many times as long, or as fast."""
    longer, shorter = max(each.before, each.after), min(each.before, each.after)
    if not shorter:
        return ""
    return f"{longer / shorter:.1f} times {'as long' if each.after > each.before else 'as fast'}"


def _volume_row(each: Volume) -> Row:
    percent = f"{(each.after - each.before) / each.before:+.0%}" if each.before else ""
    return row(each.node, each.verb, f"{volume(each.before)} → {volume(each.after)}", percent)


def _tempo(each: Tempo) -> dict[str, Any]:
    return {**asdict(each), "ratio": None if math.isinf(each.ratio) else each.ratio}
