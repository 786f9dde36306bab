"""Laws of runs, held to random pipelines: whatever is deleted, running what is missing gives the same values."""

from __future__ import annotations

import contextlib
import shutil
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

from graphs import Work, nodes_of, wirings
from hypothesis import given, settings
from hypothesis import strategies as st

from incremental.errors import NodeRunError
from incremental.io import DataCatalog
from incremental.pipeline import Pipeline, node
from incremental.pipeline.selection import select
from incremental.planner import plan_missing
from incremental.runner import RunResult, SequentialRunner, Surroundings
from incremental.runner.prepare import gather_facts
from incremental.state import FileLedger


class Counted:
    """A node's work that counts how often it is done."""

    def __init__(self, name: str, outputs: tuple[str, ...], counts: Counter[str]) -> None:
        self.name, self.work, self.counts = name, Work(outputs), counts

    def __call__(self, *inputs: Any) -> Any:
        self.counts[self.name] += 1
        return self.work(*inputs)


def form(names: tuple[str, ...]) -> Any:
    return names[0] if len(names) == 1 else list(names) or None


@st.composite
def cases(draw: st.DrawFn) -> Any:
    """Draw a pipeline, where each of its datasets is kept, and which are deleted after the first run."""
    wired = draw(wirings(max_nodes=7))
    made = [name for _, _, outputs in wired for name in outputs]
    kinds = {name: draw(st.sampled_from(["file", "in place", "memory"])) for name in made}
    stored = [name for name, kind in kinds.items() if kind != "memory"]
    deleted = [draw(st.sets(st.sampled_from(stored))) if stored else set() for _ in range(2)]
    return wired, kinds, deleted


def catalog_of(folder: Path, kinds: dict[str, str]) -> DataCatalog:
    entries: dict[str, Any] = {
        name: {"type": "text.TextDataset", "filepath": str(folder / name)}
        if kind == "file"
        else {"type": "foreign.InPlace", "filepath": str(folder / name)}
        for name, kind in kinds.items()
        if kind != "memory"
    }
    catalog = DataCatalog.from_config(entries, parameters={"p": 1}, durable=False)
    catalog["raw_a"], catalog["raw_b"] = "A", "B"
    return catalog


def run_missing(pipeline: Pipeline, catalog: DataCatalog, ledger: FileLedger) -> RunResult:
    marks = ledger.marks()
    plan = plan_missing(select(pipeline), gather_facts(pipeline, catalog, marks))
    return SequentialRunner().run_plan(plan, catalog, Surroundings("run", None, ledger, marks))


@settings(max_examples=60)
@given(cases())
def test_deleting_any_outputs_and_running_what_is_missing_gives_the_values_of_a_clean_run(case: Any) -> None:
    wired, kinds, rounds = case
    counts: Counter[str] = Counter()
    pipeline = Pipeline(
        [
            node(Counted(name, outputs, counts), form(inputs), form(outputs), name=name)
            for name, inputs, outputs in wired
        ]
    )
    folder = Path(tempfile.mkdtemp(prefix="incremental-laws-"))
    try:
        ledger = FileLedger(folder / ".incremental" / "ledger.db", folder, durable=False)
        clean = dict(run_missing(pipeline, catalog_of(folder, kinds), ledger))
        stored = {name: (folder / name).read_text() for name, kind in kinds.items() if kind != "memory"}
        assert all(count == 1 for count in counts.values())
        for deleted in rounds:
            for name in deleted:
                (folder / name).unlink()
            counts.clear()
            result = run_missing(pipeline, catalog_of(folder, kinds), ledger)
            assert dict(result) == clean
            assert {name: (folder / name).read_text() for name in stored} == stored
            assert set(counts) == set(result.executed)
            assert all(count == 1 for count in counts.values())
            assert ledger.marks().begun == frozenset()
            assert {path.name for path in folder.iterdir()} - {".incremental"} == set(stored)
        ledger.close()
    finally:
        shutil.rmtree(folder)


@settings(max_examples=60)
@given(cases(), st.integers(0, 6))
def test_whichever_node_fails_the_next_run_ends_as_a_clean_one(case: Any, number: int) -> None:
    wired, kinds, _ = case
    failing = wired[number % len(wired)][0]
    broken = [True]

    def pipeline_of() -> Pipeline:
        def work(name: str, outputs: tuple[str, ...]) -> Any:
            def run(*inputs: Any) -> Any:
                if name == failing and broken[0]:
                    raise ValueError(name)
                return Work(outputs)(*inputs)

            return run

        return Pipeline(
            [
                node(work(name, outputs), form(inputs), form(outputs), name=name)
                for name, inputs, outputs in wired
            ]
        )

    folder = Path(tempfile.mkdtemp(prefix="incremental-laws-"))
    try:
        ledger = FileLedger(folder / ".incremental" / "ledger.db", folder, durable=False)
        with contextlib.suppress(NodeRunError):  # a node whose values nobody asks for is not run
            run_missing(pipeline_of(), catalog_of(folder, kinds), ledger)
        assert not list(folder.glob(".*-tmp*"))
        broken[0] = False
        healed = dict(run_missing(pipeline_of(), catalog_of(folder, kinds), ledger))
        ledger.close()
        shutil.rmtree(folder)
        folder.mkdir()
        assert healed == dict(run_missing(pipeline_of(), catalog_of(folder, kinds), ledger))
        ledger.close()
    finally:
        shutil.rmtree(folder)


def test_a_thousand_nodes_in_a_chain_run_in_order() -> None:
    pipeline = Pipeline(nodes_of("; ".join(f"d{place} -> d{place + 1}" for place in range(1000))))
    order: list[str] = []
    catalog = DataCatalog({"d0": "x"})
    plan = plan_missing(
        select(pipeline), gather_facts(pipeline, catalog, FileLedger(Path("/no"), Path("/")).marks())
    )
    result = SequentialRunner().run_plan(
        plan, catalog, Surroundings("r", listeners=(lambda event: order.append(getattr(event, "node", "")),))
    )
    assert [name for name in order if name][::2] == [f"d{place + 1}" for place in range(1000)]
    assert list(result) == ["d1000"]
