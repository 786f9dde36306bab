"""What goes wrong while the books are kept never hides what went wrong before."""

from __future__ import annotations

import errno
import re
from pathlib import Path
from typing import Any

import pytest
from projects import REGISTRY, make_project

from incremental.errors import NodeRunError
from incremental.session import Session
from incremental.session.recorder import Recorder
from incremental.session.store import JSONSessionStore


def full_disk(*_: Any, **__: Any) -> None:
    raise OSError(errno.ENOSPC, "No space left on device")


@pytest.fixture
def project(tmp_path: Path) -> Path:
    return make_project(tmp_path / "project")


@pytest.fixture
def failing(tmp_path: Path) -> Path:
    broken = REGISTRY.replace("return raw.strip().lower()", "return raw.no_such_method()")
    return make_project(tmp_path / "failing", registry=broken)


def test_a_record_that_cannot_be_written_does_not_hide_a_failed_node(
    failing: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(JSONSessionStore, "save", full_disk)
    with pytest.raises(NodeRunError), Session.create(failing) as session:
        session.run()
    assert "the session's record is not written" in caplog.text
    assert "No space left" in caplog.text


def test_an_end_that_cannot_be_noted_does_not_hide_a_failed_node(
    failing: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(Recorder, "end", full_disk)
    with pytest.raises(NodeRunError), Session.create(failing) as session:
        session.run()
    assert "its end is not noted" in caplog.text


def test_an_exception_that_cannot_say_what_it_is_about_is_named_and_noted(tmp_path: Path) -> None:
    mute = "class Mute(Exception):\n    def __str__(self):\n        return 1 / 0\n\n\ndef clean("
    registry = REGISTRY.replace("def clean(", mute).replace("return raw.strip().lower()", "raise Mute")
    said = r"Mute: \(its __str__ raised ZeroDivisionError\)"
    root = make_project(tmp_path / "mute", registry=registry)
    with Session.create(root, save_on_close=False) as session:
        with pytest.raises(NodeRunError, match=f"node 'clean' failed: {said}"):
            session.run()
        (run,) = session.history.runs()
        assert re.search(said, session.history.run(run.run_id).steps[0].error)


def test_a_record_that_cannot_be_written_is_an_error_after_a_run_that_succeeded(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(JSONSessionStore, "save", full_disk)
    with pytest.raises(OSError, match="No space left"), Session.create(project) as session:
        session.run()


BAD_HOOKS = """
from incremental.hooks import hook_impl

class Bad:
    @hook_impl
    def on_node_error(self, error): raise RuntimeError("of the node's hook")
    @hook_impl
    def on_pipeline_error(self, error): raise RuntimeError("of the pipeline's hook")

HOOKS = (Bad(),)
"""


def test_hooks_that_fail_when_they_are_told_of_an_error_do_not_hide_it(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    broken = REGISTRY.replace("return raw.strip().lower()", "return raw.no_such_method()")
    root = make_project(tmp_path / "failing", registry=broken, settings=BAD_HOOKS)
    with pytest.raises(NodeRunError, match="no_such_method"), Session.create(root) as session:
        session.run()
    assert "of the node's hook" in caplog.text
    assert "of the pipeline's hook" in caplog.text
