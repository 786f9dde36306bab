"""Run every benchmark and write the table to ``benchmarks/results``. No figure makes it fail."""

from __future__ import annotations

import json
import platform

import cold_start
import executors
import kedro_projects
import kedro_runner
import node_overhead
import plan_noop
import trust
from budgets import ABOVE_FLOOR, BUDGETS, RATIOS, YARDSTICK
from harness import HERE, TIMES, Row, header, slowness


def main() -> None:
    """Measure, print and write the table."""
    slow = slowness(YARDSTICK)
    header()
    found = [
        *plan_noop.rows(),
        *node_overhead.rows(),
        *cold_start.rows(),
        *executors.rows(),
        *trust.rows(),
        *kedro_runner.rows(),
        *kedro_projects.rows(),
    ]
    results = HERE / "results"
    results.mkdir(exist_ok=True)
    (results / "rows.json").write_text(json.dumps([row.as_dict() for row in found], indent=1))
    (results / "table.md").write_text(table(found, slow))
    print(f"\nwritten to {results.relative_to(HERE.parent)}/table.md")


def table(found: list[Row], slow: float) -> str:
    """Return the rows as a Markdown table, for a machine so many times slower than budgets are meant for."""
    lines = [
        f"Python {platform.python_version()}; CPU medians, Kedro 1.7.0 in the same run. Budgets of time are "
        f"multiplied by {slow:.2f}: so much slower is this machine than the one they are meant for.",
        "",
        "| job | ours, CPU | ours, wall | by hand, CPU | Kedro, CPU | ratio | budget |",
        "|---|---|---|---|---|---|---|",
    ]
    for row in found:
        theirs = f"{row.theirs.cpu:.4g}" if row.theirs else "-"
        ratio = f"{row.ratio:.1f}" if row.ratio else "-"
        floor = f"{row.floor.cpu:.4g}" if row.floor else "-"
        lines.append(
            f"| {row.job} ({row.unit}) | {row.ours.cpu:.4g} | {row.ours.wall:.4g} | "
            f"{floor} | {theirs} | {ratio} | {verdict(row, slow)} |"
        )
    return "\n".join(lines) + "\n"


def verdict(row: Row, slow: float) -> str:
    """Say whether a row keeps its budget."""
    parts = []
    if row.job in BUDGETS:
        budget = BUDGETS[row.job] * (slow if row.unit in TIMES else 1)
        parts.append(f"{budget:.4g}: {'met' if row.ours.cpu <= budget else 'missed'}")
    if row.job in RATIOS and row.ratio:
        word = "met" if row.ratio >= RATIOS[row.job] else "missed"
        parts.append(f"{RATIOS[row.job]} times cheaper: {word}")
    if row.job in ABOVE_FLOOR and row.above_floor:
        word = "met" if row.above_floor <= ABOVE_FLOOR[row.job] else "missed"
        parts.append(f"{ABOVE_FLOOR[row.job]} times by hand: {word} ({row.above_floor:.2f})")
    return ", ".join(parts) or "-"


if __name__ == "__main__":
    main()
