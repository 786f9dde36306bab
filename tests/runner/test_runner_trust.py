"""Outputs that can be trusted: whatever fails or is killed, what is half there is never taken for done."""

from __future__ import annotations

import json
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from graphs import graph

from incremental.errors import DatasetError, LedgerError, NodeRunError
from incremental.io import DataCatalog
from incremental.io.dataset import AbstractDataset
from incremental.pipeline import Pipeline, node
from incremental.pipeline.selection import Selection, select
from incremental.planner import Plan, State, plan_all, plan_missing
from incremental.runner import RunResult, SequentialRunner, Surroundings
from incremental.runner.prepare import gather_facts
from incremental.state import FileLedger, Ledger, MemoryLedger, Output

HALF, WHOLE = "half", "half and whole"


class InPlace(AbstractDataset[Any, str]):
    """Writes its own path in two steps; ``fails`` raises between them."""

    def __init__(self, filepath: str) -> None:
        self._filepath = filepath
        self.fails: BaseException | None = None

    def load(self) -> str:
        return Path(self._filepath).read_text()

    def save(self, data: Any) -> None:
        Path(self._filepath).write_text(HALF)
        if self.fails is not None:
            raise self.fails
        Path(self._filepath).write_text(str(data))

    def exists(self) -> bool:
        return Path(self._filepath).exists()


class Table(InPlace):
    """The same where no mark can be put beside the data."""

    @property
    def location(self) -> str | None:
        return None


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[FileLedger]:
    found = FileLedger(tmp_path / ".incremental" / "ledger.db", tmp_path, durable=False)
    yield found
    found.close()


def catalog_of(folder: Path, in_place: dict[str, type[InPlace]] | None = None, *files: str) -> DataCatalog:
    catalog = DataCatalog.from_config(
        {name: {"type": "json.JSONDataset", "filepath": str(folder / f"{name}.json")} for name in files}
    )
    for name, kind in (in_place or {}).items():
        catalog[name] = kind(str(folder / name))
    return catalog


def planned(pipeline: Pipeline, catalog: DataCatalog, ledger: Ledger, *, missing: bool = True) -> Plan:
    facts = gather_facts(pipeline, catalog, ledger.marks())
    return (plan_missing if missing else plan_all)(select(pipeline), facts)


def run(
    pipeline: Pipeline, catalog: DataCatalog, ledger: Ledger, *, missing: bool = True, hooks: Any = None
) -> RunResult:
    plan = planned(pipeline, catalog, ledger, missing=missing)
    around = Surroundings("run", hooks, ledger, ledger.marks())
    return SequentialRunner().run_plan(plan, catalog, around)


def reasons(pipeline: Pipeline, catalog: DataCatalog, ledger: Ledger) -> dict[str, str]:
    """Return the running nodes of the next plan with their first reason."""
    return {step.node.name: str(step.reasons[0]) for step in planned(pipeline, catalog, ledger).running}


def files(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir() if path.name != ".incremental"}


def failing(error: BaseException) -> Any:
    def fail(*inputs: Any) -> Any:
        raise error

    return fail


INCOMPLETE = "a incomplete: a save began and never ended"


# -- data that is written in place


@pytest.mark.parametrize("kind", [InPlace, Table])
@pytest.mark.parametrize("which", ["memory", "file"])
def test_half_a_save_is_incomplete_until_it_is_made_again(
    tmp_path: Path, ledger: FileLedger, kind: type[InPlace], which: str
) -> None:
    pipeline = graph("() -> a", functions={"a": lambda: WHOLE})
    catalog, book = catalog_of(tmp_path, {"a": kind}), MemoryLedger() if which == "memory" else ledger
    catalog["a"].fails = ValueError("disk full")
    with pytest.raises(NodeRunError, match="node 'a' failed: DatasetError: dataset 'a': cannot save it"):
        run(pipeline, catalog, book)
    assert catalog.load("a") == HALF
    assert files(tmp_path) == ({"a", ".a.incremental-begun"} if kind is InPlace else {"a"})
    assert book.marks().begun == {str(tmp_path / "a") if kind is InPlace else "dataset:a"}
    assert reasons(pipeline, catalog, book) == {"a": INCOMPLETE}

    catalog["a"].fails = None
    assert run(pipeline, catalog, book).executed == ("a",)
    assert files(tmp_path) == {"a"}
    assert book.marks().begun == frozenset()
    assert reasons(pipeline, catalog, book) == {}


