"""What an opened project no longer needs, and its removal. It never names an output, and prints nothing."""

from __future__ import annotations

import contextlib
import os
import re
import tempfile
import time
from collections import defaultdict
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from incremental.cli.inventory import Inventory
from incremental.errors import IncrementalError
from incremental.io.dataset import explain
from incremental.io.files.leftovers import Leftover, Place, leftovers, place_of
from incremental.io.files.pruning import remove_version, version_sizes
from incremental.render.cleaning import Kept, Waste
from incremental.secrets import strip_url

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from incremental.session import Session

_YOUNG = 24 * 3600  # seconds; a younger upload may belong to somebody who is alive
_SPOOL = re.compile(r"\.spool\.(\d+)\..*\.incremental-tmp")


@dataclass(frozen=True, slots=True)
class Removable:
    """One thing that may go, and how it goes."""

    waste: Waste
    remove: Callable[[], None]


class Cleaning:
    """Finds what is to be removed, and removes it.

    Args:
        session: the opened project.
        keep_versions: how many versions of each dataset stay; None for all.
        keep_runs: how many runs stay in the history; None for all.
    """

    def __init__(self, session: Session, keep_versions: int | None, keep_runs: int | None) -> None:
        self._session = session
        self._catalog: Any = session.load_context().catalog
        self._keep_versions = keep_versions
        self._keep_runs = keep_runs
        self._runs = session.history.runs()
        self.found: list[Removable] = []
        self.kept: list[Kept] = []
        self._place_by_name = dict(self._places())

    @property
    def waste(self) -> list[Waste]:
        """What was found, or after :meth:`remove` what is gone."""
        return [each.waste for each in self.found]

    @property
    def locations(self) -> list[str]:
        """Where leftovers and versions are removed: what has to be claimed first."""
        return [strip_url(place.path) for place in self._place_by_name.values()]

    def find(self) -> None:
        """Look for everything. Writes nothing."""
        places = self._place_by_name
        self._find_leftovers(places.values())
        self.found += _spools()
        if self._keep_versions is not None:
            for name, place in places.items():
                if place.below:
                    self._find_versions(name, place, self._keep_versions)
        if self._keep_runs is not None:
            self._find_runs(self._keep_runs)
        self._find_ledgers()

    def remove(self) -> None:
        """Remove what was found; what cannot be removed is left alone."""
        removed = []
        for each in self.found:
            try:
                each.remove()
            except Exception as error:  # noqa: BLE001 - each file system raises its own
                self.kept.append(Kept(each.waste.name, explain(error)))
            else:
                removed.append(each)
        self.found = removed

    def _places(self) -> Iterator[tuple[str, Place]]:
        for name in Inventory(self._session).names:
            try:
                place = place_of(self._catalog.get(name))
            except IncrementalError as error:
                self.kept.append(Kept(name, str(error).partition("\n")[0]))
            else:
                if place is not None:
                    yield name, place
                elif self._keep_versions is not None and (self._catalog.entry(name) or {}).get("versioned"):
                    kind = (self._catalog.get_type(name) or "").rpartition(".")[2]
                    self.kept.append(
                        Kept(name, f"{kind} is no dataset of ours: remove its old versions by hand")
                    )

    def _find_leftovers(self, places: Iterable[Place]) -> None:
        by_storage: defaultdict[str, list[Place]] = defaultdict(list)
        for place in places:
            by_storage[place.path.partition("://")[0] if "://" in place.path else "file"].append(place)
        running = next((run.run_id for run in self._runs if run.status == "running"), None)
        busy = None if running is None else f"run {running} is still running"
        for together in by_storage.values():
            try:
                for leftover in leftovers(together):
                    self._take(leftover, busy)
            except Exception as error:  # noqa: BLE001 - each file system raises its own
                self.kept.append(Kept(together[0].path, explain(error)))

    def _take(self, leftover: Leftover, busy: str | None) -> None:
        is_upload = leftover.upload is not None
        with contextlib.suppress(FileNotFoundError):  # gone meanwhile
            since = leftover.since()
            if busy is None and is_upload and since > time.time() - _YOUNG:
                busy = "an upload begun less than a day ago"
            if busy is not None:
                self.kept.append(Kept(leftover.path, busy))
                return
            kind = "unfinished upload" if is_upload else "unfinished save"
            self.found.append(Removable(Waste(kind, leftover.path, leftover.size(), since), leftover.remove))

    def _find_versions(self, name: str, place: Place, keep: int) -> None:
        try:
            sizes = version_sizes(place)
        except Exception as error:  # noqa: BLE001 - each file system raises its own
            self.kept.append(Kept(place.path, explain(error)))
            return
        for version in list(sizes)[keep:]:
            path = f"{place.path}/{version}"
            if self._catalog.load_versions.get(name) == version:
                self.kept.append(Kept(path, "the version that is loaded"))
                continue
            self.found.append(
                Removable(Waste("old version", path, sizes[version]), partial(remove_version, place, version))
            )

    def _find_runs(self, keep: int) -> None:
        history = self._session.history
        staying = {run.session_id for run in self._runs[:keep]}
        for run in self._runs[keep:]:
            if run.status == "running":
                self.kept.append(Kept(f"run {run.run_id}", "it is still running"))
                staying.add(run.session_id)
                continue
            self.found.append(
                Removable(
                    Waste("old run", run.run_id, None, run.started), partial(history.forget, run.run_id)
                )
            )
        gone = {run.session_id for run in self._runs[keep:]} - staying
        for session_id in sorted(filter(None, gone)):
            record = self._folder / "sessions" / f"{session_id}.json"
            if Path(session_id).name == session_id and record.is_file():
                self.found.append(_file("old record", record))

    def _find_ledgers(self) -> None:
        self.found += [
            _file("damaged ledger", path)
            for path in sorted(self._folder.glob("*.damaged-*"))
            if path.is_file()
        ]

    @property
    def _folder(self) -> Path:
        return Path(self._session.project.path) / ".incremental"


def _spools() -> Iterator[Removable]:
    """Yield what dead processes of this user had spooled on its way to a store."""
    if not hasattr(os, "getuid"):
        return
    with os.scandir(tempfile.gettempdir()) as found:
        for entry in found:
            match = _SPOOL.fullmatch(entry.name)
            if match is None or entry.stat(follow_symlinks=False).st_uid != os.getuid():
                continue
            if not _is_alive(int(match[1])):
                yield _file("unfinished upload", Path(entry.path))


def _file(kind: str, path: Path) -> Removable:
    status = path.lstat()
    waste = Waste(kind, str(path), status.st_size, status.st_mtime)
    return Removable(waste, partial(path.unlink, missing_ok=True))


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except (OSError, OverflowError):
        return True
    return True
