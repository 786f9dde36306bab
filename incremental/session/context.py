"""The context of a session: parameters, credentials and catalogs made from configuration. It runs nothing."""

from __future__ import annotations

import copy
import functools
import os
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from incremental.config.parameters import expand
from incremental.errors import MissingConfigError, ParameterValidationError
from incremental.io.catalog.parameters import Parameters
from incremental.io.catalog.patterns import PATH_KEYS
from incremental.privacy import private_values
from incremental.secrets import Redactor, without_references

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

    from incremental.config import Origin
    from incremental.io import DataCatalog
    from incremental.pipeline import Pipeline
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

    A session sets the other attributes right after it has made a context.
    """

    private_parameters: Collection[str] = ()
    """Dotted names of parameters that nothing shows: ``PRIVATE_PARAMETERS`` of the settings."""

    catalog_class: type[DataCatalog] | None = None
    """What a catalog is made of: ``DATA_CATALOG_CLASS`` of the settings."""

    validates_datasets = True
    """Whether validators of datasets are applied: ``DATASET_VALIDATION`` of the settings."""

    durable = True
    """Whether saves survive a power cut."""

    tells_as_kedro = False
    """Whether hooks are told what Kedro's are: datasets of results, the error that a node itself raised."""

    import_rule: ImportRule | None = None
    """What the configuration may have imported; None for what the project's own may, anything."""

    pipelines: Mapping[str, Pipeline] = MappingProxyType({})
    """The registered pipelines, whose functions say by their type hints what parameters are made."""

    def __init__(
        self,
        project_path: Path | str,
        config_loader: Any,
        env: str | None,
        package_name: str | None,
        hook_manager: Any = None,
        runtime_params: Mapping[str, Any] | None = None,
    ) -> None:
        self.project_path = Path(project_path)
        self.config_loader = config_loader
        self.env = env
        self.runtime_params = dict(runtime_params or {})
        self._package_name = package_name
        self._hook_manager = hook_manager
        self._scope: tuple[Pipeline, ...] | None = None
        self._typed: dict[str, Any] | None = None

    def __repr__(self) -> str:
        env = "" if self.env is None else f", env {self.env!r}"
        return f"<{type(self).__name__} of {self.project_path}{env}>"

    @property
    def params(self) -> dict[str, Any]:
        """The parameters of base, environment and caller, merged; a copy of your own.

        Where the function of a node that will run has a type hint for a ``params:`` input, a pydantic model
        or a dataclass, the value is an object of that class.

        Raises:
            ParameterValidationError: parameters that do not make what is asked for, with file and line.
        """
        if self._typed is None:
            self._typed = self._make_typed()
        return copy.deepcopy(self._typed)

    @property
    def plain_params(self) -> Mapping[str, Any]:
        """The parameters as they are configured, whatever functions make of them; not to be changed."""
        return self._parameters

    def serve(self, *pipelines: Pipeline) -> None:
        """Make of parameters what these pipelines ask for, and not what all that are registered do."""
        self._scope = pipelines
        self._typed = None

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
                parameters=_by_name(self.params),
                save_version=save_version,
                load_versions=dict(load_versions or {}),
            )
        return catalog

    def _make_catalog(self, save_version: str | None, load_versions: Mapping[str, str] | None) -> DataCatalog:
        from incremental.io import DataCatalog

        make: Callable[..., DataCatalog] = (self.catalog_class or DataCatalog).from_config
        parameters = self.params
        extras = {"parameters": parameters, "origin": self._origin, "durable": self.durable}
        if self.catalog_class not in (None, DataCatalog):
            extras = _accepted(make, extras)  # one that was written for Kedro takes none of them
        catalog = make(self._catalog_config, self._credentials, load_versions, save_version, **extras)
        if "parameters" not in extras:
            for name, value in _by_name(parameters).items():
                catalog[name] = value
        catalog.validation_enabled = self.validates_datasets
        return catalog

    def _make_typed(self) -> dict[str, Any]:
        from incremental.session.typed import find_wishes, fulfil

        wishes = find_wishes(self.pipelines.values() if self._scope is None else self._scope)
        if not wishes:
            return self._parameters
        typed, misfits = fulfil(self._parameters, wishes)
        if misfits:
            from incremental.config import Fault, error_of

            faults = [
                Fault(self._find("parameters", *each.path), self.redactor.scrub(each.text))
                for each in misfits
            ]
            raise error_of(faults, "parameters", ParameterValidationError)
        return typed

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


def _accepted(function: Callable[..., Any], arguments: dict[str, Any]) -> dict[str, Any]:
    """Return those keyword arguments that a function takes."""
    from inspect import Parameter, signature

    taken = signature(function).parameters
    if any(each.kind is Parameter.VAR_KEYWORD for each in taken.values()):
        return arguments
    return {name: value for name, value in arguments.items() if name in taken}


def _by_name(parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Return parameters under the names that nodes have for them, the nested ones included."""
    known = Parameters(parameters)
    return {name: known[name] for name in known.names()}


def _anchor_paths(entry: dict[str, Any], root: str) -> None:
    """Make relative local paths of an entry, and of entries in it, begin at the project folder."""
    for key, value in entry.items():
        if isinstance(value, dict):
            _anchor_paths(value, root)
        elif key in PATH_KEYS and isinstance(value, str) and _is_relative(value):
            entry[key] = os.path.normpath(f"{root}/{value}")


def _is_relative(path: str) -> bool:
    return bool(path) and path[0] not in "/~" and "://" not in path and not os.path.isabs(path)  # noqa: PTH117
