"""``incremental init`` and the newcomer's path."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path

import pytest

MADE = """\
made hello: 6 files
  pyproject.toml
  .gitignore
  conf/base/catalog.yml
  conf/base/parameters.yml
  src/hello/pipeline_registry.py
  data/orders.csv

next:
  cd hello
  incremental run
  incremental plan
"""


def test_init_makes_six_files_and_says_what_to_do_next(cli, tmp_path: Path) -> None:
    said = cli("init", "hello")
    assert (said.code, said.out, said.err) == (0, MADE, "")
    assert sum(each.is_file() for each in (tmp_path / "hello").rglob("*")) == 6


def test_init_fills_an_empty_folder_and_one_further_down(cli, tmp_path: Path) -> None:
    (tmp_path / "empty-one").mkdir()
    assert cli("init", "empty-one").code == 0
    assert (tmp_path / "empty-one/src/empty_one/pipeline_registry.py").is_file()
    assert cli("init", "deep/down/here").code == 0


def test_a_new_project_keeps_credentials_out_of_its_repository(hello: Path) -> None:
    (hello / "conf/local").mkdir()
    (hello / "conf/local/credentials.yml").write_text("lake: {key: secret}")
    subprocess.run(["git", "init", "-q"], cwd=hello, check=True)
    seen = subprocess.run(
        ["git", "status", "--short", "-uall"], cwd=hello, check=True, capture_output=True, text=True
    ).stdout
    assert "conf/base/catalog.yml" in seen
    assert "credentials" not in seen


def test_the_newcomers_path(cli, hello: Path) -> None:
    ran = cli("run")
    assert ran.code == 0
    assert re.fullmatch(r"ran 3 nodes in \d+ m?s · run \S+Z\n", ran.out)
    assert (hello / "out/report.txt").read_text() == (
        "coffee        43.40 EUR\ntea           18.60 EUR\ncocoa          9.80 EUR\n"
    )
    assert cli("plan", "--dry-run").out == "nothing to do: 3 nodes up to date\n"
    (hello / "out/report.txt").unlink()
    assert cli("plan", "--dry-run").out == (
        "run   write_report  report missing\nskip  2 nodes up to date\n1 of 3 nodes to run · 2 skipped\n"
    )
    again = cli("run", "--only-missing-outputs")
    assert re.fullmatch(r"ran 1 node in .*, skipped 2 · run \S+Z\n", again.out)
    assert cli("run", "--only-missing-outputs").out.startswith("nothing to do: 3 nodes up to date · run ")


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("1a", "'1a' cannot name a package: use letters, digits, '-' and '_', and begin with a letter"),
        ("class", "'class' cannot name a package: use letters, digits, '-' and '_', and begin with a letter"),
        ("json", "'json' is the name of an installed package: choose another, such as json-project"),
        ("click", "'click' is the name of an installed package: choose another, such as click-project"),
        (
            "incremental",
            "'incremental' is the name of an installed package: choose another, such as incremental-project",
        ),
        ("full", "'full' exists already and is not an empty folder: choose another name"),
        ("file", "'file' exists already and is not an empty folder: choose another name"),
    ],
)
def test_init_refuses_names_that_cannot_be(cli, tmp_path: Path, name: str, text: str) -> None:
    (tmp_path / "full").mkdir()
    (tmp_path / "full/x").touch()
    (tmp_path / "file").touch()
    before = sorted(tmp_path.rglob("*"))
    said = cli("init", name)
    assert (said.code, said.out) == (2, "")
    assert said.err == f"error: {text}\nsee: incremental init --help\n"
    assert sorted(tmp_path.rglob("*")) == before


def test_init_as_a_document(cli) -> None:
    document = json.loads(cli("init", "hello", "--json").out)
    assert document["format"] == "incremental-init/1"
    assert document["next"] == ["cd hello", "incremental run", "incremental plan"]
