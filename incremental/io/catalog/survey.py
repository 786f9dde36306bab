"""Ask the world once what is there: one listing a folder, one request a prefix. It decides nothing."""

from __future__ import annotations

import os
from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from incremental.errors import DatasetError
from incremental.io.catalog.types import builtin_type, unknown_arguments
from incremental.io.dataset import explain
from incremental.io.files.registry import SHORT_NAMES
from incremental.io.files.staging import is_staging_name
from incremental.io.files.storage import Kind, Storage, storage_for
from incremental.pipeline.transcoding import is_parameter
from incremental.planner.facts import Facts, State
from incremental.secrets import Redactor, strip_url

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from incremental.io.catalog.catalog import DataCatalog

_FEW = 4
"""Up to this many names in one folder are asked for one by one: the folder may hold a million others."""


def survey(catalog: DataCatalog, names: Iterable[str]) -> Facts:
    """Return the state of each dataset, asking each location once.

    A dataset of a built-in type is not built for this: its entry says where it lives. Any other is
    built and asked with ``exists()``.

    Args:
        catalog: where the names are looked up.
        names: dataset names as nodes write them.

    Raises:
        DatasetError: entries that cannot be used, or datasets that failed to answer; all at once.
    """
    notes = _Notes(catalog)
    for name in names:
        try:
            notes.take(name)
        except DatasetError as error:
            notes.faults.append(str(error))
    notes.ask_folders()
    if notes.faults:
        raise DatasetError("\n".join(notes.faults))
    return Facts(
        states=notes.states,
        locations=notes.locations,
        versions=notes.versions,
        pins=notes.pins,
        untestable=notes.untestable,
        absent_parameters=frozenset(notes.absent_parameters),
    )


@dataclass(slots=True)
class _Question:
    """Whether one dataset is in the folder that is about to be listed."""

    name: str
    base: str
    """Its name in the folder."""
    versioned: bool
    reads_folders: bool


