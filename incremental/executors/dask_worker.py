"""What a Dask worker does for one run: it has the job, runs calls, tells the driver. It starts no worker.

What the driver is told goes through the scheduler as events of one topic, which arrive in order and before
the end of the task that they are about.
"""

from __future__ import annotations

import contextlib
import io
import logging
import os
import pickle
import signal
import sys
import threading
import uuid
import zipfile
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from distributed import WorkerPlugin, get_worker
from distributed.protocol.serialize import deserialize, serialize

from incremental.errors import RunError
from incremental.executors.base import Answer, drop, leave
from incremental.executors.dask_notes import Notes, notes_of
from incremental.executors.logs import Forwarder, logging_kept, set_levels
from incremental.executors.parcels import pack, unpack
from incremental.executors.worker import Leave, flush, pack_error

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from distributed import Scheduler, Worker

HERE, BEGUN, ASKED, VALUES, FAILED, LOGGED = "here", "begun", "asked", "values", "failed", "logged"
_PATIENCE = 60.0  # seconds to wait for a driver's word
_SOURCES = (".py", ".pyi", ".json", ".yml", ".yaml", ".toml", ".txt", ".csv", ".sql")
_SOON_READ = 1 << 20  # bytes of a pickle without its buffers that is read back to see whether it can be
_LARGEST = 1 << 20  # bytes of a file beside the code that travels with it


class NothingMadeError(Exception):
    """A call left no values, so that nothing that reads them can run; the driver has been told why."""


class Post(WorkerPlugin):  # type: ignore[misc]  # it may not be there
    """A worker's part in one run. It travels to every worker there is or will be.

    Args:
        name: of the run, under which the plugin and the topic of its events are known.
        job: what to do with every argument, packed.
        log_levels: levels by logger, as in the driver.
        notes: the folder to note in what is begun, if the worker serves this run alone; it may then be
            changed to fit it, too.
        code: a zip file of the project's source folders, for workers that cannot import from there.
    """

    def __init__(
        self, name: str, job: bytes, log_levels: dict[str, int], notes: str | None, code: bytes | None
    ) -> None:
        self.name = name
        self._packed_job = job
        self._log_levels = log_levels
        self._folder = notes
        self._code = code

    def setup(self, worker: Worker) -> None:
        """Come to a worker: called by Dask in its main thread."""
        self._worker = worker
        self._loading = threading.Lock()
        self._job: Any = None
        self._awaited: dict[str, threading.Event] = {}
        self._is_over = threading.Event()
        self._untold: dict[Any, tuple[Any, ...]] = {}
        if self._code is not None:
            _add_code(self._code, Path(worker.local_directory) / self.name)
        self._notes: Notes | None = None
        if self._folder is not None:
            self._notes = Notes(notes_of(self._folder, worker.address))
            _settle()
            logging.getLogger().handlers.clear()
        self._forwarder = Forwarder(partial(self._tell, LOGGED))
        logging.getLogger().addHandler(self._forwarder)
        set_levels(self._log_levels)
        self._tell(HERE, worker.address, os.getpid(), worker.state.nthreads)

    def teardown(self, worker: Worker) -> None:
        """Leave a worker: what still runs shows nothing any more."""
        self._is_over.set()
        logging.getLogger().removeHandler(self._forwarder)

    def transition(self, key: Any, start: str, finish: str, **details: Any) -> None:
        """Tell what a call came to in one message with the end of its task: called by Dask, in its loop."""
        words = self._untold.pop(key, None)
        if words is not None:
            self._tell(*words)

    def answer(
        self, key: int, packed: bytes, is_timed: bool, leaves: tuple[str, ...], kept: Mapping[str, Any]
    ) -> Any:
        """Run a call and return the values that it is to leave here: none, the one, or a tuple of them."""
        here = self._worker.address
        note = 0 if self._notes is None else self._notes.begin(key)
        if is_timed:
            self._tell(BEGUN, key, here)
        leave.set(Leave(partial(self._ask, key)))
        try:
            job, argument = self._loaded_job(), unpack(packed)
            result = job(argument, kept) if kept else job(argument)
            answer = result if isinstance(result, Answer) else Answer(result, {})
            told = _packed(answer)
        except BaseException as error:  # noqa: BLE001 - the driver decides what an error means
            self._tell(FAILED, key, here, pack_error(error))
            raise NothingMadeError(key) from None
        finally:
            flush()
            if self._notes is not None:
                self._notes.end(note)
        if self._is_over.is_set():
            drop(answer.told)
            raise NothingMadeError(key)
        values = answer.kept
        is_whole = values is not None and values.keys() >= set(leaves)
        self._untold[f"{self.name}-{key}"] = (VALUES, key, here, told, is_whole)
        if values is None or not is_whole:
            raise NothingMadeError(key)
        return values[leaves[0]] if len(leaves) == 1 else tuple([values[name] for name in leaves]) or None

    def give_leave(self, attempt: str) -> None:
        """Let a call go on that had asked."""
        event = self._awaited.get(attempt)
        if event is not None:
            event.set()

    def _ask(self, key: int) -> None:
        attempt = uuid.uuid4().hex
        event = self._awaited[attempt] = threading.Event()
        self._tell(ASKED, key, self._worker.address, attempt)
        is_given = event.wait(_PATIENCE)
        del self._awaited[attempt]
        if not is_given or self._is_over.is_set():
            raise RunError("its driver is gone, or waits for it no more: nothing is published")

    def _loaded_job(self) -> Any:
        with self._loading:
            if self._job is None:
                try:
                    with logging_kept():
                        self._job = unpack(self._packed_job)
                except Exception as error:
                    raise RunError(
                        f"a Dask worker cannot load its job: {type(error).__name__}: {error}; "
                        "it needs the same packages as the driver"
                    ) from error
            return self._job

    def _tell(self, *words: Any) -> None:
        self._worker.log_event(self.name, words)


