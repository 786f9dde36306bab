"""The executor of processes: each slot is one process, so that its death names what it ran.

It knows nothing of nodes. Each slot is spoken to over a pipe of its own, from the thread of the caller.
"""

from __future__ import annotations

import contextlib
import os
import selectors
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import weakref
from collections import deque
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic

from incremental.errors import NodeTimeoutError, RunError, WorkerDiedError
from incremental.executors.base import Executor, Finished, Key, drop
from incremental.executors.cores import thread_limits
from incremental.executors.logs import log_levels, relog
from incremental.executors.parcels import Parcel, opened, pack, scratch_root, seal, unpack
from incremental.executors.worker import ASK, CALL, ERROR, GO, JOB, LOG, Station, kill_group

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from multiprocessing.connection import Connection

_FOLDER = "incremental-"
_GRACE = 0.7  # seconds that a stopped worker has to take back what it began
_PULSE = 1.0  # seconds between looks whether a busy worker is alive, should its pipe not tell
_BOOT = "import sys; sys.path[:] = {!r}; from incremental.executors.worker import main; main({})"
"""What a worker runs: before its search path is the driver's, a file of the folder that it is in could stand
for any module."""


class ProcessExecutor(Executor[Key]):
    """Run calls in processes that are started as they are needed and replaced when they die.

    Args:
        max_workers: how many at once.
    """

    in_process = False
    keeps_values = True  # as parcels, which nobody opens but the workers that need them

    def __init__(self, max_workers: int) -> None:
        self.capacity = max_workers
        self._job = b""
        self._idle: list[_Slot[Key]] = []
        self._busy: dict[int, _Slot[Key]] = {}  # by the descriptor of its pipe
        self._gone: deque[Finished[Key]] = deque()
        self._selector = selectors.DefaultSelector()
        self._numbers: list[int] = []  # of workers that ended, for those that come
        self._site: _Site | None = None

    def start(self, job: Callable[[Any], Any]) -> None:
        """Pack the job, which each worker gets when it starts. Raises RunError when it cannot travel."""
        try:
            self._job = JOB + pack(job, None)
        except Exception as error:
            raise RunError(cannot_travel("the run", error)) from error

    def submit(self, key: Key, argument: Any, timeout: float | None = None) -> None:
        """Send the argument to an idle worker, or to a new one. Raises RunError when it cannot travel."""
        self._send(key, argument, None, timeout)

    def submit_with(
        self,
        key: Key,
        argument: Any,
        kept: Mapping[str, Any],
        timeout: float | None = None,
        leaves: tuple[str, ...] = (),
        priority: float = 0.0,
    ) -> Mapping[str, Any]:
        """Do as ``submit``, with parcels that the worker opens. Raises RunError."""
        self._send(key, argument, kept, timeout)
        return {}

    def keep(self, value: Any) -> Parcel:
        """Return a value as a parcel. Raises RunError when it cannot travel."""
        try:
            return seal({"": value}, self._open_site().folder)[""].owned()
        except Exception as error:
            raise RunError(cannot_travel("it, or what it reads,", error)) from error

    def fetch(self, kept: Mapping[str, Any]) -> dict[str, Any]:
        """Return what is in parcels. Raises RunError."""
        return opened(kept)

    def _send(self, key: Key, argument: Any, kept: Mapping[str, Any] | None, timeout: float | None) -> None:
        site = self._open_site()
        try:
            parcel = pack((argument, kept), site.folder)
        except Exception as error:
            raise RunError(cannot_travel("it, or what it reads,", error)) from error
        slot = self._idle.pop() if self._idle else self._new_slot(site)
        slot.begin(key, timeout)
        self._busy[slot.descriptor] = slot
        try:
            slot.calls.send_bytes(CALL + parcel)
        except OSError:
            self._bury(slot)
        except BaseException:  # an interrupt: it has half a message, and nothing else can be sent
            self._bury(slot)
            raise

    def wait(self, timeout: float | None = None) -> Finished[Key] | None:
        """Return the next call that ends, is stopped, or loses its worker; None also when nothing runs."""
        until = None if timeout is None else time.monotonic() + timeout
        while True:
            if self._gone:
                return self._gone.popleft()
            if not self._busy:  # an interrupt came just as a call had ended
                return None
            for ready, _ in self._selector.select(self._patience(until)):
                finished = self._heard(ready.data)
                if finished is not None:
                    return finished
            self._look_after()
            if until is not None and time.monotonic() >= until and not self._gone:
                return None

    def cancel(self) -> None:
        """Stop every worker; those that run something have a moment to take back what they began."""
        self._stop(self._busy.values())
        for slot in list(self._busy.values()):
            self._retire(slot)
            self._gone.append(Finished(slot.key, None, RunError("it was stopped"), slot.name))

    def close(self) -> None:
        """End all workers. None is left when this returns."""
        slots = [*self._idle, *self._busy.values()]
        self._idle.clear()
        self._busy.clear()
        for slot in slots:
            slot.calls.close()  # an idle worker reads the end and leaves; a busy one is stopped
        _end(slots)
        while self._gone:
            drop(self._gone.popleft().value)
        self._selector.close()
        if self._site is not None:
            self._site.close()

    def _open_site(self) -> _Site:
        if self._site is None:
            self._site = _Site(self.capacity)
        return self._site

    def _new_slot(self, site: _Site) -> _Slot[Key]:
        number = self._numbers.pop() if self._numbers else len(self._selector.get_map()) + 1
        slot: _Slot[Key] = _Slot(number, site)
        with contextlib.suppress(OSError):  # dead already: that shows with its first call
            slot.calls.send_bytes(site.station_of(slot.name))
            slot.calls.send_bytes(self._job)
        self._selector.register(slot.descriptor, selectors.EVENT_READ, slot)
        return slot

    def _patience(self, until: float | None) -> float:
        moments = [slot.until for slot in self._busy.values() if slot.until is not None]
        if until is not None:
            moments.append(until)
        return min(_PULSE, max(0.0, min(moments) - time.monotonic())) if moments else _PULSE

    def _heard(self, slot: _Slot[Key]) -> Finished[Key] | None:
        """Take one message of a worker; None where it was a log record, a question, or the end of it."""
        if slot.descriptor not in self._busy:
            self._overheard(slot)
            return None
        try:
            message = slot.calls.recv_bytes()
            kind, body = message[:1], memoryview(message)[1:]
            if kind == ASK:  # whoever is busy here is still waited for
                slot.calls.send_bytes(GO)
                return None
            value = unpack(body)
        except (EOFError, OSError):
            self._bury(slot)
            return None
        except Exception as error:  # noqa: BLE001 - a class that cannot be made again from its pickle
            self._rest(slot)
            text = f"its result cannot be read back: {type(error).__name__}: {error}"
            return Finished(slot.key, None, RunError(text), slot.name)
        if kind == LOG:
            relog(value)
            return None
        self._rest(slot)
        if kind == ERROR:
            return Finished(slot.key, None, value, slot.name)
        told, kept = value
        if kept:
            kept = {name: parcel.owned() for name, parcel in kept.items()}
        return Finished(slot.key, told, None, slot.name, kept)

    def _overheard(self, slot: _Slot[Key]) -> None:
        """Take one message of an idle worker: a thread that a node left logs, or it is gone."""
        try:
            message = slot.calls.recv_bytes()
        except (EOFError, OSError):
            self._idle.remove(slot)
            self._let_go(slot)
            self._stop([slot])
            return
        if message[:1] == LOG:
            relog(unpack(message[1:]))

    def _look_after(self) -> None:
        """Find the workers that died in silence, and stop those whose time is up."""
        now = time.monotonic()
        for slot in list(self._busy.values()):
            if slot.until is not None and now >= slot.until:
                if slot.has_said(now):
                    continue
                self._stop([slot])
                self._retire(slot)
                error = NodeTimeoutError(f"it took longer than {slot.timeout:g} s and was stopped")
                self._gone.append(Finished(slot.key, None, error, slot.name))
            elif slot.process.poll() is not None and not slot.calls.poll():
                self._bury(slot)

    def _bury(self, slot: _Slot[Key]) -> None:
        """Say what became of a worker that is gone; the next call gets a new one."""
        code = slot.exit_code(within=2)
        self._stop([slot])
        self._retire(slot)
        self._gone.append(Finished(slot.key, None, death(code), slot.name))

    def _rest(self, slot: _Slot[Key]) -> None:
        del self._busy[slot.descriptor]
        self._idle.append(slot)

    def _retire(self, slot: _Slot[Key]) -> None:
        del self._busy[slot.descriptor]
        self._let_go(slot)

    def _let_go(self, slot: _Slot[Key]) -> None:
        self._selector.unregister(slot.descriptor)
        slot.calls.close()
        self._numbers.append(slot.number)

    def _stop(self, slots: Iterable[_Slot[Key]]) -> None:
        _end(list(slots))


