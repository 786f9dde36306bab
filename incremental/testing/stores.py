"""The contract of session stores as a class of tests: derive, say how to make one, and let pytest find it.

It needs no pytest by itself: each method is plain assertions, and may be called by anything.
"""

from __future__ import annotations

import os
import random
import signal
import tempfile
import threading
from abc import ABC, abstractmethod
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any
from unittest import SkipTest

from incremental.errors import WorkerDiedError
from incremental.testing.elsewhere import outcome_elsewhere, refused

if TYPE_CHECKING:
    from collections.abc import Iterator

    from incremental.session import BaseSessionStore

_ID = "2024-01-15T10.30.45.123Z"
_NO_PLAIN_NAMES = ("", ".", "..", "../x", "a/b", "/a", "a\\b", "a\0b")
_BIG = 200_000  # characters, so that a save takes a while


class StoreContract(ABC):
    """What sessions rely on. Derive from it, define ``make``, and name the class ``Test…``."""

    refuses_paths: bool = True
    """Whether ids that could be taken for a path are refused; a store that makes no path of them need not."""

    @abstractmethod
    def make(self, folder: str, session_id: str) -> BaseSessionStore:
        """Return a new store that keeps its records in ``folder``, or in a place of that folder's."""

    @contextmanager
    def folder(self) -> Iterator[str]:
        """Give a new and empty place, and remove it."""
        with tempfile.TemporaryDirectory() as folder:
            yield folder

    def test_it_knows_its_session(self) -> None:
        with self.folder() as folder:
            assert self.make(folder, _ID).session_id == _ID

    def test_what_was_never_saved_is_a_missing_file(self) -> None:
        with self.folder() as folder:
            error = refused("to read what was never saved", self.make(folder, _ID).read)
            assert isinstance(error, FileNotFoundError)
            self.make(folder, "other").save({"a": 1})
            error = refused("to read what was never saved", self.make(folder, _ID).read)
            assert isinstance(error, FileNotFoundError)

    def test_a_record_is_read_as_it_was_saved(self) -> None:
        record = {
            "session_id": _ID,
            "nothing": None,
            "numbers": [0, -1, 1.5, 1e-9, 2**53 + 1],
            "yes": True,
            "nested": {"runs": [{"run_id": "r", "nodes": []}, {}], "": {"a": {"b": [[1], [[]]]}}},
            "text": "Zoë läuft — 数据 🚀\n\t\"quoted\" 'too' \\ </script>",
        }
        with self.folder() as folder:
            self.make(folder, _ID).save(record)
            found = self.make(folder, _ID).read()
            assert found == record
            assert type(found["yes"]) is bool

    def test_a_save_replaces_the_whole_record(self) -> None:
        with self.folder() as folder:
            store = self.make(folder, _ID)
            store.save({"runs": [1], "exception": "old", "long": "x" * 10_000})
            store.save({"runs": [1, 2]})
            assert store.read() == self.make(folder, _ID).read() == {"runs": [1, 2]}

    def test_a_record_is_kept_as_it_was_when_it_was_saved(self) -> None:
        with self.folder() as folder:
            store, record = self.make(folder, _ID), {"runs": [1]}
            store.save(record)
            record["runs"].append(2)
            store.read()["runs"].append(3)
            assert store.read() == {"runs": [1]}

    def test_two_sessions_never_meet(self) -> None:
        names = (_ID, f"{_ID}-2", "a", "A.b", "a_b", "a-b")
        with self.folder() as folder:
            for name in names:
                self.make(folder, name).save({"session_id": name})
            for name in names:
                assert self.make(folder, name).read() == {"session_id": name}

    def test_an_id_that_is_no_plain_name_never_becomes_a_path(self) -> None:
        if not self.refuses_paths:
            raise SkipTest("it makes no path of an id")
        for name in _NO_PLAIN_NAMES:
            with self.folder() as folder:
                inner = Path(folder) / "inner"
                inner.mkdir()
                refused(f"id {name!r}", partial(self._save_nothing, str(inner), name))
                assert list(Path(folder).rglob("*")) == [inner]

    def test_what_cannot_be_written_is_told_by_its_type_or_leaves_the_former_record(self) -> None:
        class Unwritable:
            def __str__(self) -> str:
                raise RuntimeError("cannot be written")

            __repr__ = __str__

        with self.folder() as folder:
            store = self.make(folder, _ID)
            store.save({"runs": [1]})
            try:
                store.save({"a": "x" * _BIG, "b": Unwritable()})
            except Exception:  # noqa: BLE001 - each store raises its own
                assert store.read() == {"runs": [1]}
            else:
                found = store.read()
                assert found["a"] == "x" * _BIG
                assert Unwritable.__name__ in found["b"]

    def test_a_kill_at_any_moment_leaves_a_whole_record(self) -> None:
        with self.folder() as folder:
            records = [{"number": number, "text": str(number) * _BIG} for number in range(2)]
            self.make(folder, _ID).save(records[0])
            for _ in range(3):
                outcome = outcome_elsewhere(self._save_until_killed, (folder, records))
                assert isinstance(outcome, WorkerDiedError), outcome
                assert self.make(folder, _ID).read() in records

    def _save_nothing(self, folder: str, session_id: str) -> None:
        self.make(folder, session_id).save({})

    def _save_until_killed(self, arguments: tuple[str, list[dict[str, Any]]]) -> None:
        folder, records = arguments
        store = self.make(folder, _ID)
        store.save(records[1])
        end = threading.Timer(random.uniform(0, 0.05), os.kill, (os.getpid(), signal.SIGKILL))
        end.start()
        while True:
            for record in records:
                store.save(record)
