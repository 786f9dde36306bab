"""Processes: what becomes of workers that die or take too long, what travels, and what is left."""

from __future__ import annotations

import importlib
import logging
import multiprocessing
import os
import signal
import subprocess
import sys
import threading
import time
import tracemalloc
from pathlib import Path
from typing import Any

import psutil
import pytest
from trials import assert_gone, family, tried

from incremental.errors import NodeTimeoutError, RunError, WorkerDiedError
from incremental.executors import ProcessExecutor
from incremental.executors.base import Answer
from incremental.executors.cores import thread_limits
from incremental.executors.parcels import LARGE, pack, unpack


def run_one(job: Any, argument: Any = None, timeout: float | None = None) -> Any:
    with ProcessExecutor[str](1) as executor:
        executor.start(job)
        executor.submit("a", argument, timeout)
        return executor.wait()


def started() -> list[psutil.Process]:
    return [
        each
        for each in psutil.Process().children(recursive=True)
        if "resource_tracker" not in " ".join(each.cmdline())
    ]


@pytest.fixture(autouse=True)
def before() -> set[psutil.Process]:
    """What other tests keep running, such as a cluster."""
    return set(started())


def left_since(before: set[psutil.Process]) -> list[psutil.Process]:
    return [each for each in started() if each not in before]


def test_workers_cost_nothing_before_there_is_work_for_them() -> None:
    tracemalloc.start()
    try:
        ProcessExecutor[str](1_000_000).close()
        most = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert most < 1_000_000


DEATHS = [
    (lambda _: os.kill(os.getpid(), signal.SIGKILL), "was ended by SIGKILL; probably out of memory", -9),
    (lambda _: os.kill(os.getpid(), signal.SIGSEGV), "was ended by SIGSEGV; a library crashed", -11),
    (lambda _: os._exit(7), "ended with exit code 7", 7),
]


@tried
@pytest.mark.parametrize(("death", "text", "code"), DEATHS, ids=["SIGKILL", "SIGSEGV", "_exit"])
def test_a_worker_that_dies_is_named_at_once_replaced_and_its_sibling_goes_on(
    death: Any, text: str, code: int, trial: int, tmp_path: Path, before: Any
) -> None:
    moment = tmp_path / "moment"

    def job(argument: str) -> str:
        if argument == "die":
            moment.write_text(str(time.monotonic()))
            death(None)
        time.sleep(0.3)
        return argument

    with ProcessExecutor[str](2) as executor:
        executor.start(job)
        executor.submit("sibling", "fine")
        executor.submit("victim", "die")
        finished = {}
        while len(finished) < 2:
            ended = executor.wait()
            assert ended is not None
            finished[ended.key] = ended
            if ended.key == "victim":
                assert time.monotonic() - float(moment.read_text()) < 5
        assert finished["sibling"].value == "fine"
        error = finished["victim"].error
        assert isinstance(error, WorkerDiedError)
        assert (str(error), error.exit_code) == (f"its worker process {text}", code)
        executor.submit("next", "fine, too")
        after = executor.wait()
        assert after is not None
        assert after.value == "fine, too"
    assert left_since(before) == []


def test_a_call_that_takes_too_long_is_killed_even_when_it_does_not_listen(before: Any) -> None:
    def deaf(_: Any) -> None:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        time.sleep(30)

    begin = time.monotonic()
    finished = run_one(deaf, timeout=0.6)
    assert isinstance(finished.error, NodeTimeoutError)
    assert str(finished.error) == "it took longer than 0.6 s and was stopped"
    assert time.monotonic() - begin < 4
    assert left_since(before) == []


def talk(marker: Path | None) -> str:
    logging.getLogger("talk").error("once")
    while marker is None:
        logging.getLogger("talk").error("again")
    marker.touch()
    return "ended in time"


