"""CachedDataset: a dataset that is loaded once and then kept in memory. It stores nothing itself."""

from __future__ import annotations

from threading import RLock
from typing import Any

from incremental.errors import DatasetError
from incremental.io.catalog.capabilities import pinned_versions, size_read
from incremental.io.dataset import VERSIONED, AbstractDataset, ChunkStage, Staged, Version
from incremental.io.files.leftovers import Place, place_of
from incremental.io.memory import UNSET, CopyMode, MemoryDataset


class CachedDataset(AbstractDataset[Any, Any]):
    """Keeps what another dataset loads or saves, until it is released.

    ``dataset`` is that other one, or its catalog entry; versions are asked for here
    (``versioned: true`` beside ``dataset``), not in the entry. Safe to load from several threads.

    Example::

        cars:
          type: CachedDataset
          dataset:
            type: pandas.CSVDataset
            filepath: data/cars.csv
    """

    def __init__(
        self,
        dataset: AbstractDataset[Any, Any] | dict[str, Any],
        version: Version | None = None,
        copy_mode: CopyMode | None = None,
        metadata: dict[str, Any] | None = None,
    ) -> None:
        self._dataset = _built(dataset, version)
        self._copy_mode = copy_mode
        self._cache = MemoryDataset(copy_mode=copy_mode)
        self._lock = RLock()
        self.metadata = metadata
        self.ephemeral = bool(getattr(self._dataset, "ephemeral", False))

    @property
    def version(self) -> Version | None:
        """What the wrapped dataset was told to load and to save."""
        return Version(*pinned_versions(self._dataset))

    @property
    def can_test_existence(self) -> bool:
        """What the wrapped dataset says."""
        return bool(getattr(self._dataset, "can_test_existence", True))

    @property
    def location(self) -> str | None:
        """Where the wrapped dataset is."""
        location: str | None = getattr(self._dataset, "location", None)
        return location

    @property
    def can_stage(self) -> bool:
        """What the wrapped dataset says."""
        return bool(getattr(self._dataset, "can_stage", False))

    @property
    def can_send_stage(self) -> bool:
        """What the wrapped dataset says."""
        return bool(getattr(self._dataset, "can_send_stage", False))

    @property
    def is_half(self) -> bool:
        """What the wrapped dataset says."""
        return bool(getattr(self._dataset, "is_half", False))

    @property
    def durable(self) -> bool:
        """What the wrapped dataset says."""
        return bool(getattr(self._dataset, "durable", True))

    @durable.setter
    def durable(self, durable: bool) -> None:
        if hasattr(self._dataset, "durable"):
            self._dataset.durable = durable

    @property
    def staging_place(self) -> Place | None:
        """What the wrapped dataset says."""
        return place_of(self._dataset)

    def stage(self, data: Any) -> Staged | None:
        """Stage with the wrapped dataset; the data is kept in memory once it is published."""
        stage = getattr(self._dataset, "stage", None)
        staged = None if stage is None else stage(data)
        return None if staged is None else _CachedSave(staged, self._cache, data)

    def stage_chunks(self) -> ChunkStage[Any] | None:
        """Begin an output in pieces with the wrapped dataset."""
        begin = getattr(self._dataset, "stage_chunks", None)
        chunks = None if begin is None else begin()
        if chunks is None:
            self._cache.release()  # what is saved in place goes past the cache
            return None
        return _CachedChunks(chunks, self._cache)

    def resolve_load_version(self) -> str | None:
        """Return the version that the wrapped dataset reads."""
        resolve = getattr(self._dataset, "resolve_load_version", None)
        return None if resolve is None else resolve()

    def resolve_save_version(self) -> str | None:
        """Return the version that the wrapped dataset writes."""
        resolve = getattr(self._dataset, "resolve_save_version", None)
        return None if resolve is None else resolve()

    def size_read(self, version: str | None = None) -> int | None:
        """Return how many bytes ``load`` reads from storage: none once the data is kept."""
        return 0 if self._cache.exists() else size_read(self._dataset, version)

    def _load(self) -> Any:
        with self._lock:
            if not self._cache.exists():
                self._cache.save(self._dataset.load())
            return self._cache.load()

    @property
    def runs_code(self) -> bool:  # type: ignore[override]  # asked of the wrapped dataset each time
        """What the wrapped dataset says."""
        return bool(getattr(self._dataset, "runs_code", False))

    def content_digest(self, tell: Any = None) -> str | None:
        """Return the digest of what the wrapped dataset stores, where it can tell."""
        read = getattr(self._dataset, "content_digest", None)
        return None if read is None else read(tell)

    def load_unchanged(self, digest: str) -> Any:
        """Return the data, read from the wrapped dataset only if its bytes have this digest."""
        with self._lock:
            if not self._cache.exists():
                dataset: Any = self._dataset
                self._cache.save(dataset.load_unchanged(digest))
            return self._cache.load()

    def _save(self, data: Any) -> None:
        with self._lock:
            self._cache.release()  # should the save fail half way, nothing stale is left
            self._dataset.save(data)
            self._cache.save(data)

    def _exists(self) -> bool:
        return self._dataset.exists()

    def _release(self) -> None:
        with self._lock:
            self._cache.release()
            self._dataset.release()

    def _describe(self) -> dict[str, Any]:
        return {"dataset": self._dataset, "cache": self._cache}

    def to_config(self) -> dict[str, Any]:
        """Return the entry of this dataset, with ``versioned`` beside the wrapped entry, not in it."""
        config = super().to_config()
        if isinstance(config["dataset"], dict) and config["dataset"].pop(VERSIONED, False):
            config[VERSIONED] = True
        return config

    def __getstate__(self) -> dict[str, Any]:
        state = {**self.__dict__, "_cache": MemoryDataset(copy_mode=self._copy_mode)}
        del state["_lock"]
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._lock = RLock()


