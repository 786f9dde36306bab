"""What a run was made with: git, versions, parameters, command; and what it takes to write it down."""

from __future__ import annotations

import functools
import json
import os
import subprocess
import sys
import threading
import time
from pathlib import Path
from types import ModuleType

import pytest
from projects import make_project

from incremental import Session
from incremental.errors import LedgerError
from incremental.events import NodeFinished, NodeStarted
from incremental.session.provenance import Code, module_of, packages_of, version_of
from incremental.session.recorder import Recorder
from incremental.session.request import Request
from incremental.state import History

IMPORTING = """
import decimal
import json
import click
from xxhash import xxh3_128
from PACKAGE.inner import helper
from incremental.pipeline import Pipeline, node

def work(raw): return helper(raw)

def register_pipelines():
    return {"__default__": Pipeline([node(work, "raw", "made", name="work")])}
"""


def git(folder: Path, *words: str) -> str:
    command = ["git", "-c", "user.name=x", "-c", "user.email=x@example.org", "-C", str(folder), *words]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


def project_in(root: Path, **more: str) -> Path:
    made = make_project(root, **more)
    package = next((made / "src").iterdir()).name
    registry = made / "src" / package / "pipeline_registry.py"
    registry.write_text(registry.read_text().replace("PACKAGE", package))
    (made / "src" / package / "inner.py").write_text("import yaml\n\ndef helper(value): return value\n")
    return made


def details_of(root: Path, **runtime: object) -> dict[str, object]:
    with Session.create(root, runtime_params=runtime or None) as session:
        run_id = session.run().run_id
        found = session.history.run(run_id)
    assert found is not None
    return dict(found.details)


# git


def test_commit_and_changes_are_those_of_git(tmp_path: Path) -> None:
    assert Code(str(tmp_path)).known(5)["git"] == {"commit": None, "dirty": None}
    git(tmp_path, "init", "-q")
    assert Code(str(tmp_path)).known(5)["git"] == {"commit": None, "dirty": None}  # no commit yet
    (tmp_path / "a").write_text("1")
    git(tmp_path, "add", "a")
    git(tmp_path, "commit", "-qm", "one")
    sha = git(tmp_path, "rev-parse", "HEAD")
    assert Code(str(tmp_path)).known(5)["git"] == {"commit": sha, "dirty": False}
    (tmp_path / "b").write_text("untracked")
    assert Code(str(tmp_path)).known(5)["git"] == {"commit": sha, "dirty": True}


def test_a_machine_without_git_has_no_commit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert Code(str(tmp_path)).known(5)["git"] == {"commit": None, "dirty": None}


def test_a_git_that_takes_too_long_is_ended_and_the_commit_kept(tmp_path: Path, monkeypatch) -> None:
    slow = tmp_path / "git"
    slow.write_text(
        '#!/bin/sh\ncase "$*" in *rev-parse*) echo abc;; *) echo $$ > $0.pid; exec sleep 60;; esac\n'
    )
    slow.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    code = Code(str(tmp_path))
    deadline = time.monotonic() + 20
    while not (tmp_path / "git.pid").exists():
        assert time.monotonic() < deadline
        time.sleep(0.01)
    assert code.known(0.2)["git"] == {"commit": "abc", "dirty": None}
    pid = (tmp_path / "git.pid").read_text()
    if pid:
        with pytest.raises(ProcessLookupError):
            os.kill(int(pid), 0)


# versions


def test_versions_are_those_of_packages_that_the_modules_of_nodes_import(tmp_path: Path) -> None:
    import click
    import xxhash
    import yaml

    packages = details_of(project_in(tmp_path, registry=IMPORTING))["packages"]
    assert packages == {"click": version_of("click"), "xxhash": xxhash.VERSION, "yaml": yaml.__version__}
    assert click.__name__ in packages  # type: ignore[operator]


def test_a_function_is_found_behind_what_wraps_it() -> None:
    @functools.wraps(json.dumps)
    def wrapped(value: object) -> str:
        return json.dumps(value)

    class Callable:
        def __call__(self) -> None: ...

    loop = wrapped
    loop.__wrapped__ = loop  # type: ignore[attr-defined]
    assert module_of(functools.partial(functools.partial(json.loads, "1"))) == "json"
    assert module_of(Callable()) == __name__
    assert isinstance(module_of(loop), str)


def test_looking_for_packages_runs_no_code_of_the_user(monkeypatch: pytest.MonkeyPatch) -> None:
    class Touchy:
        def __getattr__(self, name: str) -> object:
            raise AssertionError("touched")

        @property
        def __class__(self) -> type:  # type: ignore[override]
            raise AssertionError("touched")

    module = ModuleType("odd_module")
    module.value = Touchy()  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "odd_module", module)
    assert packages_of({"odd_module", "not_there"}) == set()


# parameters and secrets


def test_parameters_are_kept_without_what_is_secret_or_declared_private(tmp_path: Path, monkeypatch) -> None:
    root = make_project(
        tmp_path,
        parameters="least: 3\npatient: {name: canary-Ann, weight: 12345, ward: open}\nlogin: {password: canary-Pw}\n"
        "note: call canary-Ann\n",
        settings='PRIVATE_PARAMETERS = ("patient.name", "patient.w*t")\n',
    )
    argv = [
        "incremental",
        "run",
        "--params",
        "patient.name=canary-Bob,patient.ward=open",
        "--params=patient={name: x}",
    ]
    monkeypatch.setattr(sys, "argv", argv)
    details = details_of(root, **{"patient.name": "canary-Bob"})
    assert details["parameters"] == {
        "least": 3,
        "patient": {"name": "***", "weight": "***", "ward": "open"},
        "login": {"password": "***"},
        "note": "call canary-Ann",  # replaced at run time: it is no secret of this run
    }
    assert details["command"] == [
        "incremental",
        "run",
        "--params",
        "patient.name=***,patient.ward=open",
        "--params=patient=***",
    ]
    written = b"".join(path.read_bytes() for path in (root / ".incremental").rglob("*") if path.is_file())
    assert b"canary-Bob" not in written
    assert b"canary-Pw" not in written
    assert b"12345" not in written


