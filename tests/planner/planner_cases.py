"""Random situations to plan in: a graph, what the world holds, what the user picked. It decides nothing."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from graphs import Work
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from incremental.errors import SelectionError
from incremental.pipeline import Pipeline, Selected, Selection, node, select
from incremental.planner import Facts, State

if TYPE_CHECKING:
    from collections.abc import Mapping

STORED = (State.PRESENT, State.ABSENT, State.INCOMPLETE, State.UNKNOWN)
KINDS = (State.PRESENT, State.PRESENT, State.EPHEMERAL, State.ABSENT, State.HANDED_IN, *STORED[2:])


def examples(number: int) -> settings:
    """Return the settings of a law that is tried on so many situations."""
    return settings(
        max_examples=max(5, number * settings.default.max_examples // 100),
        derandomize=True,
        database=None,
        suppress_health_check=[HealthCheck.data_too_large, HealthCheck.filter_too_much],
    )


@dataclass(frozen=True)
class Box:
    """A node as plain words."""

    name: str
    reads: tuple[str, ...]
    writes: tuple[str, ...]
    confirms: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()


@dataclass(frozen=True)
class Case:
    """One situation: ``boxes`` in an order in which they could run, and everything planning may look at."""

    boxes: tuple[Box, ...]
    states: Mapping[str, State]
    selectors: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    forced: frozenset[str] = frozenset()
    outdated: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    absent_parameters: frozenset[str] = frozenset()

    @property
    def whole(self) -> Pipeline:
        return pipeline_of(self.boxes)

    @property
    def selected(self) -> Selected:
        return select(self.whole, Selection.of(**self.selectors), sorted(self.forced))

    @property
    def facts(self) -> Facts:
        stored = {name for name, state in self.states.items() if state in STORED}
        return Facts(
            states=dict(self.states),
            locations={name: f"/data/{name}" for name in sorted(stored)},
            versions={name: "v1" for name in sorted(stored) if name.startswith("d1")},
            untestable={name: "Table" for name, state in self.states.items() if state is State.UNKNOWN},
            outdated=dict(self.outdated),
            absent_parameters=self.absent_parameters,
        )

    def with_states(self, states: Mapping[str, State]) -> Case:
        return replace(self, states={**self.states, **states})


def pipeline_of(boxes: tuple[Box, ...]) -> Pipeline:
    """Make the pipeline of these boxes."""
    return Pipeline(
        [
            node(
                Work(box.writes),
                list(box.reads) or None,
                list(box.writes) or None,
                name=box.name,
                confirms=list(box.confirms) or None,
                tags=list(box.tags),
            )
            for box in boxes
        ]
    )


@st.composite
def cases(draw: st.DrawFn, max_nodes: int = 7) -> Case:
    """Draw a situation: datasets of every kind and state, formats, selectors, forced nodes."""
    count = draw(st.integers(1, max_nodes))
    labels = draw(st.permutations("abcdefg"[:count]))
    states = {name: draw(st.sampled_from(KINDS)) for name in ("raw", "more")}
    known = ["raw", "more", "params:p", "params:q"]
    boxes = []
    for index, label in enumerate(labels):
        reads = tuple(draw(st.lists(st.sampled_from(known), unique=True, max_size=3)))
        made = draw(st.integers(0 if reads else 1, 2))
        writes = []
        for letter in "xy"[:made]:
            name = f"d{index}{letter}"
            form = draw(st.sampled_from(("plain", "plain", "plain", "plain", "formats", "parameter")))
            if form == "parameter":
                name = f"params:{name}"
                known.append(name)
            elif form == "formats":
                known += [f"{name}@k", f"{name}@l"]
                name, other = f"{name}@k", f"{name}@l"
                states[name], states[other] = draw(st.sampled_from(KINDS)), draw(st.sampled_from(KINDS))
            else:
                known.append(name)
                states[name] = draw(st.sampled_from(KINDS))
            writes.append(name)
        extra = draw(st.integers(0, 15))
        boxes.append(
            Box(
                label,
                reads,
                tuple(writes),
                confirms=(f"checkpoint_{label}",) if extra == 15 else (),
                tags=tuple(tag for bit, tag in ((1, "t"), (2, "u")) if extra & bit),
            )
        )
    case = Case(tuple(boxes), states, absent_parameters=draw(st.sampled_from((frozenset(), {"params:q"}))))
    case = _with_selectors(case, draw(_selectors(case)))
    left = [node.name for node in case.selected.pipeline.nodes]
    force = draw(st.integers(0, 3)) == 3
    return replace(case, forced=frozenset(draw(st.sets(st.sampled_from(left), max_size=2)) if force else ()))


@st.composite
def outdated_cases(draw: st.DrawFn) -> Case:
    """Draw a situation in which some outputs that are there were made from inputs that are newer now."""
    case = draw(cases())
    there = [
        (name, box.reads)
        for box in case.boxes
        for name in box.writes
        if case.states.get(name) is State.PRESENT and box.reads
    ]
    if not there:
        return case
    picked = draw(st.lists(st.sampled_from(there), unique=True, max_size=2))
    return replace(case, outdated={name: reads[:1] for name, reads in picked})


@st.composite
def _selectors(draw: st.DrawFn, case: Case) -> dict[str, tuple[str, ...]]:
    kinds = draw(st.sampled_from(_SELECTORS))
    written = [name for box in case.boxes for name in box.writes]
    words: dict[str, list[str]] = {
        "tags": ["t", "u"],
        "from_inputs": sorted({name for box in case.boxes for name in box.reads}),
        "to_outputs": written,
    }
    names = [box.name for box in case.boxes]
    drawn: dict[str, Any] = {
        kind: draw(st.lists(st.sampled_from(words.get(kind) or names), unique=True, min_size=1, max_size=3))
        for kind in kinds
        if words.get(kind, names)
    }
    return {kind: tuple(found) for kind, found in drawn.items()}


_SELECTORS = (
    (),
    (),
    (),
    ("node_names",),
    ("tags",),
    ("from_nodes",),
    ("to_nodes",),
    ("to_outputs",),
    ("from_inputs",),
    ("from_nodes", "to_nodes"),
    ("tags", "to_outputs"),
    ("from_inputs", "node_names"),
)


def _with_selectors(case: Case, selectors: dict[str, tuple[str, ...]]) -> Case:
    """Return the case with these selectors, or as it is where they would leave nothing."""
    narrowed = replace(case, selectors=selectors)
    try:
        narrowed.selected
    except SelectionError:
        return case
    return narrowed
