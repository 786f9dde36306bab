"""Whatever happens to a project, in whatever order: after a plain run that succeeds, nothing is silently wrong.

The machine runs, kills, changes, deletes, edits, forgets, cleans and adopts. An output may be what a clean run
makes, or made from an older input as a whole, or else the plan has to name it.
"""

from __future__ import annotations

import contextlib
import errno
import io
import re
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from faults.effects import Fail, Happen, die
from faults.faultfs import Disk
from faults.states import in_child, put_tree
from faults.workloads import OUTPUTS, outputs_of
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule, run_state_machine_as_test

from incremental import Session
from incremental.cli.main import invoke
from incremental.planner import Plan
from incremental.runner import prepare, publisher
from incremental.runner.publisher import Publisher

KINDS = ("pair", "in_place", "partitions")
SEEDS = ("one seed\n", "another seed\n", "a third seed\n")
NAMES = tuple(name for kind in KINDS for name in OUTPUTS[kind])
FOLDERS = tuple(name for name in NAMES if "partitions" in name)
MADE_FROM: Mapping[tuple[str, ...], tuple[str, ...]] = {
    ("data/left.txt", "data/right.json"): (),
    ("data/joined.txt",): ("data/left.txt", "data/right.json"),
    ("data/first_in_place.txt",): (),
    ("data/second_in_place.txt",): ("data/first_in_place.txt",),
    ("data/first_partitions",): (),
    ("data/second_partitions",): ("data/first_partitions",),
}
"""What each node writes, with what it reads besides the input."""
DIGEST = re.compile(rb"[0-9a-f]{12}")


def present(root: Path) -> dict[str, bytes]:
    return {name: content for kind in KINDS for name, content in outputs_of(root, kind).items()}


def run(root: Path, **how: Any) -> Plan:
    with Session.create(root) as session:
        return session.run(pipeline_names=KINDS, **how).plan


def plan(root: Path) -> Plan:
    with Session.create(root) as session:
        return session.plan(pipeline_names=KINDS, only_missing_outputs=True)