def test_a_call_that_ended_in_time_has_ended_although_nobody_listened(tmp_path: Path) -> None:
    with ProcessExecutor[str](1) as executor:
        executor.start(talk)
        executor.submit("a", tmp_path / "marker", 0.05)
        while not (tmp_path / "marker").exists():
            time.sleep(0.01)
        time.sleep(1)  # the caller is busy, and what was logged is in front of the result
        finished = executor.wait()
    assert finished is not None
    assert finished.value == "ended in time"


def test_a_call_that_talks_for_ever_is_stopped_all_the_same(before: Any) -> None:
    finished = run_one(talk, None, timeout=0.5)
    assert isinstance(finished.error, NodeTimeoutError)
    assert left_since(before) == []


def test_what_a_call_started_ends_with_its_worker(before: Any) -> None:
    def job(_: Any) -> None:
        subprocess.Popen(["sleep", "60"])
        time.sleep(60)

    with ProcessExecutor[str](1) as executor:
        executor.start(job)
        executor.submit("a", None)
        deadline = time.monotonic() + 10
        while len(left_since(before)) < 2 and time.monotonic() < deadline:
            time.sleep(0.02)
        sleeper = next(each for each in left_since(before) if each.name() == "sleep")
    sleeper.wait(3)


def test_an_error_that_cannot_be_pickled_comes_as_its_type_and_text() -> None:
    class Odd(Exception):
        def __init__(self, one: int, two: int) -> None:
            super().__init__(f"{one} and {two}")

    def job(_: Any) -> None:
        raise Odd(1, 2)

    error = run_one(job).error
    assert type(error) is RunError
    assert "1 and 2" in str(error)


def test_code_that_travels_knows_where_it_was_written() -> None:
    def job(_: Any) -> str:
        return (lambda: sys._getframe().f_code.co_filename)()

    assert run_one(job).value == __file__


def test_what_cannot_travel_is_refused_in_words() -> None:
    lock = __import__("threading").Lock()
    with pytest.raises(
        RunError, match=r"the run cannot travel to another process: TypeError: .* run on threads"
    ):
        ProcessExecutor[str](1).start(lambda _: lock)
    with ProcessExecutor[str](1) as executor:
        executor.start(lambda argument: (value for value in argument))
        with pytest.raises(RunError, match="it, or what it reads, cannot travel"):
            executor.submit("a", lock)
        executor.submit("b", [1])
        finished = executor.wait()
        assert finished is not None
        assert "its result cannot travel between processes" in str(finished.error)
        executor.submit("c", [2])
        assert executor.wait() is not None


def test_large_arrays_are_mapped_copy_on_write_and_leave_no_file(tmp_path: Path) -> None:
    numpy = pytest.importorskip("numpy")
    array = numpy.arange(LARGE, dtype="float64")
    packed = pack({"a": array, "again": array, "small": numpy.ones(3)}, str(tmp_path))
    assert len(packed) < LARGE
    assert len(list(tmp_path.iterdir())) == 1
    found = unpack(packed)
    assert list(tmp_path.iterdir()) == []
    found["a"][0] = 5
    assert (array[0], found["a"][0]) == (0, 5)
    assert numpy.array_equal(found["a"][1:], array[1:])

    def change(values: Any) -> Any:
        values[0] = 7
        return values

    back = run_one(change, array).value
    assert (array[0], back[0], back.flags.writeable) == (0, 7, True)


def test_a_kept_array_is_written_once_read_by_all_and_gone_with_its_handle() -> None:
    numpy = pytest.importorskip("numpy")

    def job(argument: str, kept: Any = None) -> Answer:
        if argument == "make":
            return Answer("made", {"a": numpy.ones(LARGE)})
        kept["a"][0] = 7  # a copy of its own
        return Answer(float(kept["a"].sum()), {})

    with ProcessExecutor[str](1) as executor:
        executor.start(job)
        executor.submit("a", "make")
        made = executor.wait()
        assert made is not None
        assert made.value == "made"
        (name,) = made.kept["a"].files
        for key in "bc":
            executor.submit_with(key, "read", made.kept)
            read = executor.wait()
            assert read is not None
            assert read.value == LARGE + 6
        assert numpy.array_equal(executor.fetch(made.kept)["a"], numpy.ones(LARGE))
        assert Path(name).exists()
        del made
        assert not Path(name).exists()


