"""The file formats: text, JSON, YAML, pickle, CSV and Parquet, with the arguments that kedro-datasets has.

It knows what is in a file, not where the file is; a format's library is imported when it is used.
"""

from __future__ import annotations

import io
import json
import logging
from typing import IO, TYPE_CHECKING, Any, ClassVar

from incremental.errors import DatasetError
from incremental.io.files.digests import digest_of
from incremental.io.files.filedataset import FileDataset
from incremental.io.files.streams import OpenArgs, reading
from incremental.secrets import strip_url

if TYPE_CHECKING:
    import os
    from collections.abc import Mapping
    from types import ModuleType

    from pandas import DataFrame

    from incremental.io.dataset import Version

_COMPRESSED = (".gz", ".bz2", ".xz", ".zst")

_log = logging.getLogger(__name__)


class TextDataset(FileDataset[str, str]):
    """A text file, UTF-8 unless ``fs_args`` say otherwise."""

    read_mode = "r"

    def __init__(
        self,
        *,
        filepath: str | os.PathLike[str],
        version: Version | None = None,
        credentials: dict[str, Any] | None = None,
        fs_args: dict[str, Any] | None = None,
        metadata: dict[str, Any] | None = None,
    ) -> None:
        super().__init__(
            filepath=filepath, version=version, credentials=credentials, fs_args=fs_args, metadata=metadata
        )

    def _read(self, file: IO[str]) -> str:
        return file.read()

    def _write(self, data: str, file: IO[str]) -> None:
        file.write(data)


class _DocumentDataset(FileDataset[Any, Any]):
    """A file of which only the saving has options."""

    def __init__(
        self,
        *,
        filepath: str | os.PathLike[str],
        save_args: dict[str, Any] | None = None,
        version: Version | None = None,
        credentials: dict[str, Any] | None = None,
        fs_args: dict[str, Any] | None = None,
        metadata: dict[str, Any] | None = None,
    ) -> None:
        super().__init__(
            filepath=filepath,
            save_args=save_args,
            version=version,
            credentials=credentials,
            fs_args=fs_args,
            metadata=metadata,
        )


class JSONDataset(_DocumentDataset):
    """A JSON file; ``save_args`` go to ``json.dump``, by default ``{"indent": 2}``."""

    DEFAULT_SAVE_ARGS: ClassVar[Mapping[str, Any]] = {"indent": 2}

    def _read(self, file: IO[Any]) -> Any:
        return json.load(file)

    def _write(self, data: Any, file: IO[str]) -> None:
        json.dump(data, file, **self._save_args)


class YAMLDataset(_DocumentDataset):
    """A YAML file, loaded as plain data; ``save_args`` go to ``yaml.dump``, by default in block style."""

    DEFAULT_SAVE_ARGS: ClassVar[Mapping[str, Any]] = {"default_flow_style": False}

    def _read(self, file: IO[Any]) -> Any:
        import yaml

        return yaml.load(file, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))

    def _write(self, data: Any, file: IO[str]) -> None:
        import yaml

        yaml.dump(data, file, **self._save_args)


