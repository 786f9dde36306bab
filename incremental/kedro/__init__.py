"""Projects of Kedro: its session with our runner, and what that would run. Kedro is loaded on first use."""

from __future__ import annotations

from typing import TYPE_CHECKING

from incremental._lazy import lazy_names

if TYPE_CHECKING:
    from incremental.kedro.planning import plan
    from incremental.kedro.runner import IncrementalRunner

__all__ = ["IncrementalRunner", "plan"]

__getattr__ = lazy_names(
    __name__, {"IncrementalRunner": "incremental.kedro.runner", "plan": "incremental.kedro.planning"}
)


def __dir__() -> list[str]:
    return sorted(__all__)
