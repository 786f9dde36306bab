"""IncrementalDataset: a folder of partitions of which those are loaded that came since the last confirmation.

What was confirmed is kept as the id of the last partition, beside the partitions. It knows no format.
"""

from __future__ import annotations

import operator
import os
import posixpath
from typing import TYPE_CHECKING, Any

from incremental.errors import DatasetError
from incremental.io.catalog.layouts import CHECKPOINT
from incremental.io.dataset import VERSION, VERSIONED, AbstractDataset, explain
from incremental.io.files.members import is_begun
from incremental.io.files.partitions import PartitionedDataset
from incremental.secrets import strip_url

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from incremental.io.files.members import Members

_DEFAULT_TYPE = "text.TextDataset"


class IncrementalDataset(PartitionedDataset):
    """A folder of partitions, loaded as a dict of the data of those that are new.

    New is what comes after the checkpoint. ``confirm()`` moves that to the last partition that was
    loaded: name the dataset in ``confirms=`` of a node, and it is called when the node's outputs are safe.
    What is listed by a load stays listed until ``release()``, so that what arrives meanwhile is not
    confirmed unseen.

    Args:
        path: the folder, or the prefix in an object store.
        dataset: what each file is: a type, or an entry without its path.
        checkpoint: a checkpoint to begin from whatever is stored, or the entry of the dataset that keeps
            it, with ``force_checkpoint`` and ``comparison_func(partition id, checkpoint)`` in it as well;
            by default a text file ``CHECKPOINT`` in the folder, and the order of texts.
        filepath_arg: the argument of that dataset that takes the path.
        filename_suffix: what the names of all files end in; others are no partitions.
        credentials: for the storage, and for the datasets if they have none of their own.
        load_args: how the folder is searched, as ``{"maxdepth": 1}``.
        fs_args: for the storage, and for the datasets if they have none of their own.
        metadata: for the user.

    Example::

        arrivals:
          type: partitions.IncrementalDataset
          path: data/arrivals
          dataset: pandas.CSVDataset
          filename_suffix: .csv
    """

    def __init__(
        self,
        *,
        path: str | os.PathLike[str],
        dataset: str | type[Any] | dict[str, Any],
        checkpoint: str | dict[str, Any] | None = None,
        filepath_arg: str = "filepath",
        filename_suffix: str = "",
        credentials: dict[str, Any] | None = None,
        load_args: dict[str, Any] | None = None,
        fs_args: dict[str, Any] | None = None,
        metadata: dict[str, Any] | None = None,
    ) -> None:
        super().__init__(
            path=path,
            dataset=dataset,
            filepath_arg=filepath_arg,
            filename_suffix=filename_suffix,
            credentials=credentials,
            load_args=load_args,
            fs_args=fs_args,
            metadata=metadata,
        )
        given = {"force_checkpoint": checkpoint} if isinstance(checkpoint, str) else dict(checkpoint or {})
        self._forced = given.pop("force_checkpoint", None)
        self._is_new: Callable[[Any, Any], Any] = _comparison(given.pop("comparison_func", operator.gt))
        entry = self._checkpoint_entry(given, credentials, fs_args)
        self._checkpoint_file = self._name_in_folder(entry[_path_key(given, filepath_arg)])
        self._checkpoint: Any = AbstractDataset.from_config("checkpoint", entry)
        self._listed: list[str] | None = None

    def confirm(self) -> None:
        """Move the checkpoint to the last of the partitions that were loaded, or else of those that are new.

        Raises:
            DatasetError: it cannot be stored.
        """
        names = self._new_names()
        if names:
            self._checkpoint.save(self.partition_of(names[-1]))

    def names(self) -> Iterator[str]:
        """Yield the paths in the folder of all partitions, confirmed ones too, in no order."""
        return (name for name in super().names() if name != self._checkpoint_file)

    @property
    def is_confirmed(self) -> bool:
        """Whether there is anything, if only a checkpoint: an empty load is as good as another then."""
        return any(True for _ in self.names()) or bool(self._checkpoint.exists())

    def _load(self) -> dict[str, Any]:
        self._listed = self._new_names()
        return {self.partition_of(name): self.member(self._address_of(name)).load() for name in self._listed}

    def _exists(self) -> bool:
        return not is_begun(self._storage, self._path) and bool(self._new_names())

    def _release(self) -> None:
        self._listed = None

    def _begin(self) -> Members:
        self._listed = None
        return super()._begin()

    def _save_in_place(self, data: Mapping[str, Any]) -> None:
        self._listed = None
        super()._save_in_place(data)

    def _new_names(self) -> list[str]:
        """Return the paths in the folder of what a load would load, or has loaded, in order."""
        if self._listed is not None:
            return self._listed
        reached = self._forced if self._forced is not None else self._read_checkpoint()
        names = sorted(self.names())
        if reached is None:
            return names
        return [name for name in names if self._is_new(self.partition_of(name), reached)]

    def _read_checkpoint(self) -> Any:
        """Return the stored checkpoint, None for none. One that cannot be read is not taken for none."""
        try:
            return self._checkpoint.load()
        except Exception:
            if self._checkpoint.exists():
                raise
            return None

    def _checkpoint_entry(
        self, given: dict[str, Any], credentials: dict[str, Any] | None, fs_args: dict[str, Any] | None
    ) -> dict[str, Any]:
        versions = [key for key in (VERSION, VERSIONED) if key in given]
        if versions:
            raise DatasetError(f"a checkpoint has no versions; remove {versions[0]!r} from 'checkpoint'")
        default: dict[str, Any] = {"type": _DEFAULT_TYPE, "filepath": self._address_of(CHECKPOINT)}
        if credentials:
            default["credentials"] = credentials
        if fs_args and "type" not in given:
            default["fs_args"] = fs_args
        if _path_key(given, self._filepath_arg) != "filepath":
            del default["filepath"]
        return {**default, **given}

    def _name_in_folder(self, path: str | os.PathLike[str]) -> str:
        """Return the path in the folder of the file with the checkpoint. Raises DatasetError for another."""
        if self._is_local:
            folder, file = os.path.abspath(self._path), os.path.abspath(path)  # noqa: PTH100
            folder, file = folder.replace(os.sep, "/"), file.replace(os.sep, "/")
        else:
            folder, file = (
                posixpath.normpath(str(each).partition("://")[2] or str(each)) for each in (self._path, path)
            )
        if not file.startswith(f"{folder}/"):
            raise DatasetError(
                f"checkpoint {strip_url(os.fspath(path))!r} is outside of the folder of its partitions; "
                f"name a file in {self.location!r}"
            )
        return file[len(folder) + 1 :]


def _path_key(given: Mapping[str, Any], filepath_arg: str) -> str:
    """Return the argument of the checkpoint's dataset that takes the path."""
    return filepath_arg if filepath_arg in given else "filepath"


def _comparison(given: Any) -> Callable[[Any, Any], Any]:
    """Return a function of a partition's id and a checkpoint, given as such or by its dotted path."""
    if isinstance(given, str):
        from importlib import import_module

        module, _, name = given.rpartition(".")
        try:
            given = getattr(import_module(module), name)
        except (ImportError, AttributeError, ValueError) as error:
            raise DatasetError(f"comparison_func {given!r} cannot be imported: {explain(error)}") from error
    if not callable(given):
        raise DatasetError(f"comparison_func {given!r} is no function of a partition's id and a checkpoint")
    found: Callable[[Any, Any], Any] = given
    return found
