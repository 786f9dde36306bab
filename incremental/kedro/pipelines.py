"""Nodes and pipelines that were made with Kedro, taken over into ours. It calls none of their functions."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from incremental.errors import NodeError
from incremental.pipeline import Node, Pipeline

if TYPE_CHECKING:
    import kedro.pipeline

logger = logging.getLogger(__name__)

_LLM_CONTEXTS = "kedro.pipeline.llm_context"


def taken_over(pipeline: Any) -> Any:
    """Return a pipeline of ours with the nodes of one of Kedro's; whatever else it is comes back as it is.

    Names, tags, namespaces, confirms and transcoded names are kept. What a node shows of itself in
    Kedro-Viz is left out.

    Raises:
        NodeError: a node that is more than Kedro's class.
        PipelineError: the pipeline breaks a rule that Kedro does not check.
    """
    from kedro.pipeline import Pipeline as KedroPipeline

    if not isinstance(pipeline, KedroPipeline):
        return pipeline
    return Pipeline([taken_over_node(node) for node in pipeline.nodes])


def taken_over_node(node: kedro.pipeline.Node) -> Node:
    """Return a node of ours that calls the same function on the same datasets.

    Raises:
        NodeError: its class runs it in a way of its own, or it makes an LLM context.
    """
    from kedro.pipeline import Node as KedroNode

    refuse_llm_context(node)
    if type(node).run is not KedroNode.run:
        raise NodeError(
            f"node {node.name!r} is of class {type(node).__qualname__!r}, which has a run() of its own; "
            "put what it does into the node's function, or into hooks"
        )
    if _declared(node, "preview_fn") is not None:
        logger.info("node %r has a preview, which only Kedro-Viz shows", node.name)
    return Node(
        node.func,
        _declared(node, "inputs"),
        _declared(node, "outputs"),
        name=_declared(node, "name"),
        tags=node.tags,
        confirms=node.confirms,
        namespace=node.namespace,
    )


def refuse_llm_context(node: kedro.pipeline.Node) -> None:
    """Raise a NodeError for a node that makes an LLM context: what it holds can be neither kept nor compared.

    In a pipeline that was given a namespace it is of Kedro's plain class, with the function that it had.
    """
    if getattr(node.func, "__module__", None) == _LLM_CONTEXTS:
        raise NodeError(
            f"node {node.name!r} makes an LLM context, which is not supported here; "
            "make model, prompts and tools in the function of the node that uses them"
        )


def _declared(node: kedro.pipeline.Node, what: str) -> Any:
    """Return what a node was declared with.

    Its public ``inputs`` and ``outputs`` are lists, whatever they were: whether a function returns one
    value, a list of one or a dictionary cannot be told from them, nor whether a name was given.
    """
    return getattr(node, f"_{what}", None)