def test_an_output_is_whole_once_it_is_made_even_by_another_kind_of_dataset(
    tmp_path: Path, ledger: FileLedger
) -> None:
    pipeline = graph("() -> a", functions={"a": lambda: WHOLE})
    before = catalog_of(tmp_path, {"a": InPlace})
    before["a"].fails = ValueError("no")
    with pytest.raises(NodeRunError):
        run(pipeline, before, ledger)
    entry = {"type": "text.TextDataset", "filepath": str(tmp_path / "a")}
    catalog = DataCatalog.from_config({"a": entry})
    assert run(pipeline, catalog, ledger).executed == ("a",)
    assert files(tmp_path) == {"a"}
    assert reasons(pipeline, catalog, ledger) == {}


def test_the_same_catalog_does_not_trust_half_a_save_in_its_next_run(tmp_path: Path) -> None:
    pipeline = graph("() -> a -> b", functions={"a": lambda: WHOLE})
    catalog = catalog_of(tmp_path, {"a": Table}, "b")
    catalog["a"].fails = ValueError("no")
    runner = SequentialRunner()
    with pytest.raises(NodeRunError):
        runner.run(pipeline, catalog)
    catalog["a"].fails = None
    result = runner.run(pipeline, catalog, only_missing_outputs=True)
    assert result["b"].load() == f"b({WHOLE})"


def test_the_mark_is_there_before_the_first_byte_and_the_node_alone(
    tmp_path: Path, ledger: FileLedger
) -> None:
    seen = []

    def look() -> str:
        mark = tmp_path / ".a.incremental-begun"
        seen.append((json.loads(mark.read_text()), set(ledger.marks().begun)))
        return WHOLE

    catalog = catalog_of(tmp_path, {"a": InPlace})
    run(graph("() -> a", functions={"a": look}), catalog, ledger)
    assert seen == [({"run": "run", "node": "a"}, {str(tmp_path / "a")})]


@pytest.mark.parametrize("error", [ValueError("no"), KeyboardInterrupt(), SystemExit(1)])
@pytest.mark.parametrize("was_there", [True, False])
def test_a_node_that_fails_before_it_writes_takes_its_marks_back_and_the_former_output_stays(
    tmp_path: Path, ledger: FileLedger, error: BaseException, was_there: bool
) -> None:
    catalog = catalog_of(tmp_path, {"a": InPlace}, "b")
    good = graph("() -> a, b", functions={"a_b": lambda: (WHOLE, 1)})
    if was_there:
        run(good, catalog, ledger)
    before = (ledger.marks(), files(tmp_path))
    with pytest.raises((NodeRunError, KeyboardInterrupt)):
        run(graph("() -> a, b", functions={"a_b": failing(error)}), catalog, ledger, missing=False)
    assert (ledger.marks(), files(tmp_path)) == before
    assert reasons(good, catalog, ledger) == ({} if was_there else {"a_b": "a, b missing"})


@pytest.mark.parametrize("error", [KeyboardInterrupt(), SystemExit(1)])
def test_an_interrupt_in_the_middle_of_a_save_in_place_leaves_the_mark(
    tmp_path: Path, ledger: FileLedger, error: BaseException
) -> None:
    catalog = catalog_of(tmp_path, {"a": InPlace}, "b")
    catalog["a"].fails = error
    pipeline = graph("() -> b, a", functions={"b_a": lambda: (1, WHOLE)})
    with pytest.raises((NodeRunError, KeyboardInterrupt)):
        run(pipeline, catalog, ledger)
    assert files(tmp_path) == {"a", ".a.incremental-begun"}  # and nothing of b, staged or not
    assert reasons(pipeline, catalog, ledger) == {"b_a": "b missing"}
    catalog["a"].fails = None
    run(pipeline, catalog, ledger)
    assert files(tmp_path) == {"a", "b.json"}


