"""Prices of shuttles: tables, a model, three reports."""

__version__ = "0.1"
