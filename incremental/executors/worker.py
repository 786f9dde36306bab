"""What a worker process does: takes parcels from a pipe, runs them, answers. It outlives nobody.

It knows nothing of nodes. The driver holds the other end of the pipe, and the write end of a second one
that is never written to: when that closes, however the driver ended, the worker and what it started end.
"""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import sys
import threading
from dataclasses import dataclass
from os import _exit
from typing import TYPE_CHECKING, Any

from incremental.errors import RunError
from incremental.executors.base import Answer, drop, leave
from incremental.executors.logs import Forwarder, logging_kept, set_levels
from incremental.executors.parcels import opened, pack, seal, unpack

if TYPE_CHECKING:
    from collections.abc import Callable
    from multiprocessing.connection import Connection

JOB, CALL, GO = b"j", b"c", b"g"
VALUE, ERROR, LOG, ASK = b"v", b"e", b"l", b"a"

_told_to_stop: list[int] = []  # by signals


@dataclass(frozen=True, slots=True)
class Station:
    """What a worker is told first."""

    name: str
    lifeline: int
    """The descriptor of the pipe that closes when the driver is gone."""
    folder: str
    """For large buffers of results."""
    log_levels: dict[str, int]
    driver: int
    """The process that it belongs to."""
    authkey: bytes
    """What opens the driver's own managers and listeners of multiprocessing."""
    argv: tuple[str, ...]
    """The driver's command line, for code of the user's that looks at it."""


class Stopped(BaseException):
    """The driver, or somebody else, wants this worker to end: what runs takes back what it began."""


def main(descriptor: int) -> None:
    """Answer calls that come over a pipe until the driver is gone, or says that it is enough."""
    code = 1
    try:
        try:
            calls = _connected(descriptor)
            station = unpack(calls.recv_bytes())
            _settle(station)
            _answer_all(calls, station)
            code = 0
        except Stopped:
            _end_by_signal()
        except (EOFError, OSError):
            code = 0
        finally:
            flush()
    finally:  # whenever a signal came: no traceback, no destructors, no threads of nodes to wait for
        _exit(code)


def _connected(descriptor: int) -> Connection:
    """Return the end of a pipe that what this process starts does not get."""
    from multiprocessing.connection import Connection

    os.set_inheritable(descriptor, False)
    return Connection(descriptor)


def _answer_all(calls: Connection, station: Station) -> None:
    speech = threading.Lock()  # threads of a node log while it runs
    _forward_logs(calls, station.log_levels, speech)
    job: Any = None

    def ask() -> None:
        with speech:
            calls.send_bytes(ASK)
        calls.recv_bytes()

    while True:
        message = calls.recv_bytes()
        if message[:1] == JOB:
            job = _loaded(message[1:])
            continue
        leave.set(Leave(ask))
        kind, answer = _answer(job, message[1:], station.folder)
        del message
        with speech:
            calls.send_bytes(kind + answer)


class Leave:
    """Asks once for all that a call shows, from whichever of its threads."""

    def __init__(self, ask: Callable[[], None]) -> None:
        self._ask = ask
        self._asking = threading.Lock()
        self._is_given = False

    def __call__(self) -> None:
        with self._asking:
            if not self._is_given:
                self._ask()
                self._is_given = True


def _answer(job: Any, call: bytes, folder: str) -> tuple[bytes, bytes]:
    """Run one call and return what became of it; what it printed is out by then."""
    try:
        if isinstance(job, BaseException):
            raise job
        argument, sealed = unpack(call)
        del call
        value = job(argument) if sealed is None else job(argument, opened(sealed))
        del argument
    except Stopped:
        raise
    except BaseException as error:  # noqa: BLE001 - it must come out where it is waited for
        return ERROR, pack_error(error)
    finally:
        flush()
    told, kept = (value.told, value.kept or {}) if isinstance(value, Answer) else (value, {})
    del value
    if _told_to_stop:  # the job kept the Stopped for itself
        drop(told)
        raise Stopped
    try:
        return VALUE, pack((told, seal(kept, folder)), folder)
    except Exception as error:  # noqa: BLE001 - anything may go wrong in pickling
        drop(told)
        text = f"{type(error).__name__}: {error}"
        return ERROR, pack(
            RunError(f"its result cannot travel between processes: {text}; save it, or run on threads"), None
        )


def _loaded(job: bytes) -> Any:
    try:
        with logging_kept():
            return unpack(job)
    except Exception as error:  # noqa: BLE001 - told with the first call
        return RunError(f"a worker process cannot load its job: {type(error).__name__}: {error}")


def pack_error(error: BaseException) -> bytes:
    """Return an error as bytes: itself, or a RunError with its type and text."""
    error.__traceback__ = error.__cause__ = error.__context__ = None  # some pickles would take them along
    try:
        packed = pack(error, None)
        unpack(packed)
        return packed
    except Exception:  # noqa: BLE001 - then its text must do
        return pack(RunError(f"{type(error).__qualname__}: {error}"), None)


def _settle(station: Station) -> None:
    """Become a process that only the driver ends, and that says nothing on stdout."""
    from multiprocessing import current_process

    with contextlib.suppress(OSError, AttributeError):
        os.setpgid(0, 0)  # Ctrl-C is for the driver, and what a node starts ends with this process
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, _stop)
    if hasattr(signal, "pthread_sigmask"):
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT, signal.SIGTERM})
    _die_with_parent(station.driver)
    threading.Thread(
        target=_watch, args=(_connected(station.lifeline),), name="lifeline", daemon=True
    ).start()
    with contextlib.suppress(OSError, ValueError, AttributeError):
        os.dup2(2, 1)
        sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]
    sys.argv[:] = station.argv
    current_process().name, current_process().authkey = station.name, station.authkey


def _stop(number: int, frame: Any) -> None:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)  # once: what is being cleaned up is not interrupted
    _told_to_stop.append(number)
    raise Stopped


def _end_by_signal() -> None:
    """End as one that has not heard the signal, for whoever asks how this process ended."""
    flush()
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    os.kill(os.getpid(), signal.SIGTERM)


def _watch(lifeline: Connection) -> None:
    """Wait until the driver is gone, then end this process and all that it started."""
    with contextlib.suppress(EOFError, OSError):
        lifeline.recv_bytes()
    kill_group(os.getpid())
    _exit(1)


def kill_group(pid: int) -> None:
    """Kill a worker with all that it started."""
    with contextlib.suppress(OSError, AttributeError):
        if os.getpgid(pid) == pid:
            os.killpg(pid, signal.SIGKILL)
    with contextlib.suppress(OSError):
        os.kill(pid, getattr(signal, "SIGKILL", signal.SIGTERM))


def _die_with_parent(driver: int) -> None:
    """On Linux, be killed with the driver even while foreign code keeps Python from running."""
    if sys.platform == "linux":
        with contextlib.suppress(Exception):
            import ctypes

            ctypes.CDLL(None, use_errno=True).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG
    if os.name == "posix" and os.getppid() != driver:
        _exit(1)


def _forward_logs(calls: Connection, levels: dict[str, int], speech: threading.Lock) -> None:
    def send(record: bytes) -> None:
        with speech:
            calls.send_bytes(LOG + record)

    logging.getLogger().handlers[:] = [Forwarder(send)]
    set_levels(levels)


def flush() -> None:
    """Have what was printed leave this process."""
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError, AttributeError):
            stream.flush()