@pytest.mark.parametrize("kind", [InPlace, Table])
def test_what_was_incomplete_stays_so_when_the_node_fails_again_before_it_writes(
    tmp_path: Path, ledger: FileLedger, kind: type[InPlace]
) -> None:
    catalog = catalog_of(tmp_path, {"a": kind})
    good = graph("() -> a", functions={"a": lambda: WHOLE})
    catalog["a"].fails = ValueError("no")
    with pytest.raises(NodeRunError):
        run(good, catalog, ledger)
    for _ in range(2):
        with pytest.raises(NodeRunError):
            run(graph("() -> a", functions={"a": failing(ValueError("no"))}), catalog, ledger)
        assert reasons(good, catalog, ledger) == {"a": INCOMPLETE}


def test_a_table_that_cannot_be_asked_and_was_begun_stays_begun(ledger: FileLedger) -> None:
    class Blind(AbstractDataset[Any, Any]):
        def load(self) -> Any: ...

        def save(self, data: Any) -> None: ...

    catalog = DataCatalog({"a": Blind()})
    ledger.begin("earlier", "a", [Output("a", "dataset:a")])
    with pytest.raises(NodeRunError):
        run(graph("() -> a", functions={"a": failing(ValueError())}), catalog, ledger)
    assert ledger.marks().begun == {"dataset:a"}
    run(graph("() -> a"), catalog, ledger)
    assert ledger.marks().begun == frozenset()


def test_a_lost_ledger_does_not_hide_a_mark(tmp_path: Path, ledger: FileLedger) -> None:
    pipeline = graph("() -> a", functions={"a": lambda: WHOLE})
    catalog = catalog_of(tmp_path, {"a": InPlace})
    catalog["a"].fails = ValueError("no")
    with pytest.raises(NodeRunError):
        run(pipeline, catalog, ledger)
    assert reasons(pipeline, catalog, MemoryLedger()) == {"a": INCOMPLETE}
    as_text = DataCatalog.from_config({"a": {"type": "text.TextDataset", "filepath": str(tmp_path / "a")}})
    assert reasons(pipeline, as_text, MemoryLedger()) == {"a": INCOMPLETE}


def test_a_mark_that_cannot_be_put_down_fails_the_node_before_it_runs(
    tmp_path: Path, ledger: FileLedger
) -> None:
    ran = []
    (tmp_path / "file").write_text("in the way")
    catalog = catalog_of(tmp_path / "file", {"a": InPlace})
    plan = planned(graph("() -> a", functions={"a": lambda: ran.append(1) or 1}), catalog, ledger)
    with pytest.raises(NodeRunError):
        from incremental.executors import InlineExecutor
        from incremental.runner.loop import Loop

        Loop(plan, catalog, InlineExecutor(), Surroundings("run", None, ledger)).run()
    assert ran == []
    assert ledger.marks().begun == frozenset()


