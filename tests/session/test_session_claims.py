"""Sessions claim what they may write before they look at it, and nothing else does."""

from __future__ import annotations

import importlib
import threading
from pathlib import Path

import pytest
from projects import make_project, snapshot

from incremental.errors import ClaimError, PlanError
from incremental.io import DataCatalog
from incremental.pipeline import Pipeline, node
from incremental.runner import SequentialRunner
from incremental.session import Session
from incremental.state import Claims

LOOKING = """
import os
from pathlib import Path

FOLDER = Path(os.environ["XDG_STATE_HOME"], "incremental/claims")
seen = []


def look(what):
    claims = list(FOLDER.glob("*.claim"))
    seen.append((what, [line for path in claims for line in path.read_text().splitlines()[1:]]))


class Watcher:
    def __init__(self, filepath):
        self._filepath = filepath

    def exists(self):
        look("exists")
        return Path(self._filepath).exists()

    def load(self):
        look("load")
        return Path(self._filepath).read_text()

    def save(self, data):
        look("save")
        Path(self._filepath).write_text(data)
"""
CATALOG = """
raw: {type: text.TextDataset, filepath: data/raw.txt}
counts: {type: json.JSONDataset, filepath: data/counts.json}
report: {type: PACKAGE.watching.Watcher, filepath: data/report.txt}
"""


@pytest.fixture(autouse=True)
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "state"
    monkeypatch.setenv("XDG_STATE_HOME", str(folder))
    return folder / "incremental/claims"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    return make_project(tmp_path / "project")


def changes(before: dict[str, tuple[int, int, bytes]], root: Path) -> list[str]:
    """Return what differs since a snapshot, bytecode and the times of folders aside."""
    after = snapshot(root)
    return [
        name
        for name in sorted(before.keys() | after.keys())
        if "__pycache__" not in name
        and (name not in before or name not in after or before[name][2] != after[name][2])
    ]


def claimed(project: Path, *names: str) -> list[str]:
    return [str(project / "data" / name) for name in names]


def test_a_run_is_refused_without_a_trace_in_its_project(project: Path) -> None:
    before = snapshot(project)
    with Claims(project).claim("other", claimed(project, "report.txt")) as claim:
        claim.settle("other", claimed(project, "report.txt"))
        with (
            pytest.raises(ClaimError, match=r"report.txt' is being written"),
            Session.create(project) as session,
        ):
            session.run()
    assert changes(before, project) == []
    assert not (project / ".incremental").exists()
    assert not (project / "data/counts.json").exists()


def test_a_run_that_waits_goes_on_when_the_other_has_ended(project: Path) -> None:
    claim = Claims(project).claim("other", claimed(project, "report.txt"))
    claim.settle("other", claimed(project, "report.txt"))
    threading.Timer(0.3, claim.release).start()
    with Session.create(project) as session:
        assert session.run(wait=True).executed == ("clean", "count", "report")


def test_a_run_that_has_waited_surveys_afresh(project: Path) -> None:
    with Session.create(project) as session:
        session.run(tags=["prepare", "count"])
    claim = Claims(project).claim("other", claimed(project, "report.txt"))
    claim.settle("other", claimed(project, "report.txt"))

    def finish() -> None:
        (project / "data/report.txt").write_text("made meanwhile")
        claim.release()

    threading.Timer(0.3, finish).start()
    with Session.create(project) as session:
        assert session.run(only_missing_outputs=True, wait=True).executed == ()


def test_what_a_plan_skips_is_free_while_the_run_goes_on(project: Path, state: Path) -> None:
    with Session.create(project) as session:
        session.run()
    (project / "data/report.txt").unlink()
    with Claims(project).claim("other", claimed(project, "report.txt")) as other:
        other.settle("other", [])
        with Session.create(project) as session:
            assert session.run(only_missing_outputs=True).executed == ("report",)
    with Claims(project).claim("other", claimed(project, "counts.json")) as other:
        other.settle("other", claimed(project, "counts.json"))
        with Session.create(project) as session, pytest.raises(ClaimError):
            session.run(only_missing_outputs=True)  # before it has looked, it may have to write this
    assert [path.name for path in state.iterdir()] == ["lock"]


def test_everything_is_claimed_before_it_is_looked_at_and_given_back_once_planned(tmp_path: Path) -> None:
    package = make_project(tmp_path / "watched")
    name = next((package / "src").iterdir()).name
    (package / f"src/{name}/watching.py").write_text(LOOKING)
    (package / "conf/base/catalog.yml").write_text(CATALOG.replace("PACKAGE", name))
    (package / "data/counts.json").write_text('{"cat": 1}')
    with Session.create(package) as session:
        session.run(only_missing_outputs=True)
    seen = importlib.import_module(f"{name}.watching").seen
    counts, report = claimed(package, "counts.json", "report.txt")
    first = f'{{"run": null, "locations": ["{counts}", "{report}"]}}'
    second = f'"locations": ["{report}"]}}'
    assert [what for what, _ in seen] == ["exists", "save"]
    assert seen[0][1] == [first]
    assert seen[1][1][0] == first
    assert seen[1][1][1].endswith(second)


def test_nothing_stays_claimed_after_a_run_however_it_ended(project: Path, state: Path) -> None:
    with Session.create(project) as session:
        session.run()
        assert [path.name for path in state.iterdir()] == ["lock"]
        (project / "data/raw.txt").unlink()
        with pytest.raises(PlanError):
            session.run()
    assert [path.name for path in state.iterdir()] == ["lock"]


def test_planning_claims_nothing_and_minds_no_claim(project: Path, state: Path) -> None:
    with Session.create(project) as session:
        session.plan()
        session.plan(only_missing_outputs=True)
        assert session.history.runs() == ()
    assert not state.parent.exists()
    with Claims(project).claim("other", claimed(project, "report.txt")), Session.create(project) as session:
        assert len(session.plan().running) == 3


def test_a_runner_without_a_session_claims_nothing(tmp_path: Path, state: Path) -> None:
    path = tmp_path / "out.txt"
    catalog = DataCatalog.from_config({"out": {"type": "text.TextDataset", "filepath": str(path)}})
    catalog["raw"] = "x"
    with Claims(tmp_path).claim("other", [str(path)]) as claim:
        claim.settle("other", [str(path)])
        before = sorted(path.name for path in state.iterdir())
        SequentialRunner().run(Pipeline([node(str.upper, "raw", "out")]), catalog)
        assert sorted(path.name for path in state.iterdir()) == before
    assert path.read_text() == "X"
