"""What makes a plan impossible or doubtful besides missing inputs: pins and shared locations. Finds, never repairs."""

from __future__ import annotations

from collections import defaultdict
from itertools import combinations
from typing import TYPE_CHECKING

from incremental.pipeline.transcoding import base_name, is_parameter
from incremental.planner.facts import AVAILABLE

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from incremental.pipeline.node import Node
    from incremental.pipeline.pipeline import Pipeline
    from incremental.planner.facts import Facts


def find_conflicts(pipeline: Pipeline, running: Collection[str], facts: Facts) -> tuple[str, ...]:
    """Return one sentence for each thing that no run of this plan could get right."""
    return (*_pin_conflicts(pipeline, running, facts), *_shared_locations(pipeline, facts, ordered=False))


def find_warnings(pipeline: Pipeline, running: Collection[str], facts: Facts) -> tuple[str, ...]:
    """Return one sentence for each thing that a run of this plan may get wrong."""
    return (*_untestable(pipeline, facts), *_shared_locations(pipeline, facts, ordered=True))


def _pin_conflicts(pipeline: Pipeline, running: Collection[str], facts: Facts) -> Iterator[str]:
    if not facts.pins:
        return
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


def _untestable(pipeline: Pipeline, facts: Facts) -> Iterator[str]:
    for name in sorted(facts.untestable.keys() & _stored_names(pipeline)):
        made = base_name(name) in pipeline.producers
        outcome = "it counts as missing" if made else "it will be tried"
        yield f"dataset {name!r}: {facts.untestable[name]} cannot tell whether it exists; {outcome}"


def _stored_names(pipeline: Pipeline) -> set[str]:
    return {name for node in pipeline.nodes for name in (*node.reads, *node.writes)}


def _shared_locations(pipeline: Pipeline, facts: Facts, *, ordered: bool) -> Iterator[str]:
    """Yield the pairs of names that share a location and of which one is written.

    ``ordered`` picks the pairs whose users the graph puts in order (an update in place), or the others.
    """
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


def _names_by_location(pipeline: Pipeline, facts: Facts) -> dict[str, list[str]]:
    """Return the base names of each location that has more than one."""
    if len(set(facts.locations.values())) == len(facts.locations):
        return {}
    names: defaultdict[str, set[str]] = defaultdict(set)
    for name in _stored_names(pipeline):
        if not is_parameter(name) and name in facts.locations:
            names[facts.locations[name]].add(base_name(name))
    return {location: sorted(found) for location, found in names.items() if len(found) > 1}


def _is_written(one: str, other: str, pipeline: Pipeline) -> bool:
    return one in pipeline.producers or other in pipeline.producers


def _users(name: str, pipeline: Pipeline) -> list[Node]:
    producer = pipeline.producers.get(name)
    return [*([producer] if producer else []), *pipeline.readers.get(name, ())]


def _in_order(one: str, other: str, pipeline: Pipeline) -> bool:
    """Whether each writer of the one comes before or after every user of the other."""
    for written, used in ((one, other), (other, one)):
        writer = pipeline.producers.get(written)
        if writer is None:
            continue
        after = _descendants(writer, pipeline)
        for user in _users(used, pipeline):
            if user.name not in after and writer.name not in _descendants(user, pipeline):
                return False
    return True


def _descendants(node: Node, pipeline: Pipeline) -> set[str]:
    """Return the names of a node and of all that follow from it."""
    seen = {node.name}
    stack = [node]
    while stack:
        for name in stack.pop().writes:
            for reader in pipeline.readers.get(base_name(name), ()):
                if reader.name not in seen:
                    seen.add(reader.name)
                    stack.append(reader)
    return seen


