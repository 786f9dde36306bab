"""Where tasks run. Which task runs next is the loop's decision, not theirs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from incremental._lazy import lazy_names
from incremental.executors.base import Executor, Finished
from incremental.executors.inline import InlineExecutor

if TYPE_CHECKING:
    from incremental.executors.dask import DaskExecutor
    from incremental.executors.processes import ProcessExecutor
    from incremental.executors.threads import ThreadExecutor

__all__ = ["DaskExecutor", "Executor", "Finished", "InlineExecutor", "ProcessExecutor", "ThreadExecutor"]

__getattr__ = lazy_names(
    __name__,
    {
        "DaskExecutor": "incremental.executors.dask",
        "ProcessExecutor": "incremental.executors.processes",
        "ThreadExecutor": "incremental.executors.threads",
    },
)
