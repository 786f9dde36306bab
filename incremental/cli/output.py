"""The two streams of a command: answers on stdout, everything else on stderr. It words nothing itself."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from incremental.render.text import Look
from incremental.secrets import Redactor

if TYPE_CHECKING:
    from collections.abc import Mapping


class Output:
    """Writes texts with secrets taken out, in signs that the stream can express.

    A reader that went away (``| head``) is no error: what follows goes nowhere.
    """

    def __init__(self, stdout: TextIO, stderr: TextIO, environ: Mapping[str, str]) -> None:
        self.stdout = stdout
        self.stderr = stderr
        self.environ = environ
        self.redactor = Redactor()
        self.look = look_of(stdout, environ)

    def answer(self, text: str) -> None:
        """Write an answer to stdout."""
        self._write(self.stdout, self.look.spell(self.redactor.scrub(text)))

    def document(self, document: Mapping[str, Any]) -> None:
        """Write the one JSON document of ``--json`` to stdout."""
        from incremental.render.document import json_text

        self._write(self.stdout, json_text(document, self.redactor.scrub))

    def tell(self, text: str) -> None:
        """Write to stderr what is no answer. A terminal that is gone, or a full disk, ends no run."""
        look = look_of(self.stderr, self.environ)
        try:
            self._write(self.stderr, look.spell(self.redactor.scrub(text)))
        except OSError:
            _let_go(self.stderr)

    def _write(self, stream: TextIO, text: str) -> None:
        encoding = getattr(stream, "encoding", None) or "utf-8"
        known = f"{text}\n".encode(encoding, "backslashreplace").decode(encoding)
        try:
            stream.write(known)
            stream.flush()
        except BrokenPipeError:
            _let_go(stream)


def open_closed_streams() -> None:
    """Have what a caller closed (``2>&-``) lead nowhere, before a file of ours is opened in its place."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, mode, encoding="utf-8"))  # noqa: PTH123, SIM115 - kept


def look_of(stream: TextIO, environ: Mapping[str, str]) -> Look:
    """Return what can be shown on a stream: colour where a terminal or ``FORCE_COLOR`` asks for it."""
    is_terminal = is_screen(stream, environ)
    forced = environ.get("FORCE_COLOR", "") not in ("", "0")
    colour = not environ.get("NO_COLOR") and (forced or is_terminal)
    width = shutil.get_terminal_size().columns if stream.isatty() else None
    encoding = getattr(stream, "encoding", None) or "utf-8"
    unicode = encoding.lower().replace("-", "").startswith("utf")
    return Look(colour, unicode, width, _here())


def is_screen(stream: TextIO, environ: Mapping[str, str]) -> bool:
    """Whether the stream is a terminal that can do more than print lines."""
    return stream.isatty() and environ.get("TERM") != "dumb"


def _let_go(stream: TextIO) -> None:
    """Send a stream whose reader is gone to nowhere, so that closing it at exit is silent as well."""
    try:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())
        os.close(nowhere)
    except (OSError, ValueError):
        return


def _here() -> str:
    try:
        return str(Path.cwd())
    except OSError:  # the folder is gone
        return ""
