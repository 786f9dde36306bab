"""A pipeline: nodes that form a graph without cycles. It opens nothing and runs nothing."""

from __future__ import annotations

import warnings
from operator import attrgetter
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from incremental.errors import PipelineError
from incremental.pipeline import description, filters, grouping, validation
from incremental.pipeline.namespacing import Renaming, moved
from incremental.pipeline.node import Node
from incremental.pipeline.topology import Topology
from incremental.pipeline.transcoding import base_name, words

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    import networkx

    from incremental.pipeline.grouping import GroupedNodes


class Pipeline:
    """Nodes in a directed graph without cycles. It never changes: every method returns a new one.

    ``a + b`` and ``a | b`` are the nodes of either, ``a & b`` those of both, ``a - b`` those of ``a`` that
    ``b`` has not. Pipelines are compared by identity, as Kedro's are: nodes are equal by name and wiring
    whatever their functions do, so that equality of pipelines would promise more than it could keep. To
    ask whether two are wired alike compare their ``digest``.
    """

    __slots__ = ("__weakref__", "_digest", "_graph", "_levels", "_nodes", "_readers", "_topology")

    _digest: str | None
    _graph: networkx.DiGraph[Node | str] | None
    _readers: Mapping[str, tuple[Node, ...]] | None

    def __init__(
        self,
        nodes: Iterable[Node | Pipeline] | Pipeline,
        *,
        inputs: str | set[str] | dict[str, str] | None = None,
        outputs: str | set[str] | dict[str, str] | None = None,
        parameters: str | set[str] | dict[str, str] | None = None,
        tags: str | Iterable[str] | None = None,
        namespace: str | None = None,
        prefix_datasets_with_namespace: bool = True,
    ) -> None:
        """Make a pipeline; see ``pipeline`` for the arguments."""
        members = _flat(nodes)
        if inputs or outputs or parameters or namespace:
            renaming = Renaming(
                inputs=inputs,
                outputs=outputs,
                parameters=parameters,
                prefix=namespace if prefix_datasets_with_namespace else None,
            )
            renaming.check(Pipeline(members).topology)
            members = moved(members, renaming, namespace)
        if tags:
            members = [node.tag(tags) for node in members]
        topology = Topology(members)
        validation.check(members, topology)
        levels = topology.levels()
        ordered = [node for level in levels for node in level]
        if len(ordered) < len(members):
            raise validation.cycle_error(topology, ordered)
        self._settle(topology, levels)
        _warn_of_interrupted_namespaces(ordered, topology)

    def _settle(self, topology: Topology, levels: list[list[Node]]) -> None:
        self._topology = topology
        self._levels = levels
        self._nodes = tuple(node for level in levels for node in level)
        self._readers = None
        self._graph = None
        self._digest = None

    def _subset(self, names: Collection[str]) -> Pipeline:
        """Return the pipeline of these nodes, which needs no checks: a part of what fits, fits."""
        topology = Topology([node for node in self._nodes if node.name in names])
        return self._checked(topology, topology.levels())

    @staticmethod
    def _checked(topology: Topology, levels: list[list[Node]]) -> Pipeline:
        self = object.__new__(Pipeline)
        self._settle(topology, levels)
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        return Pipeline, (list(self._nodes),)

    # nodes

    @property
    def nodes(self) -> list[Node]:
        """The nodes in topological order: level by level, each sorted by name."""
        return list(self._nodes)

    @property
    def grouped_nodes(self) -> list[list[Node]]:
        """The nodes by their longest distance from an input, each level sorted by name."""
        return [list(level) for level in self._levels]

    @property
    def node_dependencies(self) -> dict[Node, frozenset[Node]]:
        """Each node with those whose outputs it reads."""
        return {node: self._topology.parents(node) for node in self._nodes}

    def group_nodes_by(self, group_by: str | None = "namespace") -> list[GroupedNodes]:
        """Return groups to deploy: by outermost ``"namespace"``, or (None, ``"none"``) a node each."""
        strategy = (group_by or "none").lower()
        if strategy == "none":
            return grouping.each_alone(self._nodes, self._topology)
        if strategy == "namespace":
            return grouping.by_namespace(self._nodes, self._topology)
        raise PipelineError(f"cannot group nodes by {group_by!r}; use 'namespace' or None")

    # datasets

    def inputs(self) -> set[str]:
        """Return what nodes read and none makes, as written."""
        producers = self._topology.producers
        return {name for name in self.all_inputs() if base_name(name) not in producers}

    def outputs(self) -> set[str]:
        """Return what nodes make and none reads, as written."""
        readers = self._topology.readers
        return {name for name in self.all_outputs() if base_name(name) not in readers}

    def all_inputs(self) -> set[str]:
        """Return every input of every node, as written."""
        return {name for node in self._nodes for name in node.reads}

    def all_outputs(self) -> set[str]:
        """Return every output of every node, as written."""
        return {name for node in self._nodes for name in node.writes}

    def datasets(self) -> set[str]:
        """Return every dataset and parameter that is read or made, as written."""
        return self.all_inputs() | self.all_outputs()

    # for the engine

    @property
    def topology(self) -> Topology:
        """The adjacency by base name, for the rooms that walk the graph."""
        return self._topology

    @property
    def producers(self) -> Mapping[str, Node]:
        """The node that makes each base name."""
        return MappingProxyType(self._topology.producers)

    @property
    def readers(self) -> Mapping[str, tuple[Node, ...]]:
        """The nodes that read each base name, in topological order."""
        if self._readers is None:
            self._readers = MappingProxyType(self._sorted_readers())
        return self._readers

    def _sorted_readers(self) -> dict[str, tuple[Node, ...]]:
        by_name = self._topology.by_name
        place = {node.name: index for index, node in enumerate(self._nodes)}
        return {
            base: tuple(
                [by_name[name] for name in (sorted(names, key=place.__getitem__) if names[1:] else names)]
            )
            for base, names in self._topology.readers.items()
        }

    @property
    def graph(self) -> networkx.DiGraph[Node | str]:
        """The frozen bipartite graph of ``Node`` objects and dataset base names (str)."""
        if self._graph is None:
            import networkx as nx

            graph: networkx.DiGraph[Node | str] = nx.DiGraph()
            for node in self._nodes:
                graph.add_node(node, bipartite="node")
                for base in node.read_bases:
                    graph.add_node(base, bipartite="dataset")
                    graph.add_edge(base, node)
                for base in node.write_bases:
                    graph.add_node(base, bipartite="dataset")
                    graph.add_edge(node, base)
            self._graph = nx.freeze(graph)
        return self._graph

    @property
    def digest(self) -> str:
        """32 hexadecimal digits: those of names, inputs, outputs and confirms, whatever their order."""
        if self._digest is None:
            self._digest = description.digest(self._nodes)
        return self._digest

    def describe(self, names_only: bool = True) -> str:
        """Return inputs, nodes in order of execution (their names, or in full) and outputs as text."""
        lines = [node.name if names_only else str(node) for node in self._nodes]
        return description.as_text(lines, self.inputs(), self.outputs())

    def to_json(self) -> str:
        """Return name, inputs, outputs and tags of each node as JSON, with our version."""
        return description.as_json(self._nodes)

    def __repr__(self) -> str:
        shown = [repr(node) for node in self._nodes[:10]]
        if len(self._nodes) > 10:
            shown.append("...")
        inside = ",\n".join(shown)
        return f"Pipeline([\n{inside}\n])" if shown else "Pipeline([])"

    # algebra

    def __add__(self, other: object) -> Pipeline:
        if not isinstance(other, Pipeline):
            return NotImplemented
        return Pipeline(dict.fromkeys([*self._nodes, *other.nodes]))

    def __radd__(self, other: object) -> Pipeline:
        return self if other == 0 else NotImplemented  # sum() begins with 0

    def __or__(self, other: object) -> Pipeline:
        return self.__add__(other)

    def __sub__(self, other: object) -> Pipeline:
        if not isinstance(other, Pipeline):
            return NotImplemented
        removed = set(other.nodes)
        return self._subset({node.name for node in self._nodes if node not in removed})

    def __and__(self, other: object) -> Pipeline:
        if not isinstance(other, Pipeline):
            return NotImplemented
        kept = set(other.nodes)
        return self._subset({node.name for node in self._nodes if node in kept})

    def tag(self, tags: str | Iterable[str]) -> Pipeline:
        """Return the pipeline with these tags added to each node."""
        added = words(tags)
        return Pipeline([node.tag(added) for node in self._nodes])

    # filters

    def only_nodes(self, *node_names: str) -> Pipeline:
        """Return the pipeline of the nodes with these names."""
        return self._filtered(node_names=node_names)

    def only_nodes_with_tags(self, *tags: str) -> Pipeline:
        """Return the pipeline of the nodes that have any of these tags; it may be empty."""
        return self._subset(filters.with_tags(self._topology, tags))

    def only_nodes_with_namespaces(self, node_namespaces: Iterable[str]) -> Pipeline:
        """Return the pipeline of the nodes in these namespaces, and in those nested in them."""
        return self._filtered(node_namespaces=words(node_namespaces))

    def only_nodes_with_inputs(self, *inputs: str) -> Pipeline:
        """Return the pipeline of the nodes that read these datasets themselves.

        Here and below a name without format stands for every format of that dataset.
        """
        filters.check_known(self._topology, {"datasets": inputs})
        return self._subset(filters.reading(self._topology, inputs))

    def only_nodes_with_outputs(self, *outputs: str) -> Pipeline:
        """Return the pipeline of the nodes that make these datasets themselves."""
        filters.check_known(self._topology, {"datasets": outputs})
        return self._subset(filters.making(self._topology, outputs))

    def from_inputs(self, *inputs: str) -> Pipeline:
        """Return the pipeline of the nodes that need these datasets, at first or second hand."""
        return self._filtered(from_inputs=inputs)

    def to_outputs(self, *outputs: str) -> Pipeline:
        """Return the pipeline of the nodes that these datasets need, at first or second hand."""
        return self._filtered(to_outputs=outputs)

    def from_nodes(self, *node_names: str) -> Pipeline:
        """Return the pipeline of these nodes and all that follow."""
        return self._filtered(from_nodes=node_names)

    def to_nodes(self, *node_names: str) -> Pipeline:
        """Return the pipeline of these nodes and all that they need."""
        return self._filtered(to_nodes=node_names)

    def filter(
        self,
        tags: Iterable[str] | None = None,
        from_nodes: Iterable[str] | None = None,
        to_nodes: Iterable[str] | None = None,
        node_names: Iterable[str] | None = None,
        from_inputs: Iterable[str] | None = None,
        to_outputs: Iterable[str] | None = None,
        node_namespaces: Iterable[str] | None = None,
    ) -> Pipeline:
        """Return the pipeline of the nodes that every selector picks from this whole pipeline.

        Raises ``SelectionError`` for names that are not there, and when no node is left.
        """
        given = {
            "tags": words(tags),
            "from_nodes": words(from_nodes),
            "to_nodes": words(to_nodes),
            "node_names": words(node_names),
            "from_inputs": words(from_inputs),
            "to_outputs": words(to_outputs),
            "node_namespaces": words(node_namespaces),
        }
        used = {selector: given[selector] for selector in given if given[selector]}
        known = {selector: used[selector] for selector in used if selector != "tags"}
        filters.check_known(self._topology, known)
        return self._subset(filters.intersect(self._topology, used))

    def _filtered(self, **words_by_selector: tuple[str, ...]) -> Pipeline:
        filters.check_known(self._topology, words_by_selector)
        [(selector, names)] = words_by_selector.items()
        return self._subset(filters.PICKS[selector](self._topology, names))


