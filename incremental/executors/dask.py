"""The executor of Dask: calls run on a cluster, and what they make stays there. It knows nothing of nodes.

A call is one Dask task, and each value that it leaves one key. What the driver must hear (begun, ended,
asked, logged) comes as events of the scheduler, so that no result has to be fetched for it.
"""

from __future__ import annotations

import contextlib
import itertools
import operator
import queue
import time
import uuid
import warnings
from collections import Counter, deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic

from incremental.errors import NodeTimeoutError, RunError, WorkerDiedError
from incremental.executors.base import Executor, Finished, Key, drop
from incremental.executors.dask_site import Site, open_site
from incremental.executors.logs import log_levels, relog
from incremental.executors.parcels import pack, unpack
from incremental.executors.processes import cannot_travel

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from distributed import Client, Future

_PULSE = 0.25  # seconds between looks at calls that Dask may have given up
_ATTEMPTS = 3  # at a call whose worker dies before it begins
_GIVEN_UP = frozenset({"error", "cancelled"})  # what is lost is made again, or ends as an error
_QUEUE = 4  # calls a thread of the cluster: one runs, the others are there when it ends


@dataclass(slots=True)
class _Call(Generic[Key]):
    """One call, from when it is submitted until the values that it left are gone."""

    key: Key
    argument: bytes
    kept: Mapping[str, Future]
    timeout: float | None
    name: str = ""
    """Dask's key of it."""
    number: int = 0
    """Counted in the order of submission."""
    future: Future | None = None
    worker: str = ""
    """Where it was sent, or as it told, where it runs or ran."""
    has_run: bool = False
    """Whether it ran on a worker that is gone."""
    until: float | None = None
    submitted: int = 0
    parts: tuple[str, ...] = ()
    """The keys of what it left: that of the call, or one a value where there are several."""


