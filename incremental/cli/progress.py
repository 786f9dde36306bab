"""Show how far a run is: a live bar on a terminal, lines elsewhere. It counts nothing itself."""

from __future__ import annotations

import contextlib
import time
from typing import TYPE_CHECKING, Any

from incremental.cli.output import is_screen
from incremental.events import Event, RunFinished, RunStarted
from incremental.render.progress import Tally, running_text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from incremental.cli.call import Call
    from incremental.events import Listener


@contextlib.contextmanager
def progress(call: Call) -> Iterator[tuple[Listener, ...]]:
    """Give the listeners that show the progress of one run."""
    if call.verbosity < 0:
        yield ()
        return
    if not is_screen(call.out.stderr, call.out.environ):
        yield (_Lines(call),)
        return
    bar = _Bar(call)
    try:
        yield (bar,)
    finally:
        bar.stop()


class _Lines:
    """Writes a line an event to stderr."""

    def __init__(self, call: Call) -> None:
        self._out = call.out
        self._tally = Tally()

    def __call__(self, event: Event) -> None:
        self._tally.take(event)
        line = self._tally.line(event, time.time())
        if line is not None:
            self._out.tell(line)


class _Bar:
    """A bar with the nodes that run now; it is gone when the run is over."""

    def __init__(self, call: Call) -> None:
        self._call = call
        self._tally = Tally()
        self._bar: Any = None
        self._task: Any = None

    def __call__(self, event: Event) -> None:
        self._tally.take(event)
        if isinstance(event, RunStarted) and event.planned:
            self._start(event.planned)
        elif isinstance(event, RunFinished):
            self.stop()
        elif self._bar is not None:
            nodes = running_text(self._tally.running)
            self._bar.update(self._task, completed=self._tally.done, nodes=nodes)

    def stop(self) -> None:
        """Take the bar away."""
        bar, self._bar = self._bar, None
        if bar is not None:
            with contextlib.suppress(OSError):  # the terminal is gone
                bar.stop()

    def _start(self, planned: int) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

        self._bar = Progress(
            BarColumn(bar_width=30),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TextColumn("{task.fields[nodes]}", markup=False),
            console=Console(file=self._call.out.stderr),
            transient=True,
        )
        self._task = self._bar.add_task("run", total=planned, nodes="")
        self._bar.start()
