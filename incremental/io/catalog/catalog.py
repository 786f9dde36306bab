"""The datasets of a project by name, each built when it is first used. It knows no graph and no run."""

from __future__ import annotations

import logging
import re
import threading
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from incremental.errors import DatasetError, DatasetNotFoundError, VersionNotFoundError, did_you_mean
from incremental.io.catalog.building import build, class_of, copy_at_version
from incremental.io.catalog.capabilities import has_versions, is_dataset
from incremental.io.catalog.editions import Editions
from incremental.io.catalog.failures import cause_of, failure
from incremental.io.catalog.parameters import Parameters
from incremental.io.catalog.resolver import CatalogConfigResolver, Origin
from incremental.io.dataset import ChunkStage, Staged, Version
from incremental.io.memory import MemoryDataset
from incremental.pipeline.transcoding import is_parameter

if TYPE_CHECKING:
    from collections.abc import Callable

logger = logging.getLogger(__name__)


class DataCatalog(Mapping[str, Any]):
    """The datasets of a project by name.

    Entries and patterns are kept as configuration; a dataset is built when it is loaded, saved or
    looked at, once, also when several threads ask at the same time. Parameters answer to
    ``parameters`` and ``params:a.b``; each caller gets a copy of its own.

    Args:
        datasets: datasets by name; anything that has no ``load`` and ``save`` is held in memory.
        config_resolver: entries and patterns.
        load_versions: the version to load, by name, in place of the latest.
        save_version: the version under which versioned datasets are saved.
        parameters: the tree that ``params:`` names are looked up in.
        durable: whether what is saved survives a power cut, not only the death of the process.
    """

    def __init__(
        self,
        datasets: Mapping[str, Any] | None = None,
        config_resolver: CatalogConfigResolver | None = None,
        load_versions: Mapping[str, str] | None = None,
        save_version: str | None = None,
        *,
        parameters: Mapping[str, Any] | None = None,
        durable: bool = True,
    ) -> None:
        self.config_resolver = config_resolver or CatalogConfigResolver()
        self.load_versions = {name: pin for name, pin in (load_versions or {}).items() if pin is not None}
        self.save_version = save_version
        self.durable = durable
        self.ledger: Any = None
        """Where a runner without a project keeps its ledger, so that it lives as long as the catalog."""
        self._parameters = Parameters(parameters) if parameters is not None else None
        self._datasets: dict[str, Any] = {}
        self._added: set[str] = set()  # datasets that are there as objects, whatever the configuration says
        self._editions = Editions(self._copy_at)
        self._saved: dict[str, str] = {}  # the version that was saved last
        self._lock = threading.RLock()
        for name, dataset in (datasets or {}).items():
            self._add(name, dataset)
        self._check_load_versions()
        for name in self._added & self.load_versions.keys():
            if has_versions(self._datasets[name], self.entry(name)):
                self._datasets[name] = self._copy_at(name, self._datasets[name], self.load_versions[name])

    @classmethod
    def from_config(
        cls,
        catalog: Mapping[str, Any] | None,
        credentials: Mapping[str, Any] | None = None,
        load_versions: Mapping[str, str] | None = None,
        save_version: str | None = None,
        *,
        parameters: Mapping[str, Any] | None = None,
        origin: Origin | None = None,
        durable: bool = True,
    ) -> DataCatalog:
        """Make a catalog from configuration, as ``catalog.yml`` and ``credentials.yml`` have it.

        Args:
            origin: tells where an entry stands, for messages; the others are those of the class.

        Raises:
            DatasetError: an entry is no mapping, has no ``type``, or is a pattern that cannot be.
            DatasetNotFoundError: ``load_versions`` names what is not in the catalog.
        """
        resolver = CatalogConfigResolver(catalog, credentials, origin)
        return cls(None, resolver, load_versions, save_version, parameters=parameters, durable=durable)

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
        return f"<DataCatalog of {len(self)} names, {len(self.list_patterns())} patterns>"

    def __getstate__(self) -> dict[str, Any]:
        return {**vars(self), "_lock": None, "_editions": None, "ledger": None}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state, _lock=threading.RLock(), _editions=Editions(self._copy_at))

    def _ipython_key_completions_(self) -> list[str]:
        return list(self)

    def get(  # type: ignore[override]  # Kedro's signature, which callers know
        self, key: str, fallback_to_runtime_pattern: bool = False, version: str | Version | None = None
    ) -> Any:
        """Return a dataset, or None when neither an entry nor a pattern has its name.

        Args:
            key: the name.
            fallback_to_runtime_pattern: add a dataset in memory for a name that nothing matches.
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
            DatasetError: it cannot be loaded.
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
        return self._calling(name, "load it", dataset.load)

    def save(self, name: str, data: Any) -> None:
        """Save data to a dataset.

        Raises:
            DatasetNotFoundError: the catalog has no such name.
            DatasetError: it cannot be saved; what was there before is still there.
        """
        dataset = self[name]
        self._calling(name, "save it", dataset.save, data)

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

    def confirm(self, name: str) -> None:
        """Confirm a dataset that keeps a checkpoint.

        Raises:
            DatasetError: it has no ``confirm``.
        """
        dataset = self[name]
        if not hasattr(dataset, "confirm"):
            raise DatasetError(
                f"dataset {name!r} cannot be confirmed: {type(dataset).__name__} has no 'confirm'"
            )
        self._calling(name, "confirm it", dataset.confirm)

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
        return self.config_resolver.list_patterns()

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

    # -- what the engine asks

    def built(self, name: str) -> Any:
        """Return a dataset only if it has been built or added, else None."""
        return self._datasets.get(name)

    def entry(self, name: str) -> dict[str, Any] | None:
        """Return the configuration of a dataset, patterns filled in; None for objects and unknown names."""
        return None if name in self._added else self.config_resolver.entry(name)

    def has_parameter(self, name: str) -> bool:
        """Whether a parameter of this name can be loaded."""
        return name in self

    def can_stage(self, name: str) -> bool:
        """Whether a save can be written whole before it is visible."""
        return bool(getattr(self[name], "can_stage", False))

    def stage(self, name: str, data: Any) -> Staged:
        """Write data whole but not yet visible; for datasets that ``can_stage``."""
        staged: Staged = self._staging(name, self[name].stage, data)
        return staged

    def stage_chunks(self, name: str) -> ChunkStage[Any]:
        """Begin an output that arrives in pieces; for datasets that ``can_stage``."""
        stage: ChunkStage[Any] = self._staging(name, self[name].stage_chunks)
        return stage

    def reset(self, name: str) -> None:
        """Let a dataset that appends start anew, where it offers ``reset``."""
        reset = getattr(self[name], "reset", None)
        if reset is not None:
            self._calling(name, "reset it", reset)

    def note_saved(self, name: str) -> str | None:
        """Return the version that was just saved, and remember it; None for a dataset without versions."""
        resolve = getattr(self[name], "resolve_save_version", None)
        if resolve is None:
            return None
        version: str | None = self._calling(name, "tell its version", resolve)
        if version is not None:
            self._saved[name] = version
        return version

    def version_read(self, name: str) -> str | None:
        """Return the version that a load reads; None for a dataset without versions, or with none yet."""
        resolve = getattr(self[name], "resolve_load_version", None)
        if resolve is None:
            return None
        try:
            version: str | None = self._calling(name, "find its version", resolve)
        except VersionNotFoundError:
            return None
        return version

    # -- building

    def _add(self, name: str, dataset: Any) -> None:
        self._datasets[name] = dataset if is_dataset(dataset) else MemoryDataset(dataset)
        self._added.add(name)

    def _built_once(self, name: str, else_in_memory: bool) -> Any:
        with self._lock:
            dataset = self._datasets.get(name)
            if dataset is None:
                dataset = self._build(name)
            if dataset is None and else_in_memory:
                dataset = MemoryDataset()
            if dataset is not None:
                self._datasets[name] = dataset
        return dataset

    def _build(self, name: str) -> Any:
        entry = self.entry(name)
        if entry is not None:
            return self._construct(name, entry, self.load_versions.get(name))
        if self._parameters is not None and name in self._parameters:
            return MemoryDataset(self._parameters[name], copy_mode="deepcopy")
        return None

    def _at_version(self, name: str, dataset: Any, version: str) -> Any:
        """Return a dataset that reads one version; the very same one where it has none, or reads that one."""
        if not has_versions(dataset, self.entry(name)) or self.load_versions.get(name) == version:
            return dataset
        if self._saved.get(name) == version and self.version_read(name) == version:
            return dataset  # what it has in its cache need not be read again
        return self._editions.at(name, dataset, version)

    def _copy_at(self, name: str, dataset: Any, version: str) -> Any:
        entry = self.entry(name)
        if entry is not None:
            return self._construct(name, entry, version)
        return copy_at_version(dataset, name, version, self.save_version)

    def _construct(self, name: str, entry: Mapping[str, Any], load_version: str | None) -> Any:
        dataset = build(self.config_resolver, name, entry, load_version, self.save_version)
        if not self.durable and hasattr(dataset, "durable"):
            dataset.durable = False
        return dataset

    def _type(self, name: str) -> type[Any] | None:
        if name in self._datasets:
            return type(self._datasets[name])
        entry = self.entry(name)
        if entry is not None:
            return class_of(self.config_resolver, name, entry)
        return MemoryDataset if name in self else None

    def _calling(self, name: str, action: str, verb: Callable[..., Any], *arguments: Any) -> Any:
        """Call a dataset's method; its error comes out as one DatasetError with the name in it."""
        try:
            return verb(*arguments)
        except Exception as error:
            found = failure(name, action, error, self.config_resolver.redactor(name))
            if found is error:
                raise
            raise found from cause_of(error)

    def _staging(self, name: str, verb: Callable[..., Any], *arguments: Any) -> Any:
        staged = self._calling(name, "save it", verb, *arguments)
        if staged is None:
            raise DatasetError(f"dataset {name!r} cannot be saved: it said that it can stage, and did not")
        return staged

    def _not_found(self, name: str) -> DatasetNotFoundError:
        kind, place = ("parameter", "the parameters") if is_parameter(name) else ("dataset", "the catalog")
        return DatasetNotFoundError(f"{kind} {name!r} is not in {place}{did_you_mean(name, self)}")

    def _check_load_versions(self) -> None:
        unknown = [name for name in self.load_versions if name not in self]
        if unknown:
            hints = "; ".join(f"{name!r}{did_you_mean(name, self)}" for name in unknown)
            raise DatasetNotFoundError(f"load versions name datasets that are not in the catalog: {hints}")