def test_what_is_sent_to_all_workers_is_sealed_here(tmp_path: Path) -> None:
    with ProcessExecutor[str](1) as executor:
        executor.start(lambda argument, kept: argument + len(kept["text"]))
        handle = executor.keep("x" * 2 * LARGE)
        executor.submit_with("a", 1, {"text": handle})
        finished = executor.wait()
        assert finished is not None
        assert finished.value == 2 * LARGE + 1
        with pytest.raises(RunError, match="it, or what it reads, cannot travel"):
            executor.keep(threading.Lock())


def test_what_only_this_process_can_import_is_packed_whole(tmp_path: Path) -> None:
    code = (
        "from incremental.executors.parcels import pack\n"
        "import sys, types, cloudpickle\n"
        "class Mine:\n    size = 3\n"
        "other = types.ModuleType('other')\n"
        "exec('class Its:\\n    size = 4', other.__dict__)\n"
        "sys.modules['other'] = other\n"
        "cloudpickle.register_pickle_by_value(other)\n"
        "sys.stdout.buffer.write(pack([Mine(), other.Its()], None))\n"
    )
    packed = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True).stdout
    assert [each.size for each in unpack(packed)] == [3, 4]


def test_an_idle_worker_that_dies_fails_nothing(tmp_path: Path, before: Any) -> None:
    def job(path: Path | None) -> int:
        while path is not None and not path.exists():
            time.sleep(0.01)
        return os.getpid()

    with ProcessExecutor[str](2) as executor:
        executor.start(job)
        executor.submit("long", tmp_path / "go on")
        executor.submit("short", None)
        short = executor.wait()
        assert short is not None
        assert short.key == "short"
        os.kill(short.value, signal.SIGKILL)
        deadline = time.monotonic() + 5
        while psutil.Process(short.value).status() != psutil.STATUS_ZOMBIE and time.monotonic() < deadline:
            time.sleep(0.01)
        assert executor.wait(0.1) is None
        (tmp_path / "go on").touch()
        executor.submit("next", None)
        found = [executor.wait(), executor.wait()]
        assert sorted((each.key, each.error) for each in found if each) == [("long", None), ("next", None)]
        assert short.value not in [each.value for each in found if each]
    assert left_since(before) == []


def test_what_a_worker_logs_reaches_the_handlers_here(caplog: pytest.LogCaptureFixture) -> None:
    def job(_: Any) -> None:
        logging.getLogger("mine").warning("seen %s", 1)
        logging.getLogger("mine").debug("unseen")
        try:
            1 / 0
        except ZeroDivisionError:
            logging.getLogger("mine").exception("failed")

    run_one(job)
    assert [record.getMessage() for record in caplog.records if record.name == "mine"] == ["seen 1", "failed"]
    assert "ZeroDivisionError" in caplog.text


