"""Log records on their way from workers to the driver. It configures nothing by itself."""

from __future__ import annotations

import logging
import logging.config
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from incremental.executors.parcels import pack

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


class Forwarder(logging.Handler):
    """Sends records, formatted as far as they must be to travel."""

    def __init__(self, send: Callable[[bytes], None]) -> None:
        super().__init__()
        self._send = send

    def emit(self, record: logging.LogRecord) -> None:
        """Send a record; a log line must not end a node."""
        try:
            told = logging.makeLogRecord(vars(record))
            told.msg, told.args = record.getMessage(), None
            if record.exc_info:
                told.exc_text = record.exc_text or logging.Formatter().formatException(record.exc_info)
                told.exc_info = None
            self._send(pack(told, None))
        except Exception:  # noqa: BLE001 - see above
            self.handleError(record)


def log_levels() -> dict[str, int]:
    """Return the levels that are set in this process, by logger; the root's under an empty name."""
    levels = {
        name: logger.level
        for name, logger in logging.Logger.manager.loggerDict.items()
        if isinstance(logger, logging.Logger) and logger.level
    }
    return {**levels, "": logging.getLogger().level}


def set_levels(levels: dict[str, int]) -> None:
    """Set the levels of loggers to those of the driver."""
    for name, level in levels.items():
        logging.getLogger(name or None).setLevel(level)


def relog(record: logging.LogRecord) -> None:
    """Hand a worker's record to the handlers here."""
    logger = logging.getLogger(record.name)
    if logger.isEnabledFor(record.levelno):
        logger.handle(record)


@contextmanager
def logging_kept() -> Iterator[None]:
    """Let no module that is imported meanwhile configure the logging of this process, as Kedro's does."""
    configure = logging.config.dictConfig
    logging.config.dictConfig = _ignore  # type: ignore[assignment]
    try:
        yield
    finally:
        logging.config.dictConfig = configure


def _ignore(config: dict[str, Any]) -> None:
    """Stand in for ``dictConfig``."""