class Range:
    """A project, with what a clean run makes of each input."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.seed_of: dict[tuple[str, bytes], str] = {}
        for seed in SEEDS:
            put_tree(root, {"data/": b"", "data/raw.txt": seed.encode()})
            with Disk(root) as disk:
                run(root)
            self.seed_of |= {(*each,): seed for each in present(root).items()}
        self.operations = len(disk.operations)
        assert len(self.seed_of) == len(SEEDS) * len(NAMES)


class Histories(RuleBasedStateMachine):
    """All that may happen to a project."""

    def __init__(self, place: Range) -> None:
        super().__init__()
        self.place, self.root = place, place.root
        self.blessed: set[tuple[str, bytes]] = set()
        self.edits: list[tuple[Path, bytes, bytes]] = []
        put_tree(self.root, {"data/": b"", "data/raw.txt": SEEDS[0].encode()})

    # -- what happens

    @rule(seed=st.sampled_from(SEEDS))
    def the_input_changes(self, seed: str) -> None:
        (self.root / "data/raw.txt").write_text(seed)

    @rule(moment=st.floats(0, 1), when=st.sampled_from(["before", "torn", "after"]), missing=st.booleans())
    def a_run_dies(self, moment: float, when: str, missing: bool) -> None:
        self._disturbed(Happen(self._at(moment), die, when), missing)

    @rule(
        moment=st.floats(0, 1),
        error=st.sampled_from([errno.ENOSPC, errno.EIO, errno.EACCES]),
        for_ever=st.booleans(),
        missing=st.booleans(),
    )
    def a_run_meets_an_error(self, moment: float, error: int, for_ever: bool, missing: bool) -> None:
        self._disturbed(Fail(self._at(moment), error, for_ever), missing)

    @rule(name=st.sampled_from(NAMES))
    def an_output_is_deleted(self, name: str) -> None:
        path = self.root / name
        if path.is_dir():
            shutil.rmtree(path)
        path.unlink(missing_ok=True)

    @rule(name=st.sampled_from(FOLDERS))
    def a_partition_is_lost(self, name: str) -> None:
        for path in sorted((self.root / name).rglob("*.*"))[:1]:
            path.unlink()

    @rule(name=st.sampled_from(NAMES))
    def an_output_is_edited(self, name: str) -> None:
        """Keep its size, so that nothing but its times and its content tell."""
        path = self.root / name
        if path.is_dir():
            path = min(path.rglob("*.*"), default=path / "none")
        if path.exists():
            content = path.read_bytes()
            edited = DIGEST.sub(lambda found: found[0][1:] + found[0][:1], content, count=1)
            path.write_bytes(edited)
            self.edits.append((path, content, edited))

    @rule()
    def an_edit_is_taken_back(self) -> None:
        while self.edits:
            path, content, edited = self.edits.pop()
            if path.exists() and path.read_bytes() == edited:
                path.write_bytes(content)
                return

    @rule()
    def the_ledger_is_lost(self) -> None:
        for path in (self.root / ".incremental").glob("ledger.*"):
            path.unlink()

    @rule()
    def all_is_run(self) -> None:
        run(self.root)
        self._judge(plan(self.root))

    @rule(how=st.sampled_from(["resume", "propagate"]))
    def the_rest_is_run(self, how: str) -> None:
        run(self.root, only_missing_outputs=True, **{how: True})
        self._judge(plan(self.root))

    @rule()
    def it_is_cleaned(self) -> None:
        self._command("clean", "--yes", "--keep-runs", "2")

    @rule()
    def all_is_adopted(self) -> None:
        """What the user takes as it is is right from now on."""
        self._command("adopt", "--all", *(word for kind in KINDS for word in ("--pipeline", kind)))
        facts = plan(self.root).facts
        doubted = {*facts.changed, *facts.unproven, *facts.touched}
        assert not doubted, doubted
        self.blessed |= set(present(self.root).items())

    # -- what must hold

    @rule()
    def what_is_missing_is_run(self) -> None:
        run(self.root, only_missing_outputs=True)
        later = plan(self.root)
        assert [step.node.name for step in later.running] == []
        self._judge(later)

    def _judge(self, found: Plan) -> None:
        """Say which outputs are wrong although the plan does not name them."""
        facts = found.facts
        doubts = {each.dataset for each in found.suspects} | {*facts.changed, *facts.touched, *facts.unproven}
        named = {str(Path(facts.locations[name]).relative_to(self.root)) for name in doubts}
        changed = {str(Path(facts.locations[name]).relative_to(self.root)) for name in facts.changed}
        contents = present(self.root)
        assert contents.keys() == set(NAMES)
        seeds = {name: self.place.seed_of.get((name, content)) for name, content in contents.items()}
        wrong = [
            f"{name} is of {seeds[name]!r}, its node read what is of {sources} and wrote what is of {siblings}"
            for written, read in MADE_FROM.items()
            for siblings in [[seeds[name] for name in written]]
            for sources in [[seeds[name] for name in read]]
            if None not in sources and changed.isdisjoint(read)
            for name in written
            if name not in named and (name, contents[name]) not in self.blessed
            if seeds[name] is None or len({seeds[name], *sources, *siblings} - {None}) > 1
        ]
        assert wrong == []

    # -- how

    def _at(self, moment: float) -> int:
        return int(moment * self.place.operations)

    def _disturbed(self, effect: Any, missing: bool) -> None:
        def act() -> None:
            with Disk(self.root, effect):
                run(self.root, only_missing_outputs=missing)

        assert in_child(act) in (0, 3, -9)

    def _command(self, *words: str) -> None:
        with contextlib.redirect_stdout(io.StringIO()) as told:
            assert invoke(["--project", str(self.root), *words]) == 0, told.getvalue()


@pytest.fixture(scope="module")
def place(root: Path) -> Iterator[Range]:
    return Range(root)


@pytest.mark.parametrize(
    ("examples", "steps"), [(12, 8), pytest.param(200, 20, marks=pytest.mark.slow)], ids=["few", "many"]
)
def test_whatever_happens_to_a_project_nothing_is_silently_wrong(
    place: Range, examples: int, steps: int
) -> None:
    run_state_machine_as_test(
        lambda: Histories(place),
        settings=settings(
            max_examples=examples,
            stateful_step_count=steps,
            derandomize=True,
            database=None,
            suppress_health_check=list(HealthCheck),
        ),
    )


@pytest.mark.parametrize("is_recorded", [True, False])
def test_the_machine_sees_whether_commits_say_what_they_were_made_from(
    place: Range, monkeypatch: pytest.MonkeyPatch, is_recorded: bool
) -> None:
    if not is_recorded:
        monkeypatch.setattr(Publisher, "_reads", lambda *_: {})
    history = Histories(place)
    history.all_is_run()
    history.the_input_changes(SEEDS[1])
    history.an_output_is_deleted("data/left.txt")
    seen = (
        contextlib.nullcontext() if is_recorded else pytest.raises(AssertionError, match="joined.txt is of")
    )
    with seen:
        history.what_is_missing_is_run()


@pytest.mark.parametrize("is_recorded", [True, False])
def test_the_machine_sees_whether_commits_say_that_their_inputs_had_been_edited(
    place: Range, monkeypatch: pytest.MonkeyPatch, is_recorded: bool
) -> None:
    if not is_recorded:
        monkeypatch.setattr(publisher, "as_edited", lambda generation: generation)
    history = Histories(place)
    history.all_is_run()
    history.an_output_is_edited("data/left.txt")
    history.an_output_is_deleted("data/joined.txt")
    history.what_is_missing_is_run()
    history.an_edit_is_taken_back()
    seen = (
        contextlib.nullcontext() if is_recorded else pytest.raises(AssertionError, match="joined.txt is of")
    )
    with seen:
        history.what_is_missing_is_run()


@pytest.mark.parametrize("is_looked_at", [True, False])
@pytest.mark.parametrize("name", ["first_in_place.txt", "first_partitions/a.txt"])
def test_the_machine_sees_an_output_that_nobody_wrote_so(
    place: Range, monkeypatch: pytest.MonkeyPatch, name: str, is_looked_at: bool
) -> None:
    if not is_looked_at:
        monkeypatch.setattr(prepare, "_strange", lambda *_: {})
    history = Histories(place)
    history.all_is_run()
    (history.root / "data" / name).write_text("neither old nor new")
    seen = contextlib.nullcontext() if is_looked_at else pytest.raises(AssertionError, match="is of None")
    with seen:
        history.what_is_missing_is_run()
