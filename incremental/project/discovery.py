"""Finding a project: the folder whose ``pyproject.toml`` has our table or Kedro's, or one Python file.

It imports nothing of the project and changes nothing.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from incremental.config.faults import show_path
from incremental.errors import ProjectError, did_you_mean

PYPROJECT = "pyproject.toml"
_OURS, _KEDROS = "incremental", "kedro"  # tables under 'tool'; where both are there, ours is the project's
_TABLE = f"[tool.{_OURS}]"
_KEYS = ("package_name", "project_name", "source_dir", "durability")
_KEDRO_KEYS = ("kedro_init_version", "tools", "example_pipeline")  # in a table renamed from Kedro's
_DURABILITIES = ("power", "process")
_ONE_FILE = "pipeline.py"


@dataclass(frozen=True, slots=True)
class Project:
    """Where a project is and what it is called.

    ``file`` is the path of a project that is one file; ``package_name`` is None then. ``durability``
    says what a save survives: "power" (a power cut, the default) or "process" (the death of ours).
    ``of_kedro`` tells a Kedro project that nobody has ported, whose modules import ``kedro``.
    """

    path: Path
    package_name: str | None
    project_name: str
    source_dir: Path
    file: Path | None = None
    durability: str = "power"
    of_kedro: bool = False

    @classmethod
    def from_file(cls, file: str | Path) -> Project:
        """Return the project that one Python file is, configured by what lies beside it."""
        path = Path(file).expanduser().resolve()
        if not path.is_file() or path.suffix != ".py":
            what = "is not a Python file" if path.exists() else "does not exist"
            near = did_you_mean(path.name, [each.name for each in path.parent.glob("*.py")])
            raise ProjectError(f"project file {show_path(path)!r} {what}{near}")
        return cls(path.parent, None, path.stem, path.parent, path)

    @property
    def project_path(self) -> Path:
        """The folder of the project, as Kedro calls it."""
        return self.path


def find_project(start: str | Path | None = None) -> Project:
    """Return the project of a file, or of the nearest folder upwards that is one.

    Args:
        start: a ``.py`` file, or a folder in a project; by default the working folder.

    Raises:
        ProjectError: there is none, or its ``pyproject.toml`` is wrong.
    """
    folder = Path.cwd() if start is None else Path(start).expanduser().resolve()
    if start is not None and (folder.is_file() or folder.suffix == ".py"):
        return find_project(folder.parent) if folder.name == PYPROJECT else Project.from_file(folder)
    if not folder.is_dir():
        raise ProjectError(f"project path {show_path(folder)!r} does not exist")
    others: list[Path] = []
    for place in (folder, *folder.parents):
        file = place / PYPROJECT
        if not file.is_file():
            continue
        text = _text(file)
        if f"tool.{_OURS}" in text or ("tool" in text and _table(file, text) is not None):
            return read_project(place)
        others.append(file)
    if (folder / _ONE_FILE).is_file():
        return Project.from_file(folder / _ONE_FILE)
    raise ProjectError(_none_found(folder, others))


def read_project(path: Path) -> Project:
    """Return the project that ``pyproject.toml`` in ``path`` describes.

    Raises:
        ProjectError: all that is wrong in its table, with file and line.
    """
    file = path / PYPROJECT
    if not file.is_file():
        raise ProjectError(f"{show_path(file)!r} does not exist; run 'incremental init', or name a project")
    text = _text(file)
    found = _table(file, text)
    if found is None:
        raise ProjectError(f'{show_path(file)!r} has no table {_TABLE}; add it with package_name = "..."')
    kind, table = found
    faults = list(_faults(path, kind, table))
    if faults:
        lines = [f"{show_path(file)}:{_line(text, kind, key)}: {fault}" for key, fault in faults]
        raise ProjectError("\n".join(lines[:8]))
    source = _source_dir(path, table)
    return Project(
        path=path,
        package_name=table["package_name"],
        project_name=table.get("project_name", table["package_name"]),
        source_dir=source,
        durability=table.get("durability", "power"),
        of_kedro=kind == _KEDROS,
    )


def _faults(path: Path, kind: str, table: dict[str, Any]) -> list[tuple[str, str]]:
    """Return what is wrong, each with the key whose line is meant. Kedro's own keys are its own affair."""
    faults = [
        (key, f"{key!r} is not a setting of {_TABLE}{did_you_mean(key, _KEYS) or '; remove it'}")
        for key in table
        if key not in _KEYS + _KEDRO_KEYS and kind == _OURS
    ]
    faults += [
        (key, f"{key!r} is {table[key]!r}; write a text in quotes")
        for key in _KEYS
        if key in table and not isinstance(table[key], str)
    ]
    name = table.get("package_name")
    if name is None:
        faults.append(
            ("", f"[tool.{kind}] has no 'package_name'; name the package in {_source_name(table)!r}")
        )
    elif isinstance(name, str) and not all(part.isidentifier() for part in name.split(".")):
        faults.append(
            ("package_name", f"package_name {name!r} cannot be imported; use letters, digits and _")
        )
    durability = table.get("durability", "power")
    if isinstance(durability, str) and durability not in _DURABILITIES:
        faults.append(("durability", f"durability is {durability!r}; it can be 'power' or 'process'"))
    if not faults:
        faults += _source_faults(path, table)
    return faults


