"""Configuration that is no local folder: an archive, or a remote folder, listed once and read once.

It extracts nothing to disk, follows no links, and does not read YAML.
"""

from __future__ import annotations

import io
import tarfile
import zipfile
from typing import TYPE_CHECKING, Any

from incremental.config.document import LARGEST, bytes_of
from incremental.config.faults import Fault, show_path
from incremental.config.folder import SUFFIXES, ConfigSource
from incremental.errors import ConfigError, MissingConfigError
from incremental.secrets import strip_url

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence

_MOST_BYTES = 4 * LARGEST  # in one archive, unpacked
_MOST_FILES = 100_000
_ADDED_BY_SYSTEMS = "__MACOSX"


class ConfigTree(ConfigSource):
    """Files by the path they have below ``place``; their bytes are fetched when first asked for."""

    def __init__(
        self,
        place: str,
        files: Collection[str],
        folders: Iterable[str],
        fetch: Callable[[Sequence[str]], Mapping[str, bytes]],
        ignore_hidden: bool,
    ) -> None:
        super().__init__(place, ignore_hidden)
        self._files = sorted(name for name in files if name.endswith(SUFFIXES))
        self._environments = {name.partition("/")[0] for name in (*folders, *_folders(files)) if name}
        self._fetch = fetch
        self._bytes: dict[str, bytes] = {}

    def environments(self) -> list[str]:
        """Return the names of the environments, sorted."""
        return sorted(name for name in self._environments if not self.is_hidden(name))

    def read(self, file: str) -> bytes:
        """Return the bytes of one file, or as many as show that it is too large."""
        name = file.removeprefix(f"{self.place}/")
        if name not in self._bytes:
            self._bytes.update(self._fetch([name]))
        return self._bytes[name]

    def files(self, env: str, patterns: Sequence[str]) -> tuple[list[str], list[Fault]]:
        """Return the files of one environment that match, sorted; their bytes are fetched together."""
        found, faults = super().files(env, patterns)
        names = [file.removeprefix(f"{self.place}/") for file in found]
        missing = [name for name in names if name not in self._bytes]
        if missing:
            self._bytes.update(self._fetch(missing))
        return found, faults

    def _names(self, env: str, deep: bool, faults: list[Fault]) -> Iterator[str]:
        prefix = f"{env}/" if env else ""
        for file in self._files:
            name = file.removeprefix(prefix)
            if not file.startswith(prefix) or any(self.is_hidden(part) for part in name.split("/")):
                continue
            if deep or "/" not in name:
                yield name


def open_archive(place: str, base_env: str, ignore_hidden: bool) -> ConfigTree:
    """Read a ``.zip`` or ``.tar.*`` archive, a local one or one at a URL, into memory.

    Its environments lie at the top, or in a folder there, as ``kedro package`` makes it.

    Raises:
        MissingConfigError: there is no such file.
        ConfigError: it is no archive, or one that is larger than configuration can be.
    """
    data = _archive_bytes(place)
    shown = show_path(place)
    try:
        members = dict(_zip_members(data) if place.endswith(".zip") else _tar_members(data))
    except _TooLargeError:
        raise ConfigError(
            f"archive {shown!r} is larger than {_MOST_BYTES // 2**20} MiB or {_MOST_FILES:,} files "
            "when it is unpacked; configuration is meant to be small"
        ) from None
    except Exception as error:  # damaged archives end in errors of zlib, struct, lzma, ...
        what = str(error).partition("\n")[0].rstrip(":")
        raise ConfigError(f"archive {shown!r} cannot be unpacked: {what}; make it again") from error
    root = _root([*members], base_env)
    inner = {name.removeprefix(root): content for name, content in members.items() if name.startswith(root)}
    files = {name: content for name, content in inner.items() if content is not None}
    folders = [name for name, content in inner.items() if content is None]
    top = f"{place}/{root}".rstrip("/")
    return ConfigTree(top, files, folders, lambda names: {name: files[name] for name in names}, ignore_hidden)