@dataclass(slots=True)
class _Notes:
    """What has been found so far, and the questions still to be asked, by folder."""

    catalog: DataCatalog
    states: dict[str, State] = field(default_factory=dict)
    locations: dict[str, str] = field(default_factory=dict)
    versions: dict[str, str] = field(default_factory=dict)
    pins: dict[str, str] = field(default_factory=dict)
    untestable: dict[str, str] = field(default_factory=dict)
    absent_parameters: set[str] = field(default_factory=set)
    faults: list[str] = field(default_factory=list)
    local: defaultdict[str, list[_Question]] = field(default_factory=lambda: defaultdict(list))
    remote: dict[tuple[str, str], tuple[Storage, str, list[_Question]]] = field(default_factory=dict)

    def take(self, name: str) -> None:
        """Note the state of one dataset, or a question where a folder must be listed for it."""
        if is_parameter(name):
            if not self.catalog.has_parameter(name):
                self.absent_parameters.add(name)
            return
        dataset = self.catalog.built(name)
        entry = None if dataset is not None else self.catalog.config_resolver.entry(name)
        if dataset is None and entry is None:
            return  # in memory, unknown to the catalog
        kind = None if entry is None else builtin_type(entry["type"], entry.keys())
        if entry is not None and kind is not None and kind not in _NO_FILES:
            self._take_file(name, entry, kind)
        elif kind == SHORT_NAMES["MemoryDataset"] and entry is not None and "data" not in entry:
            self.states[name] = State.EPHEMERAL
        else:
            self._ask(name, self.catalog[name])

    def _take_file(self, name: str, entry: Mapping[str, Any], kind: str) -> None:
        wrong = unknown_arguments(kind, entry.keys())
        if wrong:
            where = self.catalog.config_resolver.where(name)
            raise DatasetError(f"{where}dataset {name!r} of type {entry['type']!r}: {'; '.join(wrong)}")
        filepath = entry.get("filepath")
        if not filepath:
            where = self.catalog.config_resolver.where(name)
            raise DatasetError(f"{where}dataset {name!r} of type {entry['type']!r} needs 'filepath'")
        versioned = bool(entry.get("versioned"))
        if versioned and name in self.catalog.load_versions:
            self.pins[name] = self.catalog.load_versions[name]
        reads_folders = kind.endswith("ParquetDataset")
        if type(filepath) is str and "://" not in filepath and filepath[:1] != "~":
            location = _absolute(filepath)
            folder, _, base = location.rpartition("/")
            self.locations[name] = location
            self.local[folder].append(_Question(name, base, versioned, reads_folders))
            return
        self._take_remote(name, entry, versioned, reads_folders)

    def _take_remote(self, name: str, entry: Mapping[str, Any], versioned: bool, reads_folders: bool) -> None:
        full = self.catalog.config_resolver.with_credentials(name, entry)
        storage, path = storage_for(full["filepath"], full.get("credentials"), full.get("fs_args"))
        if storage.protocol == "file":
            path = _absolute(path)
        self.locations[name] = strip_url(path)
        folder, _, base = path.rpartition("/")
        question = _Question(name, base, versioned, reads_folders)
        if storage.protocol == "file":
            self.local[folder].append(question)
            return
        key = (repr((full.get("credentials"), full.get("fs_args"))) if full is not entry else "", folder)
        self.remote.setdefault(key, (storage, folder, []))[2].append(question)

    def _ask(self, name: str, dataset: Any) -> None:
        """Ask a dataset itself. One that holds its data in memory has been handed in."""
        if getattr(dataset, "ephemeral", False):
            self.states[name] = State.HANDED_IN if dataset.exists() else State.EPHEMERAL
            return
        location = getattr(dataset, "location", None)
        self.locations[name] = location or f"dataset:{name}"
        if not getattr(dataset, "can_test_existence", hasattr(dataset, "exists")):
            self.states[name] = State.UNKNOWN
            self.untestable[name] = type(dataset).__name__
            return
        self.states[name] = State.PRESENT if self.catalog.exists(name) else State.ABSENT
        self._ask_version(name, dataset)

    def _ask_version(self, name: str, dataset: Any) -> None:
        if name in self.catalog.load_versions:
            self.pins[name] = self.catalog.load_versions[name]
        if self.states[name] is State.PRESENT and hasattr(dataset, "resolve_load_version"):
            version = dataset.resolve_load_version()
            if version is not None:
                self.versions[name] = version

    def ask_folders(self) -> None:
        """List each folder once and answer the questions about it."""
        for folder, questions in self.local.items():
            storage, _ = storage_for(folder)
            try:
                if all(not question.versioned for question in questions):
                    self._answer_local(folder, questions)
                else:
                    self._answer(storage, folder, questions)
            except OSError as error:
                self._note_failure(questions, error, None)
        for storage, folder, questions in self.remote.values():
            try:
                self._answer(storage, folder, questions)
            except Exception as error:  # noqa: BLE001 - each file system raises its own
                self._note_failure(questions, error, storage)

    def _answer_local(self, folder: str, questions: list[_Question]) -> None:
        states = self.states
        if len(questions) <= _FEW:
            for question in questions:
                found = _kind_on_disk(f"{folder}/{question.base}")
                states[question.name] = _state(found, question)
            return
        try:
            with os.scandir(folder) as listing:
                entry_by_name = {entry.name: entry for entry in listing}
        except (FileNotFoundError, NotADirectoryError):
            entry_by_name = {}
        for question in questions:
            entry = entry_by_name.get(question.base)
            if entry is not None and (entry.is_file() or (question.reads_folders and entry.is_dir())):
                states[question.name] = State.PRESENT
            else:
                states[question.name] = State.ABSENT

    def _answer(self, storage: Storage, folder: str, questions: list[_Question]) -> None:
        kinds: Mapping[str, Kind] | None = None
        for question in questions:
            if question.versioned:
                self._answer_version(storage, f"{folder}/{question.base}", question)
                continue
            if kinds is None:
                kinds = storage.kinds(folder)
            self.states[question.name] = _state(kinds.get(question.base), question)

    def _answer_version(self, storage: Storage, path: str, question: _Question) -> None:
        """Find the newest version that is whole, or see whether the pinned one is there."""
        pin = self.pins.get(question.name)
        versions = [pin] if pin else sorted(storage.kinds(path), reverse=True)
        for version in versions:
            if is_staging_name(version):
                continue
            found = storage.kind(f"{path}/{version}/{question.base}")
            if _state(found, question) is State.PRESENT:
                self.states[question.name] = State.PRESENT
                self.versions[question.name] = version
                return
        self.states[question.name] = State.ABSENT

    def _note_failure(self, questions: list[_Question], error: Exception, storage: Storage | None) -> None:
        redactor = Redactor.of(getattr(storage, "options", {}))
        for question in questions:
            self.faults.append(
                f"{self.catalog.config_resolver.where(question.name)}dataset {question.name!r}: cannot tell "
                f"whether {self.locations[question.name]} exists: {redactor.scrub(explain(error))}"
            )


_NO_FILES = frozenset({SHORT_NAMES["MemoryDataset"], SHORT_NAMES["CachedDataset"]})


def _state(kind: Kind | None, question: _Question) -> State:
    if kind is None or (kind is Kind.FOLDER and not question.reads_folders):
        return State.ABSENT
    return State.PRESENT


def _kind_on_disk(path: str) -> Kind | None:
    storage, path = storage_for(path)
    return storage.kind(path)


def _absolute(path: str) -> str:
    if path.startswith("/") and "/." not in path and "//" not in path:
        return path
    return os.path.abspath(path)  # noqa: PTH100 - Path keeps '..'
