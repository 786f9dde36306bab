"""Staging: the old file or the new one, whatever fails and whenever it dies; nothing left behind."""

from __future__ import annotations

import errno
import os
import pickle
import random
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any
from unittest.mock import ANY

import pytest
from faults.effects import Effect, Happen, die, raising
from faults.faultfs import Disk
from faults.states import in_child

from incremental.io.files import staging
from incremental.io.files.staging import LocalStage, is_staging_name, staging_name, write_atomically

OLD, NEW = b"old " * 5000, b"new " * 70000
UNPRIVILEGED = 65534

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="changes owner or drops privileges")


class System:
    """The ``os`` module, for tests that put one function of it in another place."""

    def __getattr__(self, name: str) -> Any:
        return getattr(os, name)


def leftovers(folder: Path) -> list[str]:
    return [path.name for path in folder.rglob("*") if is_staging_name(path.name)]


def save(target: Path, exclusive: bool = False, durable: bool = True) -> None:
    stage = LocalStage(str(target), durable, exclusive)
    with stage as file:
        file.write(NEW)
    stage.publish()


def prepare(target: Path, exclusive: bool) -> None:
    """Put an old file there, or for an exclusive save nothing, not even a folder."""
    if not exclusive:
        target.parent.mkdir(exist_ok=True)
        target.write_bytes(OLD)


def count_operations(target: Path, exclusive: bool) -> int:
    prepare(target, exclusive)
    with Disk(target.parent, looks=True) as disk:
        save(target, exclusive)
    target.unlink()
    target.parent.rmdir()
    return len(disk.operations)


def test_a_file_appears_only_when_it_is_published(tmp_path: Path) -> None:
    target = tmp_path / "a.txt"
    stage = LocalStage(str(target))
    with stage as file:
        file.write(b"x")
        assert not target.exists()
    assert not target.exists()
    assert len(leftovers(tmp_path)) == 1
    stage.publish()
    assert target.read_bytes() == b"x"
    assert leftovers(tmp_path) == []


def test_a_discarded_file_leaves_no_trace_not_even_its_folders(tmp_path: Path) -> None:
    stage = LocalStage(str(tmp_path / "new" / "folder" / "a.txt"))
    with stage as file:
        file.write(b"x")
    stage.discard()
    stage.discard()
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_another_one_uses_by_now_is_left(tmp_path: Path) -> None:
    stage = LocalStage(str(tmp_path / "new" / "folder" / "a.txt"))
    with stage as file:
        file.write(b"x")
    (tmp_path / "new" / "other.txt").write_text("x")
    stage.discard()
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["other.txt"]


def test_discarding_after_publishing_and_publishing_twice_do_nothing(tmp_path: Path) -> None:
    stage = LocalStage(str(tmp_path / "new" / "a.txt"))
    with stage as file:
        file.write(b"x")
    stage.publish()
    stage.publish()
    stage.discard()
    assert (tmp_path / "new" / "a.txt").read_bytes() == b"x"


def test_publishing_without_sealing_seals(tmp_path: Path) -> None:
    stage = LocalStage(str(tmp_path / "a.txt"))
    stage.__enter__().write(b"x")
    stage.publish()
    assert (tmp_path / "a.txt").read_bytes() == b"x"


@pytest.mark.parametrize("error", [ValueError("half way"), KeyboardInterrupt(), SystemExit(1)])
def test_an_exception_half_way_keeps_the_old_file_and_leaves_nothing(
    tmp_path: Path, error: BaseException
) -> None:
    target = tmp_path / "a.txt"
    target.write_bytes(OLD)

    def fail_half_way() -> None:
        with LocalStage(str(target)) as file:
            file.write(NEW)
            raise error

    with pytest.raises(type(error)):
        fail_half_way()
    assert target.read_bytes() == OLD
    assert [path.name for path in tmp_path.iterdir()] == ["a.txt"]


def test_a_late_flush_never_reaches_another_file(tmp_path: Path) -> None:
    stage = LocalStage(str(tmp_path / "a.txt"))
    file = stage.__enter__()
    file.write(b"buffered")
    stage.discard()
    with (tmp_path / "b.txt").open("wb") as other:  # takes the number of the descriptor
        assert file.closed
        del file
        other.write(b"mine")
    assert (tmp_path / "b.txt").read_bytes() == b"mine"


