"""The record of a session: what it was, who ran it, on what code, how its runs ended. It is not a store."""

from __future__ import annotations

import contextlib
import getpass
import os
import subprocess
import sys
from typing import TYPE_CHECKING, Any

from incremental.secrets import mask, mask_argv

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from incremental.project import Project


class SessionRecord:
    """Collects what a store keeps; values under secret-like keys never enter it."""

    def __init__(self, project: Project, env: str | None, runtime_params: Mapping[str, Any]) -> None:
        self._project = project
        self._env = env
        self._extra_params = mask(dict(runtime_params))
        self._runs: list[dict[str, Any]] = []
        self._exception: dict[str, str] | None = None

    @property
    def has_runs(self) -> bool:
        """Whether a run of this session has ended."""
        return bool(self._runs)

    def note_run(self, run_id: str, status: str, executed: int, skipped: int) -> None:
        """Add a run that ended."""
        self._runs.append({"run_id": run_id, "status": status, "executed": executed, "skipped": skipped})

    def note_error(self, error: BaseException, scrub: Callable[[str], str]) -> None:
        """Note what ended the session."""
        self._exception = {"type": type(error).__qualname__, "message": scrub(str(error))}

    def as_dict(self, session_id: str) -> dict[str, Any]:
        """Return the record as JSON types."""
        sha, dirty = git_state(str(self._project.path))
        record: dict[str, Any] = {
            "session_id": session_id,
            "project_path": str(self._project.path),
            "env": self._env,
            "extra_params": self._extra_params,
            "username": username(),
            "git_sha": sha,
            "git_dirty": dirty,
            "package_name": self._project.package_name,
            "command": mask_argv(sys.argv),
            "runs": list(self._runs),
        }
        if self._exception is not None:
            record["exception"] = self._exception
        return record


def username() -> str | None:
    """Return the name of the user, or None where the system has none (a bare container)."""
    with contextlib.suppress(OSError, KeyError, ImportError):
        return getpass.getuser()
    return None


def git_state(folder: str) -> tuple[str | None, bool | None]:
    """Return the commit that is checked out and whether there are changes; None twice outside git."""
    environment = {**os.environ, "GIT_OPTIONAL_LOCKS": "0"}

    def ask(*arguments: str) -> str:
        return subprocess.run(
            ["git", "-C", folder, *arguments],
            capture_output=True,
            check=True,
            text=True,
            timeout=10,
            env=environment,
        ).stdout

    try:
        return ask("rev-parse", "HEAD").strip(), bool(ask("status", "--porcelain").strip())
    except (OSError, subprocess.SubprocessError):
        return None, None