def pipeline(
    nodes: Iterable[Node | Pipeline] | Pipeline,
    *,
    inputs: str | set[str] | dict[str, str] | None = None,
    outputs: str | set[str] | dict[str, str] | None = None,
    parameters: str | set[str] | dict[str, str] | None = None,
    tags: str | Iterable[str] | None = None,
    namespace: str | None = None,
    prefix_datasets_with_namespace: bool = True,
) -> Pipeline:
    """Make a pipeline of nodes and pipelines, or re-use one under other names.

    ``namespace`` is put before the names of nodes, datasets and single parameters, but for those in
    ``inputs`` (which no node makes), ``outputs`` (which some node makes) and ``parameters`` (with or
    without ``params:``): a name or a set of names keeps them as they are, a dictionary renames them. With
    ``prefix_datasets_with_namespace=False`` only the nodes get the namespace. ``tags`` go to every node.

    Raises ``PipelineError``: two nodes of one name or with one output, a cycle, a dataset named with a
    format here and without one there, and mappings that do not fit.

    Example::

        pipeline(training, namespace="north", inputs={"table": "north_table"}, parameters="seed")
    """
    return Pipeline(
        nodes,
        inputs=inputs,
        outputs=outputs,
        parameters=parameters,
        tags=tags,
        namespace=namespace,
        prefix_datasets_with_namespace=prefix_datasets_with_namespace,
    )


def _flat(nodes: Iterable[Node | Pipeline] | Pipeline) -> list[Node]:
    if isinstance(nodes, Pipeline):
        return nodes.nodes
    if nodes is None:
        raise PipelineError("a pipeline is made of nodes and pipelines, not of None")
    members: list[Node] = []
    for each in nodes:
        if isinstance(each, Node):
            members.append(each)
        elif isinstance(each, Pipeline):
            members.extend(each.nodes)
        else:
            raise PipelineError(f"a pipeline is made of nodes and pipelines, not of {type(each).__name__!r}")
    return members


def _warn_of_interrupted_namespaces(nodes: list[Node], topology: Topology) -> None:
    if not any(map(attrgetter("namespace"), nodes)):
        return
    for namespace, between in grouping.interrupted_namespaces(nodes, topology).items():
        warnings.warn(
            f"namespace {namespace!r} is interrupted by {' and '.join(map(repr, between))}: "
            f"they need it and it needs them, so it cannot run as one group",
            UserWarning,
            stacklevel=3,
        )
