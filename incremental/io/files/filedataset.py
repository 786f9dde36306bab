"""FileDataset: what all datasets of one file share: place, versions, staging. It knows no format."""

# Strings and `os`, not Path: on the way of every save and plan, where Path costs more than the call.
# ruff: noqa: PTH100
from __future__ import annotations

import os
from typing import IO, TYPE_CHECKING, Any, ClassVar, Generic, cast

from incremental.errors import DatasetError
from incremental.io.catalog.capabilities import size_of_file
from incremental.io.dataset import ChunkStage, In, Out, Staged, Version, refuse_none
from incremental.io.files.digests import digest_of
from incremental.io.files.leftovers import Place
from incremental.io.files.staging import is_staging_name
from incremental.io.files.storage import Kind, Storage, bare_path, split_address, storage_for
from incremental.io.files.streams import OpenArgs, reading, writing
from incremental.io.files.versions import AbstractVersionedDataset, check_version_name
from incremental.secrets import mask, strip_url

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from pathlib import PurePosixPath

    from incremental.io.files.staging import Stage


_BLOCK = 1 << 20  # bytes copied at a time


class FileDataset(AbstractVersionedDataset[In, Out]):
    """One file, on the local disk or wherever fsspec reaches, written whole or not at all.

    A subclass defines ``_read(file)`` and ``_write(data, file)``, and the modes in which it wants
    the file opened. Constructing one opens nothing and imports nothing.
    """

    DEFAULT_LOAD_ARGS: ClassVar[Mapping[str, Any]] = {}
    DEFAULT_SAVE_ARGS: ClassVar[Mapping[str, Any]] = {}
    read_mode: ClassVar[str] = "rb"
    write_mode: ClassVar[str] = "w"
    reads_folders: ClassVar[bool] = False  # what is loaded may be a folder
    durable: bool = True  # fsync before publishing

    def __init__(
        self,
        *,
        filepath: str | os.PathLike[str],
        load_args: dict[str, Any] | None = None,
        save_args: dict[str, Any] | None = None,
        version: Version | None = None,
        credentials: dict[str, Any] | None = None,
        fs_args: dict[str, Any] | None = None,
        metadata: dict[str, Any] | None = None,
    ) -> None:
        self._protocol, self._path = split_address(filepath)
        if version is not None and self._protocol in ("http", "https"):
            raise DatasetError(
                f"{self._protocol}:// has no versions; remove 'versioned' of {strip_url(self._path)!r}"
            )
        self._begin(version)
        self._load_args = {**self.DEFAULT_LOAD_ARGS, **load_args} if load_args else {**self.DEFAULT_LOAD_ARGS}
        self._save_args = {**self.DEFAULT_SAVE_ARGS, **save_args} if save_args else {**self.DEFAULT_SAVE_ARGS}
        self._credentials = credentials
        self._fs_args = fs_args
        self._opened: Storage | None = None
        self.metadata = metadata

    # -- the format, defined by subclasses

    def _read(self, file: IO[Any]) -> Out:
        raise NotImplementedError(f"{type(self).__qualname__} does not define '_read'")

    def _write(self, data: In, file: IO[Any]) -> None:
        raise NotImplementedError(f"{type(self).__qualname__} does not define '_write'")

    def _read_from(self, path: str) -> Out:
        """Load from ``path``. A format whose library opens files itself defines this one."""
        args = OpenArgs.of(self.read_mode, (self._fs_args or {}).get("open_args_load"))
        with self._storage.read(path, **args.rest) as file, reading(file, path, args) as stream:
            return self._read(stream)

    # -- the dataset

    @classmethod
    def location_of(cls, config: Mapping[str, Any]) -> tuple[str, bool]:
        """Return where the dataset of a catalog entry would live and whether it has versions.

        A local path is returned as such, anything else as a URL. Constructs and opens nothing.
        """
        try:
            filepath = config["filepath"]
        except KeyError:
            raise DatasetError(f"{cls.__qualname__} needs 'filepath'") from None
        versioned = bool(config.get("versioned"))
        if type(filepath) is str and "://" not in filepath and filepath[:1] != "~":
            return filepath, versioned
        return split_address(filepath)[1], versioned

    @property
    def location(self) -> str:
        """The absolute path, or the URL without userinfo, of the file or of the folder of its versions."""
        if self._protocol == "file":
            return os.path.abspath(self._path)
        return strip_url(self._path)

    @property
    def can_stage(self) -> bool:
        """True, unless a subclass stores the data by code of its own."""
        return not self._saves_otherwise()

    @property
    def can_send_stage(self) -> bool:
        """True for a local file that can be staged; what is uploaded is published by who uploads it."""
        return self._protocol == "file" and self.can_stage

    @property
    def staging_place(self) -> Place:
        """Where unfinished saves leave their traces."""
        path = os.path.abspath(self._path) if self._protocol == "file" else self._path
        return Place(self._storage, path, below=bool(self._version))

    def content_digest(self, tell: Callable[[int], None] | None = None) -> str:
        """Return the XXH3-128 of the stored bytes, telling of the bytes read.

        Raises:
            FileNotFoundError: nothing is stored.
            DatasetError: it cannot be read.
        """
        try:
            with self._storage.read(self._path_of(self.resolve_load_version())) as file:
                return digest_of(file, tell)
        except FileNotFoundError:
            raise
        except Exception as error:
            raise self._failure("read", error) from error

    def stage(self, data: In) -> Staged | None:
        """Write the data beside its target without showing it.

        ``None`` when a subclass has a ``save`` of its own, which is then to be called instead.
        """
        if self._saves_otherwise():
            return None
        refuse_none(self, data)
        try:
            return self._staged(data)
        except Exception as error:
            raise self._save_failure(error) from error

    def stage_chunks(self) -> ChunkStage[In] | None:
        """Begin an output that arrives in pieces: the last one is kept, or with mode ``"a"`` all of them."""
        if self._saves_otherwise():
            return None
        return FileChunks(self._begin_save, self._write_chunk, self._save_failure)

    def size_read(self, version: str | None = None) -> int | None:
        """Return how many bytes ``load`` reads; ``None`` where the file is not on the local disk."""
        if self._protocol != "file":
            return None
        return size_of_file(
            self._path_of((version or self.resolve_load_version()) if self._version else None)
        )

    def _save(self, data: In) -> None:
        try:
            save = self._staged(data)
        except Exception as error:
            raise self._save_failure(error) from error
        save.publish()

    def _load(self) -> Out:
        version = self.resolve_load_version()
        path = self._path_of(version)
        try:
            return self._read_from(path)
        except FileNotFoundError as error:
            if version is not None:
                raise self._no_such_version(version) from error
            raise

    def _exists(self) -> bool:
        kind = self._storage.kind(self._path_of(self.resolve_load_version()))
        return kind is not None and (kind is not Kind.FOLDER or self.reads_folders)

    def _describe(self) -> dict[str, Any]:
        return {
            "filepath": strip_url(self._path),
            "protocol": None if self._protocol == "file" else self._protocol,
            "load_args": mask(self._load_args),
            "save_args": mask(self._save_args),
            "version": self._version,
        }

    # -- paths and versions

    @property
    def _filepath(self) -> PurePosixPath:  # type: ignore[override]
        return bare_path(self._path)

    @property
    def _storage(self) -> Storage:
        if self._opened is None:
            self._opened = storage_for(self._path, self._credentials, self._fs_args)[0]
        return self._opened

    def _path_of(self, version: str | None) -> str:
        if version is None:
            return self._path
        base = self._path.replace(os.sep, "/").rstrip("/")
        if self._storage.leads_out(base, check_version_name(version)):
            raise DatasetError(
                f"version {version!r} of {self!r} is a link out of its folder; put a copy there"
            )
        return f"{base}/{version}/{base.rpartition('/')[2]}"

    def _get_load_path(self) -> PurePosixPath:
        return bare_path(self._path_of(self.resolve_load_version()))

    def _get_versioned_path(self, version: str) -> PurePosixPath:
        return bare_path(self._path_of(version))

    def _version_is_there(self, version: str) -> bool:
        return self._storage.exists(self._path_of(version))

    def _existing_versions(self) -> Iterable[str]:
        try:
            names = self._storage.kinds(self._path)
        except OSError as error:
            raise self._failure("list the versions of", error) from error
        for name in sorted(names, reverse=True):
            if names[name] is not Kind.FOLDER or is_staging_name(name):
                continue
            if not self._storage.leads_out(self._path, name) and self._version_is_there(name):
                yield name

    # -- saving

    def _saves_otherwise(self) -> bool:
        """Tell whether a subclass stores the data by code of its own."""
        cls = type(self)
        return cls._save is not FileDataset._save or cls.save is not AbstractVersionedDataset.save

    def _staged(self, data: In) -> FileSave:
        save = self._begin_save()
        with save.stage as file:
            if save.args.appends and not self._version:
                self._copy_present(file)
            self._write_to(data, file, save)
        return save

    def _open_args_save(self) -> Mapping[str, Any]:
        return (self._fs_args or {}).get("open_args_save") or {}

    def _begin_save(self) -> FileSave:
        args = OpenArgs.of(self.write_mode, self._open_args_save())
        args.check_writes()
        path = self._path_of(self._next_save_version())
        exclusive = args.exclusive or self._version is not None
        stage = self._storage.stage(path, self.durable, exclusive, **args.rest)
        return FileSave(stage, path, args, self._forget_load_version, self._save_failure)

    def _write_to(self, data: In, file: IO[bytes], save: FileSave) -> None:
        with writing(file, save.path, save.args) as stream:
            self._write(data, stream)

    def _write_chunk(self, data: In, file: IO[bytes], save: FileSave) -> None:
        refuse_none(self, data)
        self._write_to(data, file, save)

    def _copy_present(self, file: IO[bytes]) -> None:
        """Begin with what is there, so that appending too shows in one step."""
        try:
            present = self._storage.read(self._path)
        except FileNotFoundError:
            return
        with present:
            while block := present.read(_BLOCK):
                file.write(block)

    def _save_failure(self, error: Exception) -> DatasetError:
        """Return the one error that tells why a save failed."""
        if isinstance(error, DatasetError):
            return error
        if isinstance(error, FileExistsError) and self._version:
            return self._already_exists(str(self.resolve_save_version()))
        if isinstance(error, IsADirectoryError):
            return DatasetError(
                f"cannot save {self!r}: a folder is there, perhaps of its versions; "
                f"remove it, or give the dataset 'versioned: true'"
            )
        if isinstance(error, NotADirectoryError) and self._version and self._storage.exists(self._path):
            return DatasetError(
                f"cannot save a version of {self!r}: a file is there that was saved without versions; "
                f"remove it, or move it to {self._path_of('VERSION')!r}"
            )
        return self._failure("save data to", error)


