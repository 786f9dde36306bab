"""Calls on a Dask cluster as the driver knows them, and how they get there. It hears nothing of them."""

from __future__ import annotations

import operator
import warnings
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Generic

from incremental.executors.base import Key

if TYPE_CHECKING:
    from distributed import Client, Future

_Task = tuple[str, Callable[..., Any], list[Any]]  # key, function, arguments


@dataclass(slots=True)
class Call(Generic[Key]):
    """One call, from when it is submitted until the values that it left are gone."""

    key: Key
    timeout: float | None
    leaves: tuple[str, ...]
    priority: float
    number: int
    """Counted in the order of submission."""
    name: str
    """Dask's key of it."""
    future: Future | None = None
    worker: str = ""
    """Where it was sent, or as it told, where it runs or ran."""
    has_run: bool = False
    """Whether it began on a worker that is gone."""
    has_ended: bool = False
    """Whether it came to its end there, too, and was not heard."""
    until: float | None = None
    attempts: int = 1
    handles: Mapping[str, Future] = field(default_factory=dict)
    """Of what it will leave, until it has."""
    parts: tuple[str, ...] = ()
    """The keys of what it leaves: that of the call, or one a value where there are several."""
    waits_for: set[str] = field(default_factory=set)
    """The calls that make what it reads, but for those that ended well."""
    followers: list[Call[Key]] = field(default_factory=list)
    """Those that were submitted while they waited for this one."""
    is_followed: bool = False
    """Whether another takes its thread once it has ended, so that both count as one."""

    @property
    def futures(self) -> list[Future]:
        """Those by which it is held while it is under way: its own, unless it runs again, and its values'."""
        return [*([] if self.future is None else [self.future]), *self.handles.values()]

    def begin_anew(self) -> None:
        """Forget what became of an attempt."""
        self.has_run, self.has_ended, self.until = False, False, None


class Outbox(Generic[Key]):
    """Calls that are submitted, and not sent yet: many travel in one message, as one graph.

    Args:
        client: of the cluster.
        run: under which workers know what to do.
    """

    def __init__(self, client: Client, run: str) -> None:
        self._client = client
        self._run = run
        self._waiting: dict[str, tuple[Call[Key], list[_Task]]] = {}

    def __contains__(self, name: str) -> bool:
        return name in self._waiting

    def add(self, call: Call[Key], packed: bytes, kept: Mapping[str, Future]) -> None:
        """Take a call, and give it its handles."""
        from distributed import Future

        from incremental.executors.dask_worker import serve

        name, leaves = call.name, call.leaves
        about = (packed, call.timeout is not None, leaves)
        tasks: list[_Task] = [(name, serve, [self._run, call.number, about, tuple(kept), *kept.values()])]
        call.future = Future(name, self._client)
        if len(leaves) == 1:
            call.handles = {leaves[0]: call.future}
        else:
            for place in range(len(leaves)):
                tasks.append((f"{name}-{place}", operator.itemgetter(place), [call.future]))
            call.handles = {
                each: Future(key, self._client) for each, (key, *_) in zip(leaves, tasks[1:], strict=True)
            }
        call.parts = tuple(future.key for future in call.handles.values())
        self._waiting[name] = call, tasks

    def take_out(self, names: Collection[str] | None = None) -> list[Call[Key]]:
        """Send these calls, or all, no more; return those that were here."""
        found = [name for name in (list(self._waiting) if names is None else names) if name in self._waiting]
        return [self._waiting.pop(name)[0] for name in found]

    def send(self) -> None:
        """Send what is here, as one graph. What is raised, the client raised; it may be sent again."""
        if not self._waiting:
            return
        import dask

        from incremental.executors.dask_worker import apply

        sent = list(self._waiting.values())
        keys, functions, arguments = zip(*(task for _, tasks in sent for task in tasks), strict=True)
        advice: dict[str, Any] = {
            "priority": {key: call.priority for call, tasks in sent for key, *_ in tasks}.get
        }
        if all(call.worker for call, _ in sent):
            homes = {key: [call.worker] for call, tasks in sent for key, *_ in tasks}
            advice |= {"workers": homes.get, "allow_other_workers": True}
        with dask.annotate(**advice), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Dask's advice to send large arguments ahead
            self._client.map(apply, functions, arguments, key=list(keys), pure=False)
        self._waiting.clear()
