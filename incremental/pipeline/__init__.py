"""Nodes, pipelines and selections: pure values. Nothing here reads, writes, logs or runs a pipeline."""

from __future__ import annotations

from incremental.pipeline.grouping import GroupedNodes
from incremental.pipeline.node import Node, node
from incremental.pipeline.pipeline import Pipeline, pipeline
from incremental.pipeline.selection import Selected, Selection, select

__all__ = ["GroupedNodes", "Node", "Pipeline", "Selected", "Selection", "node", "pipeline", "select"]