def test_a_file_that_a_library_has_closed_is_published_all_the_same(tmp_path: Path) -> None:
    stage = LocalStage(str(tmp_path / "a.txt"))
    with stage as file:
        file.write(b"x")
        file.close()
    stage.publish()
    assert (tmp_path / "a.txt").read_bytes() == b"x"


@pytest.mark.parametrize("exclusive", [False, True], ids=["replacing", "exclusive"])
@pytest.mark.parametrize(
    "error", [OSError(errno.ENOSPC, "full"), KeyboardInterrupt()], ids=["disk full", "Ctrl-C"]
)
@pytest.mark.parametrize("when", ["before", "after"])
def test_whatever_call_fails_the_file_is_old_or_new_and_nothing_is_left(
    tmp_path: Path, exclusive: bool, error: BaseException, when: str
) -> None:
    target = tmp_path / "folder" / "a.txt"
    count = count_operations(target, exclusive)
    assert count > 8
    for at in range(count):
        prepare(target, exclusive)
        is_raised = False
        with Disk(target.parent, Happen(at, raising(error), when), looks=True) as disk:
            try:
                save(target, exclusive)
            except type(error):
                is_raised = True
        happened = f"{when} operation {at}, {disk.operations[at]}"
        if not is_raised:  # isdir() takes an error for a no
            assert disk.operations[at].name == "stat", happened
            assert target.read_bytes() == NEW, happened
        assert leftovers(tmp_path) == [], happened
        if target.exists():
            assert target.read_bytes() in ((OLD, NEW) if not exclusive else (NEW,)), happened
            target.unlink()
        else:
            assert exclusive, happened
        if target.parent.exists():
            target.parent.rmdir()


@pytest.mark.parametrize("exclusive", [False, True], ids=["replacing", "exclusive"])
def test_dying_at_any_call_leaves_the_file_old_or_new_and_the_next_save_works(
    tmp_path: Path, exclusive: bool
) -> None:
    target = tmp_path / "folder" / "a.txt"
    for at in range(count_operations(target, exclusive)):
        for when in ("before", "torn", "after"):
            prepare(target, exclusive)

            def save_and_die(effect: Effect) -> None:
                with Disk(target.parent, effect, looks=True):
                    save(target, exclusive)

            assert in_child(partial(save_and_die, Happen(at, die, when))) == (
                -signal.SIGKILL if when != "torn" else ANY
            )
            names = {path.name for path in target.parent.glob("*")}
            assert all(name == "a.txt" or is_staging_name(name) for name in names)
            if target.exists():
                assert target.read_bytes() in ((OLD, NEW) if not exclusive else (NEW,))
                if exclusive:
                    target.unlink()
            save(target, exclusive)
            assert target.read_bytes() == NEW
            for path in target.parent.iterdir():
                path.unlink()
            target.parent.rmdir()


KILLED = """
import sys
from incremental.io.files.staging import write_atomically
letter = 0
while True:
    letter = (letter + 1) % 26
    write_atomically(sys.argv[1], bytes([97 + letter]) * 300_000, durable=False)
"""


def test_a_kill_at_a_random_moment_leaves_one_whole_file(tmp_path: Path) -> None:
    target = tmp_path / "a.txt"
    seed = random.randrange(1 << 30)
    moments = random.Random(seed)
    for _ in range(8):
        process = subprocess.Popen([sys.executable, "-c", KILLED, str(target)])
        while not target.exists():
            time.sleep(0.005)
        time.sleep(moments.random() * 0.05)
        process.send_signal(signal.SIGKILL)
        process.wait()
        content = target.read_bytes()
        assert len(content) == 300_000, f"seed {seed}"
        assert len(set(content)) == 1, f"seed {seed}"
        for path in tmp_path.iterdir():
            assert path == target or is_staging_name(path.name)
            path.unlink()


def test_what_is_sealed_can_be_published_by_another_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    stage = LocalStage("a.txt")
    with stage as file:
        file.write(b"x")
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    pickle.loads(pickle.dumps(stage)).publish()
    assert (tmp_path / "a.txt").read_bytes() == b"x"


