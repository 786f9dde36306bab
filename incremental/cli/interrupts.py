"""Ctrl-C and SIGTERM as exceptions that run through every clean-up. It cleans nothing up itself."""

from __future__ import annotations

import contextlib
import signal
import sys
import threading
from os import _exit
from typing import TYPE_CHECKING, NoReturn

from incremental.cli import exit_codes

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import FrameType


class Terminated(KeyboardInterrupt):
    """SIGTERM came."""


class Interrupted(BaseException):
    """A command was ended from outside; carries what ended it."""

    def __init__(self, signal_received: KeyboardInterrupt) -> None:
        super().__init__(type(signal_received).__name__)
        self.exit_code = (
            exit_codes.TERMINATED if isinstance(signal_received, Terminated) else exit_codes.INTERRUPTED
        )


@contextlib.contextmanager
def terminable() -> Iterator[None]:
    """Have SIGTERM raise Terminated; outside the main thread, where Python allows no handler, do nothing."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, _raise)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def leave(code: int) -> NoReturn:
    """End this process, also while threads run what the user gave up on: nobody waits for those."""
    threads = sys.modules.get("incremental.executors.threads")
    if code == exit_codes.DONE or threads is None or not threads.abandoned_threads():
        sys.exit(code)
    import logging

    logging.shutdown()
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError):
            stream.flush()
    _exit(code)


def _raise(number: int, frame: FrameType | None) -> None:
    raise Terminated
