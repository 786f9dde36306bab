"""Nodes that Kedro's session hands over, each run by Kedro's own node. It changes nothing about them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from incremental.kedro.pipelines import refuse_llm_context
from incremental.pipeline import Node, Pipeline

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


class HandedNode(Node):
    """A node that stands for one of Kedro's, which checks and calls the function itself.

    So a function that a hook replaces at the last moment is the one that is called, and what Kedro says of
    wrong results is what the user reads.
    """

    __slots__ = ("original",)

    def __init__(self, original: Any) -> None:
        super().__init__(
            _never_called,
            list(original.inputs),
            list(original.outputs),
            tags=original.tags,
            confirms=list(original.confirms),
            namespace=original.namespace,
        )
        self.original = original
        self._name = original.name

    @property
    def func(self) -> Callable[..., Any]:
        """The function that Kedro's node calls at present."""
        function: Callable[..., Any] = self.original.func
        return function

    @func.setter
    def func(self, func: Callable[..., Any]) -> None:
        self.original.func = func

    @property
    def is_generator(self) -> bool:
        """Whether the function yields its outputs in chunks, as Kedro tells."""
        from inspect import isgeneratorfunction

        return isgeneratorfunction(self.original.func)

    def run(self, inputs: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """Have Kedro's node called."""
        outputs: dict[str, Any] = self.original.run(dict(inputs or {}))
        return outputs


def handed_over(pipeline: Any) -> Pipeline:
    """Return the same pipeline made of our nodes. Raises NodeError where one of them makes an LLM context."""
    for node in pipeline.nodes:
        refuse_llm_context(node)
    return Pipeline([HandedNode(node) for node in pipeline.nodes])


def _never_called(*values: Any) -> Any:
    """Take any inputs, so that the number of them is not checked again."""
    raise AssertionError("Kedro's node calls its own function")
