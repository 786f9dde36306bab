"""Opening the place that ``conf_source`` names, whatever kind it is of. It reads no YAML."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from incremental.config.folder import ARCHIVES, LOCAL, ConfigFolder

if TYPE_CHECKING:
    from incremental.config.folder import ConfigSource


def open_source(conf_source: str, base_env: str, ignore_hidden: bool) -> ConfigSource:
    """Return the source behind ``conf_source``: a folder, an archive, or either at a URL.

    Raises:
        MissingConfigError: there is no such archive or remote folder.
        ConfigError: it cannot be read.
    """
    place = conf_source.removeprefix(LOCAL)
    is_archive = place.endswith(ARCHIVES) and "::" not in place and not Path(place).is_dir()
    if "://" not in place and not is_archive:
        return ConfigFolder(place, ignore_hidden)
    from incremental.config.tree import open_archive, open_remote

    return open_archive(place, base_env, ignore_hidden) if is_archive else open_remote(place, ignore_hidden)
