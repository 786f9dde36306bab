"""Names are names: whatever is called what, no file outside its folder is opened or made."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from command_line import environment
from projects import CATALOG, make_project

from incremental import DataCatalog
from incremental.errors import DatasetError
from incremental.io.dataset import Version
from incremental.io.files.formats import TextDataset

AUDITOR = Path(__file__).with_name("name_auditor.py")
COUNTS = {
    "session": 200,
    "run": 200,
    "partition": 50,
    "version": 40,
    "env": 30,
    "dataset": 25,
    "selector": 22,
    "command": 22,
}
"""The fixed names, which are the worst, and some generated ones."""

MORE = """
versioned:
  type: text.TextDataset
  filepath: data/versions.txt
  versioned: true
"{x}_text":
  type: text.TextDataset
  filepath: data/{x}.txt
"""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Give a project beside a folder that nothing may touch, with links planted that lead to it."""
    (tmp_path / "outside/base").mkdir(parents=True)
    for file in ("bait", "bait.txt", "versions.txt", "parameters.yml", "base/parameters.yml"):
        (tmp_path / "outside" / file).write_text("secret: 1\n")
    root = make_project(tmp_path / "project", catalog=CATALOG + MORE)
    (root / "tmp").mkdir()
    (root / "data/versions.txt/1").mkdir(parents=True)
    (root / "data/versions.txt/1/versions.txt").write_text("one")
    for folder in ("data/versions.txt", "data/parts", ".incremental/sessions"):
        (root / folder).mkdir(parents=True, exist_ok=True)
        (root / folder / "link").symlink_to(tmp_path / "outside")
    return root


def audit(root: Path, kind: str, count: int) -> str:
    before = {path: path.stat().st_mtime_ns for path in (root.parent / "outside").rglob("*")}
    ended = subprocess.run(
        [sys.executable, str(AUDITOR), str(root), kind, "7", str(count)],
        capture_output=True, text=True, check=False, env=environment(TMPDIR=str(root / "tmp")),
    )  # fmt: skip
    assert ended.returncode == 0, ended.stderr[-2000:]
    assert {path: path.stat().st_mtime_ns for path in (root.parent / "outside").rglob("*")} == before
    assert sorted(each.name for each in root.parent.iterdir()) == ["outside", "project"]
    return ended.stdout


@pytest.mark.parametrize("kind", COUNTS)
def test_no_name_opens_a_file_outside_its_folder(root: Path, kind: str) -> None:
    count = COUNTS[kind]
    assert audit(root, kind, count) == f"{count} names, 0 failures\n"


@pytest.mark.slow
@pytest.mark.parametrize("kind", COUNTS)
def test_ten_thousand_names_open_no_file_outside_their_folder(root: Path, kind: str) -> None:
    count = 1_000 if kind == "command" else 10_000
    assert audit(root, kind, count) == f"{count} names, 0 failures\n"


def test_the_auditor_would_see_it(root: Path) -> None:
    spied = "import sys; sys.argv = ['', sys.argv[1]]; import name_auditor as a; sys.addaudithook(a.watch); a.watching.append(True); open('../outside/bait'); a.watching.clear(); print(len(a.failures))"
    told = subprocess.run(
        [sys.executable, "-c", spied, str(root)],
        cwd=root, capture_output=True, text=True, check=False, env=environment(PYTHONPATH=str(AUDITOR.parent)),
    )  # fmt: skip
    assert told.stdout == "1\n", told.stderr


# -- name patterns: what a name puts into a path stays below the folder that the pattern names

LEADING_OUT = ("../evil", "a/../../evil", "..", "x\0y", "x\ud800y", "a\\..\\..\\evil")


@pytest.mark.parametrize("name", LEADING_OUT)
def test_a_name_that_leads_a_path_out_of_its_folder_is_refused(tmp_path: Path, name: str) -> None:
    entry = {"type": "text.TextDataset", "filepath": f"{tmp_path}/data/{{x}}/file.txt"}
    with pytest.raises(DatasetError, match="lead out of its folder; rename it"):
        DataCatalog.from_config({"{x}_text": entry})[f"{name}_text"]


@pytest.mark.parametrize("name", ["/etc/passwd", "~/x", "../x", "s3://bucket/x", "~root/x"])
def test_a_path_that_begins_with_a_name_begins_no_other_place(name: str) -> None:
    catalog = DataCatalog.from_config({"{x}_text": {"type": "text.TextDataset", "filepath": "{x}"}})
    with pytest.raises(DatasetError, match="lead out of its folder"):
        catalog[f"{name}_text"]


def test_two_placeholders_make_no_way_out_together() -> None:
    catalog = DataCatalog.from_config(
        {"{a}-{b}": {"type": "text.TextDataset", "filepath": "data/{a}{b}/evil"}}
    )
    with pytest.raises(DatasetError, match="lead out of its folder"):
        catalog[".-."]


@pytest.mark.parametrize("name", ["a", "a/b", "2024..01", "a.b", "..a", "a/../b", "é"])
def test_a_name_that_stays_below_makes_the_path_it_always_made(tmp_path: Path, name: str) -> None:
    entry = {"type": "text.TextDataset", "filepath": f"{tmp_path}/data/{{x}}.txt"}
    catalog = DataCatalog.from_config({"{x}_text": entry})
    assert catalog.config_resolver.entry(f"{name}_text")["filepath"] == f"{tmp_path}/data/{name}.txt"  # type: ignore[index]


# -- versions that are links


def test_a_version_that_is_a_link_out_of_its_folder_is_none(root: Path) -> None:
    path = str(root / "data/versions.txt")
    assert TextDataset(filepath=path, version=Version(None, None)).list_versions(full_path=False) == ["1"]
    with pytest.raises(DatasetError, match="link out of its folder"):
        TextDataset(filepath=path, version=Version("link", None)).load()
    with pytest.raises(DatasetError, match="link out of its folder"):
        TextDataset(filepath=path, version=Version(None, "link")).save("x")


def test_a_version_that_is_a_link_to_another_one_is_read(root: Path) -> None:
    (root / "data/versions.txt/same").symlink_to(root / "data/versions.txt/1")
    assert (
        TextDataset(filepath=str(root / "data/versions.txt"), version=Version("same", None)).load() == "one"
    )
