"""A catalog of Kedro's as the engine wants one. It keeps no dataset itself: Kedro's does."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from incremental.io import DataCatalog
from incremental.io.catalog.failures import cause_of, failure
from incremental.io.catalog.resolver import CatalogConfigResolver
from incremental.io.catalog.types import PACKAGES_OF_KEDRO

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from incremental.io import Version


class _Entries(CatalogConfigResolver):
    """The entries that Kedro has resolved: patterns filled in, and credentials."""

    def __init__(self, catalog: Any) -> None:
        super().__init__(packages=PACKAGES_OF_KEDRO)
        self._resolver = catalog.config_resolver
        self._by_pattern: dict[str, dict[str, Any]] = {}

    def entry(self, name: str) -> dict[str, Any] | None:
        """Return the entry of a name, None for one that only Kedro's runtime pattern matches."""
        explicit: dict[str, Any] | None = self._resolver.config.get(name)
        if explicit is not None:
            return explicit
        if name not in self._by_pattern:
            if not (
                self._resolver.match_dataset_pattern(name)
                or self._resolver.match_user_catch_all_pattern(name)
            ):
                return None
            self._by_pattern[name] = self._resolver.resolve_pattern(name)
        return self._by_pattern[name]


class KedroCatalog(DataCatalog):
    """Stands for a catalog of Kedro's, which loads, saves and validates as it does under Kedro's runners.

    Args:
        catalog: a catalog of Kedro's, of any class.
        load_versions: the version to load, by name, besides those that the catalog has been told of.
    """

    def __init__(self, catalog: Any, load_versions: Mapping[str, str] | None = None) -> None:
        # Kedro tells of its versions, and of what it has built, by these attributes only
        super().__init__(None, _Entries(catalog), save_version=getattr(catalog, "_save_version", None))
        self.load_versions = {**(getattr(catalog, "_load_versions", None) or {}), **(load_versions or {})}
        self.original = catalog
        self._in_memory: set[str] = set()

    def keep_in_memory(self, names: set[str]) -> None:
        """Let Kedro's catalog hold what it does not know, where hooks and results find it."""
        self._in_memory |= names

    def __contains__(self, name: object) -> bool:
        return name in self.original or name in self._in_memory

    def __iter__(self) -> Iterator[str]:
        return iter(self.original.keys())

    def __repr__(self) -> str:
        return f"<KedroCatalog of {len(self)} names>"

    def get(  # type: ignore[override]  # as in the class that it extends
        self, key: str, fallback_to_runtime_pattern: bool = False, version: str | Version | None = None
    ) -> Any:
        """Return Kedro's dataset, built under a lock; at a version, a copy that reads it.

        Raises:
            DatasetError: it cannot be built.
        """
        wanted = version if isinstance(version, str) else getattr(version, "load", None)
        with self._lock:
            try:
                dataset = self.original.get(key, fallback_to_runtime_pattern or key in self._in_memory)
                if wanted is None or dataset is None or _version_of(dataset) in (None, wanted):
                    return dataset
                return self.original.get(key, version=_of_kedro(wanted))
            except Exception as error:
                found = failure(key, "build it", error, self.config_resolver.redactor(key))
                if found is error:
                    raise
                raise found from cause_of(error)

    def load(self, name: str, version: str | None = None) -> Any:
        """Have Kedro's catalog load it, and validate what it loaded; its errors are Kedro's."""
        dataset = self.get(name)
        if version is None or _version_of(dataset) in (None, version):
            return self.original.load(name)
        return self.original.load(name, version=version)

    def save(self, name: str, data: Any) -> None:
        """Have Kedro's catalog validate and save it; its errors are Kedro's."""
        self.get(name)
        self.original.save(name, data)

    def confirm(self, name: str) -> None:
        """Have Kedro's catalog confirm it."""
        self.original.confirm(name)

    def release(self, name: str) -> None:
        """Have Kedro's catalog release it."""
        self.original.release(name)

    def get_type(self, name: str) -> str | None:
        """Return the dotted path of a dataset's class."""
        found: str | None = self.original.get_type(name)
        return found

    def entry(self, name: str) -> dict[str, Any] | None:
        """Return the configuration of a dataset; None for objects and unknown names."""
        return None if self.built(name) is not None else self.config_resolver.entry(name)

    def built(self, name: str) -> Any:
        """Return a dataset only if Kedro's catalog has built it, or was given it as an object."""
        return getattr(self.original, "_datasets", {}).get(name)

    def has_parameter(self, name: str) -> bool:
        """Whether Kedro's catalog was given a parameter of this name; a pattern never stands for one."""
        return self.built(name) is not None


def _version_of(dataset: Any) -> str | None:
    """Return the version that a load of a dataset reads, None where it has none."""
    resolve = getattr(dataset, "resolve_load_version", None)
    try:
        version: str | None = None if resolve is None else resolve()
    except Exception:  # noqa: BLE001 - Kedro's own: there is none yet
        return None
    return version


def _of_kedro(version: str) -> Any:
    from kedro.io import Version

    return Version(version, None)