def test_an_exclusive_file_is_never_overwritten(tmp_path: Path) -> None:
    target = tmp_path / "a.txt"
    first, second = LocalStage(str(target), exclusive=True), LocalStage(str(target), exclusive=True)
    for stage, data in ((first, b"first"), (second, b"second")):
        with stage as file:
            file.write(data)
    first.publish()
    with pytest.raises(FileExistsError):
        second.publish()
    with pytest.raises(FileExistsError), LocalStage(str(target), exclusive=True):
        raise AssertionError
    assert target.read_bytes() == b"first"
    assert leftovers(tmp_path) == []


def test_without_hard_links_an_exclusive_file_is_not_overwritten_either(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "link", raising(PermissionError(errno.EPERM, "no hard links here")))
    stages = [LocalStage(str(tmp_path / "a.txt"), exclusive=True) for _ in range(2)]
    for stage in stages:
        with stage as file:
            file.write(NEW)
    stages[0].publish()
    with pytest.raises(FileExistsError):
        stages[1].publish()
    assert (tmp_path / "a.txt").read_bytes() == NEW
    assert leftovers(tmp_path) == []


def test_a_link_that_fails_otherwise_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Broken(System):
        def link(self, *_: Any) -> None:
            raise OSError(errno.EIO, "broken disk")

    monkeypatch.setattr(staging, "os", Broken())
    with pytest.raises(OSError, match="broken disk"):
        save(tmp_path / "a.txt", exclusive=True)
    assert list(tmp_path.iterdir()) == []


def test_a_symbolic_link_is_written_through(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "real" / "a.txt").write_bytes(OLD)
    (tmp_path / "link.txt").symlink_to("real/a.txt")
    (tmp_path / "dangling.txt").symlink_to("real/b.txt")
    for name in ("link.txt", "dangling.txt"):
        write_atomically(tmp_path / name, NEW)
        assert (tmp_path / name).is_symlink()
    assert (tmp_path / "real" / "a.txt").read_bytes() == NEW
    assert (tmp_path / "real" / "b.txt").read_bytes() == NEW
    assert leftovers(tmp_path) == []


def test_a_link_to_itself_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "loop").symlink_to("loop")
    with pytest.raises(OSError, match="loop"):
        write_atomically(tmp_path / "loop", NEW)


@pytest.mark.parametrize("mode", [0o600, 0o640, 0o755])
def test_the_permissions_of_an_existing_file_are_kept(tmp_path: Path, mode: int) -> None:
    target = tmp_path / "a.txt"
    target.write_bytes(OLD)
    target.chmod(mode)
    write_atomically(target, NEW)
    assert stat.S_IMODE(target.stat().st_mode) == mode


def test_what_others_may_not_read_they_may_not_read_while_it_is_staged_either(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    modes: list[int] = []

    class Watched(System):
        def open(self, name: str, flags: int, mode: int = 0o777) -> int:
            if flags & os.O_CREAT:
                modes.append(mode)
            return os.open(name, flags, mode)

    (tmp_path / "a.txt").touch(0o600)
    monkeypatch.setattr(staging, "os", Watched())
    save(tmp_path / "a.txt")
    assert modes == [0o600]


def test_no_descriptor_is_left_open(tmp_path: Path) -> None:
    def descriptors() -> int:
        return len(list(Path("/proc/self/fd").iterdir()))

    before = descriptors()
    for at in range(20):
        save(tmp_path / f"{at}.txt")
        LocalStage(str(tmp_path / "a.txt")).discard()
        stage = LocalStage(str(tmp_path / "a.txt"))
        stage.__enter__().write(b"x")
        stage.discard()
    assert descriptors() == before


@pytest.mark.parametrize(("umask", "mode"), [(0o022, 0o644), (0o077, 0o600), (0o002, 0o664)])
def test_a_new_file_respects_the_umask(tmp_path: Path, umask: int, mode: int) -> None:
    before = os.umask(umask)
    try:
        write_atomically(tmp_path / "a.txt", NEW)
        write_atomically(tmp_path / "new" / "a.txt", NEW)
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "a.txt").stat().st_mode) == mode
    assert stat.S_IMODE((tmp_path / "new" / "a.txt").stat().st_mode) == mode


