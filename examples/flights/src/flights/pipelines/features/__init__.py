"""The `features` namespace."""

from flights.pipelines.features.pipeline import create_pipeline

__all__ = ["create_pipeline"]
