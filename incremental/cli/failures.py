"""From whatever ended a command to an exit code and a text. The wording is the render room's."""

from __future__ import annotations

import os
import re
import sys
import sysconfig
import traceback
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from incremental.cli import exit_codes
from incremental.cli.interrupts import Interrupted
from incremental.config.faults import show_path
from incremental.errors import IncrementalError, NodeRunError, RemoteError, SelectionError
from incremental.render.failure import Failure, Frame, failure_document, failure_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from incremental.cli.call import Call

_OURS = str(Path(__file__).resolve().parent.parent) + os.sep
_LIBRARIES = ("site-packages", "dist-packages")
_SELECTOR = re.compile(
    r"(?<= \()(tags|node_names|node_namespaces|from_nodes|to_nodes|from_inputs|to_outputs|force)(?=\))"
    r"|(?<=^  )(tags|node_names|node_namespaces|from_nodes|to_nodes|from_inputs|to_outputs)(?= ')",
    re.MULTILINE,
)
_RESUMABLE = "resume with: incremental run --resume"


def report(error: BaseException, call: Call) -> int:
    """Tell what ended a command, on stderr and with ``--json`` also as the document; return the exit code."""
    from incremental.cli.output import look_of

    out = call.out
    failure, code = _failure(error, call)
    if call.traceback and not isinstance(error, click.ClickException):
        out.tell("".join(traceback.format_exception(error)).rstrip())
    if failure is not None:
        out.tell(failure_text(failure, look_of(out.stderr, out.environ)))
    if call.as_json and failure is not None:
        out.document(failure_document(failure, code))
    return code


def _failure(error: BaseException, call: Call) -> tuple[Failure | None, int]:
    if isinstance(error, click.ClickException):
        return _usage(error), exit_codes.WRONG_USE
    if isinstance(error, NodeRunError):
        return _of_node(error, call), exit_codes.NODE_FAILED
    if isinstance(error, Interrupted):
        stopped = Failure("the run was interrupted", remedy=(_resume(call),), kind="stopped")
        return stopped if call.runs else None, error.exit_code
    if isinstance(error, KeyboardInterrupt | click.Abort):  # before a command began
        return None, exit_codes.INTERRUPTED
    if isinstance(error, SelectionError):
        return Failure(_SELECTOR.sub(_option, str(error))), exit_codes.WRONG_USE
    if isinstance(error, IncrementalError):
        return Failure(str(error)), exit_codes.WRONG_USE
    return _unexpected(error)


def _option(selector: re.Match[str]) -> str:
    """Return the option by which a selector is given here."""
    word = selector[0].removeprefix("node_").replace("_", "-")
    return "--nodes" if word == "names" else f"--{word}"


def _usage(error: click.ClickException) -> Failure:
    context = getattr(error, "ctx", None)
    command = context.command_path if context is not None else "incremental"
    return Failure(error.format_message(), remedy=(f"see: {command} --help",))


def _of_node(error: NodeRunError, call: Call) -> Failure:
    cause = error.__cause__ or error
    frames, raised_in = _users_frames(cause, error.frames)
    return Failure(error.sentence, frames, raised_in, _behind(cause), (*error.others, _resume(call)))


def _unexpected(error: BaseException) -> tuple[Failure, int]:
    """Tell an error that nobody foresaw: of the user's code where that raised it, else of ours."""
    name = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
    frames, raised_in = _users_frames(error)
    if isinstance(error, SystemExit):
        return Failure(f"code of the project calls sys.exit({error.code!r})", frames), exit_codes.NODE_FAILED
    if frames:
        return Failure(f"code of the project failed: {name}", frames, raised_in), exit_codes.WRONG_USE
    if isinstance(error, OSError):  # a full disk, a folder without rights: no bug, and nothing to resume
        place = f": {show_path(str(error.filename))!r}" if error.filename is not None else ""
        return Failure(f"{error.strerror or name}{place}"), exit_codes.WRONG_USE
    where = _last_frame(error)
    remedy = ("this is a bug of incremental: please report it with the output of --traceback",)
    return Failure(f"internal error: {name}", raised_in=where, remedy=remedy), exit_codes.OUR_BUG


def _resume(call: Call) -> str:
    return " ".join([_RESUMABLE, *call.resume])


def _users_frames(
    error: BaseException, summaries: Sequence[traceback.FrameSummary] | None = None
) -> tuple[tuple[Frame, ...], Frame | None]:
    """Return the frames in the user's own code, and where a library raised below the last of them.

    ``summaries`` are the frames of an error that was raised in another process.
    """
    frames = list(_frames(traceback.extract_tb(error.__traceback__) if summaries is None else summaries))
    users = [frame for frame, is_users in frames if is_users]
    last = frames[-1][0] if frames else None
    if not users or last is None or last is users[-1]:
        return tuple(users), None
    return tuple(users), replace(last, file=_short(last.file))


def _frames(summaries: Iterable[traceback.FrameSummary]) -> Iterator[tuple[Frame, bool]]:
    """Yield each frame outside this package, and whether it is the user's own; one a line of source."""
    before: tuple[str, int | None] | None = None
    for summary in summaries:
        place = (summary.filename, summary.lineno)
        if summary.filename.startswith(_OURS) or place == before:  # a comprehension, before Python 3.12
            continue
        before = place
        frame = _frame(summary)
        yield frame, not _is_library(summary.filename)


def _last_frame(error: BaseException) -> Frame | None:
    summaries = traceback.extract_tb(error.__traceback__)
    return _frame(summaries[-1]) if summaries else None


def _frame(summary: traceback.FrameSummary) -> Frame:
    source = (summary.line or "").strip()
    return Frame(show_path(summary.filename), summary.lineno or 0, summary.name, source)


def _short(file: str) -> str:
    """Return the path of a library's file from the folder that libraries are in."""
    parts = Path(file).parts
    for name in (*_LIBRARIES, f"python{sys.version_info[0]}.{sys.version_info[1]}"):
        if name in parts:
            return "/".join(parts[parts.index(name) + 1 :])
    return file


def _is_library(file: str) -> bool:
    parts = Path(file).parts
    if file.startswith("<") or any(name in parts for name in _LIBRARIES):
        return True
    standard = (sysconfig.get_path("stdlib"), sysconfig.get_path("platstdlib"))
    return any(
        file.startswith((f"{os.path.realpath(place)}{os.sep}", f"{place}{os.sep}")) for place in standard
    )


def _behind(error: BaseException) -> str | None:
    """Return the error that an error of the user's code was raised from, in one phrase."""
    cause = error.__cause__
    if cause is None or isinstance(error, IncrementalError):
        return None
    name, text = type(cause).__name__, str(cause)
    if isinstance(cause, RemoteError):
        if cause.cause is None:
            return None
        name, text = cause.cause
    first = text.partition("\n")[0]
    return f"{name}: {first}" if first else name
