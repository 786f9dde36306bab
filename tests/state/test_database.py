"""The file of ledger and history: which versions of it are believed, what is set aside, what looking leaves."""

from __future__ import annotations

import os
import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from faults.effects import raising

from incremental.errors import LedgerError
from incremental.state import FileLedger, Marks, Output, database

MADE = Output("x", "/x")


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[FileLedger]:
    """One at rest that knows of a commit."""
    found = FileLedger(tmp_path / "ledger.db", tmp_path, durable=False)
    found.commit("run", "n", [MADE], {})
    found.close()
    yield found
    found.close()


def change(ledger: FileLedger, *statements: str) -> None:
    with closing(sqlite3.connect(ledger.path)) as connection:
        connection.executescript(";".join(statements))


def set_aside(ledger: FileLedger) -> list[Path]:
    return list(ledger.path.parent.glob("ledger.damaged-*.db"))


@pytest.mark.parametrize(
    ("statement", "why"),
    [
        ("PRAGMA user_version=2", "it says that it has version 2, and another one besides"),
        ("PRAGMA application_id=0", "it says that it has version 3, and another one besides"),
        ("PRAGMA application_id=1", "it says that it has version 3, and another one besides"),
        ("PRAGMA user_version=99", "it says that it has version 99, and another one besides"),
        ("UPDATE output SET size = 7", "the record of '/x' is not as it was written"),
    ],
)
def test_what_contradicts_itself_is_not_believed_and_set_aside_when_something_is_written(
    ledger: FileLedger, caplog: pytest.LogCaptureFixture, statement: str, why: str
) -> None:
    change(ledger, statement)
    assert ledger.marks() == Marks()
    assert caplog.messages == [f"the ledger {ledger.path} is damaged ({why}): it counts as empty"]
    caplog.clear()
    ledger.begin("run", "n", [Output("y", "/y")])
    [aside] = set_aside(ledger)
    assert caplog.messages == [f"the ledger was damaged ({why}): set aside as {aside}, a new one begins"]
    assert ledger.marks() == Marks(begun=frozenset({"/y"}))


def test_a_file_that_lacks_a_column_is_set_aside_and_one_with_more_is_not(
    ledger: FileLedger, caplog: pytest.LogCaptureFixture
) -> None:
    change(ledger, "ALTER TABLE step ADD COLUMN colour TEXT", "CREATE TABLE notes (text TEXT)")
    ledger.begin("run", "n", [Output("y", "/y")])
    assert set_aside(ledger) == []
    ledger.close()
    change(ledger, "ALTER TABLE step DROP COLUMN worker")
    ledger.begin("run", "n", [Output("z", "/z")])
    [aside] = set_aside(ledger)
    why = "a table is not as it was made"
    assert caplog.messages == [f"the ledger was damaged ({why}): set aside as {aside}, a new one begins"]
    assert ledger.marks().begun == {"/z"}


def an_older_file(path: Path, version: int) -> None:
    """Make one of a version that had no seals yet, with many outputs."""
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(";".join(database._MIGRATIONS[:version]))
        connection.executemany(
            "INSERT INTO output (location, dataset, state, generation, run_id, node, at) "
            "VALUES (?, 'd', 'committed', 'g', 'r', 'n', 1.0)",
            [(f"/{place}",) for place in range(500)],
        )
        connection.execute("INSERT INTO lineage VALUES ('/1', '/2', 'an older g')")
        connection.execute(f"PRAGMA user_version={version}")
        connection.commit()


@pytest.mark.parametrize("version", [1, 2])
def test_what_an_older_file_knew_is_known_to_readers_and_to_the_first_writer(
    tmp_path: Path, version: int
) -> None:
    ledger = FileLedger(tmp_path / "ledger.db", tmp_path, durable=False)
    an_older_file(ledger.path, version)
    for _ in range(2):
        marks = ledger.marks()
        assert len(marks.generations) == 500
        assert marks.outdated == {"/1": ("/2",)}
        ledger.begin("run", "n", [Output("y", "/y")])
    ledger.close()
    assert ledger.marks().begun == {"/y"}
    assert set_aside(ledger) == []


