"""Tell which of some names a folder holds, with one listing where there are many. It knows no catalog."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from incremental.io.catalog.markers import SUFFIX, mark_name
from incremental.io.files.staging import is_staging_name
from incremental.io.files.storage import LOCAL, Kind, Storage
from incremental.planner.facts import State

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

_FEW = 4
"""Up to this many names in one local folder are asked for one by one: it may hold a million others."""
_AT_ONCE = 16
"""Requests to remote stores that may be under way at the same time."""


@dataclass(frozen=True, slots=True)
class MemberSearch:
    """Which files of a folder are its partitions."""

    suffix: str
    load_args: Mapping[str, Any]
    beside: str | None = None
    """What else says that there were some: the name of the file with the checkpoint."""

    def names(self, storage: Storage, path: str) -> Iterator[str]:
        """Yield the paths in a folder of its partitions."""
        from incremental.io.files.members import member_names

        found = member_names(storage, path, self.suffix, self.load_args)
        return (name for name in found if name != self.beside)

    def answer(self, storage: Storage, path: str) -> State:
        """Tell whether a folder has any, and whether all that belong together are there."""
        from incremental.io.files.members import is_begun

        is_empty = next(self.names(storage, path), None) is None
        if is_empty and (self.beside is None or not storage.exists(f"{path}/{self.beside}")):
            return State.ABSENT
        return State.INCOMPLETE if is_begun(storage, path) else State.PRESENT


@dataclass(slots=True)  # frozen ones take four times as long to make, and there are thousands
class Question:
    """Whether one dataset is in a folder."""

    name: str
    base: str
    """Its name in the folder."""
    versioned: bool
    reads_folders: bool
    pin: str | None = None
    """The one version that counts."""
    members: MemberSearch | None = None
    """How its members are found, where it is a folder of partitions."""

    @property
    def is_apart(self) -> bool:
        """Whether a listing of the folder that it is in does not answer it."""
        return self.versioned or self.members is not None

    def is_met_by(self, kind: Kind | None) -> bool:
        """Whether what is there can be loaded."""
        return kind is not None and (kind is not Kind.FOLDER or self.reads_folders)


@dataclass(slots=True)
class Answers:
    """What is known by now, by name of a dataset."""

    states: dict[str, State] = field(default_factory=dict)
    versions: dict[str, str] = field(default_factory=dict)
    obstructed: dict[str, str] = field(default_factory=dict)
    """What is in the place of a dataset that cannot be there, and the remedy."""

    def note_version(self, question: Question, version: str | None) -> None:
        """Note the version that a load would read, None for no version that is whole."""
        self.states[question.name] = State.ABSENT if version is None else State.PRESENT
        if version is not None:
            self.versions[question.name] = version


@dataclass(frozen=True, slots=True)
class Folder:
    """One folder of a remote store, and the questions about it."""

    storage: Storage
    path: str
    questions: list[Question] = field(default_factory=list)


Request = tuple["Folder", list[Question]]
"""What one or two requests to a store answer."""


def answer_local(folder: str, questions: list[Question], answers: Answers) -> None:
    """Answer the questions about one local folder. Raises OSError when it cannot be looked at."""
    storage = LOCAL
    plain = [question for question in questions if not question.versioned]
    if len(plain) > _FEW:
        _answer_by_listing(storage, folder, plain, answers)
    else:
        for question in plain:
            _answer_one(storage, folder, question, answers)
    if len(plain) < len(questions):
        for question in questions:
            if question.versioned:
                answers.note_version(question, _whole_version(storage, folder, question))
                marked = os.access(f"{folder}/{mark_name(question.base)}", os.F_OK)  # it writes in place
                if marked and answers.states[question.name] is State.PRESENT:
                    answers.states[question.name] = State.INCOMPLETE


def answer_remote(
    folders: list[Folder], answers: Answers
) -> Iterator[tuple[Folder, list[Question], Exception]]:
    """Answer the questions about remote folders, several requests at a time; yield those that failed."""
    requests = [request for folder in folders for request in _requests(folder)]
    for (folder, questions), found in zip(requests, _all(_ask, requests), strict=True):
        if isinstance(found, Exception):
            yield folder, questions, found
        else:
            answers.states.update(found.states)
            answers.versions.update(found.versions)


def _answer_by_listing(storage: Storage, folder: str, questions: list[Question], answers: Answers) -> None:
    try:
        with os.scandir(folder) as listing:
            entry_by_name = {entry.name: entry for entry in listing}
    except (FileNotFoundError, NotADirectoryError):
        entry_by_name = {}
    has_marks = any(name.endswith(SUFFIX) for name in entry_by_name)
    states, absent, present = answers.states, State.ABSENT, State.PRESENT
    for question in questions:
        entry = entry_by_name.get(question.base)
        if entry is None:
            states[question.name] = absent
        elif has_marks or question.members is not None or not entry.is_file():
            _answer_one(storage, folder, question, answers)
        else:
            states[question.name] = present


def _answer_one(storage: Storage, folder: str, question: Question, answers: Answers) -> None:
    path = f"{folder}/{question.base}"
    if question.members is not None:
        answers.states[question.name] = state = question.members.answer(storage, path)
        if state is State.ABSENT and storage.kind(path) is Kind.FILE:
            answers.obstructed[question.name] = "a file; name a folder"
        return
    if not (question.reads_folders and os.access(path, os.F_OK)):  # else it does not matter what is there
        kind = storage.kind(path)
        if not question.is_met_by(kind):
            answers.states[question.name] = State.ABSENT
            if kind is Kind.FOLDER:
                answers.obstructed[question.name] = "a folder; name a file"
            return
    marked = os.access(f"{folder}/{mark_name(question.base)}", os.F_OK)  # cheaper than a stat that fails
    answers.states[question.name] = State.INCOMPLETE if marked else State.PRESENT


def _requests(folder: Folder) -> Iterator[Request]:
    plain = [question for question in folder.questions if not question.is_apart]
    if plain:
        yield folder, plain
    yield from ((folder, [question]) for question in folder.questions if question.is_apart)


def _ask(request: Request) -> Answers | Exception:
    folder, questions = request
    storage, answers = folder.storage, Answers()
    try:
        if questions[0].versioned:
            answers.note_version(questions[0], _whole_version(storage, folder.path, questions[0]))
        elif questions[0].members is not None:
            path = f"{folder.path}/{questions[0].base}"
            answers.states[questions[0].name] = questions[0].members.answer(storage, path)
        elif len(questions) == 1:  # the folder may hold a million others
            kinds = {questions[0].base: storage.kind(f"{folder.path}/{questions[0].base}")}
            _note_kinds(questions, kinds, answers)
        else:
            _note_kinds(questions, {**storage.kinds(folder.path)}, answers)
    except Exception as error:  # noqa: BLE001 - each file system raises its own
        return error
    return answers


def _note_kinds(questions: list[Question], kinds: dict[str, Kind | None], answers: Answers) -> None:
    for question in questions:
        met = question.is_met_by(kinds.get(question.base))
        answers.states[question.name] = State.PRESENT if met else State.ABSENT


def _whole_version(storage: Storage, folder: str, question: Question) -> str | None:
    """Return the newest version that is whole, or the pinned one if it is there."""
    path = f"{folder}/{question.base}"
    versions = [question.pin] if question.pin else sorted(storage.children(path), reverse=True)
    for version in versions:
        if is_staging_name(version) or storage.leads_out(path, version):
            continue
        if question.is_met_by(storage.kind(f"{path}/{version}/{question.base}")):
            return version
    return None


def _all(ask: Callable[[Request], Answers | Exception], requests: list[Request]) -> list[Answers | Exception]:
    if len(requests) < 2:
        return [ask(request) for request in requests]
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(min(_AT_ONCE, len(requests)), "incremental-survey") as pool:
        return list(pool.map(ask, requests))
