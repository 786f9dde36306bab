"""The datasets of a project by name, each built when it is first used. It knows no graph and no run."""

from __future__ import annotations

import logging
import re
from typing import TYPE_CHECKING, Any, ClassVar

from incremental.errors import DatasetNotFoundError, did_you_mean
from incremental.io.catalog.capabilities import has_versions
from incremental.io.catalog.holdings import Holdings
from incremental.io.catalog.resolver import RUNTIME_PATTERNS, CatalogConfigResolver, Origin
from incremental.io.catalog.types import PACKAGES
from incremental.io.dataset import Version
from incremental.pipeline.transcoding import is_parameter

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from incremental.io.validation.specs import ValidatorSpec

logger = logging.getLogger(__name__)

_MOST_SHOWN = 50
"""Datasets in the text that a notebook shows."""


class DataCatalog(Holdings):
    """The datasets of a project by name.

    Entries and patterns are kept as configuration; a dataset is built when it is loaded, saved or
    looked at, once, also when several threads ask at the same time. Parameters answer to
    ``parameters`` and ``params:a.b``; each caller gets a copy of its own.

    Args:
        datasets: datasets by name; anything that has no ``load`` and ``save`` is held in memory.
        config_resolver: entries and patterns.
        load_versions: the version to load, by name, in place of the latest.
        save_version: the version under which versioned datasets are saved.
        validation_enabled: whether loads and saves apply the validators that entries declare.
        parameters: the tree that ``params:`` names are looked up in.
        durable: whether what is saved survives a power cut, not only the death of the process.

    Raises:
        VersionAlreadyExistsError: datasets that save different versions.
    """

    default_runtime_patterns: ClassVar[Mapping[str, Any]] = RUNTIME_PATTERNS

    def __init__(
        self,
        datasets: Mapping[str, Any] | None = None,
        config_resolver: CatalogConfigResolver | None = None,
        load_versions: Mapping[str, str] | None = None,
        save_version: str | None = None,
        validation_enabled: bool = True,
        *,
        parameters: Mapping[str, Any] | None = None,
        durable: bool = True,
    ) -> None:
        resolver = config_resolver or CatalogConfigResolver(
            default_runtime_patterns=self.default_runtime_patterns
        )
        super().__init__(resolver, load_versions, save_version, parameters, durable)
        self.validation_enabled = validation_enabled
        for name, dataset in (datasets or {}).items():
            self._add(name, dataset)
        self._check_load_versions()
        for name in self._added & (load_versions or {}).keys():
            if has_versions(self._datasets[name], self.entry(name)):
                self._datasets[name] = self._copy_at(name, self._datasets[name], self.load_versions[name])

    @classmethod
    def from_config(
        cls,
        catalog: Mapping[str, Any] | None,
        credentials: Mapping[str, Any] | None = None,
        load_versions: Mapping[str, str] | None = None,
        save_version: str | None = None,
        validation_enabled: bool = True,
        *,
        parameters: Mapping[str, Any] | None = None,
        origin: Origin | None = None,
        durable: bool = True,
        packages: Sequence[str] = PACKAGES,
    ) -> DataCatalog:
        """Make a catalog from configuration, as ``catalog.yml`` and ``credentials.yml`` have it.

        Args:
            origin: tells where an entry stands, for messages.
            packages: where short types are looked up, in this order; ``PACKAGES_OF_KEDRO`` is Kedro's.
                The others are those of the class.

        Raises:
            DatasetError: an entry is no mapping, has no ``type``, or is a pattern that cannot be.
            DatasetNotFoundError: ``load_versions`` names what is not in the catalog.
        """
        resolver = CatalogConfigResolver(
            catalog, credentials, cls.default_runtime_patterns, origin=origin, packages=packages
        )
        return cls(
            None,
            resolver,
            load_versions,
            save_version,
            validation_enabled,
            parameters=parameters,
            durable=durable,
        )

    # -- a mapping

    def __getitem__(self, name: str) -> Any:
        dataset = self.get(name)
        if dataset is None:
            raise self._not_found(name)
        return dataset

    def __setitem__(self, name: str, dataset: Any) -> None:
        """Add a dataset, or a value to be held in memory; one of that name is replaced, and its pin too."""
        with self._lock:
            if name in self._datasets or self.entry(name) is not None:
                logger.debug("dataset %r is replaced in the catalog", name)
                self.load_versions.pop(name, None)
                self._saved.pop(name, None)
                self._editions.forget(name)
                self._gate.drop(name)
            self._add(name, dataset)

    def __contains__(self, name: object) -> bool:
        if name in self._datasets or name in self.config_resolver:
            return True
        return self._parameters is not None and name in self._parameters

    def __iter__(self) -> Iterator[str]:
        """Iterate over the names that stand in the catalog: parameters too, patterns not."""
        configured = tuple(self.config_resolver)
        yield from configured
        known = set(configured)
        yield from (name for name in tuple(self._datasets) if name not in known)
        if self._parameters is not None:
            known.update(self._datasets)
            yield from (name for name in self._parameters.names() if name not in known)

    def __eq__(self, other: object) -> bool:
        return self is other  # that of Mapping would load every dataset

    def __hash__(self) -> int:
        return id(self)

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def __repr__(self) -> str:
        lines = [f"  {name}: {kind}" for name in self if (kind := self._kind(name))]
        if len(lines) > _MOST_SHOWN:
            lines = [*lines[:_MOST_SHOWN], f"  and {len(lines) - _MOST_SHOWN:,} more"]
        lines += [f"  {pattern}: a pattern" for pattern in self.list_patterns()]
        return "\n".join([f"<{type(self).__name__}", *lines]) + ">"

    def _kind(self, name: str) -> str | None:
        """Return the type of a dataset as it is configured, of an object its class; None for a parameter."""
        entry = self.entry(name)
        if entry is None:
            return type(self._datasets[name]).__name__ if name in self._datasets else None
        kind: str | type[Any] = entry["type"]
        return kind.__name__ if isinstance(kind, type) else kind

    def keys(self) -> list[str]:  # type: ignore[override]  # as Kedro has it: callers index it
        """Return the names that stand in the catalog: parameters too, patterns not."""
        return list(self)

    def values(self) -> list[Any]:  # type: ignore[override]  # as Kedro has it
        """Return all datasets, each built for that."""
        return [self[name] for name in self]

    def items(self) -> list[tuple[str, Any]]:  # type: ignore[override]  # as Kedro has it
        """Return all names with their datasets, each built for that."""
        return [(name, self[name]) for name in self]

    def _ipython_key_completions_(self) -> list[str]:
        return list(self)

    def get(  # type: ignore[override]  # Kedro's signature, which callers know
        self, key: str, fallback_to_runtime_pattern: bool = False, version: str | Version | None = None
    ) -> Any:
        """Return a dataset, or None when neither an entry nor a pattern has its name.

        Args:
            key: the name.
            fallback_to_runtime_pattern: add what the runtime pattern says, a dataset in memory unless the
                catalog has another, for a name that nothing matches.
            version: the version to load, for this one use; the catalog's own dataset is left alone.
        """
        dataset = self._datasets.get(key)
        if dataset is None:
            dataset = self._built_once(key, fallback_to_runtime_pattern)
        wanted = version.load if isinstance(version, Version) else version
        if wanted is None or dataset is None:
            return dataset
        return self._at_version(key, dataset, wanted)

    # -- what nodes and notebooks do

    def load(self, name: str, version: str | None = None) -> Any:
        """Return the data of a dataset.

        Raises:
            DatasetNotFoundError: the catalog has no such name.
            DatasetError: it cannot be loaded, or is not valid.
        """
        if self._parameters is not None and is_parameter(name) and name not in self._datasets:
            try:
                return self._parameters[name]
            except KeyError:
                if self.entry(name) is None:
                    raise self._not_found(name) from None
        dataset = self.get(name, version=version)
        if dataset is None:
            raise self._not_found(name)
        return self.checked(name, self._calling(name, "load it", dataset.load), "load")

    def save(self, name: str, data: Any) -> None:
        """Save data to a dataset.

        Raises:
            DatasetNotFoundError: the catalog has no such name.
            DatasetError: it is not valid, or cannot be saved; what was there before is still there.
        """
        self[name]  # refuses an unknown one before anything is validated
        self.write(name, self.checked(name, data, "save"))

    def exists(self, name: str) -> bool:
        """Whether there is data to load; False for a name that the catalog does not have."""
        if self._parameters is not None and name not in self._datasets and name in self._parameters:
            return True
        exists: Callable[[], bool] | None = getattr(self.get(name), "exists", None)
        return exists is not None and bool(self._calling(name, "tell whether it exists", exists))

    def release(self, name: str) -> None:
        """Let a dataset drop what it keeps in memory.

        Raises:
            DatasetNotFoundError: the catalog has no such name.
        """
        for dataset in (self[name], *self._editions.forget(name)):
            release = getattr(dataset, "release", None)
            if release is not None:
                self._calling(name, "release it", release)
        self._gate.forget_saved(name)

    def filter(
        self,
        name_regex: re.Pattern[str] | str | None = None,
        type_regex: re.Pattern[str] | str | None = None,
        by_type: type[Any] | list[type[Any]] | None = None,
    ) -> list[str]:
        """Return the names that match all that is given; a type is matched by its full dotted path."""
        wanted = None if by_type is None else {by_type} if isinstance(by_type, type) else set(by_type)
        return [
            name
            for name in self
            if (name_regex is None or re.search(name_regex, name))
            and (type_regex is None or re.search(type_regex, self.get_type(name) or ""))
            and (wanted is None or self._type(name) in wanted)
        ]

    def get_type(self, name: str) -> str | None:
        """Return the dotted path of a dataset's class without building it; None for an unknown name."""
        found = self._type(name)
        return None if found is None else f"{found.__module__}.{found.__qualname__}"

    def list_patterns(self) -> list[str]:
        """Return the name patterns, in the order in which they are tried."""
        return self.config_resolver.user_patterns()

    @property
    def validator_specs(self) -> dict[str, ValidatorSpec]:
        """What validators are declared, by name; those of patterns once the dataset was used."""
        return self._gate.specs

    @property
    def validators(self) -> dict[str, Any]:
        """The same as configuration."""
        return {name: spec.to_config() for name, spec in self._gate.specs.items()}

    def to_config(
        self,
    ) -> tuple[dict[str, Any], dict[str, Any], dict[str, str | None], str | None]:
        """Return catalog, credentials, load versions and save version, such that ``from_config`` takes them.

        What lives in memory is left out. The credentials are the real ones.
        """
        from incremental.io.catalog.export import export

        entries, credentials = export(self)
        versions = {name: self.load_versions.get(name) for name in entries if not name.count("{")}
        return entries, credentials, versions, self.save_version

    def _not_found(self, name: str) -> DatasetNotFoundError:
        kind, place = ("parameter", "the parameters") if is_parameter(name) else ("dataset", "the catalog")
        return DatasetNotFoundError(f"{kind} {name!r} is not in {place}{did_you_mean(name, self)}")

    def _check_load_versions(self) -> None:
        unknown = [name for name in self.load_versions if name not in self or self._is_of_any_name(name)]
        if unknown:
            hints = "; ".join(f"{name!r}{did_you_mean(name, self)}" for name in unknown)
            raise DatasetNotFoundError(f"load versions name datasets that are not in the catalog: {hints}")

    def _is_of_any_name(self, name: str) -> bool:
        """Whether only a catch-all without versions stands for a name, as it would for a misspelt one."""
        pattern = None if name in self._datasets else self.config_resolver.pattern_of(name)
        if pattern is None or pattern != self.config_resolver.match_user_catch_all_pattern(name):
            return False
        return not (self.config_resolver.entry(name) or {}).get("versioned")
