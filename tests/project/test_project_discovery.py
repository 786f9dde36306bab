"""Finding projects: the nearest one, and what is wrong with it by file and line."""

from __future__ import annotations

from pathlib import Path

import pytest

from incremental.errors import ProjectError
from incremental.project import Project, find_project, read_project

TABLE = '[tool.incremental]\npackage_name = "hello"\n'


@pytest.fixture
def root(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "src").mkdir()
    return tmp_path


def write(root: Path, text: str | bytes) -> Path:
    file = root / "pyproject.toml"
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    return file


def error(call) -> str:
    with pytest.raises(ProjectError) as caught:
        call()
    return str(caught.value)


def test_a_project_is_found_in_the_working_folder(root):
    write(root, TABLE)
    assert find_project() == Project(root, "hello", "hello", root / "src")


def test_a_project_is_found_from_a_folder_below_and_from_its_pyproject(root):
    file = write(root, TABLE)
    below = root / "src" / "hello" / "deep"
    below.mkdir(parents=True)
    assert find_project(below) == find_project(str(file)) == find_project(root)


def test_every_setting_is_read(root):
    (root / "lib").mkdir()
    write(
        root,
        '[project]\nname = "x"\n[tool.incremental]\npackage_name = "hello.world"\nproject_name = "Hello World"\n'
        'source_dir = "lib"\ndurability = "process"\n',
    )
    project = find_project(root)
    assert project == Project(root, "hello.world", "Hello World", root / "lib", None, "process")
    assert project.project_path == root


def test_keys_of_kedros_table_may_stay(root):
    write(root, f'{TABLE}kedro_init_version = "1.7.0"\ntools = ["Linting"]\nexample_pipeline = "True"\n')
    assert find_project(root).package_name == "hello"


def test_the_table_may_be_written_in_other_ways(root):
    write(root, '[tool]\nincremental = {package_name = "hello"}\n')
    assert find_project(root).package_name == "hello"


def test_the_nearest_project_wins_and_other_pyprojects_are_passed_over(root):
    write(root, TABLE)
    inner = root / "inner"
    (inner / "src").mkdir(parents=True)
    write(inner, "[tool.ruff]\nline-length = 100\n")
    assert find_project(inner).path == root
    write(inner, TABLE.replace("hello", "inner"))
    assert find_project(inner).package_name == "inner"


@pytest.mark.parametrize("text", ["not [ toml", "[tool\nx", 'tool = "x"'])
def test_a_broken_pyproject_of_something_else_is_passed_over(root, text):
    write(root, TABLE)
    inner = root / "inner"
    inner.mkdir()
    write(inner, text)
    assert find_project(inner).path == root


def test_a_file_is_a_project(root):
    (root / "flow.py").write_text("")
    assert find_project("flow.py") == Project(root, None, "flow", root, root / "flow.py")


def test_a_folder_with_a_pipeline_file_is_a_project(root):
    (root / "pipeline.py").write_text("")
    assert find_project().file == root / "pipeline.py"


NOTHING = "no project in {root!r} or above it: "


def test_no_project_says_what_to_do(root):
    assert error(find_project) == NOTHING.format(root=str(root)) + (
        "there is no pyproject.toml with [tool.incremental]; run 'incremental init NAME' to make one, "
        "or name a file: 'incremental run pipeline.py'"
    )


def test_a_pyproject_without_the_table_says_what_to_add(root):
    write(root, '[project]\nname = "x"\n')
    assert error(find_project) == NOTHING.format(root=str(root)) + (
        "'pyproject.toml' has no [tool.incremental]; add [tool.incremental] with package_name = \"...\""
    )


def test_a_kedro_project_is_found_whatever_else_its_table_has(root):
    write(root, '[tool.kedro]\npackage_name = "hello"\nproject_name = "Hello"\nmicropkg = {}\n')
    assert find_project() == Project(root, "hello", "Hello", root / "src", of_kedro=True)


def test_where_both_tables_are_there_ours_is_the_projects(root):
    write(root, f'[tool.kedro]\npackage_name = "other"\n{TABLE}')
    assert find_project() == Project(root, "hello", "hello", root / "src")


def test_a_fault_of_kedros_table_is_shown_with_its_line(root):
    write(root, '\n[tool.kedro]\nproject_name = "x"\nsource_dir = "sr"\n')
    assert (
        error(find_project)
        == "pyproject.toml:2: [tool.kedro] has no 'package_name'; name the package in 'sr'"
    )


@pytest.mark.parametrize(
    ("start", "text"),
    [
        ("nowhere", "project path 'nowhere' does not exist"),
        ("flwo.py", "project file 'flwo.py' does not exist; did you mean 'flow.py'?"),
        ("notes.txt", "project file 'notes.txt' is not a Python file"),
    ],
)
def test_a_start_that_is_no_project_is_refused(root, start, text):
    (root / "flow.py").write_text("")
    (root / "notes.txt").write_text("")
    assert error(lambda: find_project(start)) == text


BAD = [
    (
        f'{TABLE}source_dri = "src"\n',
        "pyproject.toml:3: 'source_dri' is not a setting of [tool.incremental]; did you mean 'source_dir'?",
    ),
    (f"{TABLE}zzz = 1\n", "pyproject.toml:3: 'zzz' is not a setting of [tool.incremental]; remove it"),
    (
        "\n[tool.incremental]\nproject_name = 5\n",
        "pyproject.toml:3: 'project_name' is 5; write a text in quotes\n"
        "pyproject.toml:2: [tool.incremental] has no 'package_name'; name the package in 'src'",
    ),
    (
        '[tool.incremental]\npackage_name = "my-package"\n',
        "pyproject.toml:2: package_name 'my-package' cannot be imported; use letters, digits and _",
    ),
    (
        f'{TABLE}durability = "disk"\n',
        "pyproject.toml:3: durability is 'disk'; it can be 'power' or 'process'",
    ),
    (f'{TABLE}source_dir = "sr"\n', "pyproject.toml:3: source_dir 'sr' does not exist; did you mean 'src'?"),
    (f'{TABLE}source_dir = "zzzz"\n', "pyproject.toml:3: source_dir 'zzzz' does not exist; create it"),
    (
        f'{TABLE}source_dir = "../elsewhere"\n[tool.ruff]\n',
        "pyproject.toml:3: source_dir '../elsewhere' lies outside the project; name a folder in it",
    ),
    (f"{TABLE}x = [1\n", "pyproject.toml:3: not TOML: unclosed array"),
    (f'{TABLE}package_name = "x"\n', "pyproject.toml:3: not TOML: cannot overwrite a value"),
    (TABLE.encode() + b"x = '\xe9'\n", "pyproject.toml:3: byte 0xe9 is not UTF-8; save the file as UTF-8"),
]


@pytest.mark.parametrize(("text", "message"), BAD)
def test_a_fault_of_the_table_is_shown_with_its_line(root, text, message):
    write(root, text)
    assert error(find_project) == message


def test_a_folder_without_pyproject_or_table_cannot_be_read_as_a_project(root):
    assert error(lambda: read_project(root)) == (
        "'pyproject.toml' does not exist; run 'incremental init', or name a project"
    )
    write(root, "")
    assert error(lambda: read_project(root)) == (
        "'pyproject.toml' has no table [tool.incremental]; add it with package_name = \"...\""
    )


def test_a_pyproject_that_cannot_be_read_is_named(root, monkeypatch):
    write(root, TABLE)

    def refuse(self):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "read_bytes", refuse)
    assert error(find_project) == "cannot read 'pyproject.toml': permission denied; check its permissions"
