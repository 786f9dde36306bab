"""PartitionedDataset: a folder of which each file is a dataset of its own. It knows no format.

Members are staged one by one and published together; while several are being published a mark says
so, beside the folder or, in a store without folders, in it. With ``overwrite`` a local folder is
staged as a whole and exchanged.
"""

from __future__ import annotations

import errno
import logging
import os
from collections.abc import Mapping
from copy import deepcopy
from functools import partial
from typing import TYPE_CHECKING, Any

from incremental.errors import DatasetError
from incremental.io.catalog.types import find_class
from incremental.io.dataset import VERSIONED, AbstractDataset, ChunkStage, Staged, refuse_none
from incremental.io.files.leftovers import Place
from incremental.io.files.member_digests import digest_of_members, members_in
from incremental.io.files.members import (
    Members,
    check_partition_id,
    in_order,
    is_begun,
    member_names,
    split_folder,
)
from incremental.io.files.storage import Storage, storage_for
from incremental.secrets import strip_url

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_log = logging.getLogger(__name__)


class PartitionedDataset(AbstractDataset[Mapping[str, Any], "dict[str, Callable[[], Any]]"]):
    """A folder of partitions: saved from a dict of their data, loaded as a dict of functions that load one.

    The id of a partition is its path in the folder, without ``filename_suffix``. Saving leaves
    partitions that are not in the dict as they are, unless ``overwrite`` is set.

    Args:
        path: the folder, or the prefix in an object store.
        dataset: what each file is: a type, or an entry without its path.
        filepath_arg: the argument of that dataset that takes the path.
        filename_suffix: what the names of all files end in; others are no partitions.
        credentials: for the storage, and for the datasets if they have none of their own.
        load_args: how the folder is searched, as ``{"maxdepth": 1}``.
        fs_args: for the storage, and for the datasets if they have none of their own.
        overwrite: whether saving replaces the whole folder.
        save_lazily: whether data that is callable is called when its turn to be saved comes.
        metadata: for the user.

    Example::

        stations:
          type: partitions.PartitionedDataset
          path: data/stations
          dataset: pandas.CSVDataset
          filename_suffix: .csv
    """

    durable: bool = True  # fsync before publishing

    def __init__(
        self,
        *,
        path: str | os.PathLike[str],
        dataset: str | type[Any] | dict[str, Any],
        filepath_arg: str = "filepath",
        filename_suffix: str = "",
        credentials: dict[str, Any] | None = None,
        load_args: dict[str, Any] | None = None,
        fs_args: dict[str, Any] | None = None,
        overwrite: bool = False,
        save_lazily: bool = True,
        metadata: dict[str, Any] | None = None,
    ) -> None:
        self._protocol, self._path = split_folder(path)
        self._config: dict[str, Any] = deepcopy(dataset) if isinstance(dataset, dict) else {"type": dataset}
        self._kind = find_class(self._config.pop("type", None))
        self._filepath_arg = filepath_arg
        self._check_config()
        self._suffix = filename_suffix
        self._load_args = load_args or {}
        self.overwrite = overwrite
        self._save_lazily = save_lazily
        self._connection = (credentials, fs_args)
        self._opened: Storage | None = None
        self._probe: Any = None
        self.metadata = metadata
        for name, given in (("credentials", credentials), ("fs_args", fs_args)):
            if given and name in self._config:
                _log.warning("%r of %r are not passed on: its 'dataset' has its own", name, self)
            elif given:
                self._config[name] = deepcopy(given)

    # -- what the engine asks

    @classmethod
    def location_of(cls, config: Mapping[str, Any]) -> tuple[str, bool]:
        """Return the folder of a catalog entry, and that it has no versions. Constructs and opens nothing."""
        try:
            return split_folder(config["path"])[1], False
        except KeyError:
            raise DatasetError(f"{cls.__qualname__} needs 'path'") from None

    @property
    def location(self) -> str:
        """The absolute path, or the URL without userinfo, of the folder."""
        return os.path.abspath(self._path) if self._is_local else strip_url(self._path)  # noqa: PTH100

    @property
    def can_stage(self) -> bool:
        """True where the folder is staged as a whole, or each member can be staged."""
        return not self._saves_otherwise() and (self._is_whole or self._members_can("can_stage"))

    @property
    def can_send_stage(self) -> bool:
        """True for a local folder that can be staged."""
        return self._is_local and self.can_stage and (self._is_whole or self._members_can("can_send_stage"))

    @property
    def is_half(self) -> bool:
        """Whether partitions are there, and others that belong to them are not yet."""
        return is_begun(self._storage, self._path) and any(True for _ in self.names())

    @property
    def staging_place(self) -> Place:
        """Where unfinished saves leave their traces."""
        path = os.path.abspath(self._path) if self._is_local else self._path  # noqa: PTH100
        return Place(self._storage, path, below=True)

    def content_digest(self, tell: Callable[[int], None] | None = None) -> str | None:
        """Return the digest of all partitions, telling of the bytes read; None where none can be read so.

        Raises FileNotFoundError when there is no partition, and DatasetError.
        """
        digests: dict[str, str | None] = {}
        for name in self.names():
            read = getattr(self.member(self._address_of(name)), "content_digest", None)
            digests[name] = None if read is None else read(tell)
        if not digests:
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), self.location)
        return digest_of_members(digests)

    @property
    def runs_code(self) -> bool:  # type: ignore[override]  # as its members do
        """Whether loading a partition runs code that is in it."""
        return self._members_can("runs_code")

    def load_unchanged(self, digest: str) -> dict[str, Callable[[], Any]]:
        """Return functions that each load one partition, unless it is not as this digest of all tells.

        One that the digest does not know the content of is loaded as it is. Raises DatasetError when there
        is no partition; the functions raise it too.
        """
        known = members_in(digest) or {}
        return {
            self.partition_of(name): self._loader(name, known.get(name), is_known=name in known)
            for name in self._names_to_load()
        }

    def stage(self, data: Mapping[str, Any]) -> Staged | None:
        """Write all partitions beside their targets without showing them; ``None`` where that cannot be."""
        if not self.can_stage:
            return None
        refuse_none(self, data)
        members = self._begin()
        members.write(data)
        return members.finish()

    def stage_chunks(self) -> ChunkStage[Mapping[str, Any]] | None:
        """Begin an output that arrives in dicts; each adds its partitions, the last of an id counts."""
        return self._begin() if self.can_stage else None

    def reset(self) -> None:
        """Remove all partitions if saving replaces them all, so that pieces saved in place begin anew."""
        if self.overwrite:
            for name in list(self.names()):
                self._storage.remove(self._address_of(name))

    # -- the dataset

    def _load(self) -> dict[str, Callable[[], Any]]:
        return {
            self.partition_of(name): self.member(self._address_of(name)).load
            for name in self._names_to_load()
        }

    def _names_to_load(self) -> list[str]:
        names = sorted(self.names())
        if not names:
            raise DatasetError(f"no partitions were found in {self!r}")
        return names

    def _loader(self, name: str, digest: str | None, *, is_known: bool) -> Callable[[], Any]:
        address = self._address_of(name)
        if not is_known:
            return partial(_refuse_new, strip_url(address))
        member = self.member(address)
        return member.load if digest is None else partial(member.load_unchanged, digest)

    def _save(self, data: Mapping[str, Any]) -> None:
        if self.can_stage:
            members = self._begin()
            members.write(data)
            members.finish().publish()
        else:
            self._save_in_place(data)

    def _exists(self) -> bool:
        return not is_begun(self._storage, self._path) and any(True for _ in self.names())

    def _describe(self) -> dict[str, Any]:
        return {
            "path": strip_url(self._path),
            "dataset": self._kind.__qualname__,
            "filename_suffix": self._suffix or None,
            "overwrite": self.overwrite or None,
        }

    # -- members

    def member(self, address: str) -> Any:
        """Return the dataset of one partition. Raises DatasetError."""
        arguments = {name: deepcopy(value) for name, value in self._config.items()}
        arguments[self._filepath_arg] = address
        try:
            found = self._kind(**arguments)
        except DatasetError:
            raise
        except Exception as error:
            raise self._failure("build the 'dataset' of", error) from error
        if not self.durable and hasattr(found, "durable"):
            found.durable = False
        return found

    def materialized(self, data: Any) -> Any:
        """Return the data of a partition; if it is lazy, compute it now."""
        return data() if self._save_lazily and callable(data) else data

    def name_of(self, partition: Any) -> str:
        """Return the path in the folder of a partition. Raises DatasetError for what is no path in it."""
        try:
            return check_partition_id(partition) + self._suffix
        except ValueError as error:
            raise DatasetError(f"cannot save partition {partition!r} of {self!r}: {error}") from None

    def partition_of(self, name: str) -> str:
        """Return the id of a partition by its path in the folder."""
        return name[: len(name) - len(self._suffix)]

    def member_failure(self, partition: str, error: Exception) -> DatasetError:
        """Return the one error that tells which partition could not be saved, and why."""
        cause = error.__cause__ if isinstance(error, DatasetError) and error.__cause__ else error
        return self._failure(f"save partition {partition!r} of", cause)

    def save_failure(self, error: Exception) -> DatasetError:
        """Return the one error that tells why a save failed."""
        return error if isinstance(error, DatasetError) else self._failure("save data to", error)

    def _begin(self) -> Members:
        return Members(self, self._storage, self._path, overwrite=self.overwrite, whole=self._is_whole)

    def _save_in_place(self, data: Mapping[str, Any]) -> None:
        names = []
        for partition, each in in_order(self, data):
            names.append(self.name_of(partition))
            try:
                self.member(self._address_of(names[-1])).save(self.materialized(each))
            except Exception as error:
                raise self.member_failure(partition, error) from error
        if self.overwrite:
            for name in set(self.names()).difference(names):
                self._storage.remove(self._address_of(name))

    def _address_of(self, name: str) -> str:
        return f"{self._path}/{name}"

    def names(self) -> Iterator[str]:
        """Yield the paths in the folder of all partitions, in no order."""
        return member_names(self._storage, self._path, self._suffix, self._load_args)

    def _members_can(self, ability: str) -> bool:
        if self._probe is None:
            self._probe = self.member(self._address_of(f"probe{self._suffix}"))
        return bool(getattr(self._probe, ability, False))

    def _saves_otherwise(self) -> bool:
        """Tell whether a subclass stores the data by code of its own."""
        cls = type(self)
        return cls._save is not PartitionedDataset._save or cls.save is not AbstractDataset.save

    def _check_config(self) -> None:
        if self._filepath_arg in self._config:
            raise DatasetError(
                f"the 'dataset' of a PartitionedDataset gets its {self._filepath_arg!r} from the partition; "
                f"remove it there"
            )
        if VERSIONED in self._config or "version" in self._config:
            raise DatasetError("partitions have no versions; remove 'versioned' from 'dataset'")

    @property
    def _is_local(self) -> bool:
        return self._protocol == "file"

    @property
    def _is_whole(self) -> bool:
        return self.overwrite and self._is_local

    @property
    def _storage(self) -> Storage:
        if self._opened is None:
            self._opened = storage_for(self._path, *self._connection)[0]
        return self._opened


def _refuse_new(address: str) -> None:
    """Refuse a partition that runs code and that nobody has committed."""
    raise DatasetError(
        f"{address} was not there when this project committed its folder, and loading it runs the code in "
        f"it; accept it with 'incremental adopt', or make the folder again"
    )
