"""The pipelines of this project, by name."""

from __future__ import annotations

from incremental.pipeline import Pipeline
from incremental.project import find_pipelines


def register_pipelines() -> dict[str, Pipeline]:
    """Return each folder of `pipelines/` under its name, and all of them as the default."""
    pipelines = find_pipelines(raise_errors=True)
    return pipelines | {"__default__": sum(pipelines.values(), Pipeline([]))}
