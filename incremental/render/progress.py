"""The events of a run as one line each. It listens to nobody."""

from __future__ import annotations

from typing import TYPE_CHECKING

from incremental.events import Event, NodeFailed, NodeFinished, NodeRetried, NodeStarted, RunStarted
from incremental.render.text import clock, count, duration

if TYPE_CHECKING:
    from collections.abc import Iterable


class Tally:
    """How far a run has come: fed with its events, asked for a line."""

    def __init__(self) -> None:
        self.planned = 0
        self.done = 0
        self.running: dict[str, None] = {}

    def take(self, event: Event) -> None:
        """Count an event."""
        if isinstance(event, RunStarted):
            self.planned = event.planned
        elif isinstance(event, NodeStarted):
            self.running[event.node] = None
        elif isinstance(event, NodeFinished):
            self.running.pop(event.node, None)
            self.done += 1
        elif isinstance(event, NodeFailed | NodeRetried):
            self.running.pop(event.node, None)

    def line(self, event: Event, now: float) -> str | None:
        """Return the line for an event that was just taken; None for those that need none."""
        text = self._text(event)
        return None if text is None else f"{clock(now)} {text}"

    def _text(self, event: Event) -> str | None:
        place = f"({self.done}/{self.planned})"
        if isinstance(event, RunStarted):
            if not event.planned:
                return None
            return f"run    {event.run_id}: {count(event.planned, 'node')} to run, {event.skipped:,} skipped"
        if isinstance(event, NodeStarted):
            return f"start  {event.node}"
        if isinstance(event, NodeFinished):
            return f"done   {event.node}  {duration(event.seconds)} {place}"
        if isinstance(event, NodeRetried):
            kind = type(event.error).__name__
            return f"retry  {event.node}  {kind} in attempt {event.attempt}, again in {duration(event.pause)}"
        if isinstance(event, NodeFailed):
            return f"fail   {event.node}  {type(event.error).__name__} {place}"
        return None


def running_text(nodes: Iterable[str], most: int = 3) -> str:
    """Return the nodes that run now, for the side of a bar."""
    known = list(nodes)
    more = f" and {len(known) - most} more" if len(known) > most else ""
    return ", ".join(known[:most]) + more