@needs_root
def test_the_owner_of_an_existing_file_is_kept(tmp_path: Path) -> None:
    target = tmp_path / "a.txt"
    target.write_bytes(OLD)
    target.chmod(0o660)
    os.chown(target, UNPRIVILEGED, UNPRIVILEGED)
    write_atomically(target, NEW)
    found = target.stat()
    assert (found.st_uid, found.st_gid, stat.S_IMODE(found.st_mode)) == (UNPRIVILEGED, UNPRIVILEGED, 0o660)


def as_unprivileged(act: Callable[[], None]) -> int:
    """Run in a child without privileges; return 0, or 1 for a PermissionError, or 2."""
    child = os.fork()
    if child == 0:
        code = 2
        try:
            os.setgroups([])
            os.setgid(UNPRIVILEGED)
            os.setuid(UNPRIVILEGED)
            act()
            code = 0
        except PermissionError:
            code = 1
        finally:
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


@pytest.fixture
def open_folder(tmp_path: Path) -> Path:
    """A folder that everybody may write to and reach."""
    for path in (tmp_path, *list(tmp_path.parents)[:3]):
        if path.owner() == "root" and path != Path("/tmp"):
            path.chmod(path.stat().st_mode | 0o055)
    tmp_path.chmod(0o777)
    return tmp_path


@needs_root
def test_a_file_that_may_not_be_written_is_not_replaced_either(open_folder: Path) -> None:
    target = open_folder / "a.txt"
    target.write_bytes(OLD)
    target.chmod(0o444)
    assert as_unprivileged(lambda: write_atomically(target, NEW)) == 1
    assert target.read_bytes() == OLD
    assert leftovers(open_folder) == []


@needs_root
def test_a_group_that_cannot_be_kept_gets_no_rights(open_folder: Path) -> None:
    target = open_folder / "a.txt"
    target.write_bytes(OLD)
    target.chmod(0o666)
    assert as_unprivileged(lambda: write_atomically(target, NEW)) == 0
    found = target.stat()
    assert (found.st_uid, stat.S_IMODE(found.st_mode)) == (UNPRIVILEGED, 0o606)


@needs_root
def test_a_folder_that_cannot_be_read_can_still_be_written_to(open_folder: Path) -> None:
    folder = open_folder / "drop"
    folder.mkdir()
    folder.chmod(0o333)
    assert as_unprivileged(lambda: write_atomically(folder / "a.txt", NEW)) == 0
    assert (folder / "a.txt").read_bytes() == NEW


def test_what_is_no_regular_file_is_not_replaced(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "folder").mkdir()
    for path, error in (
        (tmp_path / "pipe", "not a regular file"),
        (Path("/dev/null"), "not a regular file"),
        (tmp_path / "folder", "Is a directory"),
        (tmp_path / "pipe" / "a.txt", "Not a directory"),
    ):
        with pytest.raises(OSError, match=error):
            write_atomically(path, NEW)
    assert leftovers(tmp_path) == []


def test_a_file_where_a_folder_is_needed_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(NotADirectoryError):
        write_atomically(tmp_path / "file" / "deeper" / "a.txt", NEW)
    (tmp_path / "dangling").symlink_to("nowhere")
    with pytest.raises(NotADirectoryError):
        write_atomically(tmp_path / "dangling" / "a.txt", NEW)


def test_folders_are_made_unless_told_otherwise(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError), LocalStage(str(tmp_path / "new" / "a.txt"), mkdir=False):
        raise AssertionError
    write_atomically(tmp_path / "new" / "a.txt", NEW)
    assert (tmp_path / "new" / "a.txt").read_bytes() == NEW


def test_a_durable_save_syncs_the_file_and_every_folder_with_a_new_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[str] = []

    class Watched(System):
        def fsync(self, fd: int) -> None:
            synced.append(str(Path(f"/proc/self/fd/{fd}").readlink()))

    monkeypatch.setattr(staging, "os", Watched())
    save(tmp_path / "new" / "deeper" / "a.txt", durable=False)
    assert synced == []
    save(tmp_path / "other" / "deeper" / "a.txt")
    assert is_staging_name(Path(synced[0]).name)
    assert set(synced[1:]) == {str(tmp_path), str(tmp_path / "other"), str(tmp_path / "other" / "deeper")}