def test_a_module_that_configures_logging_when_it_is_imported_takes_no_log_of_a_worker(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "loud_at_import.py").write_text(
        "import logging.config, os\n"
        f"if os.getpid() != {os.getpid()}:\n"
        "    logging.config.dictConfig({'version': 1, 'root': {'handlers': []}})\n"
        "def job(_):\n    logging.getLogger('mine').warning('heard')\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    module = importlib.import_module("loud_at_import")
    run_one(module.job)
    assert [record.getMessage() for record in caplog.records if record.name == "mine"] == ["heard"]


def test_what_a_worker_prints_goes_to_stderr(capfd: pytest.CaptureFixture[str]) -> None:
    run_one(lambda _: print("hello"))
    assert capfd.readouterr() == ("", "hello\n")


def test_a_call_that_ignores_a_signal_itself_has_not_been_stopped() -> None:
    def deaf(_: Any) -> str:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        return "done"

    found = run_one(deaf)
    assert (found.value, found.error) == ("done", None)


def test_a_worker_takes_after_its_driver_and_has_nothing_to_read() -> None:
    def look(_: Any) -> tuple[Any, ...]:
        return sys.path, sys.argv, multiprocessing.current_process().name, sys.stdin.read()

    assert run_one(look).value == (list(map(str, sys.path)), sys.argv, "incremental-process-1", "")


def test_no_file_of_the_folder_of_a_run_stands_for_a_module_of_python(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("json", "pickle", "logging", "incremental"):
        (tmp_path / f"{name}.py").write_text("raise SystemExit('taken for another')")
    assert run_one(str, 1).value == "1"


def test_what_a_manager_of_the_driver_keeps_can_be_used_in_a_worker() -> None:
    with multiprocessing.Manager() as manager:
        shared = manager.dict()
        assert run_one(lambda shared: shared.update(a=1), shared).error is None
        assert dict(shared) == {"a": 1}


def test_workers_share_the_cores_without_a_change_here(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)  # Dask leaves it there for workers of its own
    before = dict(os.environ)
    found = run_one(lambda name: os.environ.get(name), "OMP_NUM_THREADS").value
    assert found == thread_limits(1, {})["OMP_NUM_THREADS"]
    assert dict(os.environ) == before
    assert "OMP_NUM_THREADS" not in thread_limits(1, {"OMP_NUM_THREADS": "5"})


DRIVER = """
import sys, time
from incremental.executors import ProcessExecutor

def job(_):
    open(sys.argv[1], "a").write("x")
    time.sleep(60)

with ProcessExecutor(2) as executor:
    executor.start(job)
    executor.submit("a", 1)
    executor.submit("b", 2)
    executor.wait()
"""


@tried
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_workers_end_with_their_driver_however_it_ends(tmp_path: Path, number: int, trial: int) -> None:
    begun = tmp_path / "begun"
    driver = subprocess.Popen(
        [sys.executable, "-c", DRIVER, str(begun)], stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    deadline = time.monotonic() + 20
    while not (begun.exists() and begun.read_text() == "xx") and time.monotonic() < deadline:
        time.sleep(0.02)
    processes = family(driver.pid)
    assert len(processes) >= 3
    driver.send_signal(number)
    _, err = driver.communicate(timeout=2)
    assert_gone(processes)
    assert len(err.splitlines()) <= 15, err


def test_folders_of_killed_drivers_are_removed_by_the_next_one(monkeypatch: Any, tmp_path: Path) -> None:
    from incremental.executors import processes

    gone = subprocess.Popen(["true"])
    gone.wait()
    for name in (f"incremental-{gone.pid}-x", f"incremental-{os.getpid()}-x", "incremental-mine", "other"):
        (tmp_path / name).mkdir()
    monkeypatch.setattr(processes, "scratch_root", lambda: str(tmp_path))
    assert run_one(str, 1).value == "1"
    left = {path.name for path in tmp_path.iterdir()}
    assert left == {f"incremental-{os.getpid()}-x", "incremental-mine", "other"}


def test_a_call_is_given_leave_to_show_something_once_and_only_by_a_driver_that_waits(tmp_path: Path) -> None:
    shown = tmp_path / "shown"

    def job(_: Any) -> str:
        from incremental.executors.base import leave

        for _ in range(2):
            leave.get()()
            with shown.open("a") as file:
                file.write("x")
        return "done"

    with ProcessExecutor[str](1) as executor:
        executor.start(job)
        executor.submit("a", None)
        time.sleep(1.0)
        assert not shown.exists()
        finished = executor.wait()
        assert finished is not None
        assert (finished.value, shown.read_text()) == ("done", "xx")
