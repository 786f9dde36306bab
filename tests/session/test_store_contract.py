"""The contract of stores: ours keeps it, and it notices those that do not."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from incremental.session import BaseSessionStore, JSONSessionStore
from incremental.testing import StoreContract


class TestJSON(StoreContract):
    def make(self, folder: str, session_id: str) -> BaseSessionStore:
        return JSONSessionStore(folder, session_id)


class Careless(BaseSessionStore):
    """Writes its file in place, wherever the id leads."""

    def save(self, data: dict[str, Any]) -> None:
        with self._file().open("w") as file:
            json.dump(data, file, default=str)

    def read(self) -> dict[str, Any]:
        return json.loads(self._file().read_text())

    def _file(self) -> Path:
        return Path(self._path, f"{self._session_id}.json")


class Adding(BaseSessionStore):
    """Keeps the object that it is given, and all that was ever in it."""

    records: dict[tuple[str, str], Any] = {}  # noqa: RUF012 - shared on purpose

    def save(self, data: dict[str, Any]) -> None:
        kept = self.records.setdefault((self._path, self._session_id[:1]), data)
        kept.update(data)

    def read(self) -> dict[str, Any]:
        return self.records.get((self._path, self._session_id[:1]), {})


@pytest.mark.parametrize(
    ("kind", "law"),
    [
        (Careless, "test_an_id_that_is_no_plain_name_never_becomes_a_path"),
        (Careless, "test_what_cannot_be_written_is_told_by_its_type_or_leaves_the_former_record"),
        (Careless, "test_a_kill_at_any_moment_leaves_a_whole_record"),
        (Adding, "test_what_was_never_saved_is_a_missing_file"),
        (Adding, "test_a_save_replaces_the_whole_record"),
        (Adding, "test_a_record_is_kept_as_it_was_when_it_was_saved"),
        (Adding, "test_two_sessions_never_meet"),
    ],
)
def test_a_store_that_breaks_a_law_is_noticed(kind: Any, law: str) -> None:
    class Contract(StoreContract):
        def make(self, folder: str, session_id: str) -> BaseSessionStore:
            return kind(folder, session_id)

    with pytest.raises((AssertionError, ValueError)):  # half a record is no JSON
        getattr(Contract(), law)()