def test_a_ledger_that_cannot_be_written_stops_the_run_itself(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    broken = FileLedger(tmp_path / "file" / "ledger.db", tmp_path)
    catalog = catalog_of(tmp_path, {"a": InPlace})
    with pytest.raises(LedgerError, match="cannot write the ledger"):
        run(graph("() -> a"), catalog, broken)
    assert files(tmp_path) == {"file"}


def test_a_ledger_that_fails_after_a_node_failed_does_not_hide_its_error(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    class Forgetful(MemoryLedger):
        def abandon(self, outputs: Any) -> None:
            raise LedgerError("disk full")

    catalog = catalog_of(tmp_path, {"a": InPlace})
    with pytest.raises(NodeRunError, match="ValueError: no"):
        run(graph("() -> a", functions={"a": failing(ValueError("no"))}), catalog, Forgetful())
    assert caplog.messages == ["outputs of node 'a' count as incomplete from now on: disk full"]


class Log(InPlace):
    """Adds to what is there."""

    def save(self, data: Any) -> None:
        with Path(self._filepath).open("a") as file:
            file.write(str(data))


class ResettableLog(Log):
    def reset(self) -> None:
        Path(self._filepath).unlink(missing_ok=True)


def half_of_it() -> Iterator[str]:
    yield "one"
    raise ValueError("no")


def all_of_it() -> Iterator[str]:
    yield from ("one", "two")


def test_a_generator_that_fails_half_way_in_place_is_incomplete(tmp_path: Path, ledger: FileLedger) -> None:
    catalog = catalog_of(tmp_path, {"a": ResettableLog})
    with pytest.raises(NodeRunError):
        run(Pipeline([node(half_of_it, None, "a", name="n")]), catalog, ledger)
    assert catalog.load("a") == "one"
    good = Pipeline([node(all_of_it, None, "a", name="n")])
    assert reasons(good, catalog, ledger) == {"n": INCOMPLETE}
    run(good, catalog, ledger)
    assert catalog.load("a") == "onetwo"


def test_a_generator_appends_nothing_to_what_it_left_where_its_dataset_cannot_begin_anew(
    tmp_path: Path, ledger: FileLedger
) -> None:
    catalog = catalog_of(tmp_path, {"a": Log})
    with pytest.raises(NodeRunError, match="no"):
        run(Pipeline([node(half_of_it, None, "a", name="n")]), catalog, ledger)
    good = Pipeline([node(all_of_it, None, "a", name="n")])
    with pytest.raises(
        NodeRunError, match=r"dataset 'a' holds what an earlier run left .* remove .*/a\S* and"
    ):
        run(good, catalog, ledger)
    assert catalog.load("a") == "one"
    assert reasons(good, catalog, ledger) == {"n": INCOMPLETE}
    Path(catalog["a"]._filepath).unlink()
    run(good, catalog, ledger)
    assert catalog.load("a") == "onetwo"
    assert reasons(good, catalog, ledger) == {}


# -- several outputs are one commit


class Unpublishable(AbstractDataset[Any, Any]):
    """Stages and then fails to publish, before or after the data is visible."""

    can_stage = True  # type: ignore[assignment]

    def __init__(self, filepath: str, late: bool = False) -> None:
        self._filepath = filepath
        self.late = late
        self.fails = True
        self.discarded = 0

    def load(self) -> str:
        return Path(self._filepath).read_text()

    def save(self, data: Any) -> None: ...

    def exists(self) -> bool:
        return Path(self._filepath).exists()

    def stage(self, data: Any) -> Any:
        self.data = data
        return self

    def publish(self) -> None:
        if self.late or not self.fails:
            Path(self._filepath).write_text(str(self.data))
        if self.fails:
            raise DatasetError("cannot rename")

    def discard(self) -> None:
        self.discarded += 1


@pytest.mark.parametrize("late", [False, True])
@pytest.mark.parametrize("order", ["a, b", "b, a"])
def test_when_one_of_two_outputs_cannot_be_published_the_next_run_makes_both_again(
    tmp_path: Path, ledger: FileLedger, order: str, late: bool
) -> None:
    versions = iter("123")

    def make() -> tuple[str, str]:
        version = next(versions)
        return version, version

    name = order.replace(", ", "_")
    pipeline = graph(f"() -> {order}", functions={name: make})
    catalog = catalog_of(tmp_path, None, "a")
    catalog["b"] = Unpublishable(str(tmp_path / "b"), late)
    catalog["b"].fails = False
    run(pipeline, catalog, ledger)
    catalog["b"].fails = True
    with pytest.raises(NodeRunError, match="DatasetError: cannot rename"):
        run(pipeline, catalog, ledger, missing=False)
    assert catalog["b"].discarded == 1
    assert not [each for each in files(tmp_path) if "incremental-tmp" in each]
    facts = gather_facts(pipeline, catalog, ledger.marks())
    assert facts.states == {"a": State.INCOMPLETE, "b": State.INCOMPLETE}
    catalog["b"].fails = False
    assert run(pipeline, catalog, ledger).executed == (name,)
    assert (catalog.load("a"), catalog.load("b")) == ("3", "3")
    assert reasons(pipeline, catalog, ledger) == {}


def test_a_first_output_that_was_published_before_the_second_failed_is_made_again(
    tmp_path: Path, ledger: FileLedger
) -> None:
    pipeline = graph("() -> a, b")
    catalog = catalog_of(tmp_path, None, "a")
    catalog["b"] = Unpublishable(str(tmp_path / "b"))
    with pytest.raises(NodeRunError):
        run(pipeline, catalog, ledger)
    assert files(tmp_path) == {"a.json"}
    assert reasons(pipeline, catalog, ledger) == {"a_b": "b missing"}


def test_an_output_that_was_deleted_and_is_being_replaced_is_begun_too(
    tmp_path: Path, ledger: FileLedger
) -> None:
    pipeline = graph("() -> b")
    catalog = DataCatalog({"b": Unpublishable(str(tmp_path / "b"), late=True)})
    catalog["b"].fails = False
    run(pipeline, catalog, ledger)
    (tmp_path / "b").unlink()
    catalog["b"].fails = True
    with pytest.raises(NodeRunError):
        run(pipeline, catalog, ledger)
    assert catalog.exists("b")
    assert reasons(pipeline, catalog, ledger) == {"b": "b incomplete: a save began and never ended"}


def test_a_value_that_cannot_be_kept_in_memory_is_found_before_anything_is_published(tmp_path: Path) -> None:
    class Stubborn:
        def __deepcopy__(self, memo: Any) -> Any:
            raise TypeError("one of a kind")

    catalog = catalog_of(tmp_path, None, "a")
    with pytest.raises(NodeRunError, match="one of a kind"):
        run(graph("() -> a, m", functions={"a_m": lambda: (1, Stubborn())}), catalog, MemoryLedger())
    assert files(tmp_path) == set()


# -- what was made from what


def test_readers_of_what_was_made_again_are_suspect_until_they_are_made_again_too(
    tmp_path: Path, ledger: FileLedger
) -> None:
    pipeline = graph("() -> a -> memory -> b; a -> c")
    catalog = catalog_of(tmp_path, None, "a", "b", "c")
    run(pipeline, catalog, ledger)
    assert planned(pipeline, catalog, ledger).suspects == ()
    (tmp_path / "a.json").unlink()
    run(pipeline, catalog, ledger)
    suspects = {each.dataset: each.inputs for each in planned(pipeline, catalog, ledger).suspects}
    assert suspects == {"b": ("a",), "c": ("a",)}
    (tmp_path / "b.json").unlink()
    run(pipeline, catalog, ledger)
    assert {each.dataset for each in planned(pipeline, catalog, ledger).suspects} == {"c"}


def test_a_selection_is_told_what_it_reads_that_was_made_from_older_data_through_others(
    tmp_path: Path, ledger: FileLedger
) -> None:
    pipeline = graph("() -> a -> b -> c -> d; () -> e")
    catalog = catalog_of(tmp_path, None, *"abcde")
    run(pipeline, catalog, ledger)
    (tmp_path / "a.json").unlink()
    run(pipeline, catalog, ledger)
    found = {}
    for name in "bcde":
        last = select(pipeline, Selection.of(node_names=[name]))
        plan = plan_missing(last, gather_facts(last.pipeline, catalog, ledger.marks()))
        found[name] = {each.dataset: each.inputs for each in plan.suspects}
    assert found == {"b": {"b": ("a",)}, "c": {"b": ("a",)}, "d": {"c": ("a",)}, "e": {}}


def test_an_update_in_place_under_two_names_is_not_outdated_by_itself(
    tmp_path: Path, ledger: FileLedger
) -> None:
    path = str(tmp_path / "x.json")
    entry = {"type": "json.JSONDataset", "filepath": path}
    catalog = DataCatalog.from_config({"x": entry, "x_updated": entry})
    pipeline = graph("() -> x -> x_updated")
    run(pipeline, catalog, ledger, missing=False)
    assert ledger.marks().outdated == {}


# -- killed


KILLED = """
import os, signal, sys
from pathlib import Path
sys.path[:0] = sys.argv[3:]
from graphs import graph
from test_runner_trust import InPlace, catalog_of, run
from incremental.state import FileLedger
import incremental.io.files.staging as staging

folder, moment = Path(sys.argv[1]), sys.argv[2]
die = lambda *_: os.kill(os.getpid(), signal.SIGKILL)

class Dying(InPlace):
    def save(self, data):
        Path(self._filepath).write_text("half")
        die()

catalog = catalog_of(folder, {"a": Dying if moment == "in place" else InPlace}, "b", "c")
ledger = FileLedger(folder / ".incremental" / "ledger.db", folder)
if moment == "between":
    publish, count = os.replace, []
    def replace(source, target):
        publish(source, target)
        if target.endswith(("b.json", "c.json")):
            die()
    staging.os = type("os", (), {**vars(os), "replace": staticmethod(replace)})
elif moment == "commit":
    ledger.commit = die
functions = {"b_c": (die if moment == "compute" else lambda: ("new", "new")), "a": lambda b: "new"}
run(graph("() -> b, c; b -> a", functions=functions), catalog, ledger, missing=False)
"""

MADE_BY_A_KILLED_RUN = [
    ("compute", set(), {}),
    ("between", {"b_c"}, {"b": State.INCOMPLETE, "c": State.INCOMPLETE}),
    ("commit", {"b_c"}, {"b": State.INCOMPLETE, "c": State.INCOMPLETE}),
    ("in place", {"a"}, {"a": State.INCOMPLETE}),
]


@pytest.mark.parametrize(("moment", "again", "states"), MADE_BY_A_KILLED_RUN)
def test_a_killed_run_leaves_the_old_outputs_or_incomplete_ones_and_the_next_heals_them(
    tmp_path: Path, moment: str, again: set[str], states: dict[str, State]
) -> None:
    pipeline = graph("() -> b, c; b -> a", functions={"b_c": lambda: ("old", "old"), "a": lambda b: "old"})
    catalog = catalog_of(tmp_path, {"a": InPlace}, "b", "c")
    ledger = FileLedger(tmp_path / ".incremental" / "ledger.db", tmp_path)
    run(pipeline, catalog, ledger)
    ledger.close()

    folders = [str(Path(__file__).parent), str(Path(__file__).parents[1])]
    killed = subprocess.run([sys.executable, "-c", KILLED, str(tmp_path), moment, *folders], check=False)
    assert killed.returncode == -signal.SIGKILL

    facts = gather_facts(pipeline, catalog, ledger.marks())
    assert facts.states == {"a": State.PRESENT, "b": State.PRESENT, "c": State.PRESENT} | states
    assert set(reasons(pipeline, catalog, ledger)) == again
    if moment == "compute":
        assert (catalog.load("a"), catalog.load("b"), catalog.load("c")) == ("old", "old", "old")
    run(pipeline, catalog, ledger)
    assert reasons(pipeline, catalog, ledger) == {}
    assert catalog.load("a") == "old"
    assert catalog.load("b") == catalog.load("c") == ("old" if moment != "in place" else "new")
    assert not list(tmp_path.glob(".*.incremental-begun"))
    ledger.close()


def test_a_commit_tells_the_ledger_what_the_file_was(tmp_path: Path, ledger: FileLedger) -> None:
    catalog = catalog_of(tmp_path, {"t": Table}, "a")
    run(graph("() -> a; () -> t"), catalog, ledger)
    ledger.close()
    with sqlite3.connect(ledger.path) as connection:
        rows = connection.execute(
            "SELECT location, size, mtime_ns, inode FROM output ORDER BY location"
        ).fetchall()
    found = (tmp_path / "a.json").stat()
    assert rows == [
        ("a.json", found.st_size, found.st_mtime_ns, found.st_ino),
        ("dataset:t", None, None, None),
    ]


def test_an_output_that_is_gone_when_it_is_committed_is_noted_without_a_size(
    tmp_path: Path, ledger: FileLedger
) -> None:
    class Vanishing(InPlace):
        def save(self, data: Any) -> None: ...

    run(graph("() -> a"), catalog_of(tmp_path, {"a": Vanishing}), ledger)
    assert ledger.marks().begun == frozenset()
    assert set(ledger.marks().generations) == {str(tmp_path / "a")}
