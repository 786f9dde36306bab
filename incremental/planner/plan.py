"""The plan as a frozen value: every selected node with a verdict and its reasons. It decides nothing."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

from incremental.planner.facts import State

if TYPE_CHECKING:
    from incremental.pipeline.node import Node
    from incremental.pipeline.pipeline import Pipeline
    from incremental.pipeline.selection import Selected
    from incremental.planner.facts import Facts


class Verdict(Enum):
    """What becomes of a node."""

    RUN = "run"
    MAYBE = "maybe"  # decided when its inputs are made; no mode of this version plans it
    SKIP = "skip"

    __hash__ = object.__hash__


class Cause(Enum):
    """Why a node runs, or why it does not. Each member's comment is the rule it stands for."""

    PARAMETER_OUTPUT = "parameter output"  # S1
    MISSING = "missing"  # S2
    INCOMPLETE = "incomplete"  # S2
    UNKNOWN = "unknown"  # S2
    RESULT = "result"  # S3
    NO_OUTPUTS = "no outputs"  # S4
    CONFIRMS = "confirms"  # S4
    FORCED = "forced"  # S5
    OUTDATED = "outdated"  # --propagate: made from inputs that were made again since
    UPSTREAM = "upstream"  # --propagate: reads what this plan makes again
    OWED = "owed"  # --resume: the interrupted run had planned it
    NEEDED = "needed"  # closure
    SELECTED = "selected"  # every node of a plain run
    PRESENT = "present"  # skip: its outputs are there
    HANDED_IN = "handed in"  # skip: its output lives in memory, and the caller gave it
    UNUSED = "unused"  # skip: its output lives in memory and nothing that runs reads it

    __hash__ = object.__hash__


STANDING = frozenset({Cause.RESULT, Cause.NO_OUTPUTS, Cause.CONFIRMS})
"""Causes of nodes that run every time: no news to ``plan --exit-code``."""


@dataclass(frozen=True, slots=True)
class Reason:
    """Why a node has its verdict, with the datasets and nodes that witness it."""

    cause: Cause
    datasets: tuple[str, ...] = ()
    nodes: tuple[str, ...] = ()

    def __str__(self) -> str:
        return _SENTENCES[self.cause].format(datasets=_listed(self.datasets), nodes=_listed(self.nodes))


_SENTENCES = {
    Cause.PARAMETER_OUTPUT: "makes parameter {datasets}",
    Cause.MISSING: "{datasets} missing",
    Cause.INCOMPLETE: "{datasets} incomplete: a save began and never ended",
    Cause.UNKNOWN: "{datasets} counted as missing: there is no way to tell",
    Cause.RESULT: "makes the result {datasets} in memory",
    Cause.NO_OUTPUTS: "has no outputs, so it runs every time",
    Cause.CONFIRMS: "confirms {datasets}, so it runs every time",
    Cause.FORCED: "forced",
    Cause.OUTDATED: "{datasets} made again since",
    Cause.UPSTREAM: "reads {datasets}, made again by this plan",
    Cause.OWED: "owed by the run that did not finish",
    Cause.NEEDED: "{datasets} needed by {nodes}",
    Cause.SELECTED: "selected",
    Cause.PRESENT: "{datasets} present",
    Cause.HANDED_IN: "{datasets} handed in",
    Cause.UNUSED: "{datasets} in memory, and nothing that runs reads it",
}


def _listed(names: tuple[str, ...], most: int = 3) -> str:
    if len(names) <= most:
        return ", ".join(names)
    return f"{', '.join(names[:most])} and {len(names) - most} more"


@dataclass(frozen=True, slots=True)
class Step:
    """One node of a plan, with the verdict on it and why."""

    node: Node
    verdict: Verdict
    reasons: tuple[Reason, ...]


@dataclass(frozen=True, slots=True)
class Unmet:
    """An input that a running node reads and that neither exists nor gets made."""

    dataset: str
    node: str
    state: State
    location: str | None = None
    producer: str | None = None
    """The node that makes it, where a selector left that node out."""


@dataclass(frozen=True, slots=True)
class Suspect:
    """An output that stays although an input it was made from is newer."""

    dataset: str
    inputs: tuple[str, ...]


class Mode(Enum):
    """Which planning function made the plan."""

    ALL = "all"
    MISSING = "missing"


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
        elif self.suspects:
            parts = [f"nothing is missing: {_count(total, 'node')} skipped"]
        else:
            parts = [f"nothing to do: {_count(total, 'node')} up to date"]
        if self.suspects:
            parts.append(f"{_count(len(self.suspects), 'output')} suspect")
        return " · ".join(parts)

    @property
    def digest(self) -> str:
        """32 hexadecimal digits over the canonical JSON."""
        import xxhash

        return xxhash.xxh3_128_hexdigest(self.to_json().encode())

    def to_json(self) -> str:
        """Return canonical JSON: the same facts give the same bytes."""
        from incremental.planner.document import dump

        return dump(self)

    @classmethod
    def from_json(cls, text: str, pipeline: Pipeline) -> Plan:
        """Read a plan back, binding its steps to the nodes of ``pipeline`` by name.

        ``pipeline`` is the whole one, before any selector.

        Raises:
            PlanMismatchError: the text is no plan, or was made from another topology.
        """
        from incremental.planner.document import load

        return load(text, pipeline)


def _is_news(reason: Reason, news: set[str]) -> bool:
    if reason.cause is Cause.NEEDED:
        return not news.isdisjoint(reason.nodes)
    return reason.cause not in STANDING


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
