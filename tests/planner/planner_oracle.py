"""What DESIGN section 4 says, tried out on all subsets of a small graph. It shares nothing with the planner.

Written from the text alone, over plain words: every set of nodes is looked at, and what is asked of a
plan is asked of each of them.
"""

from __future__ import annotations

from functools import cached_property
from itertools import combinations
from typing import TYPE_CHECKING

from incremental.planner import State

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable

    from planner_cases import Box, Case

STORED = {State.PRESENT, State.ABSENT, State.INCOMPLETE, State.UNKNOWN}


def base(name: str) -> str:
    return name.split("@")[0]


def is_parameter(name: str) -> bool:
    return name == "parameters" or name.startswith("params:")


class Oracle:
    """The rules of the missing mode, asked of one case."""

    def __init__(self, case: Case) -> None:
        self.case = case
        chosen = {node.name for node in case.selected.pipeline.nodes}
        self.boxes: list[Box] = [box for box in case.boxes if box.name in chosen]
        self.box = {box.name: box for box in case.boxes}
        self.maker = {base(name): box.name for box in self.boxes for name in box.writes}
        self.maker_in_whole = {base(name): box.name for box in case.boxes for name in box.writes}

    def state(self, name: str) -> State:
        return self.case.states.get(name, State.EPHEMERAL)

    # the rules, one by one

    def s1(self, box: Box) -> bool:
        return any(is_parameter(name) for name in box.writes)

    def s2(self, box: Box) -> bool:
        """No way to tell counts as missing."""
        gone = {State.ABSENT, State.INCOMPLETE, State.UNKNOWN}
        return any(self.state(name) in gone for name in box.writes if not is_parameter(name))

    def s3(self, box: Box) -> bool:
        return any(self.is_result(name, box) for name in box.writes)

    def is_result(self, name: str, box: Box) -> bool:
        if is_parameter(name) or self.state(name) is not State.EPHEMERAL:
            return False
        read_in_whole = any(base(read) == base(name) for other in self.case.boxes for read in other.reads)
        read_in_selection = any(base(read) == base(name) for other in self.boxes for read in other.reads)
        picked = self.case.selectors
        named = box.name in (*picked.get("node_names", ()), *picked.get("to_nodes", ()))
        in_to_outputs = base(name) in {base(word) for word in picked.get("to_outputs", ())}
        return not read_in_whole or in_to_outputs or (named and not read_in_selection)

    def s4(self, box: Box) -> bool:
        return not box.writes or bool(box.confirms)

    def s5(self, box: Box) -> bool:
        return box.name in self.case.forced

    def seeds(self, *rules: Callable[[Box], bool]) -> set[str]:
        return {box.name for box in self.boxes if any(rule(box) for rule in rules)}

    @cached_property
    def must_run(self) -> set[str]:
        return self.seeds(self.s1, self.s2, self.s3, self.s4, self.s5)

    # soundness

    def is_there(self, name: str) -> bool:
        return is_parameter(name) or self.state(name) in {State.PRESENT, State.HANDED_IN}

    def needs(self, box: Box) -> set[str]:
        """The selected nodes without which this one finds an input missing."""
        makers = {self.maker.get(base(name)) for name in box.reads if not self.is_there(name)}
        return {name for name in makers if name is not None}

    @cached_property
    def needed_by_name(self) -> dict[str, set[str]]:
        return {box.name: self.needs(box) for box in self.boxes}

    def is_sound(self, running: Collection[str]) -> bool:
        """Whether every input that a selected node could make is there or made."""
        return all(self.needed_by_name[name] <= set(running) for name in running)

    def good_plans(self, must_run: Iterable[str]) -> list[frozenset[str]]:
        """Return all sets of selected nodes that are sound and hold what must run, the smallest first."""
        names = [box.name for box in self.boxes]
        required = set(must_run)
        return [
            frozenset(subset)
            for size in range(len(names) + 1)
            for subset in combinations(names, size)
            if required <= set(subset) and self.is_sound(subset)
        ]

    def smallest(self, must_run: Iterable[str]) -> frozenset[str]:
        """Return the one good plan that is inside all others, and fail where there is none."""
        plans = self.good_plans(must_run)
        assert all(plans[0] <= plan for plan in plans)
        return plans[0]

    def unmet(self, running: Collection[str]) -> set[tuple[str, str]]:
        """Return (input, node) where nothing that is selected could make the input."""
        return {
            (name, box.name)
            for box in self.boxes
            if box.name in running
            for name in box.reads
            if self._lacks(name)
        }

    def _lacks(self, name: str) -> bool:
        if base(name) in self.maker:
            return False
        if is_parameter(name):
            return name in self.case.absent_parameters
        if self.state(name) is State.UNKNOWN and base(name) not in self.maker_in_whole:
            return False  # a source that cannot be asked is tried
        return not self.is_there(name)

    # what a plan outdates

    def changes(
        self, running: Collection[str], anew: Collection[str], boxes: Iterable[Box] | None = None
    ) -> set[str]:
        """Return the base names of what gets another content; ``anew`` run for reasons of their own."""
        changed: set[str] = set()
        for box in self.boxes if boxes is None else boxes:
            other = box.name in anew or any(base(name) in changed for name in box.reads)
            for name in box.writes:
                state = self.state(name)
                if state in STORED and box.name in running:
                    changed.add(base(name))
                if state is State.EPHEMERAL and other:
                    changed.add(base(name))
                if state is State.HANDED_IN and other and box.name in running:
                    changed.add(base(name))
        return changed

    def suspects(self, running: Collection[str]) -> dict[str, set[str]]:
        """Return the outputs that stay although inputs of theirs change, or have changed since.

        Those of nodes outside the selection count where the selection reads them.
        """
        changed = self.changes(running, self.seeds(self.s1, self.s5), self.case.boxes)
        chosen = {box.name for box in self.boxes}
        read = {name for box in self.boxes for name in box.reads}
        found: dict[str, set[str]] = {}
        for box in self.case.boxes:
            if box.name in running:
                continue
            bases = {base(name) for name in box.writes}
            names = box.writes if box.name in chosen else {name for name in read if base(name) in bases}
            for name in names:
                if self.state(name) is State.PRESENT:
                    inputs = {read for read in box.reads if base(read) in changed}
                    inputs |= set(self.case.outdated.get(name, ()))
                    if inputs:
                        found[name] = inputs
        return found

    def propagated(self) -> frozenset[str]:
        """Return what runs when suspects, and what follows from them, are to run as well."""
        anew = self.seeds(self.s1, self.s5, lambda box: any(out in self.case.outdated for out in box.writes))
        while True:
            running = self.smallest(self.must_run | anew)
            changed = self.changes(running, anew)
            more = {
                box.name
                for box in self.boxes
                if any(base(name) in changed for name in box.reads)
                and any(self.state(name) in STORED for name in box.writes)
            }
            if more <= anew:
                return running
            anew |= more
