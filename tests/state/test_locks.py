"""Locks: the kernel frees them when the process ends, and no child keeps them."""

from __future__ import annotations

import gc
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from faults.effects import raising

from incremental.state.locks import Lock, is_held

needs_proc = pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="looks for descriptors")

HOLDER = """
import os, subprocess, sys, time
from incremental.state.locks import Lock
lock = Lock.create(sys.argv[1])
child = os.fork()
if child == 0:
    time.sleep(60)
    os._exit(0)
other = subprocess.Popen(["sleep", "60"], close_fds=False, start_new_session=True)
print(child, other.pid, flush=True)
time.sleep(60)
"""


@pytest.fixture
def path(tmp_path: Path) -> str:
    return str(tmp_path / "file")


def test_a_lock_is_held_until_it_is_released(path: str) -> None:
    assert not is_held(path)
    lock = Lock.create(path)
    assert lock.is_held
    assert is_held(path)
    lock.release()
    lock.release()
    assert not lock.is_held
    assert not is_held(path)
    assert Path(path).exists()


def test_looking_makes_no_file_and_is_in_nobodys_way(path: str) -> None:
    assert not is_held(path)
    assert not Path(path).exists()
    Path(path).touch()
    before = Path(path).stat()
    assert not is_held(path)
    assert Path(path).stat() == before
    Lock.wait_for(path, 0).release()


def test_a_file_that_is_there_is_not_created_again(path: str) -> None:
    Path(path).write_text("x")
    with pytest.raises(FileExistsError):
        Lock.create(path)
    assert Path(path).read_text() == "x"


def test_a_link_is_not_followed(tmp_path: Path, path: str) -> None:
    Path(path).symlink_to(tmp_path / "target")
    with pytest.raises(OSError):
        Lock.wait_for(path, 0)
    with pytest.raises(OSError):
        is_held(path)
    assert not (tmp_path / "target").exists()


def test_what_is_appended_comes_after_what_is_there(path: str) -> None:
    Path(path).write_bytes(b"a")
    lock = Lock.wait_for(path, 0)
    lock.append(b"b")
    lock.append(b"c" * 5_000_000)
    assert Path(path).read_bytes() == b"ab" + b"c" * 5_000_000
    lock.release()


def test_waiting_ends_when_the_other_lets_go_or_time_is_up(path: str) -> None:
    lock = Lock.create(path)
    with pytest.raises(TimeoutError, match="file is locked"):
        Lock.wait_for(path, 0.05)
    threading.Timer(0.1, lock.release).start()
    second = Lock.wait_for(path, 30)
    assert is_held(path)
    second.remove()
    assert not Path(path).exists()


def test_one_that_nobody_refers_to_any_more_is_no_trouble_at_a_fork(path: str) -> None:
    Lock.create(path)
    gc.collect()
    child = os.fork()
    if child == 0:
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0


def test_a_forked_child_does_not_have_the_lock_and_cannot_end_it(path: str) -> None:
    lock = Lock.create(path)
    child = os.fork()
    if child == 0:
        wrong = lock.is_held
        lock.remove()
        lock.release()
        os._exit(int(wrong))
    assert os.waitpid(child, 0)[1] == 0
    assert lock.is_held
    assert is_held(path)
    assert Path(path).exists()
    lock.remove()


def descriptor_of(path: str) -> int:
    """Return the one under which this process has a file open."""
    numbers = (int(each.name) for each in Path("/proc/self/fd").iterdir())
    [found] = [each for each in numbers if os.path.realpath(f"/proc/self/fd/{each}") == path]
    return found


@needs_proc
def test_what_is_forgotten_is_closed_and_stays_locked_for_whoever_else_has_it_open(path: str) -> None:
    lock = Lock.create(path)
    shared = os.dup(descriptor_of(path))
    lock.forget()
    lock.forget()
    assert not lock.is_held
    assert is_held(path)
    assert descriptor_of(path) == shared
    os.close(shared)
    assert not is_held(path)


def test_what_was_released_is_written_to_no_more(path: str) -> None:
    lock = Lock.create(path)
    lock.release()
    with pytest.raises(AssertionError, match="^released already"):
        lock.append(b"late")
    assert Path(path).read_bytes() == b""


def test_a_file_that_somebody_removed_is_let_go_of_all_the_same(path: str) -> None:
    lock = Lock.create(path)
    Path(path).unlink()
    lock.remove()
    assert not lock.is_held


def test_a_file_that_cannot_be_unlocked_is_closed_and_so_let_go_of(
    path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    lock = Lock.create(path)
    monkeypatch.setattr("fcntl.flock", raising(OSError("no locks")))
    lock.release()
    monkeypatch.undo()
    assert not is_held(path)


@needs_proc
def test_what_somebody_closed_already_can_be_forgotten(path: str) -> None:
    lock = Lock.create(path)
    os.close(descriptor_of(path))
    lock.forget()
    assert not lock.is_held


def test_a_killed_process_holds_nothing_though_its_children_live(path: str) -> None:
    holder = subprocess.Popen([sys.executable, "-c", HOLDER, path], stdout=subprocess.PIPE, text=True)
    assert holder.stdout is not None
    orphans = [int(word) for word in holder.stdout.readline().split()]
    try:
        assert is_held(path)
        holder.kill()
        holder.wait()
        assert [pid for pid in orphans if not is_alive(pid)] == []
        assert not is_held(path)
    finally:
        for pid in orphans:
            os.kill(pid, signal.SIGKILL)
        holder.stdout.close()


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_many_processes_have_it_one_after_the_other(path: str) -> None:
    program = """
import sys
from incremental.state.locks import Lock
for _ in range(50):
    lock = Lock.wait_for(sys.argv[1], 60)
    number = int(open(sys.argv[2]).read())
    open(sys.argv[2], "w").write(str(number + 1))
    lock.release()
"""
    counter = Path(path).with_name("counter")
    counter.write_text("0")
    command = [sys.executable, "-c", program, path, str(counter)]
    workers = [subprocess.Popen(command) for _ in range(3)]
    assert [worker.wait(60) for worker in workers] == [0, 0, 0]
    assert counter.read_text() == "150"
