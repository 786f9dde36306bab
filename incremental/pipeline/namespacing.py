"""Re-use of a pipeline under other dataset names and a namespace. It builds nodes, not pipelines."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

from incremental.errors import ModularPipelineError, did_you_mean
from incremental.pipeline.faults import told
from incremental.pipeline.transcoding import (
    PARAMETER_PREFIX,
    PARAMETERS,
    SEPARATOR,
    base_name,
    is_parameter,
    split_format,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from incremental.pipeline.node import Node
    from incremental.pipeline.topology import Topology

Mapped: TypeAlias = "str | Iterable[str] | dict[str, str] | None"


class Renaming:
    """What becomes of each dataset name: mapped, prefixed, or left as it is."""

    def __init__(self, *, inputs: Mapped, outputs: Mapped, parameters: Mapped, prefix: str | None) -> None:
        """Take the mappings as the user gave them; ``prefix`` is the namespace to put before the rest."""
        self._inputs = _mapping(inputs)
        self._outputs = _mapping(outputs)
        self._parameters = {
            _parameter_name(old): _parameter_name(new) for old, new in _mapping(parameters).items()
        }
        self._new_names = {**self._inputs, **self._outputs, **self._parameters}
        self._prefix = prefix

    def check(self, topology: Topology) -> None:
        """Raise ``ModularPipelineError`` for names that the nodes do not have, or not in that role."""
        inputs = {base_name(name) for name in self._inputs}
        outputs = {base_name(name) for name in self._outputs}
        _check_known(inputs, outputs, set(self._parameters), topology)
        for name in sorted(inputs):
            if is_parameter(name):
                raise ModularPipelineError(f"map the parameter {name!r} by parameters=, not by inputs=")
            if name in topology.producers:
                raise ModularPipelineError(
                    f"{name!r} is given in inputs=, but node {topology.producers[name].name!r} makes it; "
                    f"map it by outputs="
                )
        for name in sorted(outputs):
            if name not in topology.producers:
                raise ModularPipelineError(
                    f"{name!r} is given in outputs=, but no node of the pipeline makes it; map it by inputs="
                )

    def __call__(self, name: str) -> str:
        """Return the new name."""
        if name in self._new_names:
            return self._new_names[name]
        if name == PARAMETERS:
            return name
        if SEPARATOR in name:
            base, kind = split_format(name)
            if base in self._new_names:
                return f"{self._new_names[base]}{SEPARATOR}{kind}"
        if not self._prefix:
            return name
        if name.startswith(PARAMETER_PREFIX):
            return f"{PARAMETER_PREFIX}{self._prefix}.{name.removeprefix(PARAMETER_PREFIX)}"
        return f"{self._prefix}.{name}"


def moved(nodes: Sequence[Node], renaming: Renaming, namespace: str | None) -> list[Node]:
    """Return copies of the nodes with their datasets renamed, inside the namespace."""
    return [node.rename(renaming, namespace) for node in nodes]


def _mapping(given: Mapped) -> dict[str, str]:
    if given is None:
        return {}
    if isinstance(given, str):
        return {given: given}
    if isinstance(given, dict):
        return dict(given)
    return {name: name for name in given}


def _parameter_name(name: str) -> str:
    return name if is_parameter(name) else PARAMETER_PREFIX + name


def _check_known(inputs: set[str], outputs: set[str], parameters: set[str], topology: Topology) -> None:
    known = topology.producers.keys() | topology.readers.keys()
    unknown = sorted((inputs | outputs | parameters) - known)
    if unknown:
        kinds = ["parameter" if is_parameter(name) else "dataset" for name in unknown]
        faults = [
            f"no {kind} {name!r}{did_you_mean(name, sorted(known))}"
            for kind, name in zip(kinds, unknown, strict=True)
        ]
        raise ModularPipelineError(told("the pipeline has", faults))
