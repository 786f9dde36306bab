"""Why a node runs or does not, and where its datasets are, as text and as JSON types. It decides nothing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from incremental.errors import SelectionError, did_you_mean
from incremental.pipeline.transcoding import base_name, is_parameter
from incremental.planner.facts import State
from incremental.planner.steps import Cause, Verdict
from incremental.render.plan import own_reasons
from incremental.render.text import Look, Row, Style, aligned, count, indented, row

if TYPE_CHECKING:
    from collections.abc import Iterator

    from incremental.planner import Plan, Reason, Step

_MOST_BRANCHES = 5
_MOST_LINES = 40
_DEEPEST = 12
"""Nodes that are told one below the other; of a longer line the end is told then, which is the root cause."""


@dataclass(frozen=True, slots=True)
class Branch:
    """A sentence, and below it what it follows from."""

    sentence: str
    node: str
    because: tuple[Branch, ...] = ()
    left_out: int = 0


@dataclass(frozen=True, slots=True)
class Place:
    """A dataset: its part in the graph, its state, where it is, and what is odd about it."""

    part: str
    dataset: str
    state: str
    location: str = ""
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Answer:
    """The answer to one ``why``."""

    kind: str
    name: str
    headline: str
    branch: Branch | None
    places: tuple[Place, ...]
    obstacles: tuple[str, ...] = ()


def answer(plan: Plan, word: str, obstacles: tuple[str, ...] = ()) -> Answer:
    """Explain a node, or a dataset by its producer and readers.

    Raises:
        SelectionError: the selected pipeline has neither.
    """
    steps = {step.node.name: step for step in plan.steps}
    if word in steps:
        return _of_node(plan, steps, word, obstacles)
    names = {name for step in plan.steps for name in (*step.node.reads, *step.node.writes)}
    known = names | {base_name(name) for name in names}
    if word in known:
        return _of_dataset(plan, steps, word, obstacles)
    inside = sorted(name for name in {*steps, *known} if name.endswith(f".{word}"))[:3]
    near = did_you_mean(word, sorted({*steps, *known}))
    if inside:
        near = f"; did you mean {' or '.join(map(repr, inside))}?"
    raise SelectionError(f"the pipeline has no node and no dataset {word!r}{near}")


def why_text(answer: Answer, look: Look) -> str:
    """Return the headline, the tree of reasons, and the datasets with their states."""
    lines = [look.paint(look.fit(answer.headline), Style.STRONG)]
    if answer.branch is not None:
        tree = list(_tree_lines(answer.branch))
        lines += [look.fit(line, len(line) - len(line.lstrip()) + 2) for line in tree[:_MOST_LINES]]
        if len(tree) > _MOST_LINES:
            lines.append(f"  and {count(len(tree) - _MOST_LINES, 'more line')}")
    if answer.places:
        lines += ["", *aligned([_place_row(place, look) for place in answer.places], look)]
    lines += [look.fit(f"cannot run: {text}") for text in answer.obstacles]
    return "\n".join(lines)


def why_document(answer: Answer) -> dict[str, Any]:
    """Return the answer as ``incremental-why/1``."""
    return {
        "format": "incremental-why/1",
        answer.kind: answer.name,
        "summary": answer.headline,
        "reason": None if answer.branch is None else _branch_document(answer.branch),
        "datasets": [
            {
                "part": place.part,
                "dataset": place.dataset,
                "state": place.state,
                "location": place.location or None,
                "notes": list(place.notes),
            }
            for place in answer.places
        ],
        "obstacles": list(answer.obstacles),
    }


def _of_node(plan: Plan, steps: dict[str, Step], name: str, obstacles: tuple[str, ...]) -> Answer:
    step = steps[name]
    places = [_place(plan, "reads", each) for each in step.node.reads]
    places += [_place(plan, "writes", each) for each in step.node.writes]
    mine = _about(obstacles, plan, name)
    return Answer("node", name, f"node {_verdict(step)}", _root(steps[name], steps), tuple(places), mine)


def _of_dataset(plan: Plan, steps: dict[str, Step], name: str, obstacles: tuple[str, ...]) -> Answer:
    base = base_name(name)
    producer = plan.pipeline.producers.get(base)
    readers = plan.pipeline.readers.get(base, ())
    written = [each for each in (producer, *readers) if each is not None]
    variants = dict.fromkeys(
        each for node in written for each in (*node.writes, *node.reads) if base_name(each) == base
    )
    places = [_place(plan, "is", each) for each in variants]
    made = (
        f"made by node {producer.name}, which {_short(steps[producer.name])}"
        if producer
        else _origin(plan, base)
    )
    kind = "parameter" if is_parameter(base) else "dataset"
    branch = _root(steps[producer.name], steps) if producer else None
    places += [Place("read by", each.name, _short(steps[each.name])) for each in readers]
    mine = tuple(text for text in obstacles if repr(name) in text or repr(base) in text)
    return Answer("dataset", name, f"{kind} {name}: {made}", branch, tuple(places), mine)


def _origin(plan: Plan, base: str) -> str:
    maker = plan.selected.whole.producers.get(base)
    if maker is not None:
        return f"made by node {maker.name}, which the selection leaves out"
    if is_parameter(base):
        return "comes from the parameters"
    return "no node makes it: an input of the pipeline"


def _about(obstacles: tuple[str, ...], plan: Plan, node: str) -> tuple[str, ...]:
    gaps = {gap.dataset for gap in plan.unmet if gap.node == node}
    return tuple(text for text in obstacles if any(repr(name) in text for name in gaps))


def _verdict(step: Step) -> str:
    return f"{step.node.name} {_short(step)}"


def _short(step: Step) -> str:
    return "would be skipped" if step.verdict is Verdict.SKIP else "would run"


def _root(step: Step, steps: dict[str, Step]) -> Branch:
    return _branch(steps, step.node.name, step.reasons, {step.node.name})


def _branch(
    steps: dict[str, Step], name: str, reasons: tuple[Reason, ...], seen: set[str], depth: int = _DEEPEST
) -> Branch:
    """Follow ``needed`` to the nodes that need, until one has a cause of its own; each node is shown once."""
    sentence = "; ".join(map(str, reasons))
    needing = _needing(reasons, seen)
    if needing and not depth:
        root, passed = _root_of(steps, needing[0], seen)
        end = Branch("; ".join(map(str, own_reasons(steps[root]))), root)
        return Branch(sentence, name, (end,), len(needing) - 1 + passed)
    shown = needing[:_MOST_BRANCHES]
    seen.update(shown)
    below = tuple(_branch(steps, other, own_reasons(steps[other]), seen, depth - 1) for other in shown)
    return Branch(sentence, name, below, len(needing) - len(shown))


def _needing(reasons: tuple[Reason, ...], seen: set[str]) -> list[str]:
    return [
        other
        for reason in reasons
        if reason.cause is Cause.NEEDED
        for other in reason.nodes
        if other not in seen
    ]


def _root_of(steps: dict[str, Step], name: str, seen: set[str]) -> tuple[str, int]:
    """Return where one line of needing nodes ends, and how many nodes lie before it."""
    passed = 0
    while needing := _needing(own_reasons(steps[name]), seen):
        seen.add(name)
        name = needing[0]
        passed += 1
    return name, passed


def _tree_lines(branch: Branch, head: str = "") -> Iterator[str]:
    yield f"  {head}{branch.sentence}"
    for below in branch.because:
        yield from indented(_tree_lines(below, f"{below.node}: "))
    if branch.left_out:
        yield f"    and {count(branch.left_out, 'more node')}"


def _branch_document(branch: Branch) -> dict[str, Any]:
    return {
        "node": branch.node,
        "sentence": branch.sentence,
        "because": [_branch_document(below) for below in branch.because],
        "left_out": branch.left_out,
    }


def _place(plan: Plan, part: str, name: str) -> Place:
    facts = plan.facts
    if is_parameter(name):
        absent = name in facts.absent_parameters
        return Place(part, name, "absent" if absent else "parameter")
    state = facts.state(name)
    notes = []
    if name in facts.versions and state is State.PRESENT:
        notes.append(f"version {facts.versions[name]}")
    if name in facts.pins:
        notes.append("pinned")
    notes += [
        f"suspect: older than {', '.join(each.inputs)}" for each in plan.suspects if each.dataset == name
    ]
    if name in facts.changed:
        notes.append(f"changed since run {facts.changed[name]}")
    if name in facts.touched:
        notes.append(f"moved or touched since run {facts.touched[name]}; its content was not compared")
    if name in facts.unproven:
        notes.append("unproven: no record says which run made it")
    if name in facts.untestable:
        notes.append(f"{facts.untestable[name]} cannot tell whether it exists")
    location = facts.locations.get(name, "")
    return Place(part, name, _state_word(state), location, tuple(notes))


def _state_word(state: State) -> str:
    return "in memory" if state is State.EPHEMERAL else state.value


def _place_row(place: Place, look: Look) -> Row:
    location = look.place(place.location)
    if place.notes:
        return row(place.part, place.dataset, place.state, location or "-", "; ".join(place.notes))
    return row(place.part, place.dataset, place.state, location)
