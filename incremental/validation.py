"""Validators of datasets under the names that Kedro has for them. Loaded on first use."""

from __future__ import annotations

from typing import TYPE_CHECKING

from incremental._lazy import lazy_names

if TYPE_CHECKING:
    from incremental.errors import (
        CheckFailure,
        DataValidationError,
        ParameterValidationError,
        ValidationConfigurationError,
    )
    from incremental.io.validation.pandera import PanderaValidator
    from incremental.io.validation.results import ValidationResult, validate_catalog, validate_dataset
    from incremental.io.validation.specs import ValidatorSpec
    from incremental.io.validation.validators import (
        CallableValidator,
        Validator,
        preflight_check,
        resolve_validator,
    )

_HOMES = {
    "CallableValidator": "incremental.io.validation.validators",
    "CheckFailure": "incremental.errors",
    "DataValidationError": "incremental.errors",
    "ParameterValidationError": "incremental.errors",
    "PanderaValidator": "incremental.io.validation.pandera",
    "ValidationConfigurationError": "incremental.errors",
    "ValidationResult": "incremental.io.validation.results",
    "Validator": "incremental.io.validation.validators",
    "ValidatorSpec": "incremental.io.validation.specs",
    "preflight_check": "incremental.io.validation.validators",
    "resolve_validator": "incremental.io.validation.validators",
    "validate_catalog": "incremental.io.validation.results",
    "validate_dataset": "incremental.io.validation.results",
}

__all__ = [
    "CallableValidator",
    "CheckFailure",
    "DataValidationError",
    "PanderaValidator",
    "ParameterValidationError",
    "ValidationConfigurationError",
    "ValidationResult",
    "Validator",
    "ValidatorSpec",
    "preflight_check",
    "resolve_validator",
    "validate_catalog",
    "validate_dataset",
]

__getattr__ = lazy_names(__name__, _HOMES)
