"""What a run sends to workers that share no memory with it, and gets back. It sends nothing itself."""

from __future__ import annotations

import traceback
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from incremental.errors import HookError, RemoteError, RunError
from incremental.io.catalog.capabilities import is_ephemeral

if TYPE_CHECKING:
    from collections.abc import Iterable

    from incremental.io import DataCatalog
    from incremental.pipeline import Node
    from incremental.planner import Plan

_OURS = "incremental"


@dataclass(frozen=True, slots=True)
class Trace:
    """Where an error was raised, in a form that travels."""

    frames: tuple[tuple[str, int, str, str], ...]
    """File, line, function and source line, outermost first."""
    text: str
    """The traceback as Python prints it."""
    cause: tuple[str, str] | None
    """Type and text of the error behind it, if there is one."""

    @classmethod
    def of(cls, error: BaseException) -> Trace:
        """Take down where an error was raised."""
        frames = tuple(
            (frame.filename, frame.lineno or 0, frame.name, frame.line or "")
            for frame in traceback.extract_tb(error.__traceback__)
        )
        cause = error.__cause__
        told = None if cause is None else (type(cause).__name__, str(cause))
        return cls(frames, "".join(traceback.format_exception(error)), told)

    def summaries(self) -> list[traceback.FrameSummary]:
        """Return the frames as Python has them."""
        return [
            traceback.FrameSummary(file, line, function, lookup_line=False, line=source)
            for file, line, function, source in self.frames
        ]

    def attach(self, error: BaseException) -> None:
        """Give an error that came from elsewhere the error behind it, and its traceback as text."""
        if error.__cause__ is None:
            error.__cause__ = RemoteError(self.text, self.cause)


def portable(error: BaseException) -> BaseException:
    """Return an error that can be sent: itself, or a RunError with its type and text."""
    from incremental.executors.parcels import pack, unpack

    before = error.__traceback__, error.__cause__, error.__context__
    error.__traceback__ = error.__cause__ = error.__context__ = None
    try:
        unpack(pack(error, None))
        return error
    except Exception:  # noqa: BLE001 - anything may go wrong in pickling
        error.__traceback__, error.__cause__, error.__context__ = before
        return RunError(f"{type(error).__name__}: {error}")


def hooks_to_send(manager: Any) -> Any:
    """Return what ``hooks_received`` makes a manager of: its hooks, or itself where it says that it travels.

    Raises:
        HookError: the manager is not one of ours, so that no worker can make it again.
    """
    return manager if getattr(manager, "travels", False) is True else plugins_of(manager)


def plugins_of(manager: Any) -> list[Any] | None:
    """Return the hooks of a manager in the order in which they were registered.

    Raises:
        HookError: the manager is not one of ours, so that no worker can make it again.
    """
    if manager is None:
        return None
    if getattr(manager, "travels", False) is True:
        plugins: list[Any] = manager.plugins()
        return plugins
    if getattr(manager, "project_name", _OURS) != _OURS:
        raise HookError(f"a hook manager of {manager.project_name!r} cannot travel; run on threads")
    return [plugin for _, plugin in manager.list_name_plugin() if plugin is not None]


def hooks_received(sent: Any) -> Any:
    """Return a manager with the hooks that were sent."""
    if not isinstance(sent, list):
        return sent
    from incremental.hooks import create_hook_manager

    return create_hook_manager(sent, plugins=False)


def travelling(catalog: DataCatalog, plan: Plan) -> DataCatalog:
    """Return a catalog for workers: as the driver's, without data in memory, which rides with the tasks.

    Raises:
        RunError: with a line for each dataset of the plan that cannot be sent.
    """
    names = {name for step in plan.running for name in (*step.node.reads, *step.node.writes)}
    state = catalog.__getstate__()
    kept = {
        name: dataset
        for name, dataset in state["_datasets"].items()
        if name in names and not is_ephemeral(dataset)
    }
    faults = [fault for name, dataset in kept.items() if (fault := _fault(f"dataset {name!r}", dataset))]
    if faults:
        raise RunError("\n".join(faults))
    copy: DataCatalog = object.__new__(type(catalog))
    copy.__setstate__({**state, "_datasets": kept})
    return copy


def check_hooks(manager: Any) -> None:
    """Refuse hooks that cannot be sent to workers. Raises HookError."""
    faults = [
        fault
        for plugin in plugins_of(manager) or ()
        if (fault := _fault(f"hook {type(plugin).__qualname__!r}", plugin))
    ]
    if faults:
        raise HookError("\n".join(faults))


def check_nodes(nodes: Iterable[Node]) -> None:
    """Name the nodes that cannot be sent to workers. Raises RunError if there are any."""
    faults = [fault for node in nodes if (fault := _fault(f"node {node.name!r}", node))]
    if faults:
        raise RunError("\n".join(faults))


def release_all(catalog: DataCatalog, names: Iterable[str]) -> None:
    """Let a worker's datasets forget what they keep: the driver cannot reach them later.

    What lives in memory only, as parameters do in a catalog of Kedro's, came with the catalog, and stays.
    """
    for name in names:
        dataset = catalog.built(name)
        if dataset is not None and not is_ephemeral(dataset):
            catalog.release(name)


def _fault(what: str, value: Any) -> str | None:
    from incremental.executors.parcels import pack

    if getattr(value, "_SINGLE_PROCESS", False):  # Kedro's mark
        return f"{what} says that it works in one process only; run on threads"
    try:
        pack(value, None)
    except Exception as error:  # noqa: BLE001 - anything may go wrong in pickling
        return f"{what} cannot travel to another process: {type(error).__name__}: {error}; run on threads"
    return None
