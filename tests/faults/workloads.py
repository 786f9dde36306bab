"""One small project with a pipeline for each way of saving, run under faults; and what must hold afterwards.

It breaks nothing itself.
"""

from __future__ import annotations

import functools
import importlib.metadata
import json
import os
import subprocess
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from faults.power import Cut
from faults.states import LEDGER, Moment, Tree, put_tree, take_tree
from faults.written import FOREIGN, content_at
from projects import make_project

from incremental import Session
from incremental.io.files.staging import is_staging_name
from incremental.planner import Plan
from incremental.planner.facts import Facts, State
from incremental.session.recorder import Recorder
from incremental.state import writer

REGISTRY = (
    FOREIGN
    + """
from hashlib import sha256
from incremental.pipeline import Pipeline, node


def digest(data):
    return sha256(str(data).encode()).hexdigest()[:12]


def lines(seed):
    return [f"{digest(seed)} {number}" for number in range(200)]


def text(seed):
    return "\\n".join(lines(seed))


def document(seed):
    return {"digest": digest(seed), "rows": lines(seed)}


def frame(seed):
    import pandas
    seed = seed if isinstance(seed, str) else seed.to_csv()
    return pandas.DataFrame({"row": lines(seed), "number": range(200)})


def parts(seed):
    seed = seed if isinstance(seed, str) else "".join(load() for load in seed.values())
    return {name: text(seed + name) for name in ("a", "deep/b", "c")}


def pieces(seed):
    for number in range(3):
        yield f"{number}: {text(seed)}\\n"


def pair(seed):
    return text(seed), document(seed)


def join(left, right):
    return text(left + str(right))


def chain(function, kind):
    return Pipeline([
        node(function, "raw", f"first_{kind}", name=f"{kind}_first"),
        node(function, f"first_{kind}", f"second_{kind}", name=f"{kind}_second"),
    ])


def register_pipelines():
    functions = {
        "text": text, "json": document, "yaml": document, "pickle": document, "csv": frame,
        "parquet": frame, "versioned": text, "generator": pieces, "in_place": text, "appending": pieces,
        "partitions": parts, "folder": parts,
    }
    pipelines = {kind: chain(function, kind) for kind, function in functions.items()}
    pipelines["pair"] = Pipeline([
        node(pair, "raw", ["left", "right"], name="pair_first"),
        node(join, ["left", "right"], "joined", name="pair_second"),
    ])
    return {"__default__": Pipeline([]), **pipelines}
"""
)

CATALOG = """
raw: {type: text.TextDataset, filepath: data/raw.txt}
first_text: {type: text.TextDataset, filepath: data/first_text.txt}
second_text: {type: text.TextDataset, filepath: data/new/second_text.txt}
"{n}_json": {type: json.JSONDataset, filepath: "data/{n}_json.json"}
"{n}_yaml": {type: yaml.YAMLDataset, filepath: "data/{n}_yaml.yml"}
"{n}_pickle": {type: pickle.PickleDataset, filepath: "data/{n}_pickle.pkl"}
"{n}_csv": {type: pandas.CSVDataset, filepath: "data/{n}_csv.csv"}
"{n}_parquet": {type: pandas.ParquetDataset, filepath: "data/{n}_parquet.parquet"}
"{n}_versioned": {type: text.TextDataset, filepath: "data/{n}_versioned.txt", versioned: true}
"{n}_generator":
  type: text.TextDataset
  filepath: "data/{n}_generator.txt"
  fs_args: {open_args_save: {mode: a}}
"{n}_in_place": {type: PACKAGE.pipeline_registry.InPlace, filepath: "data/{n}_in_place.txt"}
"{n}_appending": {type: PACKAGE.pipeline_registry.Appending, filepath: "data/{n}_appending.txt"}
"{n}_partitions":
  type: partitions.PartitionedDataset
  path: "data/{n}_partitions"
  dataset: text.TextDataset
  filename_suffix: .txt
"{n}_folder":
  type: partitions.PartitionedDataset
  path: "data/{n}_folder"
  dataset: text.TextDataset
  overwrite: true
left: {type: text.TextDataset, filepath: data/left.txt}
right: {type: json.JSONDataset, filepath: data/right.json}
joined: {type: text.TextDataset, filepath: data/joined.txt}
"""