class _Site:
    """What all slots of one executor share: the lifeline, a folder for large buffers, the environment."""

    def __init__(self, workers: int) -> None:
        from multiprocessing import Pipe

        self.folder = _new_scratch()
        self.lifeline, self._held = Pipe(duplex=False)
        self.environment = {**os.environ, **thread_limits(workers, os.environ)}
        self.close = weakref.finalize(self, _close_site, self._held, self.lifeline, self.folder)

    def station_of(self, name: str) -> bytes:
        """Return what a worker is told first."""
        from multiprocessing import current_process

        us = os.getpid(), bytes(current_process().authkey), tuple(sys.argv)
        return pack(Station(f"{_FOLDER}{name}", self.lifeline.fileno(), self.folder, log_levels(), *us), None)


@contextlib.contextmanager
def scratch_folder() -> Iterator[str]:
    """Have a folder for what processes on this machine share, which is gone afterwards."""
    folder = _new_scratch()
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _new_scratch() -> str:
    root = scratch_root()
    _sweep(root)
    return tempfile.mkdtemp(prefix=f"{_FOLDER}{os.getpid()}-", dir=root)


def _sweep(root: str) -> None:
    """Remove the folders that drivers left which were killed."""
    for path in Path(root).glob(f"{_FOLDER}*-*"):
        pid = path.name.removeprefix(_FOLDER).partition("-")[0]
        if not pid.isdigit():
            continue
        try:
            os.kill(int(pid), 0)
        except ProcessLookupError:
            shutil.rmtree(path, ignore_errors=True)
        except OSError:  # somebody else's
            continue


