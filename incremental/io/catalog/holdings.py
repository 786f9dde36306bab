"""The datasets of a catalog: each built when it is first used, staged, and saved under its version.

It is the half of a catalog that the engine works with; names, patterns and types are asked for in the other.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

from incremental.errors import DatasetError, VersionAlreadyExistsError, VersionNotFoundError
from incremental.io.catalog.building import build, class_of, copy_at_version
from incremental.io.catalog.capabilities import has_versions, is_dataset, pinned_versions, stored
from incremental.io.catalog.editions import Editions
from incremental.io.catalog.failures import cause_of, failure
from incremental.io.catalog.layouts import Layout
from incremental.io.catalog.parameters import Parameters
from incremental.io.memory import MemoryDataset
from incremental.io.validation.gate import Gate

if TYPE_CHECKING:
    from collections.abc import Callable

    from incremental.io.catalog.resolver import CatalogConfigResolver
    from incremental.io.dataset import ChunkStage, Staged


class Holdings(Mapping[str, Any]):
    """Datasets by name, built of entries or added as objects. Safe to use from several threads."""

    validation_enabled = True

    def __init__(
        self,
        resolver: CatalogConfigResolver,
        load_versions: Mapping[str, str] | None,
        save_version: str | None,
        parameters: Mapping[str, Any] | None,
        durable: bool,
    ) -> None:
        self.config_resolver = resolver
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
        self._gate = Gate()
        self.validates = resolver.has_validators
        """Whether any entry, or any pattern, declares a validator."""
        for name in resolver.validated:
            self._gate.spec(name, resolver.entry(name))

    def __getstate__(self) -> dict[str, Any]:
        return {**vars(self), "_lock": None, "_editions": None, "ledger": None}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state, _lock=threading.RLock(), _editions=Editions(self._copy_at))

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

    def build_foreign(self, names: Iterable[str]) -> None:
        """Build what the survey has believed unseen, to tell what is wrong before the first node runs.

        Raises:
            DatasetError: entries that cannot be built, all at once.
        """
        types, faults = self.config_resolver.types, []
        for name in names:
            entry = self.entry(name)
            if entry is None or (
                types.ours(entry["type"]) and types.outline(entry["type"]).layout is not Layout.CACHED
            ):
                continue
            try:
                self.get(name)
            except DatasetError as error:
                faults.append(str(error))
        if faults:
            raise DatasetError("\n".join(dict.fromkeys(faults)))

    def can_stage(self, name: str) -> bool:
        """Whether a save can be written whole before it is visible."""
        return bool(getattr(self[name], "can_stage", False))

    def write(self, name: str, data: Any) -> None:
        """Save data that was validated already."""
        with self._saving(name):
            self._calling(name, "save it", self[name].save, data)

    def stage(self, name: str, data: Any) -> Staged:
        """Write data whole but not yet visible; for datasets that ``can_stage``."""
        data = self.checked(name, data, "save")
        with self._saving(name):
            staged: Staged = self._staging(name, self[name].stage, data)
        return staged

    def stage_chunks(self, name: str) -> ChunkStage[Any]:
        """Begin an output that arrives in pieces; for datasets that ``can_stage``."""
        stage: ChunkStage[Any] = self._staging(name, self[name].stage_chunks)
        return CheckedChunks(stage, partial(self.checked, name)) if self.validates else stage

    def checked(self, name: str, data: Any, mode: str) -> Any:
        """Return data as the validator of a dataset returns it, where one applies on ``load`` or ``save``.

        Raises:
            DataValidationError: it is not valid.
            ValidationConfigurationError: the validator cannot be used.
        """
        if not self.validates:
            return data
        spec = self._gate.spec(name, self.entry(name))
        return self._gate.checked(name, spec, data, mode, self.validation_enabled)

    def confirm(self, name: str) -> None:
        """Confirm a dataset that keeps a checkpoint.

        Raises:
            DatasetError: it has no ``confirm``.
        """
        self.confirm_loaded(name, self[name])

    def confirm_loaded(self, name: str, dataset: Any = None) -> None:
        """Confirm a dataset, as the object that has loaded it where that is another than ours."""
        if dataset is None:
            self.confirm(name)
            return
        if not hasattr(dataset, "confirm"):
            raise DatasetError(
                f"dataset {name!r} cannot be confirmed: {type(dataset).__name__} has no 'confirm'"
            )
        self._calling(name, "confirm it", dataset.confirm)

    def reset(self, name: str) -> None:
        """Let a dataset that appends start anew, where it offers ``reset``."""
        reset = getattr(self[name], "reset", None)
        if reset is not None:
            self._calling(name, "reset it", reset)

    def note_saved(self, name: str) -> str | None:
        """Return the version that was just saved, and remember it; None for a dataset without versions."""
        resolve = getattr(stored(self[name]), "resolve_save_version", None)
        if resolve is None:
            return None
        version: str | None = self._calling(name, "tell its version", resolve)
        if version is not None:
            self._saved[name] = version
        return version

    def version_read(self, name: str) -> str | None:
        """Return the version that a load reads; None for a dataset without versions, or with none yet."""
        resolve = getattr(stored(self[name]), "resolve_load_version", None)
        if resolve is None:
            return None
        try:
            version: str | None = self._calling(name, "find its version", resolve)
        except VersionNotFoundError:
            return None
        return version

    # -- building

    def _add(self, name: str, dataset: Any) -> None:
        if not is_dataset(dataset):
            dataset = MemoryDataset(dataset)
        load, save = pinned_versions(dataset)
        if load is not None:
            self.load_versions.setdefault(name, load)
        if save is not None and (self.save_version or save) != save:
            raise VersionAlreadyExistsError(
                f"dataset {name!r} saves version {save!r}, and this catalog saves {self.save_version!r}: "
                f"all datasets of a catalog save one version"
            )
        self.save_version = self.save_version or save
        self._datasets[name] = dataset
        self._added.add(name)

    def _built_once(self, name: str, else_in_memory: bool) -> Any:
        with self._lock:
            dataset = self._datasets.get(name)
            if dataset is None:
                dataset = self._build(name)
            if dataset is None and else_in_memory:
                dataset = self._construct(name, self.config_resolver.default_entry(name), None)
            if dataset is not None:
                self._datasets[name] = dataset
        return dataset

    def _build(self, name: str) -> Any:
        entry = self.entry(name)
        if entry is not None:
            if self.validates:
                self._gate.spec(name, entry)  # that of a pattern is known from now on
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

    @contextmanager
    def _saving(self, name: str) -> Iterator[None]:
        """Should it not be saved, what was validated is not what is stored."""
        try:
            yield
        except BaseException:
            self._gate.forget_saved(name)
            raise

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


class CheckedChunks:
    """An output in pieces of which each is validated before it is written."""

    def __init__(self, chunks: ChunkStage[Any], check: Callable[[Any, str], Any]) -> None:
        self._chunks = chunks
        self._check = check

    def write(self, chunk: Any) -> None:
        """Validate the next piece and take it. What was written so far is discarded if either fails."""
        try:
            chunk = self._check(chunk, "save")
        except BaseException:
            self._chunks.discard()
            raise
        self._chunks.write(chunk)

    def finish(self) -> Staged:
        """Return the whole. Raises DatasetError when no piece was written."""
        return self._chunks.finish()

    def discard(self) -> None:
        """Remove what was written; safe when called twice."""
        self._chunks.discard()
