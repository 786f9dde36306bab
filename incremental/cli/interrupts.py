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


_CODES: dict[int, int] = {signal.SIGINT: exit_codes.INTERRUPTED, signal.SIGTERM: exit_codes.TERMINATED}


class Terminated(KeyboardInterrupt):
    """SIGTERM came."""


class Interrupted(BaseException):
    """A command was ended from outside; carries what ended it."""

    def __init__(self, signal_received: KeyboardInterrupt) -> None:
        super().__init__(type(signal_received).__name__)
        self.exit_code = (
            exit_codes.TERMINATED if isinstance(signal_received, Terminated) else exit_codes.INTERRUPTED
        )


def leave_at_once() -> None:
    """Have Ctrl-C and SIGTERM end this process quietly, with their exit code: there is nothing to clean up.

    It holds before a command begins and after it has ended; what is ignored stays ignored.
    """
    for number in _CODES:
        if _is_heard(number):
            signal.signal(number, _leave_at_once)


@contextlib.contextmanager
def interruptible() -> Iterator[None]:
    """Have Ctrl-C raise KeyboardInterrupt, and SIGTERM Terminated, until this ends.

    Outside the main thread, where Python allows no handler, nothing changes.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.getsignal(number) for number in _CODES if _is_heard(number)}
    try:
        for number in before:
            signal.signal(number, _raise)
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


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


def _is_heard(number: int) -> bool:
    """Whether a signal is ours to handle: not ignored, as in a background job, nor handled in C."""
    return signal.getsignal(number) not in (signal.SIG_IGN, None)


def _raise(number: int, frame: FrameType | None) -> None:
    raise Terminated if number == signal.SIGTERM else KeyboardInterrupt


def _leave_at_once(number: int, frame: FrameType | None) -> None:
    _exit(_CODES[number])
