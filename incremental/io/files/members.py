"""The members of a partitioned folder: their names, their staging, and the mark while several are published.

It knows no formats, and no datasets but the one it is given.
"""

# Strings and `os`, not Path, as in the staging of files.
# ruff: noqa: PTH100, PTH106, PTH114, PTH120
from __future__ import annotations

import os
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from incremental.errors import DatasetError
from incremental.io.catalog.markers import SUFFIX, is_marked, mark, unmark
from incremental.io.files.folders import FolderStage
from incremental.io.files.member_digests import digest_of_members
from incremental.io.files.staging import LocalStage, is_staging_name, make_folders, sync_folder
from incremental.io.files.storage import split_address
from incremental.secrets import strip_url

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from incremental.io.dataset import Staged
    from incremental.io.files.partitions import PartitionedDataset
    from incremental.io.files.storage import Storage

_MOST_HELD = 64 << 20  # bytes of small objects kept in memory until they are published


def split_folder(path: str | os.PathLike[str]) -> tuple[str, str]:
    """Return protocol and path, or URL, of a folder, without a slash at its end. Raises DatasetError."""
    protocol, text = split_address(path)
    folder = text.rstrip("/")
    if not folder or folder.endswith(":"):
        raise DatasetError(f"path {strip_url(os.fspath(path))!r} names no folder")
    return protocol, folder


def check_partition_id(partition: Any) -> str:
    """Return an id if it is a path inside the folder. Raises ValueError telling what is wrong with it."""
    if not isinstance(partition, str):
        raise ValueError(f"its id is {type(partition).__name__!r}; an id is a text")
    parts = partition.replace(os.sep, "/").split("/")
    if "\0" in partition or any(part in ("", ".", "..") for part in parts):
        raise ValueError("an id is a path in the folder, without '..', '.', NUL and empty names")
    if os.path.splitdrive(partition)[0]:
        raise ValueError("an id is a path in the folder, without a drive")
    if any(is_hidden(part) for part in parts):
        raise ValueError("this is a name for unfinished files")
    return partition


def is_hidden(name: str) -> bool:
    """Whether a file of this name is ours and no member."""
    return is_staging_name(name) or name.endswith(SUFFIX)


def member_names(
    storage: Storage, path: str, suffix: str, load_args: Mapping[str, Any] | None = None
) -> Iterator[str]:
    """Yield the paths in the folder of its members, in no order; a local folder is read as far as needed."""
    for name in storage.names(path, **(load_args or {})):
        if name.endswith(suffix) and not (".incremental-" in name and any(map(is_hidden, name.split("/")))):
            yield name


def is_begun(storage: Storage, path: str) -> bool:
    """Whether several members began to be published and never all were."""
    if storage.protocol == "file":
        return is_marked(os.path.abspath(path))
    return storage.exists(_mark_within(path))


