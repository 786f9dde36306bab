"""Configuration: layered YAML and JSON as plain dicts, with file and line for what is wrong.

What the entries mean is for the catalog and the session to say.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from incremental.errors import ConfigError, MissingConfigError

if TYPE_CHECKING:
    from incremental.config.abstract import AbstractConfigLoader
    from incremental.config.faults import Fault, Origin, error_of, show_path
    from incremental.config.loader import OmegaConfigLoader
    from incremental.config.parameters import expand, parse_parameters

BadConfigException = ConfigError  # the names that Kedro users import
MissingConfigException = MissingConfigError

__all__ = [
    "AbstractConfigLoader",
    "OmegaConfigLoader",
    "BadConfigException",
    "MissingConfigException",
    "ConfigError",
    "MissingConfigError",
    "Fault",
    "Origin",
    "error_of",
    "show_path",
    "expand",
    "parse_parameters",
]

_HOMES = {
    "AbstractConfigLoader": "abstract",
    "OmegaConfigLoader": "loader",
    "Fault": "faults",
    "Origin": "faults",
    "error_of": "faults",
    "show_path": "faults",
    "expand": "parameters",
    "parse_parameters": "parameters",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
