"""Versioned datasets: ``filepath/<version>/<name of the file>``, newest first, none ever overwritten.

It decides on names only; reading and writing are left to the datasets.
"""

from __future__ import annotations

import os
import warnings
from datetime import datetime, timezone
from glob import iglob
from pathlib import PurePath, PurePosixPath
from typing import TYPE_CHECKING, Any

from incremental.errors import DatasetError, VersionAlreadyExistsError, VersionNotFoundError
from incremental.io.dataset import AbstractDataset, In, Out, Version, explain
from incremental.io.files.staging import is_staging_name
from incremental.secrets import strip_url

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

_LATEST_SHOWN = 3


def generate_timestamp() -> str:
    """Return the present moment as a version name: ``2024-01-15T10.30.45.123Z``, in UTC."""
    now = datetime.now(timezone.utc)
    return f"{now:%Y-%m-%dT%H.%M.%S}.{now.microsecond // 1000:03d}Z"


def check_version_name(version: str) -> str:
    """Return ``version`` if it is one name, so that none climbs out of its folder. Raises DatasetError."""
    if not isinstance(version, str) or version in ("", ".", "..") or any(sign in version for sign in "/\\\0"):
        raise DatasetError(
            f"version {version!r} cannot be used; "
            f"a version is one name, without '/', '\\' and NUL, and not '..'"
        )
    if is_staging_name(version):
        raise DatasetError(f"version {version!r} cannot be used; it is a name for unfinished files")
    return version


class AbstractVersionedDataset(AbstractDataset[In, Out]):
    """A dataset whose saves can each go to a version of their own.

    A subclass reads from ``_get_load_path()`` and writes to ``_get_save_path()``; without a
    ``version`` both are the filepath itself.

    Example::

        class ModelDataset(AbstractVersionedDataset[Model, Model]):
            def __init__(self, filepath: str, version: Version | None = None):
                super().__init__(PurePosixPath(filepath), version)

            def _load(self) -> Model:
                return Model.read(str(self._get_load_path()))

            def _save(self, data: Model) -> None:
                path = Path(self._get_save_path())
                path.parent.mkdir(parents=True, exist_ok=True)
                data.write(path)
    """

    _filepath: PurePosixPath

    def __init__(
        self,
        filepath: PurePosixPath,
        version: Version | None,
        exists_function: Callable[[str], bool] | None = None,
        glob_function: Callable[[str], Iterable[str]] | None = None,
    ) -> None:
        self._filepath = filepath
        self._begin(version)
        self._exists_function = exists_function or os.path.exists
        self._glob_function = glob_function or iglob

    def _begin(self, version: Version | None) -> None:
        self._version = version
        self._cached_load_version: str | None = None
        self._cached_save_version: str | None = None

    @property
    def version(self) -> Version | None:
        """The versions that it was told to load and to save; None without versions."""
        return self._version

    def save(self, data: In) -> None:
        """Store the data, in a new version where this dataset has versions. Raises DatasetError."""
        super().save(data)
        if self._version:
            self._warn_of_other_version()

    def resolve_load_version(self) -> str | None:
        """Return the version that ``load`` reads: the pinned one, or the latest, looked up once.

        Raises VersionNotFoundError when there is none.
        """
        if not self._version:
            return None
        if self._version.load:
            return check_version_name(self._version.load)
        if self._cached_load_version is None:
            latest = next(iter(self._existing_versions()), None)
            if latest is None:
                raise VersionNotFoundError(f"no version of {self!r} has been saved")
            self._cached_load_version = latest
        return self._cached_load_version

    def resolve_save_version(self) -> str | None:
        """Return the version that ``save`` writes: the pinned one, or the present moment, once a save."""
        if not self._version:
            return None
        if self._version.save:
            return check_version_name(self._version.save)
        if self._cached_save_version is None:
            self._cached_save_version = generate_timestamp()
        return self._cached_save_version

    def list_versions(self, full_path: bool = True) -> list[str]:
        """Return all complete versions, newest first, as paths or as names."""
        versions = list(self._existing_versions())
        return [str(self._get_versioned_path(version)) for version in versions] if full_path else versions

    def _release(self) -> None:
        self._cached_load_version = self._cached_save_version = None

    def _get_load_path(self) -> PurePosixPath:
        version = self.resolve_load_version()
        return self._filepath if version is None else self._get_versioned_path(version)

    def _get_save_path(self) -> PurePosixPath:
        version = self._next_save_version()
        return self._filepath if version is None else self._get_versioned_path(version)

    def _get_versioned_path(self, version: str) -> PurePosixPath:
        return self._filepath / check_version_name(version) / self._filepath.name

    def _existing_versions(self) -> Iterable[str]:
        """Yield the names of complete versions, newest first."""
        pattern = str(self._filepath / "*" / self._filepath.name)
        try:
            paths = sorted(self._glob_function(pattern), reverse=True)
        except Exception as error:
            raise VersionNotFoundError(f"cannot list the versions of {self!r}: {explain(error)}") from error
        for path in paths:
            version = PurePath(path).parent.name
            if not is_staging_name(version) and self._exists_function(path):
                yield version

    def _version_is_there(self, version: str) -> bool:
        return self._exists_function(str(self._get_versioned_path(version)))

    def _next_save_version(self) -> str | None:
        """Return a version to save to that is not there yet; ``None`` without versions.

        Raises VersionAlreadyExistsError when the pinned one is there.
        """
        self._forget_load_version()
        version = self.resolve_save_version()
        if version is None or self._version is None:
            return None
        while self._version_is_there(version):
            if self._version.save:
                raise self._already_exists(version)
            self._cached_save_version = version = generate_timestamp()  # that one was saved; this is the next
        return version

    def _forget_load_version(self) -> None:
        self._cached_load_version = None

    def _already_exists(self, version: str) -> VersionAlreadyExistsError:
        return VersionAlreadyExistsError(
            f"version {version!r} of {self!r} exists, and a version is never overwritten; "
            f"save under another one"
        )

    def _no_such_version(self, version: str) -> VersionNotFoundError:
        latest = [name for name, _ in zip(self._existing_versions(), range(_LATEST_SHOWN), strict=False)]
        there = f"the latest are {', '.join(map(repr, latest))}" if latest else "there is none"
        return VersionNotFoundError(f"version {version!r} of {self!r} was not found; {there}")

    def _warn_of_other_version(self) -> None:
        saved, read = self.resolve_save_version(), self.resolve_load_version()
        if saved == read:
            return
        is_pinned = self._version is not None and self._version.load
        reason = "pin no load version of what is saved" if is_pinned else "it is newer by its name"
        warnings.warn(f"{self!r} saved version {saved!r}, but loads version {read!r}; {reason}", stacklevel=3)
        self._forget_load_version()

    def _describe(self) -> dict[str, Any]:
        return {"filepath": strip_url(str(self._filepath)), "version": self._version}
