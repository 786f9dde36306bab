"""Nodes, pipelines and selections: pure values. Nothing here reads, writes, logs or runs a pipeline."""

from __future__ import annotations

from typing import Any

from incremental.pipeline.grouping import GroupedNodes
from incremental.pipeline.node import Node, node
from incremental.pipeline.pipeline import Pipeline, pipeline
from incremental.pipeline.selection import Selected, Selection, select

__all__ = ["GroupedNodes", "Node", "Pipeline", "Selected", "Selection", "node", "pipeline", "select"]

_OF_KEDRO_ONLY = ("LLMContext", "LLMContextNode", "llm_context_node", "tool")


def __getattr__(name: str) -> Any:
    if name in _OF_KEDRO_ONLY:  # an ImportError, because the words of an AttributeError are lost by 'from'
        raise ImportError(
            f"{name!r} of Kedro is not offered here: there are no LLM contexts; use plain nodes"
        )
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
