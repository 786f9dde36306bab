"""The examinations behind ``doctor``: each looks at one thing and says what it found. None repairs."""

from __future__ import annotations

import contextlib
import sqlite3
import sys
from typing import TYPE_CHECKING, Any

from incremental.cli.opening import opened
from incremental.errors import IncrementalError
from incremental.render.checks import Check
from incremental.render.text import count

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from incremental.cli.call import Call
    from incremental.session import Session

OLDEST_PYTHON = (3, 10)
DISTRIBUTION = "incremental-engine"
_OTHER = "incremental"
_NEEDS = {"pandas.CSVDataset": ("pandas",), "pandas.ParquetDataset": ("pandas", "pyarrow")}
_EXTRAS = {"pandas": "pandas", "pyarrow": "parquet", "s3fs": "s3"}


def examine(call: Call, options: Mapping[str, Any]) -> list[Check]:
    """Look at installation and project; a fault in one does not hide another."""
    return [_python(), _distribution(), *_project(call, options)]


def _python() -> Check:
    found = ".".join(map(str, sys.version_info[:3]))
    if sys.version_info[:2] < OLDEST_PYTHON:
        wanted = ".".join(map(str, OLDEST_PYTHON))
        return Check("python", found, f"use Python {wanted} or newer", healthy=False)
    return Check("python", found)


def _distribution() -> Check:
    """Look for the other distribution that is imported as ``incremental``: they overwrite each other."""
    from importlib.metadata import PackageNotFoundError, version

    from incremental import _version

    ours: object = getattr(_version, "__version__", None)
    try:
        other = version(_OTHER)
    except PackageNotFoundError:
        return Check("installation", f"{DISTRIBUTION} {ours}, and nothing else called 'incremental'")
    return Check(
        "installation",
        f"the distribution {_OTHER!r} {other} is installed too: another library of the same import name",
        f"pip uninstall {_OTHER} {DISTRIBUTION}; pip install {DISTRIBUTION}; "
        "what needs the other one needs an environment of its own",
        healthy=False,
    )


def _project(call: Call, options: Mapping[str, Any]) -> Iterator[Check]:
    try:
        with opened(call, options, needs_config=False) as session:
            yield Check("project", str(session.project.file or session.project.path))
            yield from (
                check
                for examination in (_pipelines, _ledger, _configuration)
                for check in examination(session)
            )
    except IncrementalError as error:
        yield _fault("project", error, "")


def _pipelines(session: Session) -> Iterator[Check]:
    try:
        names = sorted(session.pipelines)
    except IncrementalError as error:
        yield _fault("pipelines", error, "correct the module that the message names")
        return
    yield Check("pipelines", ", ".join(names) or "none registered")


def _ledger(session: Session) -> Iterator[Check]:
    path = session.project.path / ".incremental" / "ledger.sqlite"
    if not path.exists():
        yield Check("ledger", "none yet; the first run makes it")
        return
    try:
        _touch(path)
        yield Check("ledger", count(len(session.history.runs()), "run"))
    except (IncrementalError, OSError, sqlite3.Error) as error:
        yield _fault("ledger", f"{path}: {error}", "move the file away: outputs stay, the history is lost")


def _touch(path: Path) -> None:
    """Read what every database can be asked, without a trace: reading runs takes a damaged file for none."""
    address = f"{path.absolute().as_uri()}?mode=ro&immutable=1"
    with contextlib.closing(sqlite3.connect(address, uri=True)) as connection:
        connection.execute("SELECT count(*) FROM sqlite_master").fetchone()


def _configuration(session: Session) -> Iterator[Check]:
    try:
        catalog = session.load_context().catalog
    except IncrementalError as error:
        yield _fault("configuration", error, "correct the file and line that the message names")
        return
    entries = {name: catalog.config_resolver.entry(name) for name in catalog.config_resolver}
    entries.update(catalog.config_resolver.pattern_configs())
    yield Check("configuration", f"{len(entries):,} catalog entries")
    yield from _types(entries)


def _types(entries: Mapping[str, Any]) -> Iterator[Check]:
    """Look whether the classes of the catalog can be imported, and the packages that they need."""
    from importlib.util import find_spec

    from incremental.errors import DatasetError
    from incremental.io.catalog.types import find_class

    kinds: dict[str, str] = {}
    for name, entry in entries.items():
        kinds.setdefault(str(entry["type"]), name)
    needed: dict[str, str] = {}
    for kind, name in sorted(kinds.items()):
        try:
            find_class(entries[name]["type"], entries[name].keys())
        except DatasetError as error:
            yield _fault(f"dataset {name}", error, "correct its type in the catalog, or install its package")
        for package in _NEEDS.get(kind, ()):
            needed.setdefault(package, kind)
    for package in _file_systems(entries):
        needed.setdefault(package, "the catalog's addresses")
    for package, kind in sorted(needed.items()):
        if find_spec(package) is None:
            extra = _EXTRAS.get(package)
            command = f"pip install '{DISTRIBUTION}[{extra}]'" if extra else f"pip install {package}"
            yield Check(f"package {package}", f"not installed, but {kind} needs it", command, healthy=False)
        else:
            yield Check(f"package {package}", f"installed, for {kind}")


_PACKAGES = {
    "s3": "s3fs",
    "s3a": "s3fs",
    "gs": "gcsfs",
    "gcs": "gcsfs",
    "abfs": "adlfs",
    "abfss": "adlfs",
    "az": "adlfs",
}


def _file_systems(entries: Mapping[str, Any]) -> list[str]:
    schemes = {str(entry.get("filepath", "")).partition("://")[0] for entry in entries.values()}
    return sorted({_PACKAGES[scheme] for scheme in schemes & _PACKAGES.keys()})


def _fault(subject: str, error: object, remedy: str) -> Check:
    return Check(subject, str(error), remedy, healthy=False)