def test_a_private_parameter_is_taken_out_of_errors(tmp_path: Path) -> None:
    registry = """
from incremental.pipeline import Pipeline, node
def fail(name): raise ValueError(f"no patient {name}")
def register_pipelines(): return {"__default__": Pipeline([node(fail, "params:patient", "x", name="fail")])}
"""
    root = make_project(
        tmp_path,
        registry=registry,
        parameters="patient: canary-Ann\n",
        settings='PRIVATE_PARAMETERS = ["patient"]\n',
    )
    session = Session.create(root)
    with pytest.raises(Exception, match="fail"), session:
        session.run()
    found = session.history.run(session.session_id)
    assert found is not None
    assert found.status == "failed"
    assert "no patient ***" in (found.error or "")
    assert found.steps[0].error == "ValueError: no patient ***"
    assert found.steps[0].seconds is not None
    written = b"".join(path.read_bytes() for path in (root / ".incremental").rglob("*") if path.is_file())
    assert b"canary-Ann" not in written


@pytest.mark.parametrize(
    ("value", "text"), [('"patient"', "not a tuple"), ("(1,)", "dotted names of parameters in quotes")]
)
def test_private_parameters_that_are_no_names_are_refused(tmp_path: Path, value: str, text: str) -> None:
    with pytest.raises(Exception, match=text):
        Session.create(make_project(tmp_path, settings=f"PRIVATE_PARAMETERS = {value}\n"))


def test_parameters_of_the_users_own_classes_fail_no_run(tmp_path: Path) -> None:
    root = make_project(tmp_path)

    class Odd:
        def __str__(self) -> str:
            raise ValueError("no text")

        __repr__ = __str__

        def __deepcopy__(self, memo: object) -> Odd:
            return self

    details = details_of(root, odd=Odd())
    assert details["parameters"] == {
        "least": 3,
        "odd": "<test_parameters_of_the_users_own_classes_fail_no_run.<locals>.Odd>",
    }


# the recorder


@pytest.fixture
def opened(tmp_path: Path):
    with Session.create(make_project(tmp_path)) as session:
        yield session


def recorder_of(session: Session) -> Recorder:
    ids = (session.session_id, session.history.claim())
    recorder = Recorder(session.history, session.load_context(), ids, Request(), "runner")
    recorder.plan(session.plan())
    return recorder


def test_what_happens_is_written_before_the_run_is_over(opened: Session) -> None:
    others = set(threading.enumerate())
    recorder = recorder_of(opened)
    recorder(NodeFinished("clean", 1.0, 0.1, 0.2, 0.3))
    recorder(NodeStarted("count", 2))
    deadline = time.monotonic() + 20
    while True:
        found = opened.history.run(recorder.run_id)
        assert found is not None
        if [step.status for step in found.steps] == ["done", "running", "planned"]:
            break
        assert time.monotonic() < deadline, found
        time.sleep(0.01)
    recorder.end("succeeded")
    recorder.end("failed", ValueError("too late"))
    ended = opened.history.run(recorder.run_id)
    assert ended is not None
    assert (ended.status, ended.error) == ("succeeded", None)
    left = set(threading.enumerate()) - others
    assert not any(thread.name == "incremental-history" for thread in left)


def test_a_history_that_cannot_be_written_fails_no_run_and_is_told_once(
    opened: Session, monkeypatch, caplog
) -> None:
    recorder = recorder_of(opened)
    full = [LedgerError("no space left")] * 2

    def note(self: History, run_id: str, *steps: object) -> None:
        if full:
            raise full.pop()
        kept.extend(steps)

    kept: list[object] = []
    monkeypatch.setattr(History, "note", note)
    recorder(NodeFinished("clean", 1.0, 0.1, 0.2, 0.3))
    deadline = time.monotonic() + 20
    while full:
        recorder(NodeStarted("count", 2))
        assert time.monotonic() < deadline
        time.sleep(0.05)
    recorder.end("succeeded")
    assert {step.node for step in kept} == {"clean", "count"}  # type: ignore[attr-defined]
    assert caplog.text.count("its history is not written: no space left") == 1


def test_a_run_whose_plan_is_refused_after_hooks_were_told_is_listed_as_failed(tmp_path: Path) -> None:
    root = make_project(
        tmp_path,
        settings="""
            from incremental.hooks import hook_impl
            class Mine:
                @hook_impl
                def before_pipeline_run(self, run_params): pass
            HOOKS = (Mine(),)
        """,
    )
    (root / "data/raw.txt").unlink()
    session = Session.create(root)
    with pytest.raises(Exception, match="raw"), session:
        session.run()
    (run,) = session.history.runs()
    assert (run.status, run.has_plan) == ("failed", False)
    assert "raw" in (run.error or "")


def test_a_run_that_was_killed_before_its_plan_is_resumed_as_it_was_asked(opened: Session) -> None:
    opened.run()
    ids = (opened.session_id, opened.history.claim())
    Recorder(opened.history, opened.load_context(), ids, Request.of(tags=["prepare"]), "runner").end(
        "interrupted"
    )
    assert opened.run(resume=True).executed == ("clean",)
