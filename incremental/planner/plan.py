"""The plan as a frozen value: every selected node with a verdict and its reasons. It decides nothing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from incremental.planner import document
from incremental.planner.facts import State
from incremental.planner.steps import STANDING, Cause, Mode, Verdict

if TYPE_CHECKING:
    from incremental.pipeline.pipeline import Pipeline
    from incremental.pipeline.selection import Selected
    from incremental.planner.facts import Facts
    from incremental.planner.steps import Reason, Step, Suspect, Unmet


_MOST_SHOWN = 30
"""Nodes in the text that a notebook shows."""


@dataclass(frozen=True, slots=True)
class Plan:
    """Every selected node in topological order, with its verdict; what stands in the way; what is suspect.

    A plan with ``unmet`` inputs or ``conflicts`` is invalid: a runner refuses it whole.
    """

    mode: Mode
    selected: Selected
    facts: Facts
    steps: tuple[Step, ...]
    unmet: tuple[Unmet, ...] = ()
    suspects: tuple[Suspect, ...] = ()
    conflicts: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()

    def __repr__(self) -> str:
        running = self.running
        lines = [f"  {step.node.name}: {'; '.join(map(str, step.reasons))}" for step in running[:_MOST_SHOWN]]
        if len(running) > _MOST_SHOWN:
            lines.append(f"  and {len(running) - _MOST_SHOWN:,} more")
        return "\n".join([f"<Plan: {self.summary}", *lines]) + ">"

    @property
    def pipeline(self) -> Pipeline:
        """The selected pipeline."""
        return self.selected.pipeline

    @property
    def running(self) -> tuple[Step, ...]:
        """The steps that run, in order."""
        return tuple(step for step in self.steps if step.verdict is not Verdict.SKIP)

    @property
    def skipped(self) -> tuple[Step, ...]:
        """The steps that do not run, in order."""
        return tuple(step for step in self.steps if step.verdict is Verdict.SKIP)

    @property
    def is_valid(self) -> bool:
        """Whether a runner may carry it out."""
        return not self.unmet and not self.conflicts

    @property
    def news(self) -> tuple[Step, ...]:
        """The steps that run for a cause other than that they run every time, and what those need."""
        if self.mode is Mode.ALL:
            return self.running
        found: set[str] = set()
        for step in reversed(self.running):  # those that need a node come after it
            if any(_is_news(reason, found) for reason in step.reasons):
                found.add(step.node.name)
        return tuple(step for step in self.running if step.node.name in found)

    def overwrites(self, step: Step) -> tuple[str, ...]:
        """Return the outputs of a step that exist and will be replaced (versioned ones never are)."""
        facts = self.facts
        return tuple(
            name
            for name in step.node.writes
            if facts.state(name) is State.PRESENT and name not in facts.versions
        )

    @property
    def summary(self) -> str:
        """The plan in one line."""
        running, total = len(self.running), len(self.steps)
        if running:
            parts = [f"{running:,} of {_count(total, 'node')} to run", f"{total - running:,} skipped"]
        elif self.suspects or self.facts.changed:
            parts = [f"nothing is missing: {_count(total, 'node')} skipped"]
        else:
            parts = [f"nothing to do: {_count(total, 'node')} up to date"]
        if self.suspects:
            parts.append(f"{_count(len(self.suspects), 'output')} suspect")
        if self.facts.changed:
            parts.append(f"{_count(len(self.facts.changed), 'output')} changed")
        return " · ".join(parts)

    @property
    def digest(self) -> str:
        """32 hexadecimal digits over the canonical JSON."""
        import xxhash

        return xxhash.xxh3_128_hexdigest(self.to_json().encode())

    def to_json(self) -> str:
        """Return canonical JSON: the same facts give the same bytes."""
        return document.dump(self)

    @classmethod
    def from_json(cls, text: str, pipeline: Pipeline) -> Plan:
        """Read a plan back, binding its steps to the nodes of ``pipeline`` by name.

        ``pipeline`` is the whole one, before any selector.

        Raises:
            PlanMismatchError: the text is no plan, or was made from another topology.
        """
        return cls(**document.load(text, pipeline))


def _is_news(reason: Reason, news: set[str]) -> bool:
    if reason.cause is Cause.NEEDED:
        return not news.isdisjoint(reason.nodes)
    return reason.cause not in STANDING


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
