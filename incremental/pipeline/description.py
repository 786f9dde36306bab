"""A pipeline in text and in JSON. It computes no order of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from incremental.pipeline.node import Node


def as_text(lines: Iterable[str], inputs: Iterable[str], outputs: Iterable[str]) -> str:
    """Return the nodes in order of execution between what goes in and what comes out."""
    return "\n\n".join(
        [
            f"Inputs: {', '.join(sorted(inputs)) or 'None'}",
            "\n".join(lines),
            f"Outputs: {', '.join(sorted(outputs)) or 'None'}",
        ]
    )


def as_json(nodes: Iterable[Node]) -> str:
    """Return name, inputs, outputs and tags of each node, with our version."""
    import json

    from incremental._version import __version__

    described = [
        {"name": node.name, "inputs": node.inputs, "outputs": node.outputs, "tags": sorted(node.tags)}
        for node in nodes
    ]
    return json.dumps({"incremental_version": __version__, "pipeline": described})


def digest(nodes: Sequence[Node]) -> str:
    """Return 32 hexadecimal digits that change when names or wiring change, and never otherwise."""
    import json

    import xxhash

    content = sorted((node.name, node.inputs, node.outputs, node.confirms) for node in nodes)
    return xxhash.xxh3_128_hexdigest(json.dumps(content, separators=(",", ":")).encode())
