"""Let Kedro work without a word: what it logs, warns of and configures stays out. It does not load Kedro."""

from __future__ import annotations

import logging
import warnings
from contextlib import contextmanager
from typing import TYPE_CHECKING

from incremental.executors.logs import logging_kept

if TYPE_CHECKING:
    from collections.abc import Iterator

_TALKATIVE = ("kedro.framework.project", "kedro.pipeline.node")


@contextmanager
def kedro_kept_quiet() -> Iterator[None]:
    """Keep Kedro from taking over the logging of this process, and from showing what it deprecates.

    ``kedro.framework.project`` configures all logging when it is imported, and again for each project. A
    command of ours has logs of its own by then, and obeys the project's ``logging.yml`` itself.
    """
    loggers = [logging.getLogger(name) for name in _TALKATIVE]
    silenced = [logger for logger in loggers if not logger.disabled]
    for logger in silenced:
        logger.disabled = True
    try:
        with logging_kept(), warnings.catch_warnings():
            yield
    finally:
        for logger in silenced:
            logger.disabled = False


@contextmanager
def chatter_ignored() -> Iterator[None]:
    """Hide warnings of what users cannot change: how Kedro uses OmegaConf, and that it tries out previews."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", r"The 'preview_fn' feature is experimental")
        warnings.filterwarnings("ignore", r"register_new_resolver\(\) is deprecated")
        yield