@pytest.mark.parametrize(("code", "is_error"), [(errno.EINVAL, False), (errno.EIO, True)])
def test_a_folder_that_cannot_be_synced_counts_only_where_the_system_could(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int, is_error: bool
) -> None:
    class Unsynced(System):
        def fsync(self, fd: int) -> None:
            raise OSError(code, "no")

    monkeypatch.setattr(staging, "os", Unsynced())
    if is_error:
        with pytest.raises(OSError, match="no"):
            staging.sync_folder(str(tmp_path))
    else:
        staging.sync_folder(str(tmp_path))


def test_on_windows_folders_are_not_synced_and_permissions_not_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Windows(System):
        name = "nt"

        def __getattr__(self, name: str) -> Any:
            if name in ("fchown", "fchmod"):
                raise AttributeError(name)
            return super().__getattr__(name)

    target = tmp_path / "a.txt"
    target.write_bytes(OLD)
    monkeypatch.setattr(staging, "os", Windows())
    with Disk(tmp_path) as disk:
        save(target)
    assert target.read_bytes() == NEW
    assert [operation.name for operation in disk.operations].count("fsync") == 1


@pytest.mark.parametrize("name", ["a.txt", "ü" * 120, "x" * 255, ".hidden", "a\nb", "-"])
def test_staging_names_are_hidden_unguessable_recognisable_and_short_enough(
    tmp_path: Path, name: str
) -> None:
    names = {staging_name(name) for _ in range(50)} | {staging_name(name, keep_extension=True)}
    assert len(names) == 51
    for staged in names:
        assert staged.startswith(".")
        assert is_staging_name(staged)
        (tmp_path / staged).touch()
    write_atomically(tmp_path / name, b"x")
    assert (tmp_path / name).read_bytes() == b"x"


def test_an_extension_is_kept_on_demand() -> None:
    assert staging_name("a.csv").endswith(".incremental-tmp")
    assert staging_name("a.csv", keep_extension=True).endswith(".incremental-tmp.csv")


@pytest.mark.parametrize(
    "name", ["a.txt", ".a.txt.incremental-tmp", "a.0123456789abcdef.incremental-tmp", ".tmp", ""]
)
def test_other_names_are_no_staging_names(name: str) -> None:
    assert not is_staging_name(name)


def test_a_planted_name_is_not_followed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "precious").write_text("precious")
    monkeypatch.setattr(staging, "staging_name", lambda name: f".{name}.planted")
    (tmp_path / ".a.txt.planted").symlink_to("precious")
    with pytest.raises(FileExistsError):
        write_atomically(tmp_path / "a.txt", NEW)
    assert (tmp_path / "precious").read_text() == "precious"


def test_a_staging_name_tells_for_what_it_is() -> None:
    match = staging.STAGING_PATTERN.match(staging_name("model.pkl"))
    assert match is not None
    assert match["name"] == "model.pkl"


# -- what the errors say


def a_pipe(target: Path) -> None:
    os.mkfifo(target)


@pytest.mark.parametrize(
    ("prepare_target", "exclusive", "number", "text"),
    [
        (Path.mkdir, False, errno.EISDIR, os.strerror(errno.EISDIR)),
        (a_pipe, False, errno.EINVAL, "not a regular file, so it is not replaced"),
        (Path.touch, True, errno.EEXIST, os.strerror(errno.EEXIST)),
    ],
)
def test_what_must_not_be_replaced_is_refused_with_number_words_and_name(
    tmp_path: Path, prepare_target: Callable[[Path], None], exclusive: bool, number: int, text: str
) -> None:
    target = tmp_path / "target"
    prepare_target(target)
    with pytest.raises(OSError) as caught:
        save(target, exclusive)
    assert (caught.value.errno, caught.value.strerror, caught.value.filename) == (number, text, str(target))


