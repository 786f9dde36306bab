"""``incremental init``: a small project that runs at once, without network and without pandas."""

from __future__ import annotations

import keyword
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from incremental.cli import exit_codes
from incremental.cli.commands import Command, Writes, common, examples

if TYPE_CHECKING:
    from incremental.cli.call import Call

_NEXT = ("incremental run", "incremental plan")


@click.command(
    cls=Command,
    writes=Writes.ALWAYS,
    epilog=examples(
        "incremental init hello  # makes the folder hello",
        "incremental init ~/sales-report  # the package is called sales_report",
    ),
)
@click.argument("name", type=click.Path())
@common
@click.pass_obj
def init(call: Call, /, name: str) -> int:
    """Make a small project in the folder NAME: three nodes, a catalog, parameters, a table of data."""
    folder = Path(name).expanduser()
    package = package_name(folder.resolve().name)
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise click.UsageError(f"{name!r} exists already and is not an empty folder: choose another name")
    files = write_project(folder, package)
    steps = _NEXT if folder.resolve() == Path.cwd() else (f"cd {shlex.quote(name)}", *_NEXT)
    call.answer(
        lambda: "\n".join(
            [
                f"made {name}: {len(files)} files",
                *[f"  {file}" for file in files],
                "",
                "next:",
                *[f"  {s}" for s in steps],
            ]
        ),
        lambda: {
            "format": "incremental-init/1",
            "project": str(folder),
            "package": package,
            "files": files,
            "next": list(steps),
        },
    )
    return exit_codes.DONE


def package_name(name: str) -> str:
    """Return the name of the package for a project.

    Raises:
        click.UsageError: it would be no package, or hide another one.
    """
    package = name.lower().replace("-", "_").replace(" ", "_")
    if not package.isidentifier() or not package.isascii() or keyword.iskeyword(package):
        raise click.UsageError(
            f"{name!r} cannot name a package: use letters, digits, '-' and '_', and begin with a letter"
        )
    if package in sys.stdlib_module_names or package == "incremental" or _is_installed(package):
        raise click.UsageError(
            f"{name!r} is the name of an installed package: choose another, such as {name}-project"
        )
    return package


def _is_installed(package: str) -> bool:
    from importlib.util import find_spec

    spec = find_spec(package)
    return spec is not None and spec.origin is not None


def write_project(folder: Path, package: str) -> list[str]:
    """Write the files of a new project and return their names."""
    from incremental.cli.starter import FILES

    written = []
    for pattern, text in FILES.items():
        path = pattern.replace("PACKAGE", package)
        file = folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text.replace("PACKAGE", package), encoding="utf-8")
        written.append(path)
    return written