def test_an_older_file_is_looked_through_as_well_before_it_is_written(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    ledger = FileLedger(tmp_path / "ledger.db", tmp_path, durable=False)
    an_older_file(ledger.path, 1)
    content = bytearray(ledger.path.read_bytes())
    page = len(content) // 2 // 4096 * 4096
    content[page : page + 4096] = b"\xff" * 4096
    ledger.path.write_bytes(content)
    ledger.begin("run", "n", [Output("y", "/y")])
    assert len(set_aside(ledger)) == 1
    assert re.fullmatch(r"the ledger was damaged \(.*[Pp]age .*\): set aside as .*", caplog.messages[0])


@pytest.mark.parametrize("suffix", ["-wal", "-shm", "-journal"])
def test_a_link_that_sqlite_would_write_through_is_refused(
    ledger: FileLedger, tmp_path: Path, suffix: str
) -> None:
    Path(f"{ledger.path}{suffix}").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(LedgerError, match=rf"ledger\.db{suffix}' is a link that is not ours; remove it"):
        ledger.begin("run", "n", [MADE])
    assert not (tmp_path / "elsewhere").exists()


def test_a_folder_of_that_name_is_told_as_such(tmp_path: Path) -> None:
    (tmp_path / "folder.db").mkdir()
    with pytest.raises(LedgerError) as caught:
        FileLedger(tmp_path / "folder.db", tmp_path).marks()
    path = str(tmp_path / "folder.db")
    assert str(caught.value) == (
        f"cannot read the ledger {path!r}: [Errno 21] Is a directory: {path!r}; check its rights"
    )


def test_a_file_that_is_out_of_reach_is_not_taken_for_a_damaged_one(
    ledger: FileLedger, monkeypatch: pytest.MonkeyPatch
) -> None:
    fail = raising(sqlite3.OperationalError("unable to open database file"))
    monkeypatch.setattr(sqlite3, "connect", lambda *_, **__: fail())
    with pytest.raises(
        LedgerError, match=r"^cannot read the ledger '.*': unable to open .*; check its rights$"
    ):
        ledger.marks()


def test_a_file_that_changes_each_time_it_is_read_is_told_as_it_was_in_the_end(ledger: FileLedger) -> None:
    asked: list[int] = []

    def query(connection: sqlite3.Connection) -> int:
        asked.append(1)
        os.utime(ledger.path, ns=(len(asked), len(asked)))
        return len(asked)

    assert ledger.read(query, 0) == len(asked) > 1


@pytest.mark.parametrize("has_journal", [False, True])
def test_a_file_without_anything_in_its_journal_is_read_where_it_is(
    ledger: FileLedger, monkeypatch: pytest.MonkeyPatch, has_journal: bool
) -> None:
    monkeypatch.setattr("tempfile.TemporaryDirectory", raising(OSError("no room for a copy")))
    if has_journal:
        Path(f"{ledger.path}-wal").touch()
    assert ledger.marks().generations.keys() == {"/x"}


def test_a_newer_version_is_told_though_it_stands_in_the_journal_only(ledger: FileLedger) -> None:
    with closing(sqlite3.connect(ledger.path, isolation_level=None)) as connection:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("BEGIN")
        connection.execute("PRAGMA user_version=99")
        connection.execute(f"PRAGMA application_id={database._MARK + 99}")
        connection.execute("COMMIT")
        with pytest.raises(LedgerError, match=rf"^the ledger '{ledger.path}' has version 99, this engine "):
            ledger.marks()


def test_a_journal_that_was_folded_in_is_noticed_though_the_file_looks_as_before(
    ledger: FileLedger, tmp_path: Path
) -> None:
    ledger.begin("run", "n", [MADE])
    before, asked = ledger.path.stat(), list[int]()

    def query(connection: sqlite3.Connection) -> int:
        asked.append(1)
        if len(asked) == 1:
            ledger.close()
            os.utime(ledger.path, ns=(before.st_atime_ns, before.st_mtime_ns))
            assert ledger.path.stat().st_size == before.st_size
        return len(asked)

    assert FileLedger(ledger.path, tmp_path).read(query, 0) == 2


def test_a_journal_that_grows_is_not_read_again(ledger: FileLedger, tmp_path: Path) -> None:
    ledger.begin("run", "n", [MADE])
    asked: list[int] = []

    def query(_: sqlite3.Connection) -> int:
        asked.append(1)
        ledger.begin("run", "n", [Output("y", f"/{len(asked)}")])
        return len(asked)

    assert FileLedger(ledger.path, tmp_path).read(query, 0) == 1


def test_a_copy_that_was_made_to_read_a_journal_is_named_after_us_and_goes_when_it_was_read(
    ledger: FileLedger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "copies").mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "copies"))
    ledger.begin("run", "n", [MADE])
    reader = FileLedger(ledger.path, tmp_path)

    def query(_: sqlite3.Connection) -> list[str]:
        return [path.name for path in (tmp_path / "copies").iterdir()]

    [copy] = reader.read(query, [])
    assert copy.startswith("incremental-")
    assert list((tmp_path / "copies").iterdir()) == []


def test_a_file_that_goes_while_its_journal_is_there_counts_as_none(ledger: FileLedger) -> None:
    Path(f"{ledger.path}-wal").write_bytes(b"a journal of nothing")
    ledger.path.write_bytes(b"")
    assert ledger.marks() == Marks()


@pytest.mark.parametrize(
    ("statement", "why"),
    [
        ("SELECT CAST(x'ff' AS TEXT)", "Could not decode to UTF-8 column"),
        ("SELECT json_extract('{', '$')", None),
    ],
)
def test_what_cannot_be_decoded_is_damage_and_what_cannot_be_asked_is_an_error(
    ledger: FileLedger, caplog: pytest.LogCaptureFixture, statement: str, why: str | None
) -> None:
    ledger.begin("run", "n", [MADE])  # the file is open from now on

    def query(connection: sqlite3.Connection) -> object:
        return connection.execute(statement).fetchall()

    if why is None:
        with pytest.raises(LedgerError, match=r"^cannot read the ledger '.*ledger\.db': malformed JSON$"):
            ledger.read(query, "nothing")
        return
    assert ledger.read(query, "nothing") == "nothing"
    [told] = caplog.messages
    assert told.startswith(f"the ledger {ledger.path} is damaged ({why}")
    assert told.endswith("): it counts as empty")


def test_a_record_that_is_damaged_while_the_file_is_open_is_not_believed_either(
    ledger: FileLedger, caplog: pytest.LogCaptureFixture
) -> None:
    ledger.begin("run", "n", [MADE])
    change(ledger, "UPDATE output SET size = 7")
    assert ledger.marks() == Marks()
    assert caplog.messages == [
        f"the ledger {ledger.path} is damaged (the record of '/x' is not as it was written): "
        "it counts as empty"
    ]
