"""``adopt`` and ``verify``, and what plans say of outputs that are not as they were committed."""

from __future__ import annotations

import json
import os
import random
import shutil
from pathlib import Path
from typing import Any

import pytest

from incremental.session import Session
from incremental.session.outputs import Verdict
from incremental.session.request import Request
from incremental.state import Claims

PIPELINE = """
from pathlib import Path
from incremental import Pipeline, node

def source(): return [1, 2, 3]
def both(numbers): return sum(numbers), len(numbers)
def train(total): return {"weights": total}
def tell(model, size): return f"{model} of {size}"

def register_pipelines():
    return {"__default__": Pipeline([
        node(source, None, "numbers", name="source"),
        node(both, "numbers", ["total", "size"], name="both"),
        node(train, "total", "model", name="train"),
        node(tell, ["model", "size"], "report", name="tell"),
    ])}
"""
CATALOG = """
numbers: {type: json.JSONDataset, filepath: out/numbers.json}
total: {type: json.JSONDataset, filepath: out/total.json}
size: {type: json.JSONDataset, filepath: out/size.json, versioned: true}
model: {type: pickle.PickleDataset, filepath: out/model.pkl}
report: {type: text.TextDataset, filepath: out/report.txt}
"""
FILES = {"pipeline.py": PIPELINE, "catalog.yml": CATALOG}
NAMES = ("numbers", "total", "size", "model", "report")


@pytest.fixture
def work(project, cli) -> Path:
    folder = project(FILES)
    assert one(cli, "run", "-q").code == 0
    return folder


def one(cli, command: str, *arguments: str) -> Any:
    return cli("--project", "pipeline.py", command, *arguments)


def document(cli, command: str, *arguments: str) -> dict[str, Any]:
    return json.loads(one(cli, command, "--json", *arguments).out)


def facts(cli) -> dict[str, Any]:
    return document(cli, "plan", "--dry-run")["facts"]


def verdicts(cli, *arguments: str) -> dict[str, str]:
    return {each["dataset"]: each["verdict"] for each in document(cli, "verify", *arguments)["outputs"]}


def to_run(cli, *arguments: str) -> list[str]:
    return document(cli, "plan", "--dry-run", *arguments)["to_run"]


def last_run(cli) -> str:
    return document(cli, "runs")["runs"][0]["run_id"]


def copy_all(folder: Path) -> None:
    """As after ``cp -r``: other times, other numbers on the disk, the same content."""
    shutil.copytree(folder / "out", folder / "new", copy_function=shutil.copyfile)
    shutil.rmtree(folder / "out")
    (folder / "new").rename(folder / "out")


# -- plans


def test_after_a_run_every_output_is_as_it_was_committed(cli, work: Path) -> None:
    assert one(cli, "plan", "--dry-run").out == "nothing to do: 4 nodes up to date\n"
    assert one(cli, "verify").out == "verified 5 outputs: 5 whole, 0 damaged\n"
    assert one(cli, "adopt").out == "nothing to adopt: every output that is there has a record that fits\n"


@pytest.mark.parametrize("content", ["[9]", "[1, 2, 3, 4]"])
def test_an_output_that_was_edited_has_changed_since_its_run(cli, work: Path, content: str) -> None:
    run = last_run(cli)
    (work / "out" / "numbers.json").write_text(content)
    said = one(cli, "plan", "--dry-run")
    assert f"changed  numbers changed since run {run}\n" in said.out
    assert said.out.endswith("nothing is missing: 4 nodes skipped · 1 output changed\n")
    assert facts(cli)["changed"] == {"numbers": run}
    assert f"changed since run {run}" in one(cli, "why", "numbers").out


