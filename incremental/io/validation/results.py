"""Validation on demand: every outcome is a value. Loads and saves validate by themselves."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from incremental.errors import (
    CheckFailure,
    DataValidationError,
    IncrementalError,
    ValidationConfigurationError,
)
from incremental.io.memory import UNSET
from incremental.io.validation.gate import told
from incremental.io.validation.specs import MODES
from incremental.io.validation.validators import resolve_validator

if TYPE_CHECKING:
    from collections.abc import Iterable

    from incremental.io.catalog.catalog import DataCatalog
    from incremental.io.validation.specs import ValidatorSpec


@dataclass(frozen=True, slots=True)
class ValidationResult:
    """What came of validating one dataset; true unless it failed or could not be validated.

    Args:
        status: ``passed``, ``failed``, ``skipped`` or ``errored``.
        reason: why it was skipped.
        error_type: of an errored one: ``missing_dependency``, ``unresolvable_validator``, ``dataset_error``.
        data: the validated data of one that passed.
    """

    dataset_name: str
    validator: str | None
    status: str
    failures: list[CheckFailure] = field(default_factory=list)
    message: str | None = None
    reason: str | None = None
    error_type: str | None = None
    enabled: bool = True
    data: Any = None

    def __bool__(self) -> bool:
        return self.status in ("passed", "skipped")

    def raise_if_failed(self) -> None:
        """Raise DataValidationError if it failed or could not be validated."""
        if not self:
            raise DataValidationError(
                self.message or self.status,
                dataset_name=self.dataset_name,
                mode="api",
                validator=self.validator,
                failures=self.failures,
                error_type=self.error_type,
            )

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON has it, without the data."""
        failures = [asdict(each) for each in self.failures]
        for failure in failures:
            failure["failure_examples"] = [_plain(each) for each in failure["failure_examples"]]
        names = ("dataset_name", "validator", "status", "message", "reason", "error_type", "enabled")
        return {**{name: getattr(self, name) for name in names}, "failures": failures}


def validate_dataset(
    catalog: DataCatalog, name: str, data: Any = UNSET, *, on: str = "load", version: str | None = None
) -> ValidationResult:
    """Validate one dataset by what its entry declares, also where that is switched off or only warns.

    Args:
        data: what to validate; without it the dataset is loaded.
        on: ``load`` or ``save``: a validator that is declared for the other one is skipped.
        version: the version to load.

    Raises:
        ValueError: ``on`` is neither, or is ``save`` without data.
    """
    if on not in MODES:
        raise ValueError(f"on={on!r}: say 'load' or 'save'")
    if on == "save" and data is UNSET:
        raise ValueError("on='save' needs data to validate")
    try:
        catalog[name]  # that of a pattern has no declaration before it is there
    except IncrementalError as error:
        return ValidationResult(name, None, "errored", message=str(error), error_type="dataset_error")
    spec = catalog.validator_specs.get(name)
    if spec is None:
        return ValidationResult(name, None, "skipped", reason="it declares no validator")
    if on not in spec.on:
        reason = f"its validator is for {' and '.join(spec.on)} only"
        return ValidationResult(name, spec.class_path, "skipped", reason=reason, enabled=spec.enabled)
    return _outcome(catalog, name, spec, data, version)


def validate_catalog(catalog: DataCatalog, names: Iterable[str] | None = None) -> dict[str, ValidationResult]:
    """Validate datasets as they are loaded: those given, or all that are known to declare a validator."""
    wanted = sorted(catalog.validator_specs) if names is None else names
    return {name: validate_dataset(catalog, name) for name in wanted}


def _outcome(
    catalog: DataCatalog, name: str, spec: ValidatorSpec, data: Any, version: str | None
) -> ValidationResult:
    def result(status: str, **details: Any) -> ValidationResult:
        return ValidationResult(name, spec.class_path, status, enabled=spec.enabled, **details)

    try:
        validator = resolve_validator(spec)
    except ValidationConfigurationError as error:
        is_missing = isinstance(error.__cause__, ModuleNotFoundError)
        kind = "missing_dependency" if is_missing else "unresolvable_validator"
        return result("errored", message=str(error), error_type=kind)
    if data is UNSET:
        try:
            data = catalog.get(name, version=version).load()
        except Exception as error:  # noqa: BLE001 - an outcome, whatever a dataset raises
            return result("errored", message=str(error), error_type="dataset_error")
    try:
        return result("passed", data=validator.validate(data))
    except Exception as error:  # noqa: BLE001 - whatever a validator raises says that data is not valid
        failure = told(error, name, "api", spec.class_path)
        return result("failed", failures=failure.failures, message=str(failure))


def _plain(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    return value if value is None or isinstance(value, str | bool | int | float) else repr(value)
