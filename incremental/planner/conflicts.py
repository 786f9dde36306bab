"""What else makes a plan impossible or doubtful: pins, formats, shared locations. Finds, never repairs."""

from __future__ import annotations

from collections import defaultdict
from itertools import combinations
from typing import TYPE_CHECKING

from incremental.pipeline.transcoding import SEPARATOR, base_name
from incremental.planner.facts import AVAILABLE, IN_MEMORY

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from incremental.pipeline.pipeline import Pipeline
    from incremental.pipeline.selection import Selected
    from incremental.planner.facts import Facts


def find_conflicts(selected: Selected, running: Collection[str], facts: Facts) -> tuple[str, ...]:
    """Return one sentence for each thing that no run of this plan could get right."""
    pipeline = selected.pipeline
    return (
        *(_pin_conflicts(pipeline, running, facts) if facts.pins else ()),
        *(_parted_variants(pipeline, running, facts) if running else ()),
        *shared_locations(pipeline, facts, ordered=False),
    )


def find_warnings(selected: Selected, running: Collection[str], facts: Facts) -> tuple[str, ...]:
    """Return one sentence for each thing that a run of this plan may get wrong."""
    return (
        *(_untestable(selected, running, facts) if facts.untestable else ()),
        *shared_locations(selected.pipeline, facts, ordered=True),
    )


def shared_locations(pipeline: Pipeline, facts: Facts, *, ordered: bool) -> Iterator[str]:
    """Yield the pairs of names that share a location and of which one is written.

    ``ordered`` picks the pairs whose users the graph puts in order (an update in place), or the others.
    """
    if len(set(facts.locations.values())) == len(facts.locations):
        return  # nearly always
    for location, names in sorted(_names_by_location(pipeline, facts).items()):
        for one, other in combinations(names, 2):
            if not _is_written(one, other, pipeline):
                continue
            if _in_order(one, other, pipeline) is not ordered:
                continue
            if ordered:
                yield f"datasets {one!r} and {other!r} share {location}: one is overwritten in place"
            else:
                yield (
                    f"datasets {one!r} and {other!r} share {location} and no edge orders their nodes: "
                    "give them different paths, or one name"
                )


def _pin_conflicts(pipeline: Pipeline, running: Collection[str], facts: Facts) -> Iterator[str]:
    for name in sorted(_stored_names(pipeline)):
        version = facts.pins.get(name)
        if version is None:
            continue
        producer = pipeline.producers.get(base_name(name))
        if facts.state(name) not in AVAILABLE:
            yield (
                f"dataset {name!r} is pinned to version {version!r}, which does not exist; "
                "a run cannot make a past version: drop the pin or name a version that is there"
            )
        elif producer is not None and producer.name in running:
            yield (
                f"dataset {name!r} is pinned to version {version!r}, but node {producer.name!r} would make "
                "a new one that its readers would not see: drop the pin, or leave that node out"
            )


def _parted_variants(pipeline: Pipeline, running: Collection[str], facts: Facts) -> Iterator[str]:
    """Yield the inputs that are made under another format, where memory keeps one of the two only."""
    if not any(SEPARATOR in name for name in facts.states):
        return
    for name in sorted({name for node in pipeline.nodes if node.name in running for name in node.reads}):
        producer = pipeline.producers.get(base_name(name))
        if producer is None or facts.state(name) in AVAILABLE:
            continue
        made = next(each for each in producer.writes if base_name(each) == base_name(name))
        if (facts.state(name) in IN_MEMORY) is not (facts.state(made) in IN_MEMORY):
            kept, other = (made, name) if facts.state(made) in IN_MEMORY else (name, made)
            yield (
                f"dataset {name!r} is made as {made!r}, but {kept!r} lives in memory and {other!r} does not: "
                "put both in the catalog, at one location"
            )


def _untestable(selected: Selected, running: Collection[str], facts: Facts) -> Iterator[str]:
    made = selected.whole.producers
    tried = {name for node in selected.pipeline.nodes if node.name in running for name in node.reads}
    for name in sorted(facts.untestable.keys() & _stored_names(selected.pipeline)):
        if base_name(name) in made:
            outcome = "it counts as missing"
        elif name in tried:
            outcome = "it will be tried"
        else:
            continue
        yield f"dataset {name!r}: {facts.untestable[name]} cannot tell whether it exists; {outcome}"


def _stored_names(pipeline: Pipeline) -> set[str]:
    return {name for node in pipeline.nodes for name in (*node.reads, *node.writes)}


def _names_by_location(pipeline: Pipeline, facts: Facts) -> dict[str, list[str]]:
    """Return the base names at each location."""
    names: defaultdict[str, set[str]] = defaultdict(set)
    for name in _stored_names(pipeline):
        if name in facts.locations:
            names[facts.locations[name]].add(base_name(name))
    return {location: sorted(found) for location, found in names.items()}


def _is_written(one: str, other: str, pipeline: Pipeline) -> bool:
    return one in pipeline.producers or other in pipeline.producers


def _users(name: str, pipeline: Pipeline) -> list[str]:
    producer = pipeline.producers.get(name)
    return [*([producer.name] if producer else []), *pipeline.topology.readers.get(name, ())]


def _in_order(one: str, other: str, pipeline: Pipeline) -> bool:
    """Whether each writer of the one comes before or after every user of the other.

    A node that writes both has no order between its own outputs.
    """
    makers = pipeline.producers.get(one), pipeline.producers.get(other)
    if makers[0] is makers[1]:
        return False
    for written, used in ((one, other), (other, one)):
        writer = pipeline.producers.get(written)
        if writer is None:
            continue
        linked = pipeline.topology.downstream([writer.name]) | pipeline.topology.upstream([writer.name])
        if not linked.issuperset(_users(used, pipeline)):
            return False
    return True
