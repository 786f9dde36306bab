"""The examinations behind ``doctor``: of the installation and of what the project says. None repairs."""

from __future__ import annotations

import re
import sys
from typing import TYPE_CHECKING, Any

from incremental.cli.opening import opened
from incremental.errors import IncrementalError
from incremental.render.checks import Check
from incremental.render.text import listed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from incremental.cli.call import Call
    from incremental.io.catalog.types import Types
    from incremental.session import Session

OLDEST_PYTHON = (3, 10)
DISTRIBUTION = "incremental-engine"
_OTHER = "incremental"
_NEEDS = {"pandas.CSVDataset": ("pandas",), "pandas.ParquetDataset": ("pandas", "pyarrow")}
_EXTRAS = {"pandas": "pandas", "pyarrow": "parquet", "s3fs": "s3"}
_REQUIREMENT = re.compile(r"\A([\w.-]+)[^;]*?(?:>=([\d.]+))?[^;]*(;.*)?\Z")


def examine(call: Call, options: Mapping[str, Any]) -> list[Check]:
    """Look at installation, project, folder and outputs; a fault in one does not hide another."""
    return [_python(), _distribution(), *_dependencies(), *_project(call, options)]


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


def _dependencies() -> Iterator[Check]:
    """Look whether what this distribution requires is there, and new enough."""
    from importlib.metadata import PackageNotFoundError, requires, version

    try:
        wanted = requires(DISTRIBUTION) or []
    except PackageNotFoundError:  # run from its source
        return
    for match in filter(None, map(_REQUIREMENT.match, wanted)):
        name, least, condition = match[1], match[2] or "0", match[3]
        if condition:  # extras, and what only an older Python needs
            continue
        try:
            found = version(name)
        except PackageNotFoundError:
            found = ""
        if not found or _numbers(found) < _numbers(least):
            what = f"{name} {found} is too old" if found else f"{name} is not installed"
            yield Check("dependency", what, f"pip install '{name}>={least}'", healthy=False)


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", version.partition("+")[0])[:3])


def _project(call: Call, options: Mapping[str, Any]) -> Iterator[Check]:
    from incremental.cli.folder_examination import examine_folder
    from incremental.cli.output_examination import examine_outputs

    try:
        with opened(call, options, needs_config=False) as session:
            yield Check("project", str(session.project.file or session.project.path))
            yield from _guarded("pipelines", _pipelines, session)
            if session.project.of_kedro:
                yield from _plugins()
            yield from _guarded("folder", examine_folder, session)
            faults = list(_guarded("configuration", _configuration, session))
            yield from faults
            if all(each.healthy for each in faults):
                yield from _guarded("outputs", examine_outputs, session)
    except IncrementalError as error:
        yield _fault("project", error, "")


def _guarded(
    subject: str, examination: Callable[[Session], Iterator[Check]], session: Session
) -> Iterator[Check]:
    """Yield what an examination finds; one that breaks off is a finding too."""
    try:
        yield from examination(session)
    except (IncrementalError, OSError) as error:
        yield _fault(subject, error, "")


def _pipelines(session: Session) -> Iterator[Check]:
    try:
        names = sorted(session.pipelines)
    except IncrementalError as error:
        yield _fault("pipelines", error, "correct the module that the message names")
        return
    if names:
        yield Check("pipelines", listed(names))
    else:
        yield Check("pipelines", "none registered", "return one from register_pipelines()")


def _plugins() -> Iterator[Check]:
    """Tell which plug-ins of Kedro are installed: their hooks are called only where settings ask for it."""
    from incremental.hooks import kedro_plugins_offered
    from incremental.project import settings

    asked = {name.replace("_", "-").lower() for name in settings.KEDRO_PLUGINS}
    idle = [name for name in kedro_plugins_offered() if name.replace("_", "-").lower() not in asked]
    if idle:
        what = f"hooks for Kedro that are not called: {listed(idle)}"
        remedy = f"to have one called, write KEDRO_PLUGINS = ({idle[0]!r},) in settings.py"
        yield Check("plug-ins", what, remedy)


def _configuration(session: Session) -> Iterator[Check]:
    try:
        catalog = session.load_context().catalog
    except IncrementalError as error:
        yield _fault("configuration", error, "correct the file and line that the message names")
        return
    resolver = catalog.config_resolver
    entries = {name: entry for name in resolver if (entry := resolver.entry(name)) is not None}
    patterns = resolver.pattern_configs()
    total = len(entries) + len(patterns)
    yield Check("configuration", f"{total:,} catalog {'entry' if total == 1 else 'entries'}")
    unusable = set()
    for check, kind in _types({**entries, **patterns}, resolver.types):
        unusable.add(kind)
        yield check
    for name, entry in entries.items():
        if str(entry["type"]) in unusable:
            continue
        try:
            catalog.get(name)
        except IncrementalError as error:
            yield _fault(f"dataset {name}", error, "correct its entry in the catalog")
    yield from _packages({**entries, **patterns})


def _types(entries: Mapping[str, Any], types: Types) -> Iterator[tuple[Check, str]]:
    """Look whether the classes of the catalog can be imported; yield each that cannot with its type."""
    from incremental.errors import DatasetError

    kinds: dict[str, str] = {}
    for name, entry in entries.items():
        kinds.setdefault(str(entry["type"]), name)
    for kind, name in sorted(kinds.items()):
        try:
            types.find(entries[name]["type"])
        except DatasetError as error:
            remedy = "correct its type in the catalog, or install its package"
            yield _fault(f"dataset {name}", error, remedy), kind


def _packages(entries: Mapping[str, Any]) -> Iterator[Check]:
    """Look whether the packages that the catalog needs are installed."""
    from importlib.util import find_spec

    needed: dict[str, str] = {}
    for kind in sorted({str(entry["type"]) for entry in entries.values()}):
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