def _source_faults(path: Path, table: dict[str, Any]) -> list[tuple[str, str]]:
    source = _source_dir(path, table)
    name = _source_name(table)
    if not source.is_relative_to(path.resolve()):
        return [("source_dir", f"source_dir {name!r} lies outside the project; name a folder in it")]
    if not source.is_dir():
        near = did_you_mean(name, [each.name for each in path.iterdir() if each.is_dir()])
        return [("source_dir", f"source_dir {name!r} does not exist{near or '; create it'}")]
    if not os.access(source, os.R_OK | os.X_OK):
        return [("source_dir", f"source_dir {name!r} cannot be read; check its permissions")]
    return []


def _source_name(table: dict[str, Any]) -> str:
    return str(table.get("source_dir", "src"))


def _source_dir(path: Path, table: dict[str, Any]) -> Path:
    return (path / Path(_source_name(table)).expanduser()).resolve()


def _text(file: Path) -> str:
    try:
        data = file.read_bytes()
    except OSError as error:
        reason = (error.strerror or type(error).__name__).lower()
        raise ProjectError(f"cannot read {show_path(file)!r}: {reason}; check its permissions") from error
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        byte = data[error.start]
        raise ProjectError(
            f"{show_path(file)}:{line}: byte 0x{byte:02x} is not UTF-8; save the file as UTF-8"
        ) from None


def _table(file: Path, text: str) -> tuple[str, dict[str, Any]] | None:
    """Return which table describes the project, and the table; None when there is none.

    A broken file is passed over where it is not ours.
    """
    import sys
    from importlib import import_module

    tomllib = import_module("tomllib" if sys.version_info >= (3, 11) else "tomli")
    try:
        tool = tomllib.loads(text).get("tool", {})
    except tomllib.TOMLDecodeError as error:
        if f"tool.{_OURS}" not in text:
            return None
        message = str(error)
        line = re.search(r"line (\d+)", message)
        last = max(1, len(text.splitlines()))
        number = min(int(line[1]), last) if line else last
        what = re.sub(r"\s*\(at .*\)$", "", message)
        remedy = "; texts stand in quotes" if what == "Invalid value" else ""
        what = f"{what[:1].lower()}{what[1:]}{remedy}"
        raise ProjectError(f"{show_path(file)}:{number}: not TOML: {what}") from None
    if not isinstance(tool, dict):
        return None
    return next(((kind, tool[kind]) for kind in (_OURS, _KEDROS) if isinstance(tool.get(kind), dict)), None)


def _line(text: str, kind: str, key: str) -> int:
    """Return the line of a key of a project's table, or of the table's header."""
    lines = text.splitlines()
    header = next((n for n, line in enumerate(lines, 1) if line.strip().startswith(f"[tool.{kind}]")), 1)
    for number, line in enumerate(lines[header:], header + 1):
        if line.lstrip().startswith("["):
            break
        if key and re.match(rf"\s*['\"]?{re.escape(key)}['\"]?\s*=", line):
            return number
    return header


def _none_found(folder: Path, others: list[Path]) -> str:
    where = f"no project in {str(folder)!r} or above it: "
    if not others:
        return (
            f"{where}there is no {PYPROJECT} with {_TABLE}; run 'incremental init NAME' to make one, "
            "or name a file: 'incremental run pipeline.py'"
        )
    return f'{where}{show_path(others[0])!r} has no {_TABLE}; add {_TABLE} with package_name = "..."'
