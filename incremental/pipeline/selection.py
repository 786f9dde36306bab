"""What the user picked, and what is left of the pipeline. It knows no catalog and no memory."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

from incremental.errors import SelectionError
from incremental.pipeline import filters
from incremental.pipeline.transcoding import base_name, is_parameter, words

if TYPE_CHECKING:
    from collections.abc import Iterable

    from incremental.pipeline.pipeline import Pipeline

_SELECTOR_BY_FIELD = {"namespaces": "node_namespaces"}  # the others are called alike


@dataclass(frozen=True, slots=True)
class Selection:
    """The words of each selector, in the order they were given."""

    tags: tuple[str, ...] = ()
    node_names: tuple[str, ...] = ()
    from_nodes: tuple[str, ...] = ()
    to_nodes: tuple[str, ...] = ()
    from_inputs: tuple[str, ...] = ()
    to_outputs: tuple[str, ...] = ()
    namespaces: tuple[str, ...] = ()

    @classmethod
    def of(
        cls,
        *,
        tags: str | Iterable[str] | None = None,
        node_names: str | Iterable[str] | None = None,
        from_nodes: str | Iterable[str] | None = None,
        to_nodes: str | Iterable[str] | None = None,
        from_inputs: str | Iterable[str] | None = None,
        to_outputs: str | Iterable[str] | None = None,
        namespaces: str | Iterable[str] | None = None,
    ) -> Selection:
        """Make a selection of whatever a caller has: iterables, a single word, or None."""
        return cls(
            tags=words(tags),
            node_names=words(node_names),
            from_nodes=words(from_nodes),
            to_nodes=words(to_nodes),
            from_inputs=words(from_inputs),
            to_outputs=words(to_outputs),
            namespaces=words(namespaces),
        )

    @property
    def is_empty(self) -> bool:
        """Whether no selector has a word, so that all nodes are selected."""
        return not self.by_selector()

    def by_selector(self) -> dict[str, tuple[str, ...]]:
        """Return the selectors that have words, under the names that ``Pipeline.filter`` has for them."""
        given = {
            _SELECTOR_BY_FIELD.get(each.name, each.name): getattr(self, each.name) for each in fields(self)
        }
        return {selector: given[selector] for selector in given if given[selector]}


@dataclass(frozen=True, slots=True)
class Selected:
    """What a plan is made for: the nodes that are left, and what the user asked of them."""

    pipeline: Pipeline
    """What is left after the selectors."""
    whole: Pipeline
    """What was named, before them."""
    requested: frozenset[str]
    """Base names of outputs whose values the user asked for, wherever they are kept."""
    forced: frozenset[str]
    """Names of nodes to run whatever is there."""
    selection: Selection
    """The selectors."""


def select(whole: Pipeline, selection: Selection | None = None, forced: Iterable[str] = ()) -> Selected:
    """Apply each selector to the whole pipeline and keep the nodes that all of them pick.

    Raises ``SelectionError``: words that are not in the pipeline (all of them at once), no node left, a
    forced node that is not among those selected.
    """
    by_selector = {} if selection is None else selection.by_selector()
    selection = selection or Selection()
    forced_names = words(forced)
    left = whole
    if by_selector or forced_names:
        filters.check_known(whole.topology, {**by_selector, "force": forced_names})
        left = whole.filter(**by_selector) if by_selector else whole
        _check_forced(forced_names, left)
    return Selected(left, whole, _requested(left, whole, selection), frozenset(forced_names), selection)


def _check_forced(forced: tuple[str, ...], left: Pipeline) -> None:
    outside = [name for name in forced if name not in left.topology.by_name]
    if outside:
        raise SelectionError(
            f"nodes to force are not among those selected: {', '.join(map(repr, outside))}; "
            f"select them as well, or do not force them"
        )


def _requested(left: Pipeline, whole: Pipeline, selection: Selection) -> frozenset[str]:
    """Return the outputs of selected nodes that are results: unread, or asked for by name."""
    in_whole, in_left = whole.topology, left.topology
    asked = {base_name(name) for name in selection.to_outputs}
    nodes_asked = {*selection.node_names, *selection.to_nodes}
    return frozenset(
        base
        for base, node in in_left.producers.items()
        if not is_parameter(base)
        and (
            base not in in_whole.readers
            or base in asked
            or (node.name in nodes_asked and base not in in_left.readers)
        )
    )