class FileSave:
    """A save of a file dataset on its way: staged, to be published or discarded."""

    __slots__ = ("_failure", "_published", "args", "path", "stage")

    def __init__(
        self,
        stage: Stage,
        path: str,
        args: OpenArgs,
        published: Callable[[], None],
        failure: Callable[[Exception], DatasetError],
    ) -> None:
        self.stage = stage
        self.path = path
        self.args = args
        self._published = published
        self._failure = failure

    @property
    def digest(self) -> str | None:
        """XXH3-128 of the bytes that were written."""
        return self.stage.digest

    def publish(self) -> None:
        """Make it visible in one atomic step. Raises DatasetError, and then nothing has changed."""
        try:
            self.stage.publish()
        except Exception as error:
            raise self._failure(error) from error
        self._published()

    def discard(self) -> None:
        """Remove it without trace."""
        self.stage.discard()


class FileChunks(Generic[In]):
    """A file that is written piece by piece. It begins empty, whatever its target holds.

    The last piece is kept, as from repeated saves; with an appending mode all of them are.
    """

    def __init__(
        self,
        begin: Callable[[], FileSave],
        write: Callable[[In, IO[bytes], FileSave], None],
        failure: Callable[[Exception], DatasetError],
    ) -> None:
        self._begin = begin
        self._write = write
        self._failure = failure
        self._save: FileSave | None = None
        self._file: IO[bytes] | None = None

    def write(self, chunk: In) -> None:
        """Take the next piece. Raises DatasetError, and then all is discarded."""
        try:
            if self._save is None or self._file is None or not self._save.args.appends:
                self._begin_again()
            self._write(chunk, cast("IO[bytes]", self._file), cast("FileSave", self._save))
        except Exception as error:
            self.discard()
            raise self._failure(error) from error
        except BaseException:
            self.discard()
            raise

    def finish(self) -> Staged:
        """Return the whole. Raises DatasetError when no piece was written."""
        if self._save is None:
            raise self._failure(ValueError("the node yielded no data, so there is nothing to save"))
        try:
            self._save.stage.seal()
        except Exception as error:
            self.discard()
            raise self._failure(error) from error
        save, self._save, self._file = self._save, None, None
        return save

    def discard(self) -> None:
        """Remove what was written."""
        save, self._save, self._file = self._save, None, None
        if save is not None:
            save.discard()

    def _begin_again(self) -> None:
        self.discard()
        self._save = self._begin()
        self._file = self._save.stage.__enter__()
