"""Logging of a command: the project's own if it has one, else a line a record. Nothing at import."""

from __future__ import annotations

import contextlib
import copy
import logging
import sys
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from incremental.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from incremental.cli.call import Call
    from incremental.cli.output import Output
    from incremental.project import ImportRule

_STDOUT = "ext://sys.stdout"
_STDERR = "ext://sys.stderr"
_KEDROS = "kedro.logging.RichHandler"
_RICHS = "rich.logging.RichHandler"
_PLAIN = "logging.StreamHandler"


class Scrubber(logging.Filter):
    """Takes secrets out of records, tracebacks included, before a handler writes them."""

    def __init__(self, out: Output) -> None:
        super().__init__()
        self._out = out

    def filter(self, record: logging.LogRecord) -> bool:
        """Scrub a record in place and let it pass."""
        scrub = self._out.redactor.scrub
        record.msg = scrub(record.getMessage())
        record.args = ()
        if record.exc_info and not record.exc_text:
            record.exc_text = logging.Formatter().formatException(record.exc_info)
        if record.exc_text:
            record.exc_text = scrub(record.exc_text)
        return True


class StderrHandler(logging.StreamHandler):  # type: ignore[type-arg]  # no [TextIO] in Python 3.10
    """Writes to what ``sys.stderr`` is at that moment: above the live bar while there is one."""

    def __init__(self) -> None:
        logging.Handler.__init__(self)

    @property
    def stream(self) -> TextIO:
        """The stream of this moment."""
        return sys.stderr


class _Lines(logging.Formatter):
    """``warning: text``; with the logger's name when everything is logged."""

    def format(self, record: logging.LogRecord) -> str:
        record.levelname = record.levelname.lower()
        return super().format(record)


class Logs:
    """The logging of one command, undone at its end."""

    def __init__(self, call: Call) -> None:
        self._call = call
        self._scrubber = Scrubber(call.out)
        self._handler: logging.Handler = StderrHandler()
        named = " (%(name)s)" if call.verbosity > 1 else ""
        self._handler.setFormatter(_Lines(f"%(levelname)s: %(message)s{named}"))
        self._handler.addFilter(self._scrubber)

    def start(self) -> None:
        """Log to stderr as ``-v`` and ``-q`` say."""
        root = logging.getLogger()
        root.addHandler(self._handler)
        root.setLevel(_level(self._call.verbosity))

    def obey(
        self, config_loader: Any, rule: ImportRule | None, *, to_files: bool, file: str | None = None
    ) -> None:
        """Configure logging as ``file`` or else ``logging.yml`` says, if there is one, if ``rule`` lets it.

        Raises:
            ConfigError: it cannot be used.
        """
        found, place = _config_of(config_loader) if file is None else _config_in(Path(file))
        if not found:
            return
        if rule is not None:
            rule.check_logging(found, place)
        from logging.config import dictConfig

        wanted = _restricted(found, to_files)
        self.stop()
        try:
            dictConfig(wanted)
        except (ValueError, TypeError, AttributeError, ImportError) as error:
            self.start()
            cause = f": {error.__cause__}" if error.__cause__ else ""
            raise ConfigError(f"{place}: logging cannot be set up: {error}{cause}; correct it") from error
        if self._call.verbosity:
            logging.getLogger("incremental").setLevel(_level(self._call.verbosity))
        for handler in _handlers():
            handler.addFilter(self._scrubber)

    def stop(self) -> None:
        """Take our handler away."""
        logging.getLogger().removeHandler(self._handler)


@contextlib.contextmanager
def logging_as_asked(call: Call) -> Iterator[Logs]:
    """Configure logging for one command; a process that goes on afterwards gets its loggers back."""
    root = logging.getLogger()
    before, level, ours = root.handlers[:], root.level, logging.getLogger("incremental").level
    logs = Logs(call)
    logs.start()
    try:
        yield logs
    finally:
        logs.stop()
        for handler in root.handlers[:]:
            if handler not in before:
                root.removeHandler(handler)
                handler.close()
        for handler in before:
            if handler not in root.handlers:
                root.addHandler(handler)
        root.setLevel(level)
        logging.getLogger("incremental").setLevel(ours)


@contextlib.contextmanager
def warnings_in_one_line(call: Call) -> Iterator[None]:
    """Show Python's warnings as ``warning: text``, without the line of source they were raised at."""
    before = warnings.showwarning

    def show(message: Warning | str, category: type[Warning], *_: Any) -> None:
        if call.verbosity >= 0:
            call.out.tell(f"warning: {message}")

    warnings.showwarning = show  # type: ignore[assignment]
    try:
        yield
    finally:
        warnings.showwarning = before


def _level(verbosity: int) -> int:
    if verbosity < 0:
        return logging.ERROR
    return (logging.WARNING, logging.INFO, logging.DEBUG)[min(verbosity, 2)]


def _config_of(config_loader: Any) -> tuple[dict[str, Any], str]:
    """Return ``conf/logging.yml``, where Kedro has it, or the loader's ``logging``; and its place."""
    folder = Path(str(getattr(config_loader, "conf_source", "")))
    for file in (folder / "logging.yml", folder / "logging.yaml"):
        if file.is_file():
            return _config_in(file)
    try:
        return config_loader["logging"], "the configuration 'logging'"
    except KeyError:
        return {}, ""


def _config_in(file: Path) -> tuple[dict[str, Any], str]:
    from incremental.config.document import read_file
    from incremental.config.faults import error_of, show_path

    document = read_file(str(file))
    if document.faults:
        raise error_of(document.faults, "logging")
    return document.values, show_path(file)


def _restricted(config: Mapping[str, Any], to_files: bool) -> dict[str, Any]:
    """Return the configuration with stdout left clean, no logger silenced, and no file where none may be."""
    wanted = {"version": 1, "disable_existing_loggers": False, **copy.deepcopy(dict(config))}
    wanted["disable_existing_loggers"] = False
    handlers = wanted.get("handlers") or {}
    if not isinstance(handlers, dict):
        raise ConfigError("'handlers' of the logging configuration is no mapping; write 'name: {class: ...}'")
    wanted["handlers"] = {
        name: _handler(handler, to_files) if isinstance(handler, dict) else handler
        for name, handler in handlers.items()
    }
    return wanted


def _handler(handler: dict[str, Any], to_files: bool) -> dict[str, Any]:
    kind = handler.get("class")
    general: dict[str, Any] = {
        key: handler[key] for key in ("level", "formatter", "filters") if key in handler
    }
    if kind == _KEDROS:
        return {**general, "class": _PLAIN, "stream": _STDERR}
    if kind == _RICHS and "console" not in handler:
        from rich.console import Console

        return {**handler, "console": Console(stderr=True)}
    if handler.get("stream") == _STDOUT:
        return {**handler, "stream": _STDERR}
    if not to_files and "filename" in handler:
        return {**general, "class": "logging.NullHandler"}
    return handler


def _handlers() -> Iterator[logging.Handler]:
    loggers = [logging.getLogger(), *logging.Logger.manager.loggerDict.values()]
    for logger in loggers:
        if isinstance(logger, logging.Logger):
            yield from logger.handlers