class DaskExecutor(Executor[Key]):
    """Run calls on a Dask cluster.

    Args:
        client: of the cluster to use, which stays open.
        address: of the scheduler to use.
        cluster: arguments of the ``LocalCluster`` that is started, and closed, where neither is given.
    """

    in_process = False
    keeps_values = True
    shares_kept = True

    def __init__(
        self,
        client: Client | None = None,
        address: str | None = None,
        cluster: Mapping[str, Any] | None = None,
    ) -> None:
        self._target = (client, address, dict(cluster or {}))
        self._name = f"incremental-{uuid.uuid4().hex}"
        self._topics = (self._name, "all")  # what our posts say, and what becomes of workers
        self._numbers = itertools.count(1)
        self._events: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self._calls: dict[str, _Call[Key]] = {}  # under way, by Dask's key
        self._left: dict[str, _Call[Key]] = {}  # ended, by the keys of what they left
        self._gone: deque[Finished[Key]] = deque()
        self._opened: Site | None = None
        self._next_look = 0.0

    @property
    def capacity(self) -> int:  # type: ignore[override]
        """How many calls the cluster holds: more than its threads, so that none waits for the network."""
        return _QUEUE * max(1, self._site.threads)

    @property
    def _site(self) -> Site:
        if self._opened is None:
            self._opened = open_site(*self._target)
        return self._opened

    def start(self, job: Callable[[Any], Any]) -> None:
        """Bring the job to all workers. Raises RunError when it cannot travel."""
        from incremental.executors.dask_worker import Post, zipped

        try:
            packed = pack(job, None)
        except Exception as error:
            raise RunError(cannot_travel("the run", error)) from error
        site = self._site
        code = zipped(self.sources) if self.sources and not site.is_ours else None
        for topic in self._topics:
            site.client.subscribe_topic(topic, self._events.put)
        site.client.register_plugin(
            Post(self._name, packed, _levels_for_workers(), site.is_ours, code), name=self._name
        )

    def submit(self, key: Key, argument: Any, timeout: float | None = None) -> None:
        """Send a call to the cluster. Raises RunError when the argument cannot travel."""
        self.submit_with(key, argument, {}, timeout)

    def submit_with(
        self, key: Key, argument: Any, kept: Mapping[str, Any], timeout: float | None = None
    ) -> None:
        """Send a call that reads values of the cluster. Raises RunError when the argument cannot travel."""
        try:
            packed = pack(argument, None)
        except Exception as error:
            raise RunError(cannot_travel("it, or what it reads,", error)) from error
        self._send(_Call(key, packed, kept, timeout))

    def keep(self, value: Any) -> Future:
        """Send a value to the cluster, in a form from which Dask can make it again."""
        try:
            packed = pack(value, None)
        except Exception as error:
            raise RunError(cannot_travel("what was handed in", error)) from error
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Dask's advice to send it ahead: then it could be lost
            return self._site.client.submit(unpack, packed, key=self._new_key(), pure=False)

    def fetch(self, kept: Mapping[str, Any]) -> dict[str, Any]:
        """Bring values here. Raises RunError."""
        try:
            return dict(self._site.client.gather(dict(kept)))
        except Exception as error:
            names = ", ".join(map(repr, kept))
            reason = (str(error).splitlines() or [""])[-1]  # it may be another process's traceback
            raise RunError(f"results cannot be fetched: {names}: {type(error).__name__}: {reason}") from error

    def wait(self, timeout: float | None = None) -> Finished[Key] | None:
        """Return the next call that ends, is stopped, or loses its worker; None also when nothing runs."""
        until = None if timeout is None else time.monotonic() + timeout
        while True:
            if self._gone:
                return self._gone.popleft()
            if not self._calls:
                return None
            now = time.monotonic()
            if now >= self._next_look:
                self._look_after(now)
                self._next_look = now + _PULSE
                continue
            if until is not None and now >= until:
                return None
            pause = min(self._next_look, until or self._next_look) - now
            with contextlib.suppress(queue.Empty):
                self._hear(self._events.get(timeout=max(0.0, pause)))

    def cancel(self) -> None:
        """Start nothing more; the workers of a cluster of ours are ended at once."""
        if self._opened is None:
            return
        self._opened.stop([call.future for call in self._calls.values() if call.future is not None])
        self._gone += [
            Finished(call.key, None, RunError("it was stopped"), call.worker) for call in self._calls.values()
        ]
        self._calls.clear()

    def close(self) -> None:
        """Let go of the cluster, and end it where it is ours."""
        site, self._opened = self._opened, None
        if site is not None:
            site.close(self._name, self._topics)
        self._calls.clear()
        self._left.clear()
        while self._gone:
            drop(self._gone.popleft().value)
        while not self._events.empty():
            _drop_told(self._events.get())

    # -- sending

    def _new_key(self) -> str:
        return f"{self._name}-{next(self._numbers)}"

    def _send(self, call: _Call[Key]) -> None:
        from incremental.executors.dask_worker import serve

        call.number, call.name = next(self._numbers), self._new_key()
        name = call.name
        call.submitted += 1
        call.has_run, call.until = False, None
        self._calls[name] = call
        call.worker = self._site.place(self._load(), [future.key for future in call.kept.values()])
        call.future = self._site.client.submit(
            serve, self._name, name, call.argument, call.timeout is not None, tuple(call.kept),
            *call.kept.values(), key=name, pure=False,
            workers=call.worker or None, allow_other_workers=bool(call.worker),
        )  # fmt: skip

    def _load(self) -> Counter[str]:
        """Return how many calls each worker has."""
        return Counter(call.worker for call in self._calls.values())

    # -- hearing

    def _hear(self, event: tuple[float, Any]) -> None:
        """Take what a worker, or the scheduler, said."""
        _, message = event
        if isinstance(message, dict):
            if message.get("action") == "remove-worker":
                self._lose(message)
            return
        kind, *words = message
        if kind == "logged":
            relog(unpack(words[0]))
            return
        if kind == "here":
            self._site.note_worker(*words)
            return
        name, worker, *rest = words
        call = self._calls.get(name)
        if call is None or self._site.is_gone(worker):
            _drop_told(event)  # of an attempt that was given up
            return
        call.worker = worker
        if kind == "begun":
            call.until = time.monotonic() + (call.timeout or 0.0)
        elif kind == "asked":
            self._site.allow(self._name, rest[0], worker)
        elif kind == "failed":
            del self._calls[name]
            self._gone.append(Finished(call.key, None, unpack(rest[0]), call.worker))
        else:
            self._note_values(name, call, *rest)

    def _note_values(self, name: str, call: _Call[Key], told: bytes, names: tuple[str, ...]) -> None:
        del self._calls[name]
        future, call.future = call.future, None
        call.argument, call.kept = b"", {}  # or what it read would live as long as what it left
        try:
            value = unpack(told)
        except Exception as error:  # noqa: BLE001 - a class that cannot be made again from its pickle
            text = f"its result cannot be read back: {type(error).__name__}: {error}"
            self._gone.append(Finished(call.key, None, RunError(text), call.worker))
            return
        parts = {} if future is None else self._parts(name, future, names)
        call.parts = tuple(part.key for part in parts.values())
        self._site.note_values(call.worker, (name, *call.parts))
        for key in (name, *call.parts):
            if parts:
                self._left[key] = call
        self._gone.append(Finished(call.key, value, None, call.worker, parts))

    def _parts(self, name: str, future: Future, names: tuple[str, ...]) -> dict[str, Future]:
        """Return a future for each value of a call."""
        if len(names) == 1:
            return {names[0]: future}
        return {
            each: self._site.client.submit(
                operator.itemgetter(place), future, key=f"{name}-{place}", pure=False
            )
            for place, each in enumerate(names)
        }

    # -- losses

    def _lose(self, message: Mapping[str, Any]) -> None:
        """See what ran on a worker that is gone, and announce what Dask makes again for lack of values."""
        self._note_running(message["worker"], message["processing-tasks"])
        lost = {id(call): call for key in message["lost-computed-tasks"] if (call := self._left.get(key))}
        for call in lost.values():
            for key in (call.name, *call.parts):
                self._left.pop(key, None)
            self._tell_restart(call, self._site.death(call.worker))
            call.has_run, call.until = False, None
            self._calls[call.name] = call

    def _note_running(self, worker: str, keys: Iterable[str]) -> None:
        """Note what ran on a worker that is gone: what it was sent first, one call a thread."""
        there = [call for key in keys if (call := self._calls.get(key)) is not None]
        there.sort(key=lambda call: call.number)
        for call in there[: self._site.forget_worker(worker)]:
            call.has_run, call.worker = True, worker
            if not self._site.is_ours:  # it runs again, and if that is no use ends as an error
                self._tell_restart(call, self._site.death(worker))

    def _tell_restart(self, call: _Call[Key], error: WorkerDiedError) -> None:
        if self.on_restart is not None:
            self.on_restart(call.key, error)

    def _look_after(self, now: float) -> None:
        """Find the calls that Dask gave up, those whose time is up, and those that nobody needs again."""
        for name, call in list(self._calls.items()):
            if call.future is None:
                self._look_after_again(name, call)
            elif call.until is not None and now >= call.until:
                self._stop_late(name, call)
            elif call.future.status in _GIVEN_UP:
                self._bury(name, call)

    def _look_after_again(self, name: str, call: _Call[Key]) -> None:
        """Look whether a call that Dask runs again is still needed, and can still end."""
        found = self._site.states((name, *call.parts))
        if not found:
            del self._calls[name]
            self._gone.append(Finished(call.key))
        elif found & _GIVEN_UP:
            del self._calls[name]
            self._gone.append(Finished(call.key, None, self._site.death(call.worker), call.worker))

    def _stop_late(self, name: str, call: _Call[Key]) -> None:
        del self._calls[name]
        assert call.future is not None
        call.future.cancel()
        self._site.end_worker(call.worker)
        error = NodeTimeoutError(f"it took longer than {call.timeout:g} s and was stopped")
        self._gone.append(Finished(call.key, None, error, call.worker))

    def _bury(self, name: str, call: _Call[Key]) -> None:
        """Say what became of a call that ended without a word; try again where it was not its fault."""
        future = call.future
        assert future is not None
        error = self._site.fault(future)
        is_innocent = not call.has_run or self._site.was_ended(call.worker)
        del self._calls[name]
        if isinstance(error, WorkerDiedError):
            if is_innocent and call.submitted < _ATTEMPTS:
                if call.has_run:
                    self._tell_restart(call, error)
                self._send(call)
                return
            error = self._site.death(call.worker) if call.has_run else error
        self._gone.append(Finished(call.key, None, error, call.worker))


def _levels_for_workers() -> dict[str, int]:
    """Return the levels of loggers here, but for Dask's own."""
    return {name: level for name, level in log_levels().items() if not name.startswith("distributed")}


def _drop_told(event: tuple[float, Any]) -> None:
    """Discard what a call made that nobody waits for."""
    _, message = event
    if not isinstance(message, dict) and message[0] == "values":
        with contextlib.suppress(Exception):
            drop(unpack(message[3]))