class Members:
    """Stages partitions as they arrive; all of them are published together.

    Args:
        dataset: makes the dataset of each partition.
        storage: where the folder is.
        path: the folder.
        overwrite: whether what is not saved anew is removed.
        whole: whether the folder is staged as one, and exchanged.
    """

    def __init__(
        self, dataset: PartitionedDataset, storage: Storage, path: str, *, overwrite: bool, whole: bool
    ) -> None:
        self._dataset = dataset
        self._storage = storage
        self._path = os.path.abspath(path) if storage.protocol == "file" else path
        self._overwrite = overwrite
        self._folder = FolderStage(self._path, dataset.durable) if whole else None
        self._root: str | None = None
        """Where members are written: the folder, or the one that will take its place."""
        self._created: list[str] = []
        self._staged: dict[str, Staged] = {}
        self._digests: dict[str, str | None] = {}
        self._held = 0

    def write(self, chunk: Mapping[str, Any]) -> None:
        """Stage more partitions. Raises DatasetError, and then all are discarded."""
        try:
            if self._root is None:
                self._root = self._open()
            for partition, data in in_order(self._dataset, chunk):
                self._take(self._root, partition, data)
        except Exception as error:
            self.discard()
            raise self._dataset.save_failure(error) from error
        except BaseException:
            self.discard()
            raise

    def finish(self) -> Staged:
        """Return the whole. Raises DatasetError when nothing was ever written."""
        try:
            if self._root is None:
                raise ValueError("the node yielded no data, so there is nothing to save")
            if self._folder is not None:
                self._folder.seal()
                return FolderSave(self._folder, digest_of_members(self._digests), self._dataset.save_failure)
            if self._storage.protocol == "file":
                _refuse_files_that_are_folders(self._staged)
        except Exception as error:
            self.discard()
            raise self._dataset.save_failure(error) from error
        except BaseException:
            self.discard()
            raise
        save = MembersSave(self._dataset, self._storage, self._path, self._staged, self._created)
        others = () if self._overwrite else self._dataset.names()  # those stay as they are
        save.digest = digest_of_members({**dict.fromkeys(others), **self._digests})
        return save

    def discard(self) -> None:
        """Remove what was written; safe when called twice."""
        if self._folder is not None:
            self._folder.discard()
        for staged in self._staged.values():
            staged.discard()
        self._staged = {}
        _remove_empty(self._created)
        self._root, self._created = None, []

    def _open(self) -> str:
        if self._folder is not None:
            return self._folder.open()
        if self._storage.protocol == "file":
            self._created = make_folders(self._path)
        return self._path

    def _take(self, root: str, partition: str, data: Any) -> None:
        name = self._dataset.name_of(partition)
        address = f"{root}/{name}"
        try:
            member = self._dataset.member(address)
            if self._folder is not None:
                if hasattr(member, "durable"):
                    member.durable = False  # the folder is synced as a whole
                self._digests[name] = _saved(member, self._dataset.materialized(data))
                return
            if self._storage.protocol == "file":
                _refuse_links_out(root, address)
            former = self._staged.pop(name, None)
            if former is not None:
                former.discard()
            self._staged[name] = member.stage(self._dataset.materialized(data))
        except Exception as error:
            raise self._dataset.member_failure(partition, error) from error
        self._digests[name] = getattr(self._staged[name], "digest", None)
        self._hold(self._staged[name])

    def _hold(self, staged: Staged) -> None:
        """Keep small objects in memory until they are published, but not any number of them."""
        stage: Any = getattr(staged, "stage", None)
        self._held += getattr(stage, "held", 0)
        if self._held > _MOST_HELD and stage is not None:
            self._held -= stage.held
            stage.send()


class FolderSave:
    """A folder on its way that is staged as a whole."""

    def __init__(
        self, stage: FolderStage, digest: str | None, failure: Callable[[Exception], DatasetError]
    ) -> None:
        self.digest = digest
        self._stage = stage
        self._failure = failure

    def publish(self) -> None:
        """Exchange it with the one that is there. Raises DatasetError, and then nothing has changed."""
        try:
            self._stage.publish()
        except Exception as error:
            raise self._failure(error) from error

    def discard(self) -> None:
        """Remove it without trace."""
        self._stage.discard()


