"""A run of Kedro's session: where it takes place and what was asked for. It opens no session."""

from __future__ import annotations

import functools
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from incremental.secrets import Redactor, without_references
from incremental.session.context import Context

if TYPE_CHECKING:
    from collections.abc import Mapping

    from incremental.io import DataCatalog
    from incremental.kedro.catalog import KedroCatalog


class HandedContext(Context):
    """What a runner can know of its session: it is handed a catalog, and no context.

    Args:
        project_path: the project.
        catalog: with the parameters of the run.
        asked: what the session was asked for, as :func:`asked_of` returns it.
    """

    def __init__(self, project_path: Path, catalog: KedroCatalog, asked: Mapping[str, Any]) -> None:
        env = asked["env"] if "env" in asked else environment()
        super().__init__(project_path, None, env, package_name(), None, asked.get("runtime_params"))
        self._handed = catalog

    @property
    def plain_params(self) -> Mapping[str, Any]:
        """The parameters; Kedro's session has made of them what functions ask for."""
        return self.params

    @property
    def params(self) -> dict[str, Any]:
        """The parameters, as the catalog has them."""
        if not self._handed.has_parameter("parameters"):
            return {}
        found: dict[str, Any] = self._handed.get("parameters").load()  # without a line in Kedro's log
        return found

    @functools.cached_property
    def redactor(self) -> Redactor:
        """Takes the credentials of the catalog, and secret-like parameters, out of any text."""
        entries = self._handed.original.config_resolver.config
        return Redactor.of(without_references(entries), self.params)

    def create_catalog(
        self, save_version: str | None = None, load_versions: Mapping[str, str] | None = None
    ) -> DataCatalog:
        """Return the catalog that Kedro's session has made for the run."""
        self._handed.load_versions.update(load_versions or {})  # those of a run that is resumed
        return self._handed


def project_of(asked: Mapping[str, Any]) -> Path | None:
    """Return the root of the project whose session is open, else of the one around the working directory."""
    from kedro.utils import find_kedro_project

    if "project_path" in asked:
        return Path(asked["project_path"])
    module = sys.modules.get(package_name() or "")
    file = getattr(module, "__file__", None)
    for start in (file, Path.cwd()):
        found = find_kedro_project(Path(start).resolve()) if start is not None else None
        if found is not None:
            return Path(found)
    return None


def package_name() -> str | None:
    """Return the package of the project that Kedro is configured for."""
    name: str | None = getattr(sys.modules.get("kedro.framework.project"), "PACKAGE_NAME", None)
    return name


def environment() -> str | None:
    """Return the environment of the configuration: of Kedro's command line, else of ``KEDRO_ENV``."""
    import click

    command = click.get_current_context(silent=True)
    given = None if command is None else command.params.get("env")
    return given or os.environ.get("KEDRO_ENV") or None
