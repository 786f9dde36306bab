"""One call of the command line: its output and the options that every command takes. It runs nothing."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from incremental.cli.output import Output
    from incremental.render.text import Look


@dataclass(slots=True)
class Call:
    """What a command is given besides its own options."""

    out: Output
    verbosity: int = 0
    """How often ``-v`` was given, less how often ``-q`` was."""
    traceback: bool = False
    as_json: bool = False
    project: str | None = None
    config_file: str | None = None
    """The file that ``--config`` named."""
    runs: bool = False
    """Whether a run has begun, so that there is something to resume."""
    resume: list[str] = field(default_factory=list)
    """The options that would resume the run that this call starts."""

    @property
    def look(self) -> Look:
        """What stdout can show."""
        return self.out.look

    def answer(self, text: Callable[[], str], document: Callable[[], Mapping[str, Any]]) -> None:
        """Answer as text, or as a document with ``--json``."""
        if self.as_json:
            self.out.document(document())
        else:
            self.out.answer(text())
