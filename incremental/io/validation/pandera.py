"""Schemas of pandera as validators. It imports pandera only where a schema of it was imported already."""

from __future__ import annotations

import logging
import sys
from inspect import signature
from typing import TYPE_CHECKING, Any

from incremental.errors import CheckFailure, DataValidationError, ValidationConfigurationError, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Iterable

    from incremental.io.validation.specs import ValidatorSpec

logger = logging.getLogger(__name__)

_SCHEMAS = ("DataFrameModel", "DataFrameSchema")
_EXAMPLES = 5


class PanderaValidator:
    """Validates frames against a model or a schema of pandera.

    Args:
        schema: a subclass of ``DataFrameModel``, or a ``DataFrameSchema``.
        lazy: whether all that is wrong is collected, not only the first.
        head: validate so many rows from the beginning only.
        tail: validate so many rows from the end only.
        sample: validate so many rows picked at random.
        random_state: seed of the picking.
    """

    def __init__(
        self,
        schema: Any,
        lazy: bool = True,
        head: int | None = None,
        tail: int | None = None,
        sample: int | None = None,
        random_state: int | None = None,
    ) -> None:
        rows = {"head": head, "tail": tail, "sample": sample, "random_state": random_state}
        self._schema = schema
        self._arguments = {"lazy": lazy, **{name: value for name, value in rows.items() if value is not None}}

    def validate(self, data: Any) -> Any:
        """Return the data, converted where the schema says so. Raises DataValidationError."""
        if type(data).__module__.startswith("pyspark."):
            return self._checked_on_spark(data)
        errors: Any = sys.modules["pandera.errors"]
        try:
            return self._schema.validate(data, **self._arguments)
        except (errors.SchemaErrors, errors.SchemaError) as error:
            raise self._failure(_failures(error)) from error

    def _checked_on_spark(self, data: Any) -> Any:
        """On Spark pandera raises nothing; what it has found is with the frame that it returns."""
        checked = self._schema.validate(data)
        report = getattr(checked, "pandera", None)
        if report is None or not hasattr(report, "errors"):
            raise ValidationConfigurationError(f"{self!r}: pandera has left no report of what it has found")
        if report.errors is None:
            logger.warning("%r validated nothing: pandera's validation is switched off", self)
        if report.errors:
            raise self._failure([CheckFailure(f"{kind}: {what}") for kind, what in report.errors.items()])
        return checked

    def _failure(self, failures: list[CheckFailure]) -> DataValidationError:
        return DataValidationError(f"it does not fit {self!r}", failures=failures)

    def __repr__(self) -> str:
        kind = self._schema if isinstance(self._schema, type) else type(self._schema)
        return f"{kind.__module__}.{kind.__qualname__}"


def of_schema(spec: ValidatorSpec, found: Any) -> PanderaValidator | None:
    """Return a validator for a schema of pandera; None for anything else.

    Raises:
        ValidationConfigurationError: an option is none of pandera's.
    """
    kind = found if isinstance(found, type) else type(found)
    if not any(each.__module__.startswith("pandera.") and each.__name__ in _SCHEMAS for each in kind.__mro__):
        return None
    known = list(signature(PanderaValidator).parameters)[1:]
    for option in spec.options:
        if option not in known:
            raise ValidationConfigurationError(
                f"validator {spec.class_path!r}: {option!r} is no option of a pandera schema"
                f"{did_you_mean(str(option), known) or '; it has ' + ', '.join(known)}"
            )
    return PanderaValidator(found, **spec.options)


def _failures(error: Any) -> list[CheckFailure]:
    """Return what pandera says, one entry for each check of each column."""
    groups: dict[tuple[str | None, str | None], list[Any]] = {}
    for case in _cases(getattr(error, "failure_cases", None)):
        column, check = _text(case.get("column")), _text(case.get("check"))
        groups.setdefault((column, check), []).append(case.get("failure_case"))
    if not groups:
        return [CheckFailure(str(error))]
    if len(groups) == 1 and (None, None) in groups:  # one error names them itself, not in its cases
        column = _text(getattr(getattr(error, "schema", None), "name", None))
        groups = {(column, _text(getattr(error, "check", None))): groups[None, None]}
    return [
        CheckFailure(
            f"check {check or 'of the schema'} failed",
            check=check,
            column=column,
            failure_count=len(values),
            failure_examples=values[:_EXAMPLES],
        )
        for (column, check), values in groups.items()
    ]


def _cases(frame: Any) -> Iterable[dict[str, Any]]:
    """Return the rows of a frame of pandas or polars as dicts."""
    if hasattr(frame, "to_dicts"):
        rows: list[dict[str, Any]] = frame.to_dicts()
        return rows
    return frame.to_dict(orient="records") if hasattr(frame, "columns") else ()


def _text(value: Any) -> str | None:
    """Return a cell as text; None for an empty one, which is not equal to itself."""
    return None if value is None or value != value else str(value)