class MembersSave:
    """Members on their way: each is staged, and published together with the others."""

    def __init__(
        self,
        dataset: PartitionedDataset,
        storage: Storage,
        path: str,
        staged: dict[str, Staged],
        created: list[str],
    ) -> None:
        self._dataset = dataset
        self._storage = storage
        self._path = path
        self._staged = staged
        self._created = created
        self._published = 0
        self.digest: str | None = None
        """Of all that will be in the folder, without those of members that stay; None where none is known."""

    def publish(self) -> None:
        """Make all visible, marked as begun until the last is. Raises DatasetError.

        Should one fail, those before it are new and those after it are old, and the mark stays.
        """
        needs_mark = (
            len(self._staged) > 1
            or self._dataset.overwrite
            or is_begun(self._storage, self._path)  # by a save that never ended: this one does
        )
        try:
            if needs_mark:
                self._begin()
            for name, staged in self._staged.items():
                self._publish(name, staged)
                self._published += 1
            if self._dataset.overwrite:
                self._remove_others()
            if self._dataset.durable and self._storage.protocol == "file":
                _sync_folders(self._path, self._staged, self._created)
            self._created = []
            if needs_mark:
                self._end()
        except Exception as error:
            self.discard()
            if needs_mark and not self._published:
                with suppress(Exception):  # it stays: a needless run is better than half a folder
                    self._end()
            raise self._dataset.save_failure(error) from error

    def discard(self) -> None:
        """Remove what is not published."""
        for staged in self._staged.values():
            staged.discard()
        _remove_empty(self._created)
        self._created = []

    def _publish(self, name: str, staged: Staged) -> None:
        stage = getattr(staged, "stage", None)
        if isinstance(stage, LocalStage):
            stage.durable = False  # the file is on disk; the folders follow, each of them once
        try:
            staged.publish()
        except Exception as error:
            raise self._dataset.member_failure(self._dataset.partition_of(name), error) from error

    def _remove_others(self) -> None:
        for name in list(self._storage.names(self._path)):
            if name not in self._staged and name != SUFFIX:
                self._storage.remove(f"{self._path}/{name}")

    def _begin(self) -> None:
        if self._storage.protocol == "file":
            mark(self._path, durable=self._dataset.durable)
            return
        stage = self._storage.stage(_mark_within(self._path))
        with stage as file:
            file.write(b"{}")
        stage.publish()

    def _end(self) -> None:
        if self._storage.protocol == "file":
            unmark(self._path)
            return
        with suppress(FileNotFoundError):
            self._storage.remove(_mark_within(self._path))


def in_order(dataset: PartitionedDataset, chunk: Any) -> list[tuple[str, Any]]:
    """Return partitions and their data, by id, as Kedro saves them. Raises DatasetError for other data."""
    if not hasattr(chunk, "items"):
        raise DatasetError(
            f"cannot save {type(chunk).__name__!r} to {dataset!r}; save a dict of data by partition id"
        )
    return sorted(chunk.items(), key=lambda item: str(item[0]))


def _saved(member: Any, data: Any) -> str | None:
    """Save a member where nobody sees it yet, and return its digest if it takes one."""
    staged = member.stage(data) if getattr(member, "can_stage", False) else None
    if staged is None:
        member.save(data)
        return None
    staged.publish()
    digest: str | None = getattr(staged, "digest", None)
    return digest


def _mark_within(path: str) -> str:
    return f"{path}/{SUFFIX}"


def _refuse_links_out(root: str, address: str) -> None:
    """Refuse a member that a link would put somewhere else."""
    folder = os.path.dirname(address)
    if folder != root or os.path.islink(address):
        there = os.path.realpath(address)
        if not there.startswith(f"{os.path.realpath(root)}/".replace("/", os.sep)):
            raise ValueError(f"a link leads out of the folder, to {there!r}")


def _refuse_files_that_are_folders(names: Iterable[str]) -> None:
    """Refuse ``a`` beside ``a/b``: found when they are published it would be too late."""
    known = set(names)
    for name in known:
        above = name.rpartition("/")[0]
        while above:
            if above in known:
                raise ValueError(f"{above!r} cannot be a file and the folder of {name!r}")
            above = above.rpartition("/")[0]


def _sync_folders(path: str, names: Iterable[str], created: Iterable[str]) -> None:
    folders = {path, *map(os.path.dirname, created)}
    for name in names:
        below = name.rpartition("/")[0]
        while below and f"{path}/{below}" not in folders:
            folders.add(f"{path}/{below}")
            below = below.rpartition("/")[0]
    for folder in folders:
        sync_folder(folder)


def _remove_empty(folders: list[str]) -> None:
    for folder in reversed(folders):
        with suppress(OSError):  # somebody else uses it by now
            os.rmdir(folder)
