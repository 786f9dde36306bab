"""Small real projects on disk for tests: written from text, opened by sessions and commands."""

from __future__ import annotations

import itertools
from pathlib import Path
from textwrap import dedent

_count = itertools.count()

REGISTRY = """
from incremental.pipeline import Pipeline, node


def clean(raw):
    return raw.strip().lower()


def count(cleaned, least):
    return {word: cleaned.split().count(word) for word in set(cleaned.split()) if len(word) >= least}


def report(counts):
    return "\\n".join(f"{word}: {number}" for word, number in sorted(counts.items()))


def register_pipelines():
    preparing = Pipeline([node(clean, "raw", "cleaned", name="clean", tags=["prepare"])])
    counting = Pipeline(
        [
            node(count, ["cleaned", "params:least"], "counts", name="count", tags=["count"]),
            node(report, "counts", "report", name="report"),
        ]
    )
    return {"__default__": preparing + counting, "preparing": preparing, "counting": counting}
"""

CATALOG = """
raw:
  type: text.TextDataset
  filepath: data/raw.txt
counts:
  type: json.JSONDataset
  filepath: data/counts.json
report:
  type: text.TextDataset
  filepath: data/report.txt
"""


def make_project(
    root: Path,
    *,
    registry: str = REGISTRY,
    catalog: str = CATALOG,
    parameters: str = "least: 3\n",
    settings: str = "",
    files: dict[str, str] | None = None,
) -> Path:
    """Write a project: raw -> cleaned (memory) -> counts -> report. Its package has a name of its own."""
    package = f"words_{next(_count)}"
    texts = {
        "pyproject.toml": f'[tool.incremental]\npackage_name = "{package}"\nproject_name = "Words"\n',
        f"src/{package}/__init__.py": "",
        f"src/{package}/settings.py": settings.replace("PACKAGE", package),
        f"src/{package}/pipeline_registry.py": registry,
        "conf/base/catalog.yml": catalog,
        "conf/base/parameters.yml": parameters,
        "conf/local/.gitkeep": "",
        "conf/prod/parameters.yml": "least: 4\n",
        "data/raw.txt": "The cat and the hat and THE mouse\n",
        **{name.replace("PACKAGE", package): text for name, text in (files or {}).items()},
    }
    for name, text in texts.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(dedent(text))
    return root


def snapshot(root: Path) -> dict[str, tuple[int, int, bytes]]:
    """Return every file below a folder with size, time and content, and every folder with its time."""
    found = {}
    for path in sorted(root.rglob("*")):
        stat = path.stat()
        content = path.read_bytes() if path.is_file() else b""
        found[str(path.relative_to(root))] = (
            stat.st_size if path.is_file() else 0,
            stat.st_mtime_ns,
            content,
        )
    return found
