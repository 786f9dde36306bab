"""The context of a session: parameters, credentials and catalogs made from configuration. It runs nothing."""

from __future__ import annotations

import copy
import functools
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from incremental.config.parameters import expand
from incremental.errors import MissingConfigError
from incremental.io.catalog.patterns import PATH_KEYS
from incremental.privacy import private_values
from incremental.secrets import Redactor, without_references

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from incremental.config import Origin
    from incremental.io import DataCatalog
    from incremental.project import ImportRule


class Context:
    """What a session knows of its project; subclass it and set ``CONTEXT_CLASS`` to change how.

    Args:
        project_path: the project folder; relative paths of the catalog begin there.
        config_loader: where configuration comes from.
        env: the environment asked for, None for the default one.
        package_name: the package of the project, None for a project of one file.
        hook_manager: hooks to call when a catalog is made, or None.
        runtime_params: parameters given by the caller.
        catalog_class: the class of ``DATA_CATALOG_CLASS``.
        durable: whether saves survive a power cut.
        import_rule: what the configuration may have imported; None for what the project's own may, anything.
    """

    private_parameters: Collection[str] = ()
    """Dotted names of parameters that nothing shows: ``PRIVATE_PARAMETERS`` of the settings."""

    def __init__(
        self,
        project_path: Path | str,
        config_loader: Any,
        env: str | None,
        package_name: str | None,
        hook_manager: Any = None,
        runtime_params: Mapping[str, Any] | None = None,
        catalog_class: type[DataCatalog] | None = None,
        durable: bool = True,
        import_rule: ImportRule | None = None,
    ) -> None:
        self.project_path = Path(project_path)
        self.config_loader = config_loader
        self.env = env
        self.runtime_params = dict(runtime_params or {})
        self._package_name = package_name
        self._hook_manager = hook_manager
        self._catalog_class = catalog_class
        self._durable = durable
        self.import_rule = import_rule

    @property
    def params(self) -> dict[str, Any]:
        """The parameters of base, environment and caller, merged; a copy of your own."""
        return copy.deepcopy(self._parameters)

    @functools.cached_property
    def catalog(self) -> DataCatalog:
        """A catalog to look around in; a run makes one of its own."""
        return self.create_catalog()

    @functools.cached_property
    def redactor(self) -> Redactor:
        """Takes the credentials of this project, and secret-like parameters, out of any text."""
        hidden = [self._credentials, private_values(self._parameters, self.private_parameters)]
        credentials = {"credentials": hidden}  # numbers in them are secret, too
        return Redactor.of(credentials, self._parameters, without_references(self._written_catalog))

    def create_catalog(
        self, save_version: str | None = None, load_versions: Mapping[str, str] | None = None
    ) -> DataCatalog:
        """Make a new catalog from configuration and tell the hooks.

        Args:
            save_version: the version under which versioned datasets are saved.
            load_versions: the version to load of versioned datasets, by name.

        Raises:
            DatasetError: entries that cannot be used; all at once, with file and line.
        """
        catalog = self._make_catalog(save_version, load_versions)
        if self._hook_manager is not None:
            self._hook_manager.hook.after_catalog_created(
                catalog=catalog,
                conf_catalog=self._catalog_config,
                conf_creds=self._credentials,
                parameters=self.params,
                save_version=save_version,
                load_versions=dict(load_versions or {}),
            )
        return catalog

    def _make_catalog(self, save_version: str | None, load_versions: Mapping[str, str] | None) -> DataCatalog:
        from incremental.io import DataCatalog

        kind = self._catalog_class or DataCatalog
        return kind.from_config(
            self._catalog_config,
            self._credentials,
            load_versions,
            save_version,
            parameters=self._parameters,
            origin=self._origin,
            durable=self._durable,
        )

    @functools.cached_property
    def _parameters(self) -> dict[str, Any]:
        return self._config("parameters") or expand(self.runtime_params)

    @functools.cached_property
    def _credentials(self) -> dict[str, Any]:
        return self._config("credentials")

    @functools.cached_property
    def _catalog_config(self) -> dict[str, Any]:
        """The entries of the catalog, once it is sure that they name nothing that must not be imported."""
        if self.import_rule is None:
            return self._written_catalog
        return self.import_rule.checked_catalog(self._written_catalog, self._find)

    @functools.cached_property
    def _written_catalog(self) -> dict[str, Any]:
        root = str(self.project_path)
        config = self._config("catalog")
        for entry in config.values():
            if isinstance(entry, dict):
                _anchor_paths(entry, root)
        return config

    def _config(self, key: str) -> dict[str, Any]:
        list_files = getattr(self.config_loader, "files", None)
        if self.import_rule is not None and list_files is not None:
            for kind in (key, "globals"):
                self.import_rule.check_files(list_files(kind), kind)
        try:
            found: dict[str, Any] = self.config_loader[key]
        except MissingConfigError:
            if list_files is not None:
                list_files(key)  # raises again where the whole folder is missing
            return {}
        return found

    def _origin(self, name: str) -> str:
        found = self._find("catalog", name)
        return str(found) if found else ""

    def _find(self, *path: object) -> Origin | None:
        """Return the file and line of an entry, where the loader can tell."""
        find = getattr(self.config_loader, "origin", None)
        return None if find is None else find(*path)


def _anchor_paths(entry: dict[str, Any], root: str) -> None:
    """Make relative local paths of an entry, and of entries in it, begin at the project folder."""
    for key, value in entry.items():
        if isinstance(value, dict):
            _anchor_paths(value, root)
        elif key in PATH_KEYS and isinstance(value, str) and _is_relative(value):
            entry[key] = os.path.normpath(f"{root}/{value}")


def _is_relative(path: str) -> bool:
    return bool(path) and path[0] not in "/~" and "://" not in path and not os.path.isabs(path)  # noqa: PTH117
