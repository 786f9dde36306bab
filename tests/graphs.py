"""Pipelines for tests, written as text or drawn at random. It is no part of the package.

``graph("raw -> clean -> model; raw -> report")`` makes three nodes, ``clean``, ``model`` and ``report``.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from hypothesis import strategies as st

from incremental.pipeline import Node, Pipeline, node
from incremental.pipeline.transcoding import base_name

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

_NAMED = re.compile(r"^\s*([\w.-]+):\s+(.*)$", re.DOTALL)


@dataclass(frozen=True)
class Work:
    """A function that can travel: each output is a string that says what it was made from."""

    outputs: tuple[str, ...]

    @property
    def __name__(self) -> str:
        return f"make_{'_'.join(map(base_name, self.outputs)) or 'nothing'}"

    def __call__(self, *inputs: Any) -> Any:
        values = [f"{output}({', '.join(map(str, inputs))})" for output in self.outputs]
        if not values:
            return None
        return values[0] if len(values) == 1 else values


def graph(
    text: str,
    *,
    functions: Mapping[str, Callable[..., Any]] | None = None,
    tags: Mapping[str, str | Iterable[str]] | None = None,
    namespaces: Mapping[str, str] | None = None,
    confirms: Mapping[str, str | list[str]] | None = None,
) -> Pipeline:
    """Make a pipeline of text: ``a, b -> c, d; c -> e -> f; send: f -> ()``.

    Each arrow is a node, called after what it makes (``c_d``, ``e``, ``f``) or, where it makes nothing,
    after what it reads (``after_f``); ``name: `` before one arrow gives it a name. ``()`` is no dataset.
    The mappings go from a node's name without namespace to what it has besides.
    """
    return Pipeline(nodes_of(text, functions=functions, tags=tags, namespaces=namespaces, confirms=confirms))


def nodes_of(
    text: str,
    *,
    functions: Mapping[str, Callable[..., Any]] | None = None,
    tags: Mapping[str, str | Iterable[str]] | None = None,
    namespaces: Mapping[str, str] | None = None,
    confirms: Mapping[str, str | list[str]] | None = None,
) -> list[Node]:
    """Return the nodes of the text in the order they are written; see ``graph``."""
    nodes = []
    for name, inputs, outputs in _arrows(text):
        nodes.append(
            node(
                (functions or {}).get(name, Work(outputs)),
                _form(inputs),
                _form(outputs),
                name=name,
                tags=(tags or {}).get(name),
                namespace=(namespaces or {}).get(name),
                confirms=(confirms or {}).get(name),
            )
        )
    return nodes


def names(pipeline: Pipeline) -> list[str]:
    """Return the names of the nodes in topological order."""
    return [each.name for each in pipeline.nodes]


@st.composite
def wirings(
    draw: st.DrawFn, max_nodes: int = 7, min_nodes: int = 1, parameters: bool = True
) -> list[tuple[str, tuple[str, ...], tuple[str, ...]]]:
    """Draw (name, inputs, outputs) of nodes without a cycle, in an order and with names of any kind."""
    count = draw(st.integers(min_nodes, max_nodes))
    labels = draw(st.permutations([f"n{index}" for index in range(count)]))
    known = ["raw_a", "raw_b", *(["params:p"] if parameters else [])]
    wired = []
    for index, label in enumerate(labels):
        inputs = tuple(draw(st.lists(st.sampled_from(known), unique=True, max_size=3)))
        made = draw(st.integers(0 if inputs else 1, 2))
        outputs = tuple(f"d{index}{letter}" for letter in "ab"[:made])
        known.extend(outputs)
        wired.append((label, inputs, outputs))
    return draw(st.permutations(wired))


@st.composite
def node_lists(
    draw: st.DrawFn, max_nodes: int = 7, min_nodes: int = 1, parameters: bool = True, tags: str = "xy"
) -> list[Node]:
    """Draw the nodes of a pipeline; some make two datasets, some none, and each has some of the tags."""
    wired = draw(wirings(max_nodes, min_nodes, parameters))
    tagged = st.sets(st.sampled_from(tags)) if tags else st.just(set[str]())
    return [
        node(Work(outputs), _form(inputs), _form(outputs), name=label, tags=draw(tagged))
        for label, inputs, outputs in wired
    ]


def pipelines(
    max_nodes: int = 7, min_nodes: int = 1, parameters: bool = True, tags: str = "xy"
) -> st.SearchStrategy[Pipeline]:
    """Draw a pipeline of the nodes that ``node_lists`` draws.

    Which of its datasets are kept in memory is for the caller to draw.
    """
    return node_lists(max_nodes, min_nodes, parameters, tags).map(Pipeline)


def _arrows(text: str) -> Iterable[tuple[str, tuple[str, ...], tuple[str, ...]]]:
    for statement in filter(str.strip, text.split(";")):
        named = _NAMED.match(statement)
        stops = [_datasets(stop) for stop in (named[2] if named else statement).split("->")]
        for inputs, outputs in pairwise(stops):
            yield named[1] if named else _derived_name(inputs, outputs), inputs, outputs


def _derived_name(inputs: tuple[str, ...], outputs: tuple[str, ...]) -> str:
    if outputs:
        return "_".join(map(base_name, outputs))
    return "after_" + "_".join(map(base_name, inputs))


def _datasets(stop: str) -> tuple[str, ...]:
    found = (word.strip() for word in stop.strip().removeprefix("()").split(","))
    return tuple(word for word in found if word)


def _form(datasets: tuple[str, ...]) -> str | list[str] | None:
    if not datasets:
        return None
    return datasets[0] if len(datasets) == 1 else list(datasets)
