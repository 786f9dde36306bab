"""What streams can show, readers that go away, and the live bar in this process."""

from __future__ import annotations

import errno
import io
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from incremental.cli.call import Call
from incremental.cli.interrupts import interruptible
from incremental.cli.output import Output, is_screen, look_of
from incremental.cli.progress import progress
from incremental.events import NodeFinished, NodeStarted, RunFinished, RunStarted
from incremental.render.text import Look


class Screen(io.StringIO):
    """A stream that says it is a terminal."""

    encoding = "utf-8"

    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("screen", "environ", "colour"),
    [
        (True, {}, True),
        (True, {"TERM": "dumb"}, False),
        (True, {"NO_COLOR": "1"}, False),
        (True, {"NO_COLOR": ""}, True),
        (False, {}, False),
        (False, {"FORCE_COLOR": "1"}, True),
        (False, {"FORCE_COLOR": "0"}, False),
        (False, {"FORCE_COLOR": "1", "NO_COLOR": "1"}, False),
    ],
)
def test_colour_is_for_those_who_ask(screen: bool, environ: dict[str, str], colour: bool) -> None:
    stream = Screen() if screen else io.StringIO()
    assert look_of(stream, environ).colour is colour


def test_a_stream_has_a_width_only_where_it_is_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "77")
    assert look_of(Screen(), {}).width == 77
    assert look_of(io.StringIO(), {}).width is None
    assert not is_screen(Screen(), {"TERM": "dumb"})


def test_a_folder_that_is_gone_is_no_obstacle(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "gone"
    folder.mkdir()
    monkeypatch.chdir(folder)
    folder.rmdir()
    assert look_of(io.StringIO(), {}).folder == ""


def test_paths_are_shown_from_where_the_reader_is() -> None:
    look = Look(folder="/work")
    assert look.place("/work/out/a.txt") == "out/a.txt"
    assert look.place("/workshop/a.txt") == "/workshop/a.txt"
    assert look.place(None) == ""


def test_a_broken_pipe_is_let_go() -> None:
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "w") as stream:
        out = Output(stream, io.StringIO(), {})
        out.answer("nobody reads this")
        out.answer("nor that")


def test_a_broken_pipe_without_a_descriptor_is_let_go() -> None:
    class Broken(io.StringIO):
        def write(self, text: str) -> int:
            raise BrokenPipeError

    Output(Broken(), io.StringIO(), {}).answer("x")


def test_what_cannot_be_told_ends_nothing_but_an_answer_that_is_lost_does() -> None:
    class Full(io.StringIO):
        def write(self, text: str) -> int:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    Output(io.StringIO(), Full(), {}).tell("x")
    with pytest.raises(OSError, match="No space left"):
        Output(Full(), io.StringIO(), {}).answer("x")


@pytest.mark.parametrize("closed", ["stdin", "stdout", "stderr"])
def test_a_stream_that_the_caller_closed_leads_nowhere(closed: str) -> None:
    number = ("stdin", "stdout", "stderr").index(closed)
    program = f"import os, sys; os.close({number}); os.execv(sys.executable, sys.argv[1:])"
    arguments = [sys.executable, "-m", "incremental", "--version"]
    done = subprocess.run([sys.executable, "-c", program, *arguments], capture_output=True, check=False)
    assert (done.returncode, done.stderr) == (0, b"")


def test_the_bar_shows_running_nodes_and_goes_away() -> None:
    screen = Screen()
    call = Call(Output(io.StringIO(), screen, {}))
    with progress(call) as (bar,):
        bar(NodeStarted("early", 1))
        bar(RunStarted("r", 2, 0))
        bar(NodeStarted("clean", 1))
        bar(NodeFinished("clean", 0.0, 0.1, 0.1, 0.1))
        bar(NodeStarted("train", 2))
        bar(RunFinished("r", "failed", 1, 1.0))
        shown = screen.getvalue()
        bar(RunFinished("r", "failed", 1, 1.0))
    assert "train" in shown
    assert "1/2" in shown
    with progress(call) as (bar,):
        bar(RunStarted("r", 0, 2))
    assert screen.getvalue() == shown


def test_quiet_has_no_listener() -> None:
    with progress(Call(Output(io.StringIO(), io.StringIO(), {}), verbosity=-1)) as listeners:
        assert listeners == ()


def test_outside_the_main_thread_no_signal_is_handled() -> None:
    seen = []

    def work() -> None:
        with interruptible():
            seen.append("done")

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert seen == ["done"]


def test_ctrl_c_before_a_command_began_is_silent(cli, monkeypatch: pytest.MonkeyPatch) -> None:
    from incremental.cli import main

    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(main.group, "main", interrupted)
    said = cli("plan")
    assert (said.code, said.out, said.err) == (130, "", "")


def test_the_version_is_one_line(cli) -> None:
    said = cli("--version")
    assert (said.code, said.out, said.err) == (0, "incremental 0.1.0\n", "")
