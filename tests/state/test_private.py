"""Files and folders of the user's own: their rights, and links that are not followed."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest
from faults.effects import raising

from incremental.state.private import make_private_folder, make_private_subfolder, write_new, write_private


def rights(path: Path) -> int:
    return path.stat().st_mode & 0o777


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "made" / "with parents"


def test_a_folder_is_the_users_alone_and_git_leaves_it_alone(folder: Path) -> None:
    before = os.umask(0)
    try:
        make_private_folder(folder)
    finally:
        os.umask(before)
    assert rights(folder) == 0o700
    assert (folder / ".gitignore").read_bytes() == b"*\n"


def test_a_folder_that_is_there_is_left_as_it_is(folder: Path) -> None:
    folder.mkdir(mode=0o755, parents=True)
    make_private_folder(folder)
    assert rights(folder) == 0o755
    assert list(folder.iterdir()) == []


def test_a_folder_that_another_process_makes_at_the_same_moment_will_do(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_private_folder(folder)
    (folder / ".gitignore").write_bytes(b"theirs")
    is_dir, answers = Path.is_dir, [False]  # it was not there yet
    monkeypatch.setattr(Path, "is_dir", lambda path: answers.pop() if answers else is_dir(path))
    make_private_folder(folder)
    assert (folder / ".gitignore").read_bytes() == b"theirs"


def test_a_folder_inside_is_made_once(folder: Path) -> None:
    make_private_folder(folder)
    for _ in range(2):
        make_private_subfolder(folder / "inside")
    assert rights(folder / "inside") == 0o700


def test_neither_a_link_nor_a_file_is_taken_for_a_folder(folder: Path, tmp_path: Path) -> None:
    make_private_folder(folder)
    (folder / "link").symlink_to(tmp_path)
    (folder / "file").touch()
    with pytest.raises(NotADirectoryError, match=r"link' is a link that is not ours; remove it$"):
        make_private_subfolder(folder / "link")
    with pytest.raises(NotADirectoryError, match=r"^'.*file' is no folder; move it away$"):
        make_private_subfolder(folder / "file")


def test_a_file_is_replaced_in_one_step_and_is_the_users_alone(folder: Path, tmp_path: Path) -> None:
    make_private_folder(folder)
    outside = tmp_path / "outside"
    outside.write_bytes(b"theirs")
    (folder / "link").symlink_to(outside)
    for name in ("new", "new", "link"):
        write_private(folder / name, b"ours")
        assert (folder / name).read_bytes() == b"ours"
        assert rights(folder / name) == 0o600
    assert not (folder / "link").is_symlink()
    assert outside.read_bytes() == b"theirs"
    assert sorted(path.name for path in folder.iterdir()) == [".gitignore", "link", "new"]


def test_what_cannot_be_replaced_leaves_nothing_behind(folder: Path) -> None:
    make_private_folder(folder)
    (folder / "taken").mkdir()
    with pytest.raises(OSError, match="taken"):
        write_private(folder / "taken", b"ours")
    assert sorted(path.name for path in folder.iterdir()) == [".gitignore", "taken"]


def test_a_file_that_cannot_even_be_begun_fails_for_the_reason_of_that(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_private_folder(folder)
    monkeypatch.setattr(os, "open", raising(OSError(errno.ENOSPC, "disk full")))
    with pytest.raises(OSError, match="disk full"):
        write_private(folder / "new", b"ours")


def test_a_new_file_replaces_nothing_and_follows_no_link(folder: Path, tmp_path: Path) -> None:
    make_private_folder(folder)
    (folder / "link").symlink_to(tmp_path / "nothing yet")
    for name in (".gitignore", "link"):
        with pytest.raises(FileExistsError):
            write_new(folder / name, b"ours")
    assert not (tmp_path / "nothing yet").exists()