OUTPUTS: Mapping[str, tuple[str, ...]] = {
    "text": ("data/first_text.txt", "data/new/second_text.txt"),
    "json": ("data/first_json.json", "data/second_json.json"),
    "yaml": ("data/first_yaml.yml", "data/second_yaml.yml"),
    "pickle": ("data/first_pickle.pkl", "data/second_pickle.pkl"),
    "csv": ("data/first_csv.csv", "data/second_csv.csv"),
    "parquet": ("data/first_parquet.parquet", "data/second_parquet.parquet"),
    "versioned": ("data/first_versioned.txt", "data/second_versioned.txt"),
    "generator": ("data/first_generator.txt", "data/second_generator.txt"),
    "in_place": ("data/first_in_place.txt", "data/second_in_place.txt"),
    "appending": ("data/first_appending.txt", "data/second_appending.txt"),
    "partitions": ("data/first_partitions", "data/second_partitions"),
    "folder": ("data/first_folder", "data/second_folder"),
    "pair": ("data/left.txt", "data/right.json", "data/joined.txt"),
}
KINDS = tuple(OUTPUTS)
STARTS = (False, True)
"""Whether older outputs are there when the run begins that is going to fail."""
UNSTAGED = frozenset({"in_place", "appending", "partitions"})
"""Of these a part may be seen, though not believed: members of a folder appear one after the other."""
OLD, NEW = "old seed\n", "new seed\n"


@contextmanager
def quick_folder() -> Iterator[Path]:
    """Give a folder in memory where there is one, and spare each session what it asks of the machine.

    Thousands of sessions would otherwise wait for the disk, for git, and for the list of installed packages.
    """
    shared = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    entry_points = functools.cache(importlib.metadata.entry_points)
    with (
        tempfile.TemporaryDirectory(dir=shared, prefix="faults-") as folder,
        pytest.MonkeyPatch.context() as patch,
    ):
        patch.setattr(tempfile, "tempdir", folder)
        patch.setattr(importlib.metadata, "entry_points", entry_points)
        patch.setattr(subprocess, "run", _no_git)
        patch.setattr(writer, "GROUPED_FOR", 3600)  # what may be written later is written as late as can be,
        patch.setattr(Recorder, "_write_on", lambda _: None)  # so that the clock changes no operation
        yield Path(folder).resolve()


def _no_git(*_: object, **__: object) -> None:
    raise FileNotFoundError("git")


@dataclass
class Workload:
    """One pipeline of the project, with what its outputs are before and after the input changed."""

    root: Path
    kind: str
    before: Tree
    """The project after a complete run over the old input, the input being the new one by now."""
    old: Mapping[str, bytes]
    new: Mapping[str, bytes]

    def begin(self, was_old: bool) -> None:
        """Make the project what it is before the run that is going to fail."""
        put_tree(self.root, self.before if was_old else self.empty)

    @property
    def empty(self) -> Tree:
        """The project with its input alone."""
        return {"data/": b"", "data/raw.txt": NEW.encode()}

    def run(self, **arguments: Any) -> None:
        """Run the pipeline in a session of its own."""
        with Session.create(self.root) as session:
            session.run(self.kind, **arguments)

    def outputs(self) -> dict[str, bytes]:
        """Return the content of each output that is there, of versioned ones the latest."""
        return outputs_of(self.root, self.kind)


def outputs_of(root: Path, kind: str) -> dict[str, bytes]:
    contents = {name: content_at(root / name) for name in OUTPUTS[kind]}
    return {name: content for name, content in contents.items() if content is not None}


def make_root(root: Path) -> Path:
    """Write the project and forget another one of the same name."""
    make_project(
        root, registry="from PACKAGE.nodes import register_pipelines\n", catalog="{}", parameters="{}\n"
    )
    (package,) = (root / "src").iterdir()
    texts = {
        "pipeline_registry.py": f"from {package.name}.nodes import register_pipelines\n",
        "nodes.py": REGISTRY,
    }
    for name, text in texts.items():
        (package / name).write_text(text)
    (root / "conf/base/catalog.yml").write_text(
        CATALOG.replace("PACKAGE.pipeline_registry", f"{package.name}.nodes")
    )
    return root


def prepare(root: Path, kind: str) -> Workload:
    """Run a pipeline over the old input and over the new one, and note what it makes."""
    made = []
    for seed in (OLD, NEW):
        put_tree(root, {"data/": b"", "data/raw.txt": seed.encode()})
        with Session.create(root) as session:
            session.run(kind)
        made.append((take_tree(root), outputs_of(root, kind)))
    before, old = made[0]
    assert len(old) == len(OUTPUTS[kind]), "the golden run did not make all outputs"
    assert not set(old.values()) & set(made[1][1].values()), "old and new have to differ"
    return Workload(root, kind, {**before, "data/raw.txt": NEW.encode()}, old, made[1][1])


