"""Configuration from outside the project imports nothing that the project does not know or allow."""

from __future__ import annotations

import sys
from pathlib import Path
from shlex import split

import pytest
from command_line import call, process
from projects import CATALOG, make_project, snapshot

CANARY = """
import os
from pathlib import Path

Path(os.environ["IMPORTED"]).touch()


class Canary:
    def __init__(self, *args, **kwargs): ...
    def load(self): return "canary"
    def save(self, data): ...
    def exists(self): return True
"""

NAMING = {
    "a type": "extra:\n  type: canary.Canary\n",
    "a type within": "extra:\n  type: CachedDataset\n  dataset:\n    type: canary.Canary\n",
    "a dataset by its name": "extra:\n  type: CachedDataset\n  dataset: canary.Canary\n",
    "a type in a list": "extra:\n  type: MemoryDataset\n  metadata:\n  - - type: canary.Canary\n",
    "a pattern": '"{any}_extra":\n  type: canary.Canary\n',
    "a pattern in a type": '"{any}_extra":\n  type: "{any}.Canary"\n',
    "a pickle backend": "extra:\n  type: pickle.PickleDataset\n  filepath: data/x.pkl\n  backend: canary\n",
    "a validator": "extra:\n  type: MemoryDataset\n  validator: canary.Canary\n",
    "a validator's class": "extra:\n  type: MemoryDataset\n  validator:\n    class: canary.Canary\n",
    "an interpolated type": "_kind: canary.Canary\nextra:\n  type: ${_kind}\n",
}

COMMANDS = (
    "plan",
    "plan --dry-run",
    "run",
    "run --dry-run",
    "why report",
    "catalog list",
    "catalog describe extra",
    "catalog describe canary_extra",
)


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give a project, a configuration folder beside it, and a module that tells when it is imported."""
    (tmp_path / "modules").mkdir()
    (tmp_path / "modules/canary.py").write_text(CANARY)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "modules"))
    monkeypatch.setenv("IMPORTED", str(tmp_path / "imported"))
    monkeypatch.syspath_prepend(tmp_path / "modules")
    monkeypatch.delitem(sys.modules, "canary", raising=False)
    root = make_project(tmp_path / "project")
    base = tmp_path / "conf/base"
    base.mkdir(parents=True)
    (base / "parameters.yml").write_text("least: 3\n")
    return root


def write_catalog(project: Path, text: str) -> None:
    (project.parent / "conf/base/catalog.yml").write_text(CATALOG + text)


def was_imported(project: Path) -> bool:
    return (project.parent / "imported").exists()


EACH_ONCE = [
    *(pytest.param("plan", naming, id=name) for name, naming in NAMING.items()),
    *(pytest.param(typed, NAMING["a type within"], id=typed) for typed in COMMANDS),
]


@pytest.mark.parametrize(("typed", "naming"), EACH_ONCE)
def test_a_foreign_catalog_is_refused_before_anything_is_imported(
    project: Path, typed: str, naming: str
) -> None:
    write_catalog(project, naming)
    before = snapshot(project)
    answer = call(project, *split(typed), "--conf-source", "../conf")
    assert answer.code == 2
    assert "conf/base/catalog.yml:" in answer.err
    assert "add 'canary' to ALLOW_IMPORTS in settings.py" in answer.err or "'{any}'" in answer.err
    assert not was_imported(project)
    assert {name for name in snapshot(project) if "__pycache__" not in name} == set(before)


def test_a_foreign_catalog_is_refused_in_a_process_as_well(project: Path) -> None:
    write_catalog(project, NAMING["a type"])
    answer = process(project, "plan", "--conf-source", "../conf")
    assert answer.code == 2
    assert answer.err == (
        "error: ../conf/base/catalog.yml:12: dataset 'extra': type 'canary.Canary' is not known "
        "here, and this configuration lies outside the project; if you trust it, add 'canary' to ALLOW_IMPORTS "
        "in settings.py\n"
    )
    assert not was_imported(project)


def test_doctor_names_what_it_would_not_import(project: Path) -> None:
    write_catalog(project, NAMING["a type"])
    answer = call(project, "doctor", "--conf-source", "../conf")
    assert answer.code == 2
    assert "ALLOW_IMPORTS" in answer.out
    assert not was_imported(project)


def test_what_settings_allow_is_imported(project: Path) -> None:
    write_catalog(project, NAMING["a type"])
    settings = next((project / "src").iterdir()) / "settings.py"
    settings.write_text("ALLOW_IMPORTS = ['canary']\n")
    assert call(project, "catalog", "describe", "extra", "--conf-source", "../conf").code == 0
    assert was_imported(project)


def test_the_projects_own_configuration_imports_what_it_names(project: Path) -> None:
    (project / "conf/base/catalog.yml").write_text(CATALOG + NAMING["a type"])
    assert call(project, "catalog", "describe", "extra").code == 0
    assert was_imported(project)


def test_a_folder_of_settings_that_lies_outside_is_foreign_too(project: Path) -> None:
    write_catalog(project, NAMING["a type"])
    settings = next((project / "src").iterdir()) / "settings.py"
    settings.write_text("CONF_SOURCE = '../conf'\n")
    assert call(project, "plan").code == 2
    assert not was_imported(project)


@pytest.mark.parametrize(
    "handler",
    ["class: canary.Canary", "(): canary.Canary", "class: logging.StreamHandler\n    stream: ext://canary.x"],
)
def test_a_foreign_logging_configuration_is_refused_before_anything_is_imported(
    project: Path, handler: str
) -> None:
    write_catalog(project, "")
    (project.parent / "conf/logging.yml").write_text(f"version: 1\nhandlers:\n  h:\n    {handler}\n")
    answer = call(project, "plan", "--conf-source", "../conf")
    assert answer.code == 2
    assert "logging.yml: " in answer.err
    assert "ALLOW_IMPORTS" in answer.err
    assert not was_imported(project)


def test_a_runner_of_a_foreign_config_file_is_refused_before_it_is_imported(project: Path) -> None:
    (project.parent / "run.yml").write_text("run:\n  runner: canary.Canary\n")
    answer = call(project, "run", "--config", "../run.yml")
    assert answer.code == 2
    assert "runner 'canary.Canary' is not known here" in answer.err
    assert not was_imported(project)


def test_a_runner_named_on_the_command_line_is_the_users_own(project: Path) -> None:
    (project.parent / "run.yml").write_text("run:\n  runner: canary.Canary\n")
    answer = call(project, "run", "--config", "../run.yml", "--runner", "canary.Canary")
    assert "is no runner class" in answer.err
    assert was_imported(project)


@pytest.mark.parametrize("key", ["file", "project"])
def test_a_config_file_does_not_say_whose_code_runs(project: Path, key: str) -> None:
    (project / "run.yml").write_text(f"run:\n  {key}: ../evil.py\n")
    answer = call(project, "run", "--config", "run.yml")
    assert answer.code == 2
    assert f"'{key}' is no option of run" in answer.err


@pytest.mark.parametrize("kind", ["catalog.yml", "parameters.yml", "credentials.yml", "globals.yml"])
def test_a_link_out_of_a_foreign_folder_is_refused(project: Path, kind: str) -> None:
    write_catalog(project, "")
    outside = project.parent / "outside.yml"
    outside.write_text("secret: outside-word\n")
    place = project.parent / "conf/base" / kind
    place.unlink(missing_ok=True)
    place.symlink_to(outside)
    answer = call(project, "plan", "--conf-source", "../conf")
    assert answer.code == 2
    assert f"conf/base/{kind}:1: a link brings it in from outside" in answer.err
    assert "outside-word" not in answer.err