@pytest.mark.parametrize("way", [(), ("--to-outputs", "report"), ("--from-nodes", "train")])
def test_what_was_made_from_an_edited_input_is_suspect_once_the_edit_is_gone(
    cli, work: Path, way: tuple[str, ...]
) -> None:
    total = work / "out" / "total.json"
    before = total.read_bytes()
    total.write_text("7")
    (work / "out" / "model.pkl").unlink()
    assert one(cli, "run", "-q", "--only-missing-outputs").code == 0
    assert "suspect  report is older than model" in one(cli, "plan", "--dry-run", *way).out
    assert "model is older than total" not in one(cli, "plan", "--dry-run", *way).out
    total.write_bytes(before)
    assert "model is older than total" in one(cli, "plan", "--dry-run", *way).out
    assert to_run(cli, "--propagate", *way) == ["train", "tell"]
    assert one(cli, "run", "-q", "--only-missing-outputs", "--propagate", *way).code == 0
    assert one(cli, "plan", "--dry-run").out == "nothing to do: 4 nodes up to date\n"


def test_what_was_made_from_an_edited_input_is_not_suspect_once_the_edit_is_adopted_and_made_again(
    cli, work: Path
) -> None:
    (work / "out" / "total.json").write_text("7")
    (work / "out" / "model.pkl").unlink()
    assert one(cli, "run", "-q", "--only-missing-outputs", "--propagate").code == 0
    assert "model is older than total" not in one(cli, "plan", "--dry-run").out
    assert one(cli, "run", "-q", "--force", "both", "--only-missing-outputs", "--propagate").code == 0
    assert one(cli, "plan", "--dry-run").out == "nothing to do: 4 nodes up to date\n"


def test_an_edit_that_keeps_size_and_time_is_noticed(cli, work: Path) -> None:
    path = work / "out" / "report.txt"
    before = path.stat()
    path.write_text(path.read_text()[::-1])
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert list(facts(cli)["changed"]) == ["report"]


def test_a_copy_of_the_folder_changes_nothing(cli, work: Path) -> None:
    copy_all(work)
    assert one(cli, "plan", "--dry-run").out == "nothing to do: 4 nodes up to date\n"
    assert set(verdicts(cli).values()) == {"whole"}


