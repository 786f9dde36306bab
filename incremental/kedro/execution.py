"""Planning and running of what Kedro's session hands over. It runs no node outside of that."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, Any

from incremental.errors import SessionError
from incremental.kedro.planning import OPTION_BY_SELECTOR, filtered
from incremental.pipeline import Pipeline
from incremental.pipeline.selection import Selected, select
from incremental.session.execution import Execution
from incremental.session.request import DEFAULT, Request
from incremental.state import Claims, History

if TYPE_CHECKING:
    from collections.abc import Mapping

    from incremental.kedro.circumstances import HandedContext
    from incremental.kedro.relay import Relay
    from incremental.state import FileLedger


class HandedExecution(Execution):
    """Selects what was handed over, which Kedro has filtered; and less, where it resumes a run of less.

    Args:
        pipeline: what was handed over.
        request: what Kedro's session was asked for, as :func:`request_of` tells.
        context: with the catalog that was handed over.
        ledger: of the project.
        relay: to Kedro's hooks.
    """

    def __init__(
        self,
        pipeline: Pipeline,
        request: Request,
        context: HandedContext,
        ledger: FileLedger,
        relay: Relay,
    ) -> None:
        history, claims = History(ledger), Claims(context.project_path)
        super().__init__(context, {DEFAULT: pipeline}, ledger, history, claims, relay)
        self._handed = pipeline
        self._asked = request
        self._relay = relay

    def select(self, request: Request) -> Selected:
        """Return what was handed over, or that part of it which a run that is resumed was of.

        Raises:
            SessionError: that run was of nodes that were not handed over.
        """
        pipeline = self._handed
        if _what(request) != _what(self._asked):
            pipeline = self._part(request)
        self._relay.keep(pipeline)
        return select(pipeline, forced=request.forced)

    def _part(self, request: Request) -> Pipeline:
        chosen = filtered(request.pipeline_names or (DEFAULT,), request.selection.by_selector())
        names = {node.name for node in chosen.nodes}
        outside = sorted(names - {node.name for node in self._handed.nodes})
        if outside:
            raise SessionError(
                f"the run to resume was of nodes that this one has not, such as {outside[0]!r}; "
                f"name with kedro run what it was of: {shlex.join(_options(request))}\n"
                "or let incremental run --resume find that out"
            )
        return Pipeline([node for node in self._handed.nodes if node.name in names])


def request_of(asked: Mapping[str, Any], **more: Any) -> Request:
    """Return what Kedro's session was asked for as a request of ours.

    Args:
        asked: the arguments of ``KedroSession.run``.
        more: what Kedro does not know, as in ``Request.of``.
    """
    taken = ("pipeline_names", *OPTION_BY_SELECTOR, "load_versions")
    given: dict[str, Any] = {key: asked.get(key) or None for key in taken}
    return Request.of(**given, **more)


def _what(request: Request) -> tuple[Any, ...]:
    return frozenset(request.pipeline_names or (DEFAULT,)), request.selection


def _options(request: Request) -> list[str]:
    """Return the options of ``kedro run`` that hand over what a request names."""
    words = {"--pipelines": request.pipeline_names} | {
        option: getattr(request.selection, key) for key, option in OPTION_BY_SELECTOR.items()
    }
    return [f"{option}={','.join(each)}" for option, each in words.items() if each]
