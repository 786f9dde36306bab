"""A run removes what a killed run left at the outputs it answers for; a plan removes nothing."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from projects import CATALOG, REGISTRY, make_project

from incremental.io.files.staging import is_staging_name, staging_name
from incremental.session import Session


def left(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.rglob("*") if is_staging_name(path.name))


def test_a_run_sweeps_the_outputs_of_its_selection_also_those_it_skips(tmp_path: Path) -> None:
    project = make_project(tmp_path)
    data = project / "data"
    with Session.create(project) as session:
        session.run()
    foreign = data / staging_name("of_somebody_else.txt")
    ours = data / staging_name("report.txt")
    for path in (foreign, ours):
        path.write_text("half")
    with Session.create(project) as session:
        session.plan(only_missing_outputs=True)
        assert ours.exists()
        result = session.run(only_missing_outputs=True)
    assert result.plan.running == ()
    assert left(data) == [foreign.name]


SLOW = REGISTRY.replace(
    "def report(counts):", "class Slow(str):\n    pass\n\n\ndef report(counts):"
).replace(
    'node(report, "counts", "report", name="report")', 'node(drip, "counts", "report", name="report")'
).replace(
    "def register_pipelines():",
    '''def drip(counts):
    import pathlib, time
    yield report(counts)
    pathlib.Path("begun").touch()
    while pathlib.Path("slow").exists():
        time.sleep(0.02)


def register_pipelines():''',
)  # fmt: skip


def test_what_a_killed_process_had_staged_is_gone_after_the_next_run(tmp_path: Path) -> None:
    project = make_project(tmp_path, registry=SLOW, catalog=CATALOG)
    (project / "slow").touch()
    command = [sys.executable, "-m", "incremental", "run"]
    killed = subprocess.Popen(command, cwd=project, start_new_session=True)
    deadline = time.monotonic() + 60
    while not (project / "begun").exists():
        assert time.monotonic() < deadline
        assert killed.poll() is None
        time.sleep(0.02)
    os.killpg(killed.pid, signal.SIGKILL)
    killed.wait()
    assert len(left(project / "data")) == 1
    (project / "slow").unlink()
    assert subprocess.run([*command, "--only-missing-outputs"], cwd=project, check=False).returncode == 0
    assert left(project / "data") == []
    assert (project / "data" / "report.txt").read_text().startswith("and: 2")
