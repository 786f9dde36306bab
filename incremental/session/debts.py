"""What the last run that failed or was interrupted still owes. It plans nothing."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING

from incremental.errors import SessionError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from incremental.pipeline import Pipeline
    from incremental.state import History, RunRecord

logger = logging.getLogger(__name__)

_PAUSE = 0.2  # seconds between two looks whether another run has ended
_MOST_NAMED = 3


def unfinished(history: History) -> tuple[RunRecord | None, tuple[str, ...]]:
    """Return the last run that failed or was interrupted, and the nodes that no run made since.

    Raises:
        SessionError: a run is still running.
    """
    if (last := _running(history)) is not None:
        raise SessionError(f"run {last.run_id} is still running; there is nothing to resume yet")
    for run in history.runs(unfinished=True):
        full = None if run.status == "running" else history.run(run.run_id)
        if full is None:  # or cleaned away by another process
            continue
        if not full.has_plan and full.request.get("resume"):  # the debt it was to pay is another run's
            continue
        done = history.done_since(full)
        return full, tuple(name for name in full.owed if name not in done)
    return None, ()


def wait_for_the_last_run(history: History) -> None:
    """Return once the last run is over."""
    if (last := _running(history)) is not None:
        logger.warning("waiting: run %s is still running", last.run_id)
    while _running(history) is not None:
        time.sleep(_PAUSE)


def _running(history: History) -> RunRecord | None:
    """Return the last run if it is not over."""
    last = next(iter(history.runs(limit=1)), None)
    return last if last is not None and last.status == "running" else None


def lost_debt(owed: Iterable[str], pipelines: Mapping[str, Pipeline]) -> str | None:
    """Return a sentence that names what is owed and in no pipeline any more; None where all is."""
    known = {name for pipeline in pipelines.values() for name in pipeline.topology.by_name}
    lost = [repr(name) for name in owed if name not in known]
    if not lost:
        return None
    named = ", ".join(lost[:_MOST_NAMED])
    more = f" and {len(lost) - _MOST_NAMED} more" if len(lost) > _MOST_NAMED else ""
    return (
        f"the run that did not finish owes {named}{more}, which no pipeline has any more: outputs may be "
        "old; --force the nodes that make them now"
    )
