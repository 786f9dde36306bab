"""A place of configuration: which environments it has, which files belong to a kind, their bytes.

It does not read YAML, and it never opens a file outside its environments by name: an environment
is one that the folder lists.
"""

from __future__ import annotations

import os
import re
from abc import ABC, abstractmethod
from pathlib import Path
from typing import TYPE_CHECKING

from incremental.config.document import bytes_of
from incremental.config.faults import Fault, show_path
from incremental.errors import ConfigError, MissingConfigError, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

SUFFIXES = (".yml", ".yaml", ".json")
ARCHIVES = (".zip", ".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tar.xz")
LOCAL = "file://"


class ConfigSource(ABC):
    """Where configuration comes from; an environment is a folder in ``place``."""

    def __init__(self, place: str, ignore_hidden: bool = True) -> None:
        self.place = place
        self.ignore_hidden = ignore_hidden

    @abstractmethod
    def environments(self) -> list[str]:
        """Return the names of the environments, sorted."""

    @abstractmethod
    def read(self, file: str) -> bytes:
        """Return the bytes of one file, or as many as show that it is too large; raises ``OSError``."""

    @abstractmethod
    def _names(self, env: str, deep: bool, faults: list[Fault]) -> Iterator[str]:
        """Yield the files of an environment, by their path in it; ``deep``: those in its folders too."""

    def check(self, env: str, *, asked_for: bool) -> bool:
        """Tell whether an environment is there; raises ConfigError when it must be or its name is no name."""
        known = self.environments()
        if env in known or env == "":
            return True
        if env.strip(".") == "" or re.search(r"[/\\:\0]", env):
            raise ConfigError(
                f"environment {env!r} is not a name but a path; use one of the folders in "
                f"{show_path(self.place)!r}: {_listed(known)}"
            )
        if not asked_for:
            return False
        raise ConfigError(
            f"environment {env!r} is not a folder in {show_path(self.place)!r}, "
            f"which has {_listed(known)}{did_you_mean(env, known)}"
        )

    def files(self, env: str, patterns: Sequence[str]) -> tuple[list[str], list[Fault]]:
        """Return the files of one environment that match, sorted, and the folders that cannot be read."""
        faults: list[Fault] = []
        wanted = re.compile("|".join(_regex(pattern) for pattern in patterns))
        deep = any("/" in pattern for pattern in patterns)
        names = [name for name in self._names(env, deep, faults) if wanted.fullmatch(name)]
        top = f"{self.place}/{env}" if env else self.place
        return [f"{top}/{name}" for name in sorted(names)], faults

    def is_hidden(self, name: str) -> bool:
        """Tell whether a file or folder is left out because its name begins with a dot."""
        return self.ignore_hidden and name.startswith(".")


class ConfigFolder(ConfigSource):
    """Configuration in a local folder."""

    def __init__(self, place: str, ignore_hidden: bool = True) -> None:
        super().__init__(str(Path(place)), ignore_hidden)

    def environments(self) -> list[str]:
        """Return the names of the environments, sorted."""
        try:
            with os.scandir(self.place) as entries:
                return sorted(
                    each.name for each in entries if each.is_dir() and not self.is_hidden(each.name)
                )
        except FileNotFoundError:
            raise MissingConfigError(
                f"configuration folder {show_path(self.place)!r} does not exist; create it, "
                "or name another one with CONF_SOURCE in settings.py or --conf-source"
            ) from None
        except NotADirectoryError:
            raise ConfigError(
                f"configuration folder {show_path(self.place)!r} is a file; "
                "name a folder, or a .zip or .tar.gz of one"
            ) from None
        except OSError as error:
            raise ConfigError(_unreadable(self.place, error)) from error

    def read(self, file: str) -> bytes:
        """Return the bytes of one file, or as many as show that it is too large."""
        return bytes_of(file)

    def _names(self, env: str, deep: bool, faults: list[Fault]) -> Iterator[str]:
        return self._walk(str(Path(self.place, env)), "", deep, faults)

    def _walk(self, top: str, prefix: str, deep: bool, faults: list[Fault]) -> Iterator[str]:
        try:
            with os.scandir(f"{top}/{prefix}") as found:
                entries = list(found)
        except OSError as error:
            faults.append(Fault(None, _unreadable(f"{top}/{prefix}".rstrip("/"), error)))
            return
        for entry in entries:
            if self.is_hidden(entry.name):
                continue
            name = prefix + entry.name
            if name.endswith(SUFFIXES) and entry.is_file():
                yield name
            elif deep and entry.is_dir() and not _is_loop(entry):
                yield from self._walk(top, f"{name}/", deep, faults)


def _is_loop(entry: os.DirEntry[str]) -> bool:
    """Tell whether a link leads back to a folder that contains it."""
    if not entry.is_symlink():
        return False
    parent = Path(entry.path).parent.resolve()
    return Path(entry.path).resolve() in (parent, *parent.parents)


def _regex(pattern: str) -> str:
    """Translate a glob: ``*`` stays within a folder, ``**`` as a whole part crosses folders."""
    *folders, last = pattern.strip("/").split("/")
    regex = "".join("(?:[^/]+/)*" if part == "**" else f"{_part(part)}/" for part in folders)
    return regex + (".+" if last == "**" else _part(last))


def _part(part: str) -> str:
    pieces = re.split(r"(\*+|\?|\[[^\]]*\])", part)
    regex = ""
    for piece in pieces:
        if piece.startswith("*"):
            regex += "[^/]*"
        elif piece == "?":
            regex += "[^/]"
        elif piece.startswith("["):
            regex += "[^" + piece[2:] if piece.startswith("[!") else piece
        else:
            regex += re.escape(piece)
    return regex


def _unreadable(path: str, error: OSError) -> str:
    reason = (error.strerror or type(error).__name__).lower()
    return f"cannot read {show_path(path)!r}: {reason}; check its permissions"


def _listed(names: Sequence[str]) -> str:
    return ", ".join(repr(name) for name in names) or "none"
