"""A Dask cluster and the way to it: one of ours on this machine, or somebody's. It submits no calls."""

from __future__ import annotations

import contextlib
import logging
import os
import re
import time
from collections import Counter
from typing import TYPE_CHECKING, Any

from incremental.errors import RunError, WorkerDiedError
from incremental.executors.cores import thread_limits
from incremental.executors.dask_notes import notes_of, read_notes
from incremental.executors.processes import death, scratch_folder
from incremental.executors.worker import kill_group

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from distributed import Client, Future, LocalCluster

_CLOSING = 1.0  # seconds that a client, or a cluster of ours, has to end
_SILENT = logging.CRITICAL + 1
_CONNECTING = 10  # seconds
_NANNY = "distributed.nanny"
_MARKS = ("PYTHONHASHSEED", "__DASK_PARENT_PID")  # that Dask leaves in the environment, too
_EXIT = re.compile(r"Worker process (\d+) (?:was killed by signal (\d+)|exited with status (\d+))")
_MISSING = "Dask is not installed; pip install 'incremental-engine[dask]'"


class Site:
    """What an executor needs of a cluster besides submitting."""

    def __init__(
        self,
        client: Client,
        cluster: LocalCluster | None = None,
        obituary: Obituary | None = None,
        undoing: contextlib.ExitStack | None = None,
        notes: str | None = None,
    ) -> None:
        self.client = client
        self.is_ours = cluster is not None
        self.notes = notes
        """The folder in which workers note what they begin, where they are on this machine."""
        self._cluster = cluster
        self._obituary = obituary
        self._undoing = undoing or contextlib.ExitStack()
        self._pids: dict[str, int] = {}  # of workers, by address
        self._ended: set[str] = set()
        self._gone: set[str] = set()
        self._faults: dict[str, BaseException] = {}  # what Dask says of tasks that it gave up, by its key
        self._retried: dict[str, BaseException] = {}  # what had become of tasks before, by Dask's key
        self._homes: dict[str, str] = {}  # the worker that made a value, by Dask's key
        self._threads: dict[str, int] = dict(client.nthreads())

    @property
    def threads(self) -> int:
        """How many calls run at once."""
        return sum(self._threads.values())

    def place(self, load: Mapping[str, int], inputs: Iterable[str]) -> str:
        """Return the worker to run a call: the least busy, of those the one that holds most of its inputs.

        Dask itself goes where the inputs are, and lets calls queue there beside idle workers. Its answer is
        to be taken as advice: a worker may be gone by the time the call arrives. Empty when there is none.
        """
        held = Counter(self._homes.get(key, "") for key in inputs)
        ranked = (
            (load.get(worker, 0) // threads, -held[worker], load.get(worker, 0) / threads, worker)
            for worker, threads in self._threads.items()
        )
        return min(ranked, default=(0, 0, 0.0, ""))[-1]

    def note_values(self, worker: str, keys: Iterable[str]) -> None:
        """Take down where values are; told once a call, forgotten with the worker."""
        for key in keys:
            self._homes[key] = worker

    def allow(self, run: str, attempt: str, worker: str) -> None:
        """Give a call leave."""
        from incremental.executors.dask_worker import allow

        self.client.run(allow, run, attempt, workers=[worker], on_error="ignore")

    def hold(self, keys: Iterable[str]) -> dict[str, Future]:
        """Return new handles, by key, of those of these values that somebody here still holds."""
        from distributed import Future

        return {key: Future(key, self.client) for key in keys if key in self.client.futures}

    def states(self, keys: Iterable[str]) -> set[str]:
        """Return how those of these tasks stand that anybody here still holds."""
        futures = self.client.futures
        return {futures[key].status for key in keys if key in futures}

    def withdraw(self, parts: dict[str, tuple[str, ...]]) -> list[str]:
        """Have tasks that wait for others never begin; return those that had not been sent to a worker.

        Args:
            parts: by the keys of the tasks, those of what they would leave.
        """
        from incremental.executors.dask_worker import withdraw

        with contextlib.suppress(Exception):  # the cluster is gone: they end in another way
            found: list[str] = self.client.run_on_scheduler(withdraw, parts, self.client.id)
            return found
        return []

    def fault(self, future: Future) -> Exception | None:
        """Return why Dask gave a task up; a WorkerDiedError where its worker died.

        None when it is too early to tell: what else is known of the worker's end is on its way, or the word
        that it was taken up again.
        """
        from distributed import KilledWorker

        status = future.status
        if status == "pending":
            return None
        if self.client.status != "running" or status != "error":
            return RunError("the Dask cluster lost it: the scheduler is gone, or has forgotten it")
        error = future.exception(timeout=_CLOSING)
        if isinstance(error, KilledWorker):
            self._faults[future.key] = error
            if error is self._retried.get(future.key) or not self.is_gone(error.last_worker.address):
                return None
            return WorkerDiedError("each Dask worker that was to run it died before it began")
        return RunError(f"Dask could not run it: {type(error).__name__}: {error}")

    def retry(self, future: Future) -> None:
        """Have Dask take up a task again that its worker's death had ended, and those that wait for it."""
        self._retried[future.key] = self._faults.pop(future.key)
        with contextlib.suppress(KeyError):  # of what is retried with it, this client holds some no more
            future.retry()

    def note_worker(self, address: str, pid: int, threads: int) -> None:
        """Take down a worker that has come: its process, and how many calls it runs at once."""
        self._pids[address] = pid
        self._threads[address] = threads

    def free_stranded(self, run: str) -> None:
        """Let the tasks of a run go anywhere that were meant for workers that are gone."""
        if not self._gone:
            return
        from incremental.executors.dask_worker import free_stranded

        with contextlib.suppress(Exception):  # the cluster is gone: that shows elsewhere
            self.client.run_on_scheduler(free_stranded, run)

    def forget_worker(self, address: str) -> tuple[int, dict[int, bool] | None]:
        """Expect nothing more of a worker that is gone.

        Returns:
            How many calls it ran at once, and the numbers of those that it began, each with whether it
            had ended; None where it took no notes.
        """
        self._gone.add(address)
        notes = None if self.notes is None else read_notes(notes_of(self.notes, address))
        return self._threads.pop(address, 1), notes

    def is_gone(self, address: str) -> bool:
        """Tell whether a worker has been given up; it may still run, and not know."""
        return address in self._gone

    def death(self, worker: str) -> WorkerDiedError:
        """Return what is known of the end of a worker's process."""
        pid = self._pids.get(worker)
        if self._obituary is None or pid is None:
            return WorkerDiedError(f"its Dask worker {worker} is gone")
        return death(self._obituary.exit_code(pid))

    def end_worker(self, address: str) -> None:
        """End a worker whatever it does; its nanny starts another."""
        self._ended.add(address)
        pid = self._pids.get(address)
        if self.is_ours and pid is not None and pid != os.getpid():
            kill_group(pid)
            return
        with contextlib.suppress(Exception):  # without a nanny it cannot be done
            self.client.restart_workers([address], timeout=2 * _CLOSING, raise_for_error=False)

    def was_ended(self, address: str) -> bool:
        """Tell whether a worker was ended for the sake of another call."""
        return address in self._ended

    def stop(self, futures: list[Future]) -> None:
        """Have nothing more start; end the workers of a cluster of ours."""
        if self._cluster is not None:
            _end_workers(self._cluster)
            return
        with contextlib.suppress(Exception):
            self.client.cancel(futures)

    def close(self, run: str, topics: Iterable[str]) -> None:
        """Leave the cluster, or end it. What is not over in time is not waited for."""
        for topic in topics:
            with contextlib.suppress(Exception):
                self.client.unsubscribe_topic(topic)
        if not self.is_ours:
            with contextlib.suppress(Exception):
                self.client.unregister_worker_plugin(run)
        with contextlib.suppress(Exception):
            self.client.close(_CLOSING)
        self._undoing.close()


class Obituary(logging.Filter):
    """Reads in the log of the nannies how worker processes ended, which they tell nobody else.

    As long as it reads, Dask logs nothing: what becomes of a cluster of ours is for the run to tell.
    """

    def __init__(self) -> None:
        super().__init__()
        self._codes: dict[int, int] = {}
        self._loggers = {logging.getLogger("distributed"): _SILENT, logging.getLogger(_NANNY): logging.INFO}
        self._levels = {logger: logger.level for logger in self._loggers}
        for logger, level in self._loggers.items():
            logger.setLevel(level)
        logging.getLogger(_NANNY).addFilter(self)

    def filter(self, record: logging.LogRecord) -> bool:
        """Note an end; nothing of it is logged, since the run tells it."""
        found = _EXIT.match(record.getMessage())
        if found:
            pid, number, status = found.groups()
            self._codes[int(pid)] = -int(number) if number else int(status)
        return False

    def exit_code(self, pid: int, patience: float = 1.0) -> int | None:
        """Return how a process ended, negative for a signal; the news may take a moment."""
        until = time.monotonic() + patience
        while pid not in self._codes and time.monotonic() < until:
            time.sleep(0.01)
        return self._codes.get(pid)

    def close(self) -> None:
        """Leave the log as it was."""
        logging.getLogger(_NANNY).removeFilter(self)
        for logger, level in self._levels.items():
            logger.setLevel(level)


def open_site(client: Client | None, address: str | None, arguments: Mapping[str, Any]) -> Site:
    """Connect to a cluster, or start one.

    Raises:
        RunError: Dask is not installed, or there is no scheduler at the address.
    """
    try:
        from distributed import Client
    except ImportError as error:
        raise RunError(_MISSING) from error
    if client is not None:
        if client.asynchronous:
            raise RunError(
                "the Dask client is asynchronous; give one that is not, or the scheduler's address"
            )
        return Site(Client(client.scheduler.address, security=client.security, set_as_default=False))
    if address is not None:
        try:
            return Site(Client(address, set_as_default=False, timeout=_CONNECTING))
        except (OSError, ValueError) as error:
            raise RunError(f"no Dask scheduler answers at {address!r}: {error}") from error
    try:
        return _started(arguments)
    except Exception as error:
        raise RunError(f"a Dask cluster cannot be started: {_root(error)}") from error


def _started(arguments: Mapping[str, Any]) -> Site:
    """Start a cluster on this machine, and keep what undoes all that it changed here."""
    import dask
    from distributed import Client, LocalCluster

    own = dask.config.get("distributed.nanny.pre-spawn-environ")
    limits = {**own, **thread_limits(arguments["n_workers"], os.environ)}
    with contextlib.ExitStack() as undoing:
        obituary = Obituary()
        undoing.callback(obituary.close)
        notes = undoing.enter_context(scratch_folder())
        undoing.enter_context(_environment_as_it_was([*limits, *_MARKS]))
        with dask.config.set({"distributed.nanny.pre-spawn-environ": limits}):
            cluster = LocalCluster(**{**_DEFAULTS, **arguments})
        undoing.callback(_end, cluster)
        client = Client(cluster, set_as_default=False)
        return Site(client, cluster, obituary, undoing.pop_all(), notes)


_DEFAULTS: Mapping[str, Any] = {
    "threads_per_worker": 1,
    "processes": True,
    "dashboard_address": "127.0.0.1:0",  # the usual port may be taken
    "silence_logs": _SILENT,
    "scheduler_kwargs": {"allowed_failures": 0},  # the run's own policy says what runs again
}


@contextlib.contextmanager
def _environment_as_it_was(names: Iterable[str]) -> Iterator[None]:
    """Take back what Dask writes to the environment of this process for the sake of its workers."""
    before = {name: os.environ.get(name) for name in names}
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def _root(error: BaseException) -> BaseException:
    """Return what an error comes from: Dask wraps what a worker said twice."""
    while error.__cause__ is not None:
        error = error.__cause__
    return error


def _end(cluster: LocalCluster) -> None:
    """End a cluster of ours; what is not over in time is not waited for."""
    _end_workers(cluster)
    with contextlib.suppress(Exception):
        cluster.close(_CLOSING)


def _end_workers(cluster: LocalCluster) -> None:
    """Kill the worker processes of a cluster of ours with all that they started."""
    for nanny in cluster.workers.values():
        pid = getattr(nanny, "pid", None)  # workers that are threads have none
        if pid is not None:
            nanny.close_gracefully()  # or it would start another worker
            kill_group(pid)
