"""What went wrong, in at most ten lines. It catches nothing; frames and messages come in as values."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from incremental.render.text import Look, Style

if TYPE_CHECKING:
    from collections.abc import Sequence

LONGEST = 10
_MOST_FRAMES = 2


@dataclass(frozen=True, slots=True)
class Frame:
    """A place in somebody's code."""

    file: str
    line: int
    function: str
    source: str = ""

    def __str__(self) -> str:
        return f"{self.file}:{self.line} in {self.function}"


@dataclass(frozen=True, slots=True)
class Failure:
    """An error as a reader needs it."""

    message: str
    frames: tuple[Frame, ...] = ()
    """Those in the user's own code, the innermost last."""
    raised_in: Frame | None = None
    """Where a library raised it, when that is not the user's code."""
    cause: str | None = None
    """The error behind it, in one phrase."""
    remedy: tuple[str, ...] = ()
    kind: str = "error"


def failure_text(failure: Failure, look: Look) -> str:
    """Return message, the user's frames with their source lines, and what to do: ten lines at most."""
    tail = [f"  {frame}" for frame in _with_sources(failure.frames[-_MOST_FRAMES:])]
    if failure.raised_in is not None:
        tail.append(f"  raised in {failure.raised_in}")
    if failure.cause:
        tail.append(f"  because of {failure.cause}")
    tail += failure.remedy
    first, *more = _message_lines(failure.message, LONGEST - len(tail))
    return "\n".join([f"{look.paint(f'{failure.kind}:', Style.BAD)} {first}", *more, *tail])


def failure_document(failure: Failure, exit_code: int) -> dict[str, object]:
    """Return an error as ``incremental-error/1``."""
    return {
        "format": "incremental-error/1",
        "exit_code": exit_code,
        "message": failure.message,
        "frames": [
            {"file": frame.file, "line": frame.line, "function": frame.function, "source": frame.source}
            for frame in failure.frames
        ],
        "cause": failure.cause,
        "remedy": list(failure.remedy),
    }


def _with_sources(frames: Sequence[Frame]) -> list[str]:
    lines = []
    for frame in frames:
        lines.append(str(frame))
        if frame.source:
            lines.append(f"  {frame.source}")
    return lines


def _message_lines(message: str, most: int) -> list[str]:
    """Return a message with its further lines indented, cut to a number of lines."""
    lines = [line.rstrip() for line in message.splitlines() if line.strip()] or [""]
    if len(lines) > most:
        kept = max(most - 1, 1)
        lines = [*lines[:kept], f"and {len(lines) - kept} more lines; --traceback shows all"]
    return [lines[0].strip(), *[line if line.startswith(" ") else f"  {line}" for line in lines[1:]]]