def open_remote(place: str, ignore_hidden: bool) -> ConfigTree:
    """List a folder at a URL (``s3://``, ``memory://``, ...); credentials are those of the environment.

    Raises:
        MissingConfigError: there is no such folder.
        ConfigError: it cannot be listed, or what its protocol needs is not installed.
    """
    from fsspec.core import url_to_fs

    shown = strip_url(place)
    try:
        fs, root = url_to_fs(place)
        found: dict[str, Any] = fs.find(root, withdirs=True, detail=True)
    except FileNotFoundError:
        found = {}
    except Exception as error:  # of any library behind fsspec
        raise ConfigError(f"conf_source {shown!r} cannot be listed: {_reason(error)}") from error
    root = root.rstrip("/")
    names = {path: path.removeprefix(root).strip("/") for path in found}
    if not any(names.values()):
        raise MissingConfigError(f"configuration folder {shown!r} does not exist, or is empty")
    paths = {name: path for path, name in names.items() if found[path].get("type") != "directory"}
    folders = [name for path, name in names.items() if found[path].get("type") == "directory"]

    def fetch(wanted: Sequence[str]) -> dict[str, bytes]:
        try:
            if any((found[paths[name]].get("size") or 0) > LARGEST for name in wanted):
                return {name: fs.cat_file(paths[name], end=LARGEST + 1) for name in wanted}
            contents: dict[str, bytes] = fs.cat([paths[name] for name in wanted], on_error="raise")
        except Exception as error:
            raise ConfigError(f"conf_source {shown!r} cannot be read: {_reason(error)}") from error
        return {name: contents[paths[name]] for name in wanted}

    return ConfigTree(place.rstrip("/"), [*paths], folders, fetch, ignore_hidden)


class _TooLargeError(Exception):
    """An archive holds more than configuration can."""


def _archive_bytes(place: str) -> bytes:
    shown = show_path(place)
    try:
        data = _remote_bytes(place) if "://" in place else bytes_of(place)
    except FileNotFoundError:
        raise MissingConfigError(
            f"archive {shown!r} does not exist; correct CONF_SOURCE in settings.py or --conf-source"
        ) from None
    except Exception as error:  # of any library behind fsspec
        raise ConfigError(f"archive {shown!r} cannot be read: {_reason(error)}") from error
    if len(data) > LARGEST:
        raise ConfigError(
            f"archive {shown!r} is larger than {LARGEST // 2**20} MiB; configuration is meant to be small"
        )
    return data


def _remote_bytes(place: str) -> bytes:
    import fsspec

    with fsspec.open(place, "rb") as stream:
        data: bytes = stream.read(LARGEST + 1)
    return data


def _zip_members(data: bytes) -> Iterator[tuple[str, bytes | None]]:
    """Yield path and content of the files of configuration; None is the content of a folder."""
    limit = _Limit()
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        for member in archive.infolist():
            if member.is_dir():
                yield from limit.taken(member.filename, None)
            elif member.filename.endswith(SUFFIXES):
                with archive.open(member) as stream:
                    yield from limit.taken(member.filename, stream)


def _tar_members(data: bytes) -> Iterator[tuple[str, bytes | None]]:
    limit = _Limit()
    with tarfile.open(fileobj=io.BytesIO(data), mode="r:*") as archive:
        for member in archive:
            if member.offset_data + member.size > _MOST_BYTES:
                raise _TooLargeError
            if member.isdir():
                yield from limit.taken(member.name, None)
            elif member.isreg() and member.name.endswith(SUFFIXES):
                stream = archive.extractfile(member)
                assert stream is not None
                with stream:
                    yield from limit.taken(member.name, stream)


class _Limit:
    """Lets members of an archive through until they are more than configuration can be."""

    def __init__(self) -> None:
        self._bytes = 0
        self._files = 0

    def taken(self, name: str, stream: Any) -> Iterator[tuple[str, bytes | None]]:
        parts = [part for part in name.split("/") if part not in ("", ".")]
        if name.startswith("/") or ".." in parts or not parts:
            return  # nothing is written by its name; but it would lie outside
        content = None if stream is None else stream.read(LARGEST + 1)
        self._files += 1
        self._bytes += len(content or b"")
        if self._bytes > _MOST_BYTES or self._files > _MOST_FILES:
            raise _TooLargeError
        yield "/".join(parts), content


def _root(names: Sequence[str], base_env: str) -> str:
    """Return the folder of an archive in which the environments lie, with a slash at its end."""
    tops = sorted({name.partition("/")[0] for name in (*names, *_folders(names))} - {_ADDED_BY_SYSTEMS})
    folders = [top for top in tops if any(name.startswith(f"{top}/") for name in names)]
    if not base_env or base_env in tops or not folders:
        lone = len(tops) == 1 and not base_env and folders
        return f"{tops[0]}/" if lone else ""
    holding = [top for top in folders if any(name.startswith(f"{top}/{base_env}/") for name in names)]
    return f"{(holding or folders)[-1]}/"


def _folders(files: Iterable[str]) -> Iterator[str]:
    for file in files:
        folder, slash, _ = file.rpartition("/")
        if slash:
            yield folder


def _reason(error: BaseException) -> str:
    text = strip_url(str(error) or type(error).__name__).splitlines()[0]
    return f"{text}; check the address, and what reaches it"