class _CachedSave:
    """A staged save that fills the cache, or empties it, when it is published."""

    def __init__(self, staged: Staged, cache: MemoryDataset, data: Any = UNSET) -> None:
        self._staged = staged
        self._cache = cache
        self._data = data

    @property
    def digest(self) -> str | None:
        digest: str | None = getattr(self._staged, "digest", None)
        return digest

    def __reduce__(self) -> tuple[Any, ...]:
        return _CachedSave, (self._staged, MemoryDataset())  # the data stays with the process that made it

    def publish(self) -> None:
        self._cache.release()
        self._staged.publish()
        if self._data is not UNSET:
            self._cache.save(self._data)

    def discard(self) -> None:
        self._staged.discard()


class _CachedChunks:
    """A save in pieces after which the cache is empty: the whole is read back when it is loaded."""

    def __init__(self, chunks: ChunkStage[Any], cache: MemoryDataset) -> None:
        self._chunks = chunks
        self._cache = cache

    def write(self, chunk: Any) -> None:
        self._chunks.write(chunk)

    def finish(self) -> Staged:
        return _CachedSave(self._chunks.finish(), self._cache)

    def discard(self) -> None:
        self._chunks.discard()


def _built(dataset: Any, version: Version | None) -> AbstractDataset[Any, Any]:
    if isinstance(dataset, dict):
        if VERSIONED in dataset:
            raise DatasetError(
                "'versioned' belongs beside 'dataset' in the entry of a CachedDataset, not inside it"
            )
        config = {**dataset, VERSIONED: True} if version else dataset
        pinned = version or Version()
        return AbstractDataset.from_config("dataset", config, pinned.load, pinned.save)
    if not callable(getattr(dataset, "load", None)):
        raise DatasetError(f"a CachedDataset wraps a dataset or its catalog entry, not {dataset!r}")
    wrapped: AbstractDataset[Any, Any] = dataset
    return wrapped