# -- what must hold


def complaints_about(work: Workload, *, was_old: bool, resume: bool | None = None) -> list[str]:
    """Look at what a fault left, resume, and say what is wrong.

    Args:
        work: the pipeline, its project being as the fault left it.
        was_old: whether the run that failed was to replace older outputs.
        resume: whether to ask for what the failed run still owes; by default where there are older outputs.
    """
    resume = was_old if resume is None else resume
    with Session.create(work.root) as session:
        found = _complaints_before(work, session.plan(work.kind, only_missing_outputs=True).facts)
        try:
            session.run(work.kind, only_missing_outputs=True, resume=resume)
        except Exception as error:
            return [*found, f"resuming fails: {type(error).__name__}: {error}"]
        plan, runs = session.plan(work.kind, only_missing_outputs=True), session.history.runs()
    found += _complaints_after(work, plan, was_old, resume)
    found += [f"run {run.run_id} is listed as {run.status}" for run in runs if run.status == "running"]
    if len({run.run_id for run in runs}) < len(runs):
        found.append("a run is listed twice")
    return found + _unreadable_records(work.root)


def _complaints_before(work: Workload, facts: Facts) -> list[str]:
    """Say which half outputs are believed, and which good ones are lost."""
    found = []
    present = work.outputs()
    for dataset, place in _places(work, facts.locations):
        is_whole = present.get(place) in (work.old[place], work.new[place])
        if facts.state(dataset) is State.PRESENT and not is_whole:
            found.append(f"{dataset} is believed and is neither old nor new")
        if work.kind not in UNSTAGED and place in present and not is_whole:
            found.append(f"{dataset} is visible and is neither old nor new")
    return found


def _complaints_after(work: Workload, plan: Plan, was_old: bool, resumed: bool) -> list[str]:
    """Say which outputs are not what a clean run makes, unless the plan names them.

    A node that nothing had asked to run again may be old as a whole, its inputs being old too.
    """
    made = work.outputs()
    named = {suspect.dataset for suspect in plan.suspects} | set(plan.facts.unproven)
    found = [f"{step.node.name} is to run again" for step in plan.running]
    if was_old and made == work.old:  # the run that died had not begun
        return found
    places = dict(_places(work, plan.facts.locations))
    new = {dataset for dataset, place in places.items() if made.get(place) == work.new[place]}
    for node in plan.pipeline.nodes:
        mixes = not new.isdisjoint((*node.reads, *node.writes))
        for dataset in [name for name in node.writes if name not in new]:
            if not was_old or made.get(places[dataset]) != work.old[places[dataset]]:
                found.append(f"{dataset} is wrong")
            elif dataset not in named and (mixes or resumed):
                found.append(f"{dataset} is old and nothing says so")
    return found


def leftovers(root: Path) -> list[str]:
    """Return the staging names and the marks that are still there."""
    return sorted(
        str(path.relative_to(root))
        for top in ("data", ".incremental")
        for path in (root / top).rglob("*")
        if is_staging_name(path.name) or path.name.endswith(".incremental-begun")
    )


def complaints_of_states(
    work: Workload,
    states: Iterable[Moment | Cut],
    *,
    was_old: bool,
    forgets: bool = False,
    resume: bool | None = None,
) -> Iterator[str]:
    """Yield what is wrong after each death or power cut, with where it was.

    Args:
        work: the pipeline.
        states: the states of its project from which it is resumed in turn.
        was_old: whether the run that ended so was to replace older outputs.
        forgets: whether the ledger is lost besides.
        resume: whether to ask for what the failed run still owes; by default where there are older outputs.
    """
    for state in states:
        tree = state.tree
        if forgets:
            tree = {name: data for name, data in tree.items() if not name.startswith(LEDGER)}
        put_tree(work.root, tree)
        for each in complaints_about(work, was_old=was_old, resume=resume):
            yield f"{state}: {each}"


def _places(work: Workload, locations: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    place_of = {str(work.root / name): name for name in OUTPUTS[work.kind]}
    for dataset, location in locations.items():
        if location in place_of:
            yield dataset, place_of[location]


def _unreadable_records(root: Path) -> list[str]:
    found = []
    for path in (root / ".incremental" / "sessions").glob("*.json"):
        try:
            json.loads(path.read_text())
        except ValueError as error:
            found.append(f"{path.name} cannot be read: {error}")
    return found
