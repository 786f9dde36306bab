"""Random projects, deletions and selections, against a reference of thirty lines and a clean run."""

from __future__ import annotations

import json
import random
from dataclasses import dataclass
from pathlib import Path

import pytest
from projects import make_project

from incremental import Session
from incremental.errors import SelectionError, UnmetInputsError

REGISTRY = """
import hashlib
import json
from pathlib import Path
from incremental.pipeline import Pipeline, node

ROOT = Path(__file__).parents[2]


def make(name, outputs):
    def run(*inputs):
        with (ROOT / "calls.txt").open("a") as calls:
            calls.write(f"{name}\\n")
        made = tuple(hashlib.sha256(repr((name, place, inputs)).encode()).hexdigest() for place in range(len(outputs)))
        return made[0] if len(made) == 1 else made or None

    return run


def register_pipelines():
    nodes = json.loads((ROOT / "nodes.json").read_text())
    return {
        "__default__": Pipeline(
            [
                node(make(name, outputs), inputs, (outputs[0] if len(outputs) == 1 else outputs) or None, name=name, tags=tags)
                for name, inputs, outputs, tags in nodes
            ]
        )
    }
"""

CATALOG = '"f{number}":\n  type: text.TextDataset\n  filepath: data/f{number}.txt\n'


@dataclass(frozen=True)
class Step:
    """A node as the reference sees it; names that begin with f are files, others live in memory."""

    name: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    tags: tuple[str, ...]


def draw(chance: random.Random) -> list[Step]:
    """Draw a pipeline: sources f0 to f2, nodes of up to three inputs and up to three outputs."""
    known, steps, number = ["f0", "f1", "f2"], [], 3
    for place in range(chance.randint(1, 9)):
        inputs = chance.sample(known, min(len(known), chance.choice([1, 1, 2, 3])))
        outputs = []
        for _ in range(chance.choice([0, 1, 1, 1, 1, 2, 3])):
            outputs.append(f"{'f' if chance.random() < 0.6 else 'm'}{number}")
            number += 1
        known += outputs
        tags = [tag for tag in ("red", "blue") if chance.random() < 0.5]
        steps.append(Step(f"n{place}", tuple(inputs), tuple(outputs), tuple(tags)))
    return steps


def pick(steps: list[Step], chance: random.Random) -> dict[str, list[str]]:
    """Draw a selection: none, a tag, some nodes, what leads to an output, what follows from a node."""
    outputs = [name for step in steps for name in step.outputs]
    kind = chance.choice(["", "", "tags", "node_names", "to_outputs", "from_nodes", "to_nodes"])
    if kind == "tags":
        return {"tags": [chance.choice(["red", "blue"])]}
    if kind == "node_names":
        return {"node_names": [step.name for step in steps if chance.random() < 0.5] or [steps[0].name]}
    if kind == "to_outputs":
        return {"to_outputs": [chance.choice(outputs)]} if outputs else {}
    return {kind: [chance.choice(steps).name]} if kind else {}


def selected(steps: list[Step], selection: dict[str, list[str]]) -> list[Step]:
    """Return the steps that a selection leaves, by walking the graph naively."""
    by_output = {name: step for step in steps for name in step.outputs}

    def leading_to(some: list[Step]) -> set[str]:
        parents = [by_output[name] for step in some for name in step.inputs if name in by_output]
        return {step.name for step in some} | (leading_to(parents) if parents else set())

    def following(some: list[Step]) -> set[str]:
        made = {name for step in some for name in step.outputs}
        children = [step for step in steps if made & set(step.inputs)]
        return {step.name for step in some} | (following(children) if children else set())

    if not selection:
        return steps
    ((kind, words),) = selection.items()
    named = [step for step in steps if step.name in words]
    if kind == "tags":
        names = {step.name for step in steps if set(words) & set(step.tags)}
    elif kind == "node_names":
        names = set(words)
    elif kind == "from_nodes":
        names = following(named)
    else:
        names = leading_to(named if kind == "to_nodes" else [by_output[word] for word in words])
    return [step for step in steps if step.name in names]


def reference(
    whole: list[Step], left: list[Step], selection: dict[str, list[str]], forced: set[str], there: set[str]
) -> set[str] | None:
    """Return the nodes that have to run, as section 4 of the design says; None where inputs are unmet."""
    read_in_whole = {name for step in whole for name in step.inputs}
    read_in_left = {name for step in left for name in step.inputs}
    asked = {*selection.get("node_names", ()), *selection.get("to_nodes", ())}

    def is_result(step: Step, name: str) -> bool:
        return name[0] == "m" and (
            name not in read_in_whole
            or name in selection.get("to_outputs", ())
            or (step.name in asked and name not in read_in_left)
        )

    running = {
        step.name
        for step in left
        if any(name[0] == "f" and name not in there for name in step.outputs)  # S2
        or any(is_result(step, name) for name in step.outputs)  # S3
        or not step.outputs  # S4
        or step.name in forced  # S5
    }
    while True:
        needed = {name for step in left if step.name in running for name in step.inputs} - there
        producers = {step.name for step in left if needed & set(step.outputs)}
        if not needed <= {name for step in left for name in step.outputs}:
            return None
        if producers <= running:
            return running
        running |= producers


def files(root: Path) -> dict[str, str]:
    return {path.stem: path.read_text() for path in (root / "data").glob("f*.txt")}


@pytest.mark.parametrize("seed", range(60))
def test_what_runs_is_what_the_reference_says_and_values_are_those_of_a_clean_run(
    tmp_path: Path, seed: int
) -> None:
    chance = random.Random(seed)
    steps = draw(chance)
    root = make_project(tmp_path, registry=REGISTRY, catalog=CATALOG, parameters="{}\n")
    (root / "nodes.json").write_text(
        json.dumps([(step.name, step.inputs, step.outputs, step.tags) for step in steps])
    )
    for number in range(3):
        (root / f"data/f{number}.txt").write_text(f"source {number}")
    calls = root / "calls.txt"
    with Session.create(root) as session:
        session.run()
        clean = files(root)
        assert sorted(calls.read_text().split()) == sorted(step.name for step in steps)
        for _ in range(6):
            for name in clean:
                if name not in ("f0", "f1", "f2") and chance.random() < 0.4:
                    (root / f"data/{name}.txt").unlink(missing_ok=True)
            selection = pick(steps, chance)
            left = selected(steps, selection)
            forced = {step.name for step in left if chance.random() < 0.1}
            expected = reference(steps, left, selection, forced, set(files(root)))
            calls.write_text("")
            if expected is None or not left:
                with pytest.raises(UnmetInputsError if left else SelectionError):
                    session.run(**selection, force=sorted(forced), only_missing_outputs=True)
                expected = set()
            else:
                result = session.run(**selection, force=sorted(forced), only_missing_outputs=True)
                assert set(result.executed) == expected
            assert sorted(calls.read_text().split()) == sorted(expected)
            assert files(root).items() <= clean.items()
        session.run(only_missing_outputs=True)
    assert files(root) == clean