def _close_site(held: Connection, lifeline: Connection, folder: str) -> None:
    """Cut the lifeline: whoever still works ends now."""
    held.close()
    lifeline.close()
    shutil.rmtree(folder, ignore_errors=True)


class _Slot(Generic[Key]):
    """One worker process and the pipe to it."""

    key: Key

    def __init__(self, number: int, site: _Site) -> None:
        from multiprocessing import Pipe

        self.number = number
        self.name = f"process-{number}"
        self.timeout: float | None = None
        self.until: float | None = None
        self.listened_until: float | None = None
        self.calls, theirs = Pipe()
        self.descriptor = self.calls.fileno()
        boot = _BOOT.format(list(map(str, sys.path)), theirs.fileno())
        with theirs, _no_interrupts():
            self.process = subprocess.Popen(
                [sys.executable, "-c", boot],
                stdin=subprocess.DEVNULL,
                env=site.environment,
                pass_fds=(theirs.fileno(), site.lifeline.fileno()),
            )

    def exit_code(self, within: float) -> int | None:
        """Return how the process ended, if it does within so many seconds."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(max(0.0, within))
        return self.process.returncode

    def begin(self, key: Key, timeout: float | None) -> None:
        self.key = key
        self.timeout = timeout
        self.until = None if timeout is None else time.monotonic() + timeout
        self.listened_until = None

    def has_said(self, now: float) -> bool:
        """Whether a call whose time is up, and may have ended before, is still to be heard for a moment."""
        if self.listened_until is None:
            self.listened_until = now + _GRACE
        return now < self.listened_until and self.calls.poll()


@contextlib.contextmanager
def _no_interrupts() -> Iterator[None]:
    """Have a process start deaf to Ctrl-C, until it decides itself; none is lost meanwhile."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _end(slots: list[_Slot[Any]]) -> None:
    """End processes: those that listen by themselves, the others by force."""
    for slot in slots:
        slot.process.terminate()
    until = time.monotonic() + _GRACE
    for slot in slots:
        slot.exit_code(within=until - time.monotonic())
    for slot in slots:
        if slot.process.poll() is None:
            kill_group(slot.process.pid)
        else:
            kill_rest(slot.process.pid)
        slot.exit_code(within=2)


def kill_rest(group: int) -> None:
    """Kill what a worker that is gone had started."""
    with contextlib.suppress(OSError, AttributeError):
        os.killpg(group, signal.SIGKILL)


def death(code: int | None) -> WorkerDiedError:
    """Return the error for a worker process that is gone, by its exit code, negative for a signal."""
    if code is None:
        return WorkerDiedError("its worker process is gone, and nobody knows why")
    if code >= 0:
        return WorkerDiedError(f"its worker process ended with exit code {code}", code)
    try:
        name = signal.Signals(-code).name
    except ValueError:
        name = f"signal {-code}"
    likely = {"SIGKILL": "; probably out of memory", "SIGSEGV": "; a library crashed"}.get(name, "")
    return WorkerDiedError(f"its worker process was ended by {name}{likely}", code)


def cannot_travel(what: str, error: Exception) -> str:
    """Return the sentence for what cannot be pickled."""
    return f"{what} cannot travel to another process: {type(error).__name__}: {error}; run on threads"