def test_a_file_that_may_not_be_written_is_refused_with_number_words_and_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tmp_path / "target"
    target.write_bytes(OLD)
    monkeypatch.setattr(os, "access", lambda path, _: path != str(target))
    with pytest.raises(PermissionError) as caught:
        save(target)
    told = (errno.EACCES, os.strerror(errno.EACCES), str(target))
    assert (caught.value.errno, caught.value.strerror, caught.value.filename) == told


def test_a_file_where_a_folder_is_needed_is_named_in_the_error(tmp_path: Path) -> None:
    (tmp_path / "dangling").symlink_to("nowhere")
    with pytest.raises(NotADirectoryError) as caught:
        write_atomically(tmp_path / "dangling" / "a.txt", NEW)
    told = (errno.ENOTDIR, os.strerror(errno.ENOTDIR), str(tmp_path / "dangling"))
    assert (caught.value.errno, caught.value.strerror, caught.value.filename) == told


def test_without_hard_links_a_target_that_is_taken_meanwhile_is_named_in_the_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tmp_path / "target"

    def taken_meanwhile(source: str, name: str) -> None:
        target.write_bytes(OLD)
        raise OSError(errno.EPERM, "no hard links here")

    monkeypatch.setattr(os, "link", taken_meanwhile)
    with pytest.raises(FileExistsError) as caught:
        save(target, exclusive=True)
    told = (errno.EEXIST, os.strerror(errno.EEXIST), str(target))
    assert (caught.value.errno, caught.value.strerror, caught.value.filename) == told
    assert target.read_bytes() == OLD
    assert leftovers(tmp_path) == []


# -- whose it is


@needs_root
@pytest.mark.parametrize("refused", ["", "group", "owner"])
def test_only_what_cannot_be_kept_of_owner_and_group_changes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, refused: str
) -> None:
    target = tmp_path / "a.txt"
    target.write_bytes(OLD)
    os.chown(target, UNPRIVILEGED, UNPRIVILEGED)
    target.chmod(0o675)
    real = os.fchown

    def fchown(fd: int, uid: int, gid: int) -> None:
        if refused == ("owner" if gid == -1 else "group"):
            raise PermissionError(errno.EPERM, "not yours")
        real(fd, uid, gid)

    monkeypatch.setattr(os, "fchown", fchown)
    write_atomically(target, NEW)
    found = target.stat()
    assert found.st_uid == (0 if refused == "owner" else UNPRIVILEGED)
    assert found.st_gid == (os.getegid() if refused == "group" else UNPRIVILEGED)
    assert stat.S_IMODE(found.st_mode) == (0o605 if refused == "group" else 0o675)


@needs_root
def test_of_a_file_of_another_group_the_owner_stays_who_it_was(tmp_path: Path) -> None:
    target = tmp_path / "a.txt"
    target.write_bytes(OLD)
    os.chown(target, -1, UNPRIVILEGED)
    write_atomically(target, NEW)
    assert (target.stat().st_uid, target.stat().st_gid) == (0, UNPRIVILEGED)


# -- letting go


@pytest.mark.parametrize("durable", [None, True, False])
def test_what_is_written_at_once_is_synced_unless_told_otherwise(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, durable: bool | None
) -> None:
    synced: list[int] = []
    monkeypatch.setattr(os, "fsync", synced.append)
    write_atomically(tmp_path / "a.txt", NEW, *([] if durable is None else [durable]))
    assert len(synced) == (0 if durable is False else 2)
    synced.clear()
    stage = LocalStage(str(tmp_path / "b.txt"), *([] if durable is None else [durable]))
    with stage as file:
        file.write(NEW)
    stage.publish()
    assert len(synced) == (0 if durable is False else 2)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda file: file.raw.close(),
        lambda file: file.detach(),  # then closing it is a ValueError
        lambda file: os.close(file.fileno()),  # then flushing it is an OSError, and so is closing it again
    ],
)
def test_whatever_a_library_did_to_the_file_discarding_removes_it_quietly(
    tmp_path: Path, spoil: Callable[[Any], None]
) -> None:
    stage = LocalStage(str(tmp_path / "a.txt"))
    file = stage.__enter__()
    file.write(b"still in the buffer")
    spoil(file)
    stage.discard()
    stage.discard()
    assert list(tmp_path.iterdir()) == []
