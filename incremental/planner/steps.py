"""What a plan is made of: verdicts, causes, reasons, steps, gaps, suspects. They decide nothing."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from incremental.pipeline.node import Node
    from incremental.planner.facts import State


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
    PARTED = "parted"  # S2: incomplete, as its node's outputs were not committed as one
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
    Cause.PARTED: "{datasets} incomplete: all from one node, and not of one commit",
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
    """An output that stays although an input it was made from, perhaps through other nodes, is newer."""

    dataset: str
    inputs: tuple[str, ...]


class Mode(Enum):
    """Which planning function made the plan."""

    ALL = "all"
    MISSING = "missing"
