"""Runners by the name that ``--runner`` takes. It runs nothing."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import click

from incremental.errors import RunError, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Mapping

    from incremental.runner import AbstractRunner, FailurePolicy

_BY_NAME = {
    "sequential": "SequentialRunner",
    "threads": "ThreadRunner",
    "processes": "ParallelRunner",
    "dask": "DaskRunner",
    "SequentialRunner": "SequentialRunner",
    "ThreadRunner": "ThreadRunner",
    "ParallelRunner": "ParallelRunner",
    "DaskRunner": "DaskRunner",
}
_WORKERS = "max_workers"


def runner_of(
    name: str | None,
    is_async: bool,
    workers: int | None = None,
    params: Mapping[str, Any] | None = None,
) -> AbstractRunner:
    """Make the runner that a name, or the dotted path of a class, stands for.

    Args:
        name: ``sequential``, ``threads``, ``processes``, ``dask`` or a dotted path.
        is_async: load and save the datasets of a node in threads.
        workers: how many nodes at once; more than one without a name means processes.
        params: further arguments of the runner.

    Raises:
        click.UsageError: there is no such runner, or it does not take these arguments.
    """
    name = name or ("processes" if workers is not None and workers > 1 else "sequential")
    kind = _class_of(name)
    arguments = {"is_async": is_async, **(params or {})}
    if workers is not None and not (workers == 1 and kind.__name__ == "SequentialRunner"):
        arguments[_WORKERS] = workers
    try:
        runner: AbstractRunner = kind(**arguments)
    except (TypeError, RunError) as error:
        raise click.UsageError(f"runner {name!r} cannot be made: {error}") from error
    return runner


def policy_of(policy: FailurePolicy, options: Mapping[str, Any]) -> FailurePolicy:
    """Return what a runner does about failures, with what the command line says in its place."""
    given = {key: options[key] for key in ("retries", "timeout") if options[key] is not None}
    return replace(policy, **given, keep_going=options["keep_going"] or policy.keep_going)


def _class_of(name: str) -> Any:
    from incremental import runner

    short = name.removeprefix("incremental.runner.")
    if short in _BY_NAME:
        return getattr(runner, _BY_NAME[short])
    if not all(name.rpartition(".")[::2]):
        near = (
            did_you_mean(name, _BY_NAME)
            or "; there are 'sequential', 'threads', 'processes' and 'dask'; or write a dotted path"
        )
        raise click.UsageError(f"no runner {name!r}{near}")
    return _imported(name, runner.AbstractRunner)


def _imported(path: str, base: type[Any]) -> Any:
    from importlib import import_module

    module, _, attribute = path.rpartition(".")
    try:
        found = getattr(import_module(module), attribute)
    except ImportError as error:
        raise click.UsageError(f"runner {path!r} cannot be imported: {error}") from error
    except AttributeError as error:
        near = did_you_mean(attribute, dir(import_module(module)))
        raise click.UsageError(f"module {module!r} has no runner {attribute!r}{near}") from error
    if not isinstance(found, type) or not issubclass(found, base):
        raise click.UsageError(f"{path!r} is no runner class; extend AbstractRunner")
    return found
