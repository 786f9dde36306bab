"""What Kedro's session was asked for, heard before it hands a runner no more than a pipeline and a catalog.

It is offered to Kedro as the hooks of a plug-in. It changes nothing, and keeps what it heard last.
"""

from __future__ import annotations

from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

from kedro.framework.hooks import hook_impl

if TYPE_CHECKING:
    from collections.abc import Mapping

_heard: ContextVar[Mapping[str, Any] | None] = ContextVar("heard", default=None)


class Listener:
    """Hears of each run of Kedro's sessions before a runner does."""

    @hook_impl  # type: ignore[untyped-decorator]  # Kedro is not there where types are checked
    def before_pipeline_run(self, run_params: Mapping[str, Any]) -> None:
        """Note the arguments of ``KedroSession.run``, and the environment."""
        _heard.set(run_params)


listener = Listener()


def asked_of(run_id: str | None) -> Mapping[str, Any]:
    """Return what the session of a run was asked for; nothing where our hooks are switched off.

    Args:
        run_id: as a runner is given it.
    """
    heard = _heard.get()
    return heard if heard is not None and run_id is not None and heard.get("run_id") == run_id else {}
