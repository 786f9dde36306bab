"""The pipeline ``data_processing``."""

from .pipeline import create_pipeline

__all__ = ["create_pipeline"]
