"""Run the least of a data pipeline that has to run. Public names, each loaded on first use."""

from __future__ import annotations

from typing import TYPE_CHECKING

from incremental._lazy import lazy_names
from incremental._version import __version__

if TYPE_CHECKING:
    from incremental.errors import IncrementalError, SessionError
    from incremental.io import AbstractDataset, DataCatalog, MemoryDataset
    from incremental.pipeline import Node, Pipeline, node
    from incremental.planner import Plan
    from incremental.runner import DaskRunner, ParallelRunner, SequentialRunner, ThreadRunner
    from incremental.session import BaseSessionStore, Session

_HOMES = {
    "AbstractDataset": "incremental.io",
    "BaseSessionStore": "incremental.session",
    "DataCatalog": "incremental.io",
    "IncrementalError": "incremental.errors",
    "MemoryDataset": "incremental.io",
    "Node": "incremental.pipeline",
    "Pipeline": "incremental.pipeline",
    "Plan": "incremental.planner",
    "ParallelRunner": "incremental.runner",
    "SequentialRunner": "incremental.runner",
    "DaskRunner": "incremental.runner",
    "ThreadRunner": "incremental.runner",
    "Session": "incremental.session",
    "SessionError": "incremental.errors",
    "node": "incremental.pipeline",
}

__all__ = [
    "AbstractDataset",
    "BaseSessionStore",
    "DataCatalog",
    "IncrementalError",
    "MemoryDataset",
    "Node",
    "Pipeline",
    "ParallelRunner",
    "Plan",
    "SequentialRunner",
    "Session",
    "SessionError",
    "ThreadRunner",
    "DaskRunner",
    "__version__",
    "node",
]

__getattr__ = lazy_names(__name__, _HOMES)


def __dir__() -> list[str]:
    return sorted(__all__)
