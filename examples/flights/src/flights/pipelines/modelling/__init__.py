"""The `modelling` namespace."""

from flights.pipelines.modelling.pipeline import create_pipeline

__all__ = ["create_pipeline"]
