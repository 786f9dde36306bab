"""Measure whole processes on small projects: a plan that finds nothing to do, and the bare interpreter."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path

from harness import KEDRO_VENV, Row, compare, header, kedro_python, measured_outside

_REGISTRY = """
from {package}.pipeline import Pipeline, node


def step(value):
    return value


def register_pipelines():
    nodes = [node(step, f"d{{p}}", f"d{{p + 1}}", name=f"n{{p}}") for p in range({count})]
    return {{"__default__": Pipeline(nodes)}}
"""


def write_project(folder: Path, package: str, count: int) -> Path:
    """Write a project of ``count`` nodes in a chain whose files all exist."""
    source = folder / "src" / "small"
    source.mkdir(parents=True)
    (folder / "conf" / "base").mkdir(parents=True)
    (folder / "conf" / "local").mkdir()
    (folder / "data").mkdir()
    table = f'[tool.{package}]\npackage_name = "small"\nproject_name = "Small"\n'
    table += 'kedro_init_version = "1.7.0"\n' if package == "kedro" else ""
    (folder / "pyproject.toml").write_text(table)
    (source / "__init__.py").touch()
    (source / "settings.py").touch()
    (source / "pipeline_registry.py").write_text(_REGISTRY.format(package=package, count=count))
    (folder / "conf" / "base" / "parameters.yml").touch()
    entries = {
        f"d{place}": {"type": "json.JSONDataset", "filepath": f"data/d{place}.json"}
        for place in range(count + 1)
    }
    lines = [f"{name}: {json.dumps(entry)}\n" for name, entry in entries.items()]
    for first in range(0, len(lines), 1_000):  # OmegaConf, which Kedro reads with, refuses larger files
        catalog = folder / "conf" / "base" / f"catalog_{first}.yml"
        catalog.write_text("".join(lines[first : first + 1_000]))
    for name in entries:
        (folder / "data" / f"{name}.json").write_text("1")
    return folder


def rows(sizes: tuple[int, ...] = (10, 10_000)) -> list[Row]:
    """Measure ``incremental plan`` beside Kedro's nearest command, ``run --only-missing-outputs``."""
    kedro_python()
    found = [
        compare(
            "the interpreter alone",
            lambda: measured_outside([sys.executable, "-c", "pass"], Path.cwd()),
            None,
        ),
        compare(
            "import incremental",
            lambda: measured_outside([sys.executable, "-c", "import incremental"], Path.cwd()),
            None,
        ),
    ]
    for count in sizes:
        with tempfile.TemporaryDirectory() as folder:
            ours = write_project(Path(folder) / "ours", "incremental", count)
            theirs = write_project(Path(folder) / "theirs", "kedro", count)
            subprocess.run(
                [sys.executable, "-m", "incremental", "plan"], cwd=ours, check=True, capture_output=True
            )
            found.append(
                compare(
                    f"incremental plan --dry-run, {count:,} nodes",
                    lambda: measured_outside(
                        [sys.executable, "-m", "incremental", "plan", "--dry-run"],
                        ours,  # noqa: B023
                    ),
                    lambda: measured_outside(
                        [str(KEDRO_VENV / "bin" / "kedro"), "run", "--only-missing-outputs"],
                        theirs,  # noqa: B023
                    ),
                    repeats=5 if count < 1_000 else 3,
                )
            )
    return found


if __name__ == "__main__":
    header()
    rows(tuple(map(int, sys.argv[1:])) or (10, 10_000))