def serve(name: str, number: int, about: tuple[Any, ...], names: tuple[str, ...], *values: Any) -> Any:
    """Run a call of a run on the worker that this thread belongs to: the function of every task."""
    return get_worker().plugins[name].answer(number, *about, dict(zip(names, values, strict=True)))


def apply(function: Callable[..., Any], arguments: list[Any]) -> Any:
    """Call a function: tasks of several kinds go out as one map."""
    return function(*arguments)


def allow(name: str, attempt: str, dask_worker: Worker) -> None:
    """Give a call leave; run by the driver on its worker."""
    post = dask_worker.plugins.get(name)
    if post is not None:
        post.give_leave(attempt)


def withdraw(parts: dict[str, tuple[str, ...]], client: str, dask_scheduler: Scheduler) -> list[str]:
    """Let go of those of a client's tasks that still wait for others; run by the scheduler, at one go.

    With each go its parts: while the client wants one of those, the task would run.
    """
    tasks = dask_scheduler.tasks
    found = [key for key in parts if key in tasks and tasks[key].state == "waiting"]
    dask_scheduler.client_releases_keys([each for key in found for each in (key, *parts[key])], client)
    return found


def free_stranded(run: str, dask_scheduler: Scheduler) -> None:
    """Let the tasks of a run go anywhere that were meant for workers that are gone; run by the scheduler.

    Dask itself does so only while there is another worker. What became ready when there was none would wait
    for the one that it was meant for.
    """
    alive = dask_scheduler.workers.keys()
    ours = [task for key, task in dask_scheduler.tasks.items() if str(key).startswith(run)]
    for task in ours:
        if task.worker_restrictions and task.worker_restrictions.isdisjoint(alive):
            task.worker_restrictions = None
    stranded = {task.key: "processing" for task in ours if task.state == "no-worker"}
    dask_scheduler.transitions(stranded, "incremental-free-stranded")


def zipped(folders: Iterable[str]) -> bytes:
    """Return source folders as a zip file: code and small files beside it."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for folder in folders:
            for path in sorted(Path(folder).rglob("*")):
                if path.suffix in _SOURCES and path.is_file() and path.stat().st_size <= _LARGEST:
                    archive.write(path, path.relative_to(folder))
    return buffer.getvalue()


def _add_code(code: bytes, folder: Path) -> None:
    """Make code importable, in place of what this worker imported of an earlier state of it."""
    with zipfile.ZipFile(io.BytesIO(code)) as archive:
        archive.extractall(folder)
        tops = {Path(name).parts[0].removesuffix(".py") for name in archive.namelist()}
    for name in [name for name in sys.modules if name.partition(".")[0] in tops]:
        del sys.modules[name]
    sys.path.insert(0, str(folder))


def _settle() -> None:
    """Become a process that Ctrl-C does not reach, and that says nothing on stdout."""
    with contextlib.suppress(OSError, AttributeError):
        os.setpgid(0, 0)
    with contextlib.suppress(ValueError):  # not the main thread, where workers are threads of the driver
        signal.signal(signal.SIGINT, signal.SIG_IGN)
    with contextlib.suppress(OSError, ValueError, AttributeError):
        os.dup2(2, 1)
        sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]


def _packed(answer: Answer) -> bytes:
    """Return what a call tells as bytes, once what stays here is known to be able to leave.

    Dask asks a worker for such a value for ever, so that whoever reads it elsewhere would never begin.
    """
    try:
        for value in (answer.kept or {}).values():
            _check_travel(value)
        return pack(answer.told, None)
    except Exception as error:
        drop(answer.told)
        raise RunError(
            f"its result cannot travel between processes: {type(error).__name__}: {error}; save it, "
            "or run on threads"
        ) from error


def _check_travel(value: Any) -> None:
    """Pickle a value, and make it again if that is soon done; its large buffers are not copied."""
    buffers: list[pickle.PickleBuffer] = []
    try:
        body = pickle.dumps(value, 5, buffer_callback=buffers.append)
    except Exception as error:  # noqa: BLE001 - whatever its class raises
        try:
            header, frames = serialize(value, on_error="raise")  # in the other ways that Dask knows
        except Exception:  # noqa: BLE001 - the plain reason says more
            raise error from None
        if sum(map(len, frames)) <= _SOON_READ:
            deserialize(header, frames)
    else:
        if len(body) <= _SOON_READ:
            pickle.loads(body, buffers=buffers)
