from __future__ import annotations

import os
import random
import stat

import pytest

from incremental.errors import LedgerError
from incremental.session import JSONSessionStore, SessionError
from incremental.state import FileLedger, Output

ID = "2024-01-15T10.30.45.123Z"


def test_a_record_is_read_back_as_it_was_saved_and_the_last_save_counts(tmp_path):
    store = JSONSessionStore(str(tmp_path), ID)
    store.save({"session_id": ID, "runs": [1]})
    store.save({"session_id": ID, "runs": [1, 2], "where": tmp_path})
    assert JSONSessionStore(str(tmp_path), ID).read() == {
        "session_id": ID,
        "runs": [1, 2],
        "where": str(tmp_path),
    }


def test_no_record_is_a_missing_file(tmp_path):
    with pytest.raises(FileNotFoundError, match=f"no record of session '{ID}'"):
        JSONSessionStore(str(tmp_path), ID).read()


@pytest.mark.parametrize(("text", "message"), [('{"a": ', "cannot be read"), ("[1]", "is no mapping")])
def test_a_damaged_record_is_told_and_not_believed(tmp_path, text, message):
    store = JSONSessionStore(str(tmp_path), ID)
    store.save({})
    (tmp_path / ".incremental" / "sessions" / f"{ID}.json").write_text(text)
    with pytest.raises(SessionError, match=message):
        store.read()


@pytest.mark.parametrize("name", ["", "../x", "a/b", "a\\b", "a\0b", "..", ".hidden", "a..b", "x" * 101])
def test_an_id_that_is_no_plain_name_never_becomes_a_path(tmp_path, name):
    with pytest.raises(SessionError, match="is no plain name"):
        JSONSessionStore(str(tmp_path), name)
    assert list(tmp_path.iterdir()) == []


def test_a_record_is_private_whatever_the_umask(tmp_path):
    before = os.umask(0)
    try:
        JSONSessionStore(str(tmp_path), ID).save({"a": 1})
    finally:
        os.umask(before)
    ours = tmp_path / ".incremental"
    modes = {
        str(each.relative_to(tmp_path)): stat.S_IMODE(each.stat().st_mode)
        for each in (ours, *ours.rglob("*"))
    }
    assert modes == {
        ".incremental": 0o700,
        ".incremental/.gitignore": 0o600,
        ".incremental/sessions": 0o700,
        f".incremental/sessions/{ID}.json": 0o600,
    }


def test_a_planted_link_is_replaced_and_not_followed(tmp_path):
    victim = tmp_path / "victim"
    victim.write_text("precious")
    folder = tmp_path / ".incremental" / "sessions"
    folder.mkdir(parents=True)
    (folder / f"{ID}.json").symlink_to(victim)
    JSONSessionStore(str(tmp_path), ID).save({"a": 1})
    assert victim.read_text() == "precious"
    assert not (folder / f"{ID}.json").is_symlink()


def test_a_folder_of_records_that_is_a_link_is_refused(tmp_path):
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / ".incremental").mkdir()
    (tmp_path / ".incremental" / "sessions").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(SessionError, match="is a link that is not ours; remove it"):
        JSONSessionStore(str(tmp_path), ID).save({"a": 1})
    assert list((tmp_path / "elsewhere").iterdir()) == []


@pytest.mark.parametrize("companion", ["-wal", "-shm", "-journal"])
def test_a_link_beside_the_ledger_is_not_written_through(tmp_path, companion):
    victim = tmp_path / "victim"
    victim.write_text("precious")
    (tmp_path / ".incremental").mkdir()
    (tmp_path / ".incremental" / f"ledger.sqlite{companion}").symlink_to(victim)
    ledger = FileLedger(tmp_path / ".incremental" / "ledger.sqlite", tmp_path)
    with pytest.raises(LedgerError, match="is a link that is not ours; remove it"):
        ledger.begin("r", "n", [Output("x", "x")])
    assert victim.read_text() == "precious"


RECORD = {
    "session_id": ID,
    "runs": [{"run_id": ID, "status": "succeeded", "executed": 3}],
    "username": "änä",
    "n": 1.5,
}


@pytest.mark.parametrize("damages", [200, pytest.param(10_000, marks=pytest.mark.slow)])
def test_a_damaged_record_is_refused_or_says_the_same(tmp_path, damages):
    chance = random.Random(damages)
    store = JSONSessionStore(str(tmp_path), ID)
    store.save(RECORD)
    file = tmp_path / ".incremental" / "sessions" / f"{ID}.json"
    whole = file.read_bytes()
    refused = 0
    for _ in range(damages):
        damaged = bytearray(whole)
        if chance.random() < 0.3:
            del damaged[chance.randrange(len(whole) - 1) :]
        else:
            for _ in range(chance.choice([1, 1, 2, 20])):
                damaged[chance.randrange(len(whole))] ^= 1 << chance.randrange(8)
        file.write_bytes(damaged)
        try:
            assert store.read() == RECORD  # the damage was to what stands between the words
        except SessionError:
            refused += 1
    assert refused > 0.8 * damages


def test_a_record_may_hold_what_is_no_unicode(tmp_path):
    store = JSONSessionStore(str(tmp_path), ID)
    store.save({"command": ["\udcff"], 1: "number", "nan": float("inf")})
    assert store.read() == {"command": ["\udcff"], "1": "number", "nan": float("inf")}
