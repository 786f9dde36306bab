"""What ``pip install .`` gives a user."""

from __future__ import annotations

import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    command = [
        sys.executable,
        "-m",
        "pip",
        "wheel",
        "--quiet",
        "--no-deps",
        "--wheel-dir",
        str(folder),
        str(ROOT),
    ]
    subprocess.run(command, check=True)
    return next(folder.glob("*.whl"))


def test_the_wheel_holds_the_package_its_types_and_its_licence_and_nothing_else(wheel):
    names = zipfile.ZipFile(wheel).namelist()
    tops = {name.split("/")[0] for name in names}
    assert wheel.name.startswith("incremental_engine-")
    assert {top.partition("-")[0] for top in tops} == {"incremental", "incremental_engine"}
    assert "incremental/py.typed" in names
    assert any(name.endswith("LICENSE") for name in names)
    sources = {str(path.relative_to(ROOT)) for path in (ROOT / "incremental").rglob("*.py")}
    assert sources <= set(names)


@pytest.mark.slow
def test_installed_in_an_empty_environment_the_first_project_runs(wheel, tmp_path):
    venv.create(tmp_path / "env", with_pip=True)
    binaries = tmp_path / "env" / "bin"
    subprocess.run([binaries / "pip", "install", "--quiet", wheel], check=True)

    def incremental(*arguments: str, folder: Path) -> str:
        command = [binaries / "incremental", *arguments]
        return subprocess.run(command, check=True, capture_output=True, text=True, cwd=folder).stdout

    incremental("init", "hello", folder=tmp_path)
    assert "3 nodes" in incremental("plan", folder=tmp_path / "hello")
    incremental("run", folder=tmp_path / "hello")
    assert "nothing to do" in incremental("plan", "--dry-run", folder=tmp_path / "hello")
