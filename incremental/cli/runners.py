"""Runners by the name that ``--runner`` takes. It runs nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from incremental.errors import did_you_mean

if TYPE_CHECKING:
    from incremental.runner import AbstractRunner

_BY_NAME = {"sequential": "SequentialRunner", "SequentialRunner": "SequentialRunner"}
_TO_COME = frozenset(
    {"threads", "ThreadRunner", "processes", "ParallelRunner", "dask", "DaskRunner", "ray", "RayRunner"}
)


def runner_of(name: str | None, is_async: bool) -> AbstractRunner:
    """Make the runner that a name, or the dotted path of a class, stands for.

    Raises:
        click.UsageError: there is no such runner.
    """
    kind = _class_of(name or "sequential")
    try:
        runner: AbstractRunner = kind(is_async=is_async)
    except TypeError as error:
        raise click.UsageError(f"runner {name!r} cannot be made: {error}") from error
    return runner


def _class_of(name: str) -> Any:
    from incremental import runner

    short = name.removeprefix("incremental.runner.")
    if short in _BY_NAME:
        return getattr(runner, _BY_NAME[short])
    if short in _TO_COME:
        raise click.UsageError(
            f"runner {name!r} is not in this version yet; use 'sequential', or the dotted path of a class"
        )
    if "." not in name:
        near = (
            did_you_mean(name, [*_BY_NAME, *_TO_COME])
            or "; there is 'sequential', or give the dotted path of a class"
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
