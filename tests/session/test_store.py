from __future__ import annotations

import pytest

from incremental.session import JSONSessionStore, SessionError

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
