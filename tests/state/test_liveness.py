"""Whether the process of a run is still there, although numbers of processes come again."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from incremental.state import liveness
from incremental.state.liveness import birth_of, is_alive

HOST = socket.gethostname()
needs_proc = pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="without /proc nobody can tell")


@needs_proc
def test_this_process_was_born_once() -> None:
    assert birth_of(os.getpid()) == birth_of(os.getpid()) is not None
    assert is_alive(os.getpid(), HOST, birth_of(os.getpid()))


@needs_proc
def test_a_later_process_of_the_same_number_is_another() -> None:
    assert not is_alive(os.getpid(), HOST, "another boot/1")


@needs_proc
def test_a_process_that_ended_and_that_nobody_asked_is_not_alive() -> None:
    child = subprocess.Popen([sys.executable, "-c", ""])
    birth = birth_of(child.pid)
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
    assert os.kill(child.pid, 0) is None
    assert not is_alive(child.pid, HOST, birth)
    child.wait()
    assert not is_alive(child.pid, HOST, birth)


def test_nothing_is_known_of_a_process_that_is_not_there() -> None:
    assert birth_of(2**22 + 5) is None
    assert not is_alive(2**22 + 5, HOST)
    assert not is_alive(2**70, HOST)


def test_a_process_of_another_host_may_be_alive() -> None:
    assert is_alive(2**22 + 5, "elsewhere")


def test_where_asking_would_end_a_process_it_may_be_alive(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "name", "nt")
    may_be = is_alive(2**22 + 5, HOST)
    monkeypatch.undo()  # paths are made by it, too
    assert may_be


def test_a_process_that_is_asked_for_hears_nothing_of_it() -> None:
    heard: list[int] = []
    before = signal.signal(signal.SIGHUP, lambda number, _: heard.append(number))
    try:
        assert is_alive(os.getpid(), HOST)
    finally:
        signal.signal(signal.SIGHUP, before)
    assert heard == []


@pytest.mark.parametrize("birth", [None, "a boot/1"])
def test_where_the_system_tells_nothing_of_processes_the_one_of_that_number_may_be_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, birth: str | None
) -> None:
    monkeypatch.setattr(liveness, "_PROC", tmp_path)
    assert birth_of(os.getpid()) is None
    assert is_alive(os.getpid(), HOST, birth)


def test_a_process_is_told_by_its_boot_and_by_when_it_began(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(liveness, "_PROC", tmp_path)
    (tmp_path / "sys/kernel/random").mkdir(parents=True)
    (tmp_path / "sys/kernel/random/boot_id").write_text("b007\n")
    (tmp_path / "7").mkdir()
    fields = [str(place) for place in range(3, 53)]  # proc(5) counts from 1; the first two are PID and name
    (tmp_path / "7/stat").write_bytes(b"7 (a ) \xff b) " + " ".join(fields).encode())
    assert birth_of(7) == "b007/22"
    (tmp_path / "7/stat").write_text("7 (short) " + " ".join(fields[:20]))
    assert birth_of(7) == "b007/22"
    (tmp_path / "7/stat").write_text("7 (shorter) " + " ".join(fields[:19]))
    assert birth_of(7) is None
