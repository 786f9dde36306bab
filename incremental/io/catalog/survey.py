"""Ask the world once what is there: one listing a folder, one request a prefix. It decides nothing."""

from __future__ import annotations

import os
from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from incremental.errors import DatasetError
from incremental.io.catalog.capabilities import (
    can_test_existence,
    is_confirmed,
    is_ephemeral,
    is_half,
    location_of,
)
from incremental.io.catalog.layouts import FILES, FOLDERS, PLACED, Layout, checkpoint_name, wrapped
from incremental.io.catalog.listing import (
    Answers,
    Folder,
    MemberSearch,
    Question,
    answer_local,
    answer_remote,
)
from incremental.io.catalog.markers import is_marked
from incremental.io.dataset import explain
from incremental.io.files.storage import LOCAL, storage_for
from incremental.pipeline.transcoding import is_parameter
from incremental.planner.facts import Facts, State
from incremental.secrets import Redactor, reveal, strip_url

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from incremental.io.catalog.catalog import DataCatalog
    from incremental.io.catalog.types import Types


_MOST_NAMED = 3


def survey(catalog: DataCatalog, names: Iterable[str]) -> Facts:
    """Return the state of each dataset, asking each location once.

    A dataset of a built-in type, or of kedro-datasets where its class is known to be one of plain files,
    is neither built nor imported for this: its entry says where it lives. Any other is built and asked
    with ``exists()``. A mark beside the data says that a save began and never ended.

    Args:
        catalog: where the names are looked up.
        names: dataset names as nodes write them.

    Raises:
        DatasetError: entries that cannot be used, or datasets that failed to answer; all at once.
    """
    return locate(catalog, names).answer()


def locate(catalog: DataCatalog, names: Iterable[str]) -> Survey:
    """Return where each dataset lives, as a survey that has not asked anything yet."""
    found = Survey(catalog)
    for name in names:
        try:
            found.take(name)
        except DatasetError as error:
            found.faults.append(str(error))
    return found


