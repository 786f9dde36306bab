"""Writes the history of one run while it goes on, in batches. It decides nothing about the run."""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from typing import TYPE_CHECKING, Any

from incremental.errors import LedgerError
from incremental.events import NodeFailed, NodeFinished, NodeStarted
from incremental.session.provenance import Code, circumstances
from incremental.state.history import RunRecord, StepRecord

if TYPE_CHECKING:
    from incremental.events import Event
    from incremental.planner import Plan
    from incremental.session.context import Context
    from incremental.session.request import Request
    from incremental.state import History

logger = logging.getLogger(__name__)

_PAUSE = 0.1  # seconds that what happened waits to be written together; a kill loses that much
_PATIENCE = 2.0  # seconds that the end of a run waits for git; a huge working tree is left unknown
_AT_ONCE = 0.2


class Recorder:
    """The history of one run: begun, planned, listening to its events, ended.

    A note that cannot be written (a full disk) is no failure of the run: it is told once, and kept for
    the next attempt.

    Args:
        history: where it is kept.
        context: knows parameters, environment and secrets.
        ids: of the session and of the run.
        request: what was asked.
        runner: what runs it.
    """

    def __init__(
        self, history: History, context: Context, ids: tuple[str, str], request: Request, runner: object
    ) -> None:
        self.session_id, self.run_id = ids
        self._history = history
        self._context = context
        self._details = circumstances(context, runner)
        self._code: Code | None = None
        self._events: deque[tuple[float, NodeStarted | NodeFinished | NodeFailed]] = deque()
        self._has_news = threading.Event()
        self._is_over = threading.Event()
        self._thread: threading.Thread | None = None
        self._begun: dict[str, float] = {}
        self._has_warned = False
        self._has_ended = False
        asked = {**request.as_dict(), "env": context.env}
        history.start(
            RunRecord(
                self.run_id, self.session_id, "running", time.time(), None, asked, 0, None, (), self._details
            )
        )

    def plan(self, plan: Plan) -> None:
        """Note what is going to run, and what is not; begin to look at the code."""
        steps = [
            StepRecord(step.node.name, "; ".join(map(str, step.reasons)), "planned") for step in plan.running
        ]
        skipped: dict[str, list[str]] = {}
        for step in plan.skipped:
            cause = ", ".join(dict.fromkeys(reason.cause.value for reason in step.reasons))
            skipped.setdefault(cause, []).append(step.node.name)
        self._details["skipped"] = skipped
        self._history.plan(self.run_id, steps, len(plan.skipped), self._details)
        self._code = Code(str(self._context.project_path), [step.node for step in plan.running])

    def __call__(self, event: Event) -> None:
        """Take an event; it is written a moment later, with what follows it."""
        if isinstance(event, NodeFinished | NodeStarted | NodeFailed):
            self._events.append((time.time(), event))
            if not self._has_news.is_set():
                self._has_news.set()
                if self._thread is None:
                    self._thread = threading.Thread(
                        target=self._write_on, name="incremental-history", daemon=True
                    )
                    self._thread.start()

    def end(self, status: str, error: BaseException | None = None) -> None:
        """Note how the run ended; only the first word counts."""
        if self._has_ended:
            return
        self._has_ended = True
        self._is_over.set()
        self._has_news.set()
        if self._thread is not None:
            self._thread.join()
        self._write()
        if self._code is not None:
            self._details.update(self._code.known(_AT_ONCE if status == "interrupted" else _PATIENCE))
        text = None if error is None else self._scrub(_told(error))
        self._attempt(lambda: self._history.end(self.run_id, status, text, self._details))

    def _write_on(self) -> None:
        """Write what has happened, again and again, until the run is over."""
        is_described = False
        while not self._is_over.is_set():
            self._has_news.wait()
            self._is_over.wait(_PAUSE)
            self._has_news.clear()
            self._write()
            if not is_described and self._code is not None and self._code.is_known:
                is_described = True
                details = {**self._details, **self._code.known(_AT_ONCE)}
                self._attempt(lambda: self._history.describe(self.run_id, details))  # noqa: B023

    def _write(self) -> None:
        taken: list[tuple[float, NodeStarted | NodeFinished | NodeFailed]] = []
        while self._events:
            taken.append(self._events.popleft())
        last: dict[str, tuple[float, Any]] = {}  # a node that began and ended since is written once
        for moment, event in taken:
            if isinstance(event, NodeStarted):
                self._begun[event.node] = moment
            last[event.node] = moment, event
        steps = [self._step(*each) for each in last.values()]
        if steps and not self._attempt(lambda: self._history.note(self.run_id, *steps)):
            self._events.extendleft(reversed(taken))

    def _step(self, moment: float, event: Any) -> StepRecord:
        if isinstance(event, NodeStarted):
            return StepRecord(event.node, "", "running", started=moment)
        begun = self._begun.pop(event.node, moment)
        if isinstance(event, NodeFinished):
            return StepRecord(
                event.node, "", "done", event.started, event.seconds,
                event.load_seconds, event.compute_seconds, event.save_seconds,
                event.bytes_in, event.bytes_out, event.worker or None, event.attempt,
            )  # fmt: skip
        error = self._scrub(_told(event.error))
        return StepRecord(event.node, "", "failed", begun, moment - begun, attempt=event.attempt, error=error)

    def _attempt(self, write: Any) -> bool:
        try:
            write()
        except LedgerError as error:
            if not self._has_warned:
                logger.warning("run %s: its history is not written: %s", self.run_id, error)
            self._has_warned = True
            return False
        return True

    def _scrub(self, text: str) -> str:
        return self._context.redactor.scrub(text)


def _told(error: BaseException) -> str:
    """Return an error as text, with its class where it has no words of ours."""
    from incremental.errors import IncrementalError, text_of

    text = text_of(error)
    if isinstance(error, IncrementalError) and text:
        return text
    return f"{type(error).__name__}: {text}" if text else type(error).__name__
