"""Call what a node is made of: its function, the next piece of its generator. It knows no nodes."""

from __future__ import annotations

import os
import sys
from contextvars import copy_context
from os import _exit
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Iterator, Mapping

_Result = TypeVar("_Result")


def call(code: Callable[..., _Result], *arguments: Any) -> _Result:
    """Call the code of a node. A child that it forks, and that comes back from it, ends here.

    It would go on as a second run, on the files and the pipes of the first.
    """
    process = os.getpid()
    try:
        return code(*arguments)
    finally:
        if os.getpid() != process:
            _exit(sys.exc_info()[0] is not None)


def interleaved(streams: Mapping[str, Generator[Any, None, None]]) -> Iterator[tuple[str, Any]]:
    """Yield one chunk of each stream in turn until all are exhausted."""
    alive = dict(streams)
    while alive:
        for name in list(alive):
            try:
                chunk = call(next, alive[name])
            except StopIteration:
                del alive[name]
            else:
                yield name, chunk


def in_threads(function: Callable[[Any], Any], items: Iterable[Any]) -> list[Any]:
    """Call a function for each item, all at once, and return what it returned, in order."""
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(thread_name_prefix="incremental-io") as pool:
        calls = [pool.submit(copy_context().run, function, item) for item in items]
        return [each.result() for each in calls]