@dataclass(slots=True)
class Survey:
    """What has been found so far, and the questions still to be asked, by folder."""

    catalog: DataCatalog
    answers: Answers = field(default_factory=Answers)
    locations: dict[str, str] = field(default_factory=dict)
    pins: dict[str, str] = field(default_factory=dict)
    untestable: dict[str, str] = field(default_factory=dict)
    absent_parameters: set[str] = field(default_factory=set)
    faults: list[str] = field(default_factory=list)
    local: defaultdict[str, list[Question]] = field(default_factory=lambda: defaultdict(list))
    remote: dict[tuple[str, str], Folder] = field(default_factory=dict)
    types: Types = field(init=False)
    searches: dict[str, MemberSearch] = field(default_factory=dict)
    others: list[tuple[str, Any]] = field(default_factory=list)
    """The datasets that are asked themselves."""

    def __post_init__(self) -> None:
        self.types = self.catalog.config_resolver.types

    def answer(self) -> Facts:
        """Ask everything and return what is there. Raises DatasetError: all faults at once."""
        for name, dataset in self.others:
            try:
                self._ask(name, dataset)
            except DatasetError as error:
                self.faults.append(str(error))
        self._ask_folders()
        if self.faults:
            raise DatasetError("\n".join(self.faults))
        return Facts(
            states=self.answers.states,
            locations=self.locations,
            versions=self.answers.versions,
            pins=self.pins,
            untestable=self.untestable,
            absent_parameters=frozenset(self.absent_parameters),
        )

    def members(self, name: str) -> Iterable[str]:
        """Yield the files of the partitions of a dataset on this disk; none where it has no partitions."""
        search = self.searches.get(name)
        if search is not None:
            return search.names(LOCAL, self.locations[name])
        found: Iterable[str] = getattr(self.catalog.built(name), "names", tuple)()
        return found

    def take(self, name: str) -> None:
        """Note the state of one dataset, or a question where a folder must be listed for it."""
        if is_parameter(name):
            if not self.catalog.has_parameter(name):
                self.absent_parameters.add(name)
            return
        if self.catalog.built(name) is not None:
            self._take_other(name, self.catalog[name])
            return
        entry = self.catalog.entry(name)
        if entry is None:
            self._take_unnamed(name)
        elif not self._take_entry(name, entry):
            self._take_other(name, self.catalog[name])

    def _take_entry(self, name: str, entry: Mapping[str, Any]) -> bool:
        """Note what the entry itself says of where a dataset is; False where it does not tell."""
        layout, usual = self.types.outline(entry["type"])
        if layout in PLACED and not entry.keys() <= usual:
            self._check_arguments(name, entry)
        if layout in FILES:
            self._take_file(name, entry, layout is Layout.FILE_OR_FOLDER)
        elif layout in FOLDERS:
            self._take_folder(name, entry, layout is Layout.CHECKPOINTED)
        elif layout is Layout.MEMORY and "data" not in entry:
            self.answers.states[name] = State.EPHEMERAL
        elif layout is Layout.CACHED and (inner := wrapped(entry)) is not None:
            self._check_arguments(name, entry)
            return self._take_entry(name, inner)
        else:
            return False
        return True

    def _take_unnamed(self, name: str) -> None:
        """Take a name that is not in the catalog: it lives in memory, unless the catalog has it otherwise."""
        if self.catalog.config_resolver.has_own_defaults:
            self._take_other(name, self.catalog.get(name, fallback_to_runtime_pattern=True))

    def _ask_folders(self) -> None:
        """List each folder once and answer the questions about it."""
        for folder, questions in self.local.items():
            try:
                answer_local(folder, questions, self.answers)
            except OSError as error:
                self.faults.append(_closed(folder, questions, error))
        for name, obstacle in self.answers.obstructed.items():
            what = f": {self.locations[name]} is {obstacle}"
            self.faults.append(str(self._unusable(name, self.catalog.entry(name) or {}, what)))
        for place, questions, failure in answer_remote(list(self.remote.values()), self.answers):
            options = getattr(place.storage, "options", {})
            self._note_failure(questions, failure, Redactor.of({"credentials": options}))

    def _take_folder(self, name: str, entry: Mapping[str, Any], has_checkpoint: bool) -> None:
        path = self._path_in(name, entry, "path")
        if entry.get("versioned") or name in self.catalog.load_versions:
            remedy = "remove 'versioned', and its load version"
            raise self._unusable(name, entry, f" keeps no versions of its partitions: {remedy}")
        beside = checkpoint_name(entry) if has_checkpoint else None
        search = MemberSearch(entry.get("filename_suffix") or "", entry.get("load_args") or {}, beside)
        self.searches[name] = search
        self._place(entry, "path", path, Question(name, "", False, True, None, search))

    def _check_arguments(self, name: str, entry: Mapping[str, Any]) -> None:
        """Refuse what a class does not take, where that can be told without it; else building one tells."""
        wrong = self.types.refused(entry["type"], entry.keys())
        if wrong:
            raise self._unusable(name, entry, f": {'; '.join(wrong)}")

    def _path_in(self, name: str, entry: Mapping[str, Any], key: str) -> Any:
        """Return the path of an entry whose credentials are configured."""
        path = entry.get(key)
        if not path:
            raise self._unusable(name, entry, f" needs {key!r}")
        if "credentials" in entry:
            self.catalog.config_resolver.with_credentials(name, entry)  # refuses what is not configured
        if not isinstance(path, str | os.PathLike) or "\0" in str(path):
            raise self._unusable(name, entry, f": {key!r} is {path!r}, which is no path")
        return path

    def _take_file(self, name: str, entry: Mapping[str, Any], may_be_folder: bool) -> None:
        filepath = self._path_in(name, entry, "filepath")
        versioned = entry.get("versioned", False)
        if not isinstance(versioned, bool):
            raise self._unusable(name, entry, f": 'versioned' is {versioned!r}; write true or false")
        pin = self.catalog.load_versions.get(name)
        if pin is not None and not versioned:
            remedy = "drop its load version, or add 'versioned: true'"
            raise self._unusable(name, entry, f" keeps no versions, so {pin!r} cannot be loaded: {remedy}")
        if pin is not None:
            self.pins[name] = pin
        self._place(entry, "filepath", filepath, Question(name, "", versioned, may_be_folder, pin))

    def _place(self, entry: Mapping[str, Any], key: str, path: Any, question: Question) -> None:
        """Put a question to the folder it is about."""
        if type(path) is str and "://" not in path and path[0] != "~":
            self.locations[question.name] = location = _absolute(path)
            folder, _, question.base = location.rpartition("/")
            self.local[folder].append(question)
        else:
            self._place_address(entry, key, question)

    def _place_address(self, entry: Mapping[str, Any], key: str, question: Question) -> None:
        """Take a path that is a URL, a Path, or begins with ``~``."""
        full = self.catalog.config_resolver.with_credentials(question.name, entry)
        arguments = (full.get("credentials"), full.get("fs_args"))
        storage, path = storage_for(full[key], *arguments)
        is_local = storage.protocol == "file"
        path = _absolute(path) if is_local else path
        if question.members is not None:
            path = path.rstrip("/")
        self.locations[question.name] = path if is_local else strip_url(path)
        folder, _, question.base = path.rpartition("/")
        if is_local:
            self.local[folder].append(question)
            return
        connection = repr(reveal(list(arguments)))  # masked ones would look alike
        self.remote.setdefault((connection, folder), Folder(storage, folder)).questions.append(question)

    def _unusable(self, name: str, entry: Mapping[str, Any], what: str) -> DatasetError:
        where = self.catalog.config_resolver.where(name)
        return DatasetError(f"{where}dataset {name!r} of type {entry['type']!r}{what}")

    def _take_other(self, name: str, dataset: Any) -> None:
        """Note where a dataset says that it lives, to be asked later; one in memory lives nowhere."""
        if not is_ephemeral(dataset):
            self.locations[name] = location_of(dataset) or f"dataset:{name}"
        self.others.append((name, dataset))

    def _ask(self, name: str, dataset: Any) -> None:
        """Ask a dataset itself. One that holds its data in memory has been handed in."""
        states = self.answers.states
        location = self.locations.get(name)
        if location is None:
            states[name] = State.HANDED_IN if self.catalog.exists(name) else State.EPHEMERAL
            return
        if not can_test_existence(dataset):
            states[name] = State.UNKNOWN
            self.untestable[name] = type(dataset).__name__
            return
        if name in self.catalog.load_versions:
            self.pins[name] = self.catalog.load_versions[name]
        if is_half(dataset):
            states[name] = State.INCOMPLETE
            return
        if not self.catalog.exists(name) and not is_confirmed(dataset, location):
            states[name] = State.ABSENT
            return
        states[name] = State.INCOMPLETE if is_marked(location) else State.PRESENT
        version = self.catalog.version_read(name)
        if version is not None:
            self.answers.versions[name] = version

    def _note_failure(self, questions: list[Question], error: Exception, redactor: Redactor) -> None:
        for question in questions:
            self.faults.append(
                f"{self.catalog.config_resolver.where(question.name)}dataset {question.name!r}: cannot tell "
                f"whether {self.locations[question.name]} exists: {redactor.scrub(explain(error))}"
            )


def _closed(folder: str, questions: list[Question], error: OSError) -> str:
    """Return the fault of a folder, or of a folder of partitions in it, that cannot be looked into."""
    where = str(error.filename or folder).rstrip("/")
    parts = [one for one in questions if one.members and f"{where}/".startswith(f"{folder}/{one.base}/")]
    names = [question.name for question in parts or questions]
    more = f" and {len(names) - _MOST_NAMED} more" if len(names) > _MOST_NAMED else ""
    reason = (error.strerror or type(error).__name__).lower()
    return (
        f"cannot look for {', '.join(map(repr, names[:_MOST_NAMED]))}{more} in {where if parts else folder}: "
        f"{reason}; check its permissions"
    )


def _absolute(path: str) -> str:
    if path.startswith("/") and "/." not in path and "//" not in path and path[-1] != "/":
        return path
    return os.path.abspath(path)  # noqa: PTH100 - Path keeps '..'