def test_large_files_are_not_read_by_a_plan_and_said_to_be_touched(
    cli, work: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("incremental.runner.prepare.READ_AT_MOST", 0)
    copy_all(work)
    said = one(cli, "plan", "--dry-run").out
    assert "touched  5 outputs (model, numbers, report and 2 more) moved or touched since committed" in said
    assert "its content was not compared" in one(cli, "why", "model").out
    assert one(cli, "adopt", "--all").code == 0
    assert one(cli, "plan", "--dry-run").out == "nothing to do: 4 nodes up to date\n"  # none is suspect
    assert set(verdicts(cli).values()) == {"whole"}


def test_a_version_that_somebody_else_saved_is_a_change(cli, work: Path) -> None:
    newer = work / "out" / "size.json" / "9999-01-01T00.00.00.000Z"
    newer.mkdir()
    (newer / "size.json").write_text("4")
    assert list(facts(cli)["changed"]) == ["size"]


def test_without_a_record_outputs_are_unproven_in_one_line(cli, work: Path) -> None:
    shutil.rmtree(work / ".incremental")
    assert one(cli, "plan", "--dry-run").out == (
        "unproven  5 outputs (model, numbers, report and 2 more) without a record of who made it: "
        "incremental adopt records it\n"
        "nothing to do: 4 nodes up to date\n"
    )


def test_outputs_of_one_node_with_different_generations_are_incomplete(cli, work: Path) -> None:
    import sqlite3
    from contextlib import closing

    from incremental.state import FileLedger, Output

    path = work / ".incremental" / "ledger.sqlite"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("DELETE FROM output WHERE dataset = 'total'")
        connection.commit()
    assert to_run(cli) == ["both"]
    ledger = FileLedger(path, work)
    ledger.commit("another run", "both", [Output("total", str(work / "out" / "total.json"))], {})
    ledger.close()
    assert to_run(cli) == ["both"]
    said = one(cli, "adopt", "total")
    assert said.code == 2
    assert "'total' is incomplete" in said.err
    assert one(cli, "adopt", "total", "--force").code == 0
    assert to_run(cli) == []
    assert {each["was"] for each in document(cli, "adopt")["outputs"]} == set()


# -- adopt


def test_adopt_without_names_shows_and_writes_nothing(cli, work: Path) -> None:
    shutil.rmtree(work / ".incremental")
    said = one(cli, "adopt")
    assert said.out.splitlines()[0].startswith("unproven  numbers  ")
    assert said.out.splitlines()[-1] == "5 outputs to adopt: name them, or give --all"
    assert not (work / ".incremental").exists()


def test_an_adopted_output_is_proven_and_its_readers_are_suspect(cli, work: Path) -> None:
    (work / "out" / "numbers.json").write_text("[9]")
    told = document(cli, "adopt", "numbers")
    assert [(each["dataset"], each["was"]) for each in told["outputs"]] == [("numbers", "changed")]
    assert told["adopted_as"] not in {run["run_id"] for run in document(cli, "runs")["runs"]}
    plan = document(cli, "plan", "--dry-run")
    assert plan["facts"]["changed"] == {}
    assert {each["dataset"] for each in plan["suspects"]} == {"total", "size"}
    assert set(verdicts(cli).values()) == {"whole"}


def test_outputs_of_one_node_are_adopted_together(cli, work: Path) -> None:
    (work / "out" / "total.json").write_text("9")
    assert [each["dataset"] for each in document(cli, "adopt", "total")["outputs"]] == ["total", "size"]
    assert to_run(cli) == []


def test_adopting_everything_after_a_lost_ledger_is_as_after_a_run(cli, work: Path) -> None:
    shutil.rmtree(work / ".incremental")
    assert len(document(cli, "adopt", "--all")["outputs"]) == 5
    assert one(cli, "plan", "--dry-run").out == "nothing to do: 4 nodes up to date\n"
    (work / "out" / "model.pkl").unlink()
    assert one(cli, "run", "--only-missing-outputs", "-q").code == 0
    assert [each["dataset"] for each in document(cli, "plan", "--dry-run")["suspects"]] == ["report"]


def test_what_cannot_be_adopted_is_told(cli, work: Path) -> None:
    (work / "out" / "report.txt").unlink()
    for arguments, words in (
        (("report",), "'report' is not there"),
        (("modle",), "'modle' is no output of the pipeline that outlives a run; did you mean 'model'?"),
        (("--all", "model"), "--all adopts every output"),
    ):
        said = one(cli, "adopt", *arguments)
        assert (said.code, words in said.err) == (2, True), said


# -- verify


def damage(path: Path, chance: random.Random) -> None:
    """Flip a bit of a file, or cut it."""
    content = bytearray(path.read_bytes())
    place = chance.randrange(len(content))
    if chance.random() < 0.5:
        content[place] ^= 1 << chance.randrange(8)
        path.write_bytes(content)
    else:
        path.write_bytes(content[:place])


def file_of(work: Path, name: str) -> Path:
    return next(path for path in (work / "out").rglob(f"{name}.*") if path.is_file())


@pytest.mark.parametrize("times", [30, pytest.param(1000, marks=pytest.mark.slow)])
def test_every_damage_is_found_and_nothing_else(cli, work: Path, times: int) -> None:
    from incremental import Session
    from incremental.session.outputs import Verdict
    from incremental.session.request import Request

    chance = random.Random(1)
    whole = {name: file_of(work, name).read_bytes() for name in NAMES}
    with Session.create("pipeline.py", save_on_close=False) as session:
        for _ in range(times):
            if chance.random() < 0.3:
                one_name, other = chance.sample(NAMES, 2)
                hit = {one_name, other}
                file_of(work, one_name).write_bytes(whole[other])
                file_of(work, other).write_bytes(whole[one_name])
            else:
                hit = {chance.choice(NAMES)}
                damage(file_of(work, *hit), chance)
            outputs = session.outputs(Request.of(only_missing_outputs=True))
            found = {each.dataset: each.verdict for each in outputs.verify(outputs.holdings)}
            assert found == {name: Verdict.DAMAGED if name in hit else Verdict.WHOLE for name in NAMES}
            for name in hit:
                file_of(work, name).write_bytes(whole[name])


def test_damage_ends_with_code_1_and_repair_makes_just_that_again(cli, work: Path) -> None:
    golden = {name: file_of(work, name).read_bytes() for name in ("model", "report")}
    file_of(work, "model").write_bytes(b"no pickle")
    file_of(work, "report").unlink()
    file_of(work, "numbers").write_text("[7]")
    assert one(cli, "adopt", "numbers").code == 0
    said = one(cli, "verify")
    assert said.code == 1
    assert [line.split()[:2] for line in said.out.splitlines()[:-1]] == [
        ["damaged", "model"],
        ["lost", "report"],
    ]
    assert said.out.splitlines()[-1] == "verified 5 outputs: 3 whole, 1 damaged, 1 lost"
    assert one(cli, "verify", "numbers").code == 0

    said = one(cli, "verify", "--repair", "--json")
    run = json.loads(said.out)["repaired_by"]
    assert said.code == 0
    assert {step["node"] for step in document(cli, "runs", "show", run)["steps"]} == {"train", "tell"}
    assert {name: file_of(work, name).read_bytes() for name in golden} == golden
    assert set(verdicts(cli).values()) == {"whole"}


def test_an_output_that_a_run_replaces_while_it_is_verified_is_not_damaged(work: Path) -> None:
    request = Request.of(only_missing_outputs=True)
    with Session.create(work) as session, Session.create(work) as other:
        outputs = session.outputs(request)
        total = next(each for each in outputs.holdings if each.dataset == "total")
        file = Path(total.location)
        file.write_text("9")
        other_outputs = other.outputs(request)
        other_outputs.adopt(other_outputs.to_adopt(), other.history.claim())
        (finding,) = outputs.verify([total])
        assert finding.verdict is Verdict.WHOLE
        file.write_text("8")
        (finding,) = outputs.verify([total])
        assert finding.verdict is Verdict.DAMAGED


def test_repair_runs_what_is_needed_and_nothing_that_is_merely_missing(cli, work: Path) -> None:
    file_of(work, "total").unlink()
    shutil.rmtree(work / "out" / "size.json")
    file_of(work, "model").write_bytes(b"no pickle")
    assert one(cli, "verify", "model", "--repair", "-q").code == 0
    run = last_run(cli)
    steps = document(cli, "runs", "show", run)["steps"]
    assert [step["node"] for step in steps] == ["both", "train"]


def test_adopt_is_refused_and_doctor_tells_while_a_run_writes_there(
    cli, work: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    place = str(work / "out/model.pkl")
    with Claims(tmp_path / "elsewhere").claim("incremental run other", [place]) as claim:
        claim.settle("other", [place])
        file_of(work, "model").write_bytes(b"by hand")
        said = one(cli, "adopt", "model")
        told = one(cli, "doctor")
    assert said.code == 2
    assert len(said.err.splitlines()) == 1
    assert "model.pkl' is being written by another run: process" in said.err
    assert f"written by another run: process {os.getpid()}" in " ".join(told.out.split())
    assert one(cli, "adopt", "model").code == 0
    assert "written by another run" not in " ".join(one(cli, "doctor").out.split())


def test_repair_is_refused_while_another_run_writes_what_is_damaged(
    cli, work: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    place = str(work / "out/model.pkl")
    file_of(work, "model").write_bytes(b"no pickle")
    with Claims(tmp_path / "elsewhere").claim("incremental run other", [place]) as claim:
        claim.settle("other", [place])
        said = one(cli, "verify", "--repair")
    assert said.code == 2
    assert "model.pkl' is being written by another run: process" in said.err
    assert file_of(work, "model").read_bytes() == b"no pickle"


PARTS = """
parts: {type: partitions.PartitionedDataset, path: out/parts, dataset: text.TextDataset, filename_suffix: .txt}
"""
SPLITTING = """
from incremental import Pipeline, node

def split(): return {"a": "1", "b": "2"}

def register_pipelines():
    return {"__default__": Pipeline([node(split, None, "parts", name="split")])}
"""


def test_partitions_are_verified_once_their_digest_is_recorded(cli, project) -> None:
    folder = project({"pipeline.py": SPLITTING, "catalog.yml": PARTS})
    assert one(cli, "run", "-q").code == 0
    assert one(cli, "adopt", "parts").code == 0
    before = one(cli, "verify")
    (folder / "out/parts/b.txt").write_text("3")
    after = one(cli, "verify")
    assert before.code == 0
    assert "1 whole, 0 damaged" in before.out
    assert after.code == 1
    assert "1 damaged" in after.out


def test_verifying_leaves_no_trace(cli, work: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in work.rglob("*")}
    assert one(cli, "verify").code == 0
    assert {path: path.stat().st_mtime_ns for path in work.rglob("*")} == before


# -- pickles that changed


def test_a_pickle_that_changed_is_refused_before_it_is_loaded_until_it_is_adopted(cli, work: Path) -> None:
    import pickle

    class Bomb:
        def __reduce__(self) -> Any:
            return Path.write_text, (work / "boom", "went off")

    file_of(work, "report").unlink()
    file_of(work, "model").write_bytes(pickle.dumps(Bomb()))
    said = one(cli, "run", "--only-missing-outputs", "-q")
    assert said.code == 1
    assert "changed since this project committed it, and loading a pickle runs the code in it" in said.err
    assert not (work / "boom").exists()

    assert one(cli, "adopt", "model").code == 0
    assert one(cli, "run", "--only-missing-outputs", "-q").code == 0
    assert (work / "boom").read_text() == "went off"


def test_a_pickle_without_a_record_loads(cli, work: Path) -> None:
    shutil.rmtree(work / ".incremental")
    file_of(work, "report").unlink()
    assert one(cli, "run", "--only-missing-outputs", "-q").code == 0


@pytest.mark.parametrize("runner", ["threads", "processes"])
def test_a_pickle_that_a_run_makes_again_is_read_by_its_next_node_elsewhere(
    cli, work: Path, runner: str
) -> None:
    file_of(work, "model").write_bytes(b"no pickle")
    assert one(cli, "run", "-q", "--runner", runner, "--workers", "2").code == 0
    assert set(verdicts(cli).values()) == {"whole"}


@pytest.mark.parametrize("runner", ["sequential", "threads", "processes"])
def test_a_changed_pickle_is_refused_wherever_its_node_runs(cli, work: Path, runner: str) -> None:
    file_of(work, "model").write_bytes(b"no pickle")
    said = one(cli, "run", "-q", "--nodes", "tell", "--runner", runner)
    assert said.code == 1
    assert "changed since this project committed it" in said.err


def test_the_result_of_a_run_refuses_a_changed_pickle_too(work: Path) -> None:
    from incremental import Session
    from incremental.errors import DatasetError

    with Session.create("pipeline.py") as session:
        result = session.run(node_names=["train"])
        assert result["model"] == {"weights": 6}
        result = session.run(node_names=["train"], only_missing_outputs=True)
        assert result["model"] == {"weights": 6}
        file_of(work, "model").write_bytes(b"no pickle")
        with pytest.raises(DatasetError, match="dataset 'model': .* changed since this project committed it"):
            result["model"]


DUMB = """
class Dumb:  # no exists, and nothing that tells where it keeps its data
    def __init__(self, where): self.where = where
    def load(self): return open(self.where).read()
    def save(self, data): open(self.where, "w").write(data)
"""


def test_an_output_of_which_nobody_can_tell_whether_it_is_there_is_not_called_lost(cli, project) -> None:
    report = "report: {type: text.TextDataset, filepath: out/report.txt}"
    dumb = CATALOG.replace(report, "report: {type: pipeline.Dumb, where: report.txt}")
    project({"pipeline.py": DUMB + PIPELINE, "catalog.yml": dumb})
    assert one(cli, "run", "-q").code == 0
    assert one(cli, "plan").out.splitlines()[0] == (
        "run      tell  report counted as missing: there is no way to tell"
    )
    said = one(cli, "verify")
    assert said.code == 0
    assert "verified 5 outputs: 4 whole, 0 damaged" in said.out
    assert "lost" not in said.out
    said = one(cli, "adopt", "report")
    assert said.code == 2
    assert said.err == (
        "error: 'report' cannot be adopted: its dataset cannot tell whether it is there; give it an exists()\n"
    )
