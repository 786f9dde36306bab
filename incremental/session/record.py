"""The record of a session: what it was, who ran it, on what code, how its runs ended. It is not a store.

The ledger is the truth about runs; what a store keeps is an export of it.
"""

from __future__ import annotations

import contextlib
import logging
import sys
from typing import TYPE_CHECKING, Any

from incremental.privacy import mask_argv, mask_parameters
from incremental.session.provenance import Code, username

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping, Sequence

    from incremental.project import Project
    from incremental.state import RunRecord

logger = logging.getLogger(__name__)

_PATIENCE = 10.0  # seconds that the record of a session without runs waits for git
_NOT_EXPORTED = frozenset({"skipped", "process", "command", "user", "git"})  # told otherwise, or long


@contextlib.contextmanager
def as_warning(what: str, scrub: Callable[[str], str] = str) -> Iterator[None]:
    """Turn any failure to keep the books into a warning, so that it hides no error under way."""
    try:
        yield
    except Exception as error:  # noqa: BLE001 - a full disk, or a store that fails in its own way
        logger.warning("%s: %s", what, scrub(f"{type(error).__name__}: {error}"))


class SessionRecord:
    """Collects what a store keeps; values under secret-like keys, and private ones, never enter it."""

    def __init__(
        self,
        project: Project,
        env: str | None,
        runtime_params: Mapping[str, Any],
        private: Collection[str] = (),
    ) -> None:
        self._project = project
        self._env = env
        self._private = private
        self._extra_params = mask_parameters(runtime_params, private)
        self._exception: dict[str, str] | None = None
        self.has_runs = False
        """Whether a run of this session has begun."""

    def note_error(self, error: BaseException, scrub: Callable[[str], str]) -> None:
        """Note what ended the session."""
        self._exception = {"type": type(error).__qualname__, "message": scrub(str(error))}

    def as_dict(self, session_id: str, runs: Sequence[RunRecord]) -> dict[str, Any]:
        """Return the record as JSON types, with the runs as the ledger has them."""
        folder = str(self._project.path)
        git = runs[-1].details.get("git") if runs else None
        if git is None:
            git = Code(folder).known(_PATIENCE)["git"]
        record: dict[str, Any] = {
            "session_id": session_id,
            "project_path": folder,
            "env": self._env,
            "extra_params": self._extra_params,
            "username": username(),
            "git_sha": git["commit"],
            "git_dirty": git["dirty"],
            "package_name": self._project.package_name,
            "command": mask_argv(sys.argv, self._private),
            "runs": [_exported(run) for run in runs],
        }
        if self._exception is not None:
            record["exception"] = self._exception
        return record


def _exported(run: RunRecord) -> dict[str, Any]:
    exported = {
        "run_id": run.run_id,
        "status": run.status,
        "executed": run.done,
        "skipped": run.skipped,
        "started": run.started,
        "ended": run.ended,
        "error": run.error,
        **{key: value for key, value in run.details.items() if key not in _NOT_EXPORTED},
    }
    return {key: value for key, value in exported.items() if value is not None}
