"""What went wrong with a dataset, as one error that names it once and shows no secret. It handles nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from incremental import errors
from incremental.errors import DatasetError
from incremental.io.dataset import explain

if TYPE_CHECKING:
    from incremental.secrets import Redactor

_ERRORS_OF_KEDRO = "kedro.io.core"


def failure(name: str, action: str, error: Exception, redactor: Redactor) -> DatasetError:
    """Return ``error`` as a DatasetError that names the dataset; the very same one if it is fit already.

    An error of ours keeps its class; one of a foreign class becomes the nearest of ours, because its
    constructor may want other arguments.

    Args:
        action: what could not be done, as in ``load it``.
        redactor: knows the secrets that must not be in the text.
    """
    if not isinstance(error, DatasetError):
        kind = _class_like(error)
        return kind(redactor.scrub(f"dataset {name!r}: cannot {action}: {explain(error)}"))
    text = str(error)
    message = redactor.scrub(text if f"dataset {name!r}" in text else f"dataset {name!r}: {text}")
    kind = next(each for each in type(error).__mro__ if each.__module__ == DatasetError.__module__)
    return error if message == text and kind is type(error) else kind(message)


def _class_like(error: Exception) -> type[DatasetError]:
    """Return our class of the same name for an error of Kedro's, else the one for all datasets."""
    for each in type(error).__mro__:
        found = getattr(errors, each.__name__, None) if each.__module__ == _ERRORS_OF_KEDRO else None
        if isinstance(found, type) and issubclass(found, DatasetError):
            return found
    return DatasetError


def cause_of(error: Exception) -> Exception:
    """Return what an error that only wraps was raised from, so that a traceback shows the origin."""
    cause = error.__cause__
    return cause if isinstance(error, DatasetError) and isinstance(cause, Exception) else error
