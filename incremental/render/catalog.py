"""Datasets of a catalog and pipelines of a registry, as text and as JSON types. It loads neither."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from incremental.pipeline.transcoding import is_parameter
from incremental.render.text import Look, Style, aligned, count, cut, listed, row

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from incremental.pipeline import Pipeline

_STYLES = {"present": Style.GOOD, "absent": Style.WORK, "incomplete": Style.BAD}


@dataclass(frozen=True, slots=True)
class Entry:
    """One dataset, as far as a reader may see it: without credentials."""

    name: str
    type: str
    state: str
    location: str | None = None
    version: str | None = None
    pattern: str | None = None
    """The name pattern that it comes from."""
    origin: str | None = None
    """File and line of its entry."""
    made_by: str | None = None
    read_by: tuple[str, ...] = ()
    arguments: Mapping[str, Any] = field(default_factory=dict)
    """What its entry says besides, with secrets masked."""


def catalog_text(entries: Sequence[Entry], look: Look, patterns: Sequence[str] = ()) -> str:
    """Return a line a dataset, and the patterns."""
    if not entries:
        lines = ["the catalog is empty"]
    else:
        rows = [
            row(
                each.state,
                each.name,
                each.type,
                "; ".join(part for part in (look.place(each.location), _marks(each)) if part),
                style=_STYLES.get(each.state),
            )
            for each in entries
        ]
        lines = aligned(rows, look)
    if patterns:
        lines.append(f"patterns, in the order they are tried: {listed(patterns, 8)}")
    return "\n".join(lines)


def entry_text(entry: Entry, look: Look) -> str:
    """Return all that is known of one dataset, a line each."""
    facts = [
        ("name", entry.name),
        ("type", entry.type),
        ("state", entry.state),
        ("location", look.place(entry.location)),
        ("version", entry.version),
        ("pattern", entry.pattern),
        ("configured in", entry.origin),
        ("made by", entry.made_by),
        ("read by", listed(entry.read_by, 8)),
        *[(name, _value(value)) for name, value in entry.arguments.items()],
    ]
    return "\n".join(aligned([row(name, value) for name, value in facts if value], look))


def catalog_document(entries: Sequence[Entry], patterns: Sequence[str] = ()) -> dict[str, Any]:
    """Return a catalog as ``incremental-catalog/1``."""
    return {
        "format": "incremental-catalog/1",
        "datasets": [asdict(each) for each in entries],
        "patterns": list(patterns),
    }


def entry_document(entry: Entry) -> dict[str, Any]:
    """Return one dataset as ``incremental-dataset/1``."""
    return {"format": "incremental-dataset/1", **asdict(entry)}


def pipelines_text(pipelines: Mapping[str, Pipeline], look: Look) -> str:
    """Return a line a pipeline."""
    if not pipelines:
        return "no pipeline is registered"
    rows = [
        row(name, count(len(each.nodes), "node"), _flow(each)) for name, each in sorted(pipelines.items())
    ]
    return "\n".join(aligned(rows, look))


def pipeline_text(name: str, pipeline: Pipeline, look: Look) -> str:
    """Return the nodes of a pipeline in the order they run, between what goes in and what comes out."""
    rows = [
        row(
            node.name,
            f"{listed(node.reads) or '()'} → {listed(node.writes) or '()'}",
            f"[{', '.join(sorted(node.tags))}]" if node.tags else "",
        )
        for node in pipeline.nodes
    ]
    nodes = cut(aligned(rows, look, "  "), None if look.width is None else 200, "nodes")
    return "\n".join(
        [
            look.paint(f"{name}: {count(len(pipeline.nodes), 'node')}", Style.STRONG),
            look.fit(f"inputs   {listed(sorted(pipeline.inputs()), 20) or 'none'}", 9),
            *nodes,
            look.fit(f"outputs  {listed(sorted(pipeline.outputs()), 20) or 'none'}", 9),
        ]
    )


def pipelines_document(pipelines: Mapping[str, Pipeline]) -> dict[str, Any]:
    """Return pipelines as ``incremental-pipelines/1``."""
    described = {name: pipeline_parts(each) for name, each in sorted(pipelines.items())}
    return {"format": "incremental-pipelines/1", "pipelines": described}


def pipeline_parts(pipeline: Pipeline) -> dict[str, Any]:
    """Return nodes, inputs and outputs of a pipeline as JSON types."""
    return {
        "nodes": [
            {
                "name": node.name,
                "inputs": list(node.reads),
                "outputs": list(node.writes),
                "tags": sorted(node.tags),
                "namespace": node.namespace,
            }
            for node in pipeline.nodes
        ],
        "inputs": sorted(pipeline.inputs()),
        "outputs": sorted(pipeline.outputs()),
    }


def _marks(entry: Entry) -> str:
    marks = []
    if entry.version:
        marks.append(f"version {entry.version}")
    if entry.pattern:
        marks.append(f"from {entry.pattern}")
    return ", ".join(marks)


def _flow(pipeline: Pipeline) -> str:
    inputs = sorted(name for name in pipeline.inputs() if not is_parameter(name))
    return f"{listed(inputs, 3) or '()'} → {listed(sorted(pipeline.outputs()), 3) or '()'}"


def _value(value: Any) -> str:
    return value if isinstance(value, str) else repr(value)
