"""The executor of Dask: calls run on a cluster, and what they make stays there. It knows nothing of nodes.

A call is one Dask task, and each value that it leaves one key. What the driver must hear (begun, ended,
asked, logged) comes as events of the scheduler, so that no result has to be fetched for it.
"""

from __future__ import annotations

import contextlib
import itertools
import queue
import time
import uuid
import warnings
from collections import Counter, deque
from typing import TYPE_CHECKING, Any

from incremental.errors import NodeTimeoutError, RunError, WorkerDiedError
from incremental.executors.base import Executor, Finished, Key, drop
from incremental.executors.dask_calls import Call, Outbox
from incremental.executors.dask_site import Site, open_site
from incremental.executors.logs import log_levels, relog
from incremental.executors.parcels import pack, unpack
from incremental.executors.processes import cannot_travel

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping

    from distributed import Client, Future

_PULSE = 0.25  # seconds between looks at calls that Dask may have given up
_ATTEMPTS = 3  # at a call whose worker dies before it begins
_GIVEN_UP = frozenset({"error", "cancelled"})  # what is lost is made again, or ends as an error
_AHEAD = 16  # calls a thread of the cluster that wait for values: it goes on with them without a word of ours
_QUEUE = 4  # calls a thread of the cluster: one runs, the others are there when it ends


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
        self._calls: dict[str, Call[Key]] = {}  # under way, by Dask's key
        self._makers: dict[str, Call[Key]] = {}  # under way, by the keys of what they will leave
        self._left: dict[str, Call[Key]] = {}  # ended, by the keys of what they left
        self._gone: deque[Finished[Key]] = deque()
        self._opened: Site | None = None
        self._opened_outbox: Outbox[Key] | None = None
        self._next_look = 0.0

    @property
    def capacity(self) -> int:  # type: ignore[override]
        """How many calls the cluster holds: more than its threads, so that none waits for the network."""
        return _QUEUE * max(1, self._site.threads)

    @property
    def ahead(self) -> int:  # type: ignore[override]
        """How many calls more it takes whose inputs are still to be made."""
        return _AHEAD * max(1, self._site.threads)

    @property
    def _site(self) -> Site:
        if self._opened is None:
            self._opened = open_site(*self._target)
        return self._opened

    @property
    def _outbox(self) -> Outbox[Key]:
        if self._opened_outbox is None:
            self._opened_outbox = Outbox(self._site.client, self._name)
        return self._opened_outbox

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
        post = Post(self._name, packed, _levels_for_workers(), site.notes, code)
        site.client.register_plugin(post, name=self._name)

    def submit(self, key: Key, argument: Any, timeout: float | None = None) -> None:
        """Send a call to the cluster. Raises RunError when the argument cannot travel."""
        self.submit_with(key, argument, {}, timeout)

    def submit_with(
        self,
        key: Key,
        argument: Any,
        kept: Mapping[str, Any],
        timeout: float | None = None,
        leaves: tuple[str, ...] = (),
        priority: float = 0.0,
    ) -> Mapping[str, Any]:
        """Send a call that reads values of the cluster. Raises RunError when the argument cannot travel."""
        try:
            packed = pack(argument, None)
        except Exception as error:
            raise RunError(cannot_travel("it, or what it reads,", error)) from error
        number = next(self._numbers)
        call = Call(key, timeout, leaves, priority, number, f"{self._name}-{number}")
        self._find_place(call, kept.values())
        self._outbox.add(call, packed, kept)
        self._calls[call.name] = call
        self._makers.update(dict.fromkeys(call.parts, call))
        self._site.note_values(call.worker, (call.name, *call.parts))
        return call.handles

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

    def recall(self, keys: Collection[Key]) -> list[Key]:
        """Take back calls that wait for values, and return those that will never begin."""
        wanted = set(keys)
        calls = [call for call in self._calls.values() if call.key in wanted and call.waits_for]
        found: dict[str, Call[Key]] = {}
        for call in calls:  # those that others wait for come first
            if (
                call.name in self._outbox
                or not call.waits_for.isdisjoint(found)
                or not call.waits_for <= self._calls.keys()
            ):
                found[call.name] = call
        asked = {call.name: call for call in calls if call.name not in found}
        if asked:
            found |= {
                name: asked[name]
                for name in self._site.withdraw({name: call.parts for name, call in asked.items()})
            }
        self._outbox.take_out(found)
        for call in found.values():
            self._forget(call)
        return [call.key for call in found.values()]

    def wait(self, timeout: float | None = None) -> Finished[Key] | None:
        """Return the next call that ends, is stopped, or loses its worker; None also when nothing runs."""
        until = None if timeout is None else time.monotonic() + timeout
        while True:
            while not self._gone and not self._events.empty():
                self._hear(self._events.get())
            if not self._gone:  # and all that was said has been heard: so many calls travel together
                self._send()
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
        self._outbox.take_out()
        self._calls.clear()

    def close(self) -> None:
        """Let go of the cluster, and end it where it is ours."""
        site, self._opened = self._opened, None
        if site is not None:
            site.close(self._name, self._topics)
        self._opened_outbox = None
        self._calls.clear()
        self._left.clear()
        while self._gone:
            drop(self._gone.popleft().value)
        while not self._events.empty():
            _drop_told(self._events.get())

    # -- sending

    def _new_key(self) -> str:
        return f"{self._name}-{next(self._numbers)}"

    def _send(self) -> None:
        """Send what was submitted since the last time."""
        try:
            self._outbox.send()
        except Exception as error:  # noqa: BLE001 - whatever Dask raises
            for call in self._outbox.take_out():
                self._forget(call)
                text = f"Dask takes no calls any more: {type(error).__name__}: {error}"
                self._gone.append(Finished(call.key, None, RunError(text)))

    def _find_place(self, call: Call[Key], inputs: Collection[Future]) -> None:
        """Choose the worker of a call. It may take the place there of one that it waits for."""
        found = [maker for future in inputs if (maker := self._makers.get(future.key)) is not None]
        makers = {maker.name: maker for maker in found}.values()
        load = Counter(other.worker for other in self._calls.values() if not other.is_followed)
        for maker in makers:
            call.waits_for.add(maker.name)
            maker.followers.append(call)
            load[maker.worker] -= not maker.is_followed
        call.worker = self._site.place(load, [future.key for future in inputs])
        for maker in makers:
            maker.is_followed |= maker.worker == call.worker

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
            self._site.free_stranded(self._name)
            return
        number, worker, *rest = words
        name = f"{self._name}-{number}"
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
            self._forget(call)
            self._gone.append(Finished(call.key, None, unpack(rest[0]), call.worker))
        else:
            self._note_values(name, call, *rest)

    def _note_values(self, name: str, call: Call[Key], told: bytes, is_whole: bool) -> None:
        self._forget(call)
        has_run_before, handles = call.future is None, call.handles if is_whole else {}
        call.future, call.handles = None, {}
        try:
            value = unpack(told)
        except Exception as error:  # noqa: BLE001 - a class that cannot be made again from its pickle
            text = f"its result cannot be read back: {type(error).__name__}: {error}"
            self._gone.append(Finished(call.key, None, RunError(text), call.worker))
            return
        self._site.note_values(call.worker, (name, *call.parts))
        if handles or has_run_before:
            self._left.update(dict.fromkeys((name, *call.parts), call))
        if is_whole:
            for follower in call.followers:
                follower.waits_for.discard(name)
            call.followers.clear()
        self._gone.append(Finished(call.key, value, None, call.worker, handles))

    def _forget(self, call: Call[Key]) -> None:
        """Take a call for ended, however."""
        del self._calls[call.name]
        for key in call.parts:
            self._makers.pop(key, None)

    # -- losses

    def _lose(self, message: Mapping[str, Any]) -> None:
        """See what ran on a worker that is gone, and announce what Dask makes again for lack of values."""
        self._note_running(message["worker"], message["processing-tasks"])
        lost = {id(call): call for key in message["lost-computed-tasks"] if (call := self._left.get(key))}
        for call in lost.values():
            keys = (call.name, *call.parts)
            for key in keys:
                self._left.pop(key, None)
            call.handles = self._site.hold(keys)
            if not call.handles:  # it was let go of meanwhile: Dask will hear of that, and give it up
                continue
            self._tell_restart(call, self._site.death(call.worker))
            call.begin_anew()
            self._calls[call.name] = call

    def _note_running(self, worker: str, keys: Iterable[str]) -> None:
        """Note what ran on a worker that is gone."""
        there = {call.number: call for key in keys if (call := self._calls.get(key)) is not None}
        threads, notes = self._site.forget_worker(worker)
        if notes is None:  # nobody knows: those that were sent first
            notes = dict.fromkeys(sorted(there)[:threads], False)
        for number in notes.keys() & there.keys():
            call = there[number]
            call.has_run, call.has_ended, call.worker = True, notes[number], worker
            if not self._site.is_ours:  # it runs again, and if that is no use ends as an error
                self._tell_restart(call, self._site.death(worker))

    def _tell_restart(self, call: Call[Key], error: WorkerDiedError) -> None:
        if self.on_restart is not None:
            self.on_restart(call.key, error)

    def _look_after(self, now: float) -> None:
        """Find the calls that Dask gave up, and those whose time is up."""
        seen = {name: self._site.states((name, *call.parts)) for name, call in self._calls.items()}
        while not self._events.empty():  # Dask gives a call up once it has said why, which may lie here
            self._hear(self._events.get())
        for name, states in seen.items():
            call = self._calls.get(name)
            if call is None:
                continue
            if call.until is not None and now >= call.until:
                self._stop_late(call)
            elif states & _GIVEN_UP and not call.waits_for:
                self._bury(call)

    def _stop_late(self, call: Call[Key]) -> None:
        self._forget(call)
        for future in call.futures:
            future.cancel()
        self._site.end_worker(call.worker)
        error = NodeTimeoutError(f"it took longer than {call.timeout:g} s and was stopped")
        self._gone.append(Finished(call.key, None, error, call.worker))

    def _bury(self, call: Call[Key]) -> None:
        """Say what became of a call that ended without a word; try again where it was not its fault."""
        future = next((future for future in call.futures if future.status in _GIVEN_UP), None)
        error = None if future is None else self._site.fault(future)
        if future is None or error is None:
            return
        is_innocent = not call.has_run or call.has_ended or self._site.was_ended(call.worker)
        if isinstance(error, WorkerDiedError):
            if is_innocent and call.attempts < _ATTEMPTS:
                if call.has_run:
                    self._tell_restart(call, error)
                call.attempts += 1
                call.begin_anew()
                self._site.retry(future)
                return
            error = self._site.death(call.worker) if call.has_run else error
        self._forget(call)
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