class PickleDataset(FileDataset[Any, Any]):
    """A pickle, by any module that has ``load`` and ``dump`` as pickle does: joblib, dill, cloudpickle, ...

    Loading one runs the code in it: load only what you trust.
    """

    write_mode = "wb"
    runs_code = True

    def __init__(
        self,
        *,
        filepath: str | os.PathLike[str],
        backend: str = "pickle",
        load_args: dict[str, Any] | None = None,
        save_args: dict[str, Any] | None = None,
        version: Version | None = None,
        credentials: dict[str, Any] | None = None,
        fs_args: dict[str, Any] | None = None,
        metadata: dict[str, Any] | None = None,
    ) -> None:
        super().__init__(
            filepath=filepath,
            load_args=load_args,
            save_args=save_args,
            version=version,
            credentials=credentials,
            fs_args=fs_args,
            metadata=metadata,
        )
        self._backend = backend

    def load_unchanged(self, digest: str) -> Any:
        """Return the data if its bytes have this digest, else refuse it before any code in it runs.

        Raises:
            DatasetError: it changed since it was committed, or cannot be loaded.
        """
        try:
            return self._load_if(digest)
        except DatasetError:
            raise
        except Exception as error:
            raise self._failure("load data from", error) from error

    def _load_if(self, digest: str) -> Any:
        path = self._path_of(self.resolve_load_version())
        args = OpenArgs.of(self.read_mode, (self._fs_args or {}).get("open_args_load"))
        with self._storage.read(path, **args.rest) as file:
            content = file if self._storage.protocol == "file" else io.BytesIO(file.read())
            if digest_of(content) != digest:
                raise DatasetError(
                    f"{strip_url(path)} changed since this project committed it, and loading a pickle runs "
                    f"the code in it; accept it with 'incremental adopt', or make it again"
                )
            content.seek(0)
            with reading(content, path, args) as stream:
                return self._read(stream)

    def _read(self, file: IO[bytes]) -> Any:
        return self._module().load(file, **self._load_args)

    def _write(self, data: Any, file: IO[bytes]) -> None:
        self._module().dump(data, file, **self._save_args)

    def _describe(self) -> dict[str, Any]:
        return {**super()._describe(), "backend": self._backend}

    def _module(self) -> ModuleType:
        from importlib import import_module

        try:
            module = import_module(self._backend)
        except ImportError as error:
            raise DatasetError(
                f"backend {self._backend!r} of {self!r} cannot be imported ({error}); is it installed?"
            ) from error
        missing = [name for name in ("load", "dump") if not callable(getattr(module, name, None))]
        if missing:
            raise DatasetError(
                f"backend {self._backend!r} of {self!r} has no {' and no '.join(map(repr, missing))}, "
                f"which a module like pickle has"
            )
        return module


class _FrameDataset(FileDataset["DataFrame", "DataFrame"]):
    """A table for pandas, which opens the file itself when it loads one."""

    def _for_pandas(self, arguments: Mapping[str, Any]) -> dict[str, Any]:
        if "storage_options" not in arguments:
            return dict(arguments)
        _log.warning("'storage_options' of %r are not used; put them under 'fs_args' or 'credentials'", self)
        return {name: value for name, value in arguments.items() if name != "storage_options"}


class CSVDataset(_FrameDataset):
    """A CSV file of a pandas frame, by default without its index.

    A name like ``cars.csv.gz`` means a compressed file, as it does when pandas reads it.
    """

    DEFAULT_SAVE_ARGS: ClassVar[Mapping[str, Any]] = {"index": False}

    def _read_from(self, path: str) -> DataFrame:
        frame: DataFrame = _pandas().read_csv(
            path, storage_options=self._storage.connection(path), **self._for_pandas(self._load_args)
        )
        return frame

    def _open_args_save(self) -> Mapping[str, Any]:
        given = super()._open_args_save()
        is_chosen = any("compression" in args for args in (given, self._load_args, self._save_args))
        return (
            given if is_chosen or not self._path.endswith(_COMPRESSED) else {**given, "compression": "infer"}
        )

    def _write(self, data: DataFrame, file: IO[Any]) -> None:
        data.to_csv(file, **self._for_pandas(self._save_args))


class ParquetDataset(_FrameDataset):
    """A Parquet file of a pandas frame; on loading also a folder of such files."""

    write_mode = "wb"
    reads_folders = True

    def _read_from(self, path: str) -> DataFrame:
        frame: DataFrame = _pandas().read_parquet(
            path, storage_options=self._storage.connection(path), **self._for_pandas(self._load_args)
        )
        return frame

    def _write(self, data: DataFrame, file: IO[bytes]) -> None:
        parted = [name for name in ("partition_cols", "partition_on") if name in self._save_args]
        if parted:
            raise DatasetError(
                f"cannot save {self!r}: {parted[0]!r} makes many files, and this dataset is one"
            )
        data.to_parquet(file, **self._for_pandas(self._save_args))


def _pandas() -> Any:
    try:
        import pandas
    except ImportError as error:
        raise DatasetError(
            f"pandas is needed for this dataset ({error}); pip install 'incremental-engine[parquet]'"
        ) from error
    return pandas
