"""Datasets that are files. Importing it loads no format and no storage library."""

from __future__ import annotations

from incremental.io.files.registry import KNOWN_ARGUMENTS, SHORT_NAMES

__all__ = ["KNOWN_ARGUMENTS", "SHORT_NAMES"]
