"""The code blocks of a page of documentation, and a shell to type them into. It judges nothing."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

_VARIABLES = ("KEDRO_ENV", "INCREMENTAL_ENV")


def blocks_of(page: str) -> list[tuple[str, str]]:
    """Return the language and the text of each block."""
    return re.findall(r"^```(\w+)\n(.*?)^```$", page, re.DOTALL | re.MULTILINE)


def typed(block: str) -> list[tuple[str, str]]:
    """Return what is typed in a ``console`` block, after ``$``, and what it shows after each line."""
    return re.findall(r"^\$ (.*)\n((?:(?!\$ ).*\n)*)", block, re.MULTILINE)


def shell(command: str, folder: Path, binaries: Path, **variables: str) -> str:
    """Type a line and return all that it prints; the programs in ``binaries`` come first."""
    environment = {key: value for key, value in os.environ.items() if key not in _VARIABLES}
    environment |= {"PATH": f"{binaries}{os.pathsep}{os.environ['PATH']}", "COLUMNS": "110", **variables}
    done = subprocess.run(
        command,
        shell=True,
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    return done.stdout
