"""What a catalog does with validators: which data is looked at when. It loads nothing itself."""

from __future__ import annotations

import logging
import os
from typing import TYPE_CHECKING, Any

from incremental.errors import DataValidationError, ValidationConfigurationError
from incremental.io.dataset import explain
from incremental.io.validation.specs import VALIDATOR, ValidatorSpec

if TYPE_CHECKING:
    from collections.abc import Mapping

    from incremental.io.validation.validators import Validator

logger = logging.getLogger(__name__)

SWITCHES = ("INCREMENTAL_DATASET_VALIDATION", "KEDRO_DATASET_VALIDATION")
"""Variables of the environment that switch validation on or off, whatever a catalog says; the first wins."""
_OFF, _ON = ("0", "false", "off"), ("1", "true", "on")


class Gate:
    """The validators of one catalog. What it remembers is of this process only."""

    def __init__(self) -> None:
        self._specs: dict[str, ValidatorSpec | None] = {}
        self._validators: dict[str, Validator] = {}
        self._saved: set[str] = set()  # validated when this catalog saved them

    def __getstate__(self) -> dict[str, Any]:
        return {**vars(self), "_validators": {}, "_saved": set()}

    @property
    def specs(self) -> dict[str, ValidatorSpec]:
        """The declarations that have been read, by name of a dataset."""
        return {name: spec for name, spec in self._specs.items() if spec is not None}

    def spec(self, name: str, entry: Mapping[str, Any] | None) -> ValidatorSpec | None:
        """Return what the entry of a dataset declares, read once. Raises ValidationConfigurationError."""
        if name not in self._specs:
            declared = None if entry is None else entry.get(VALIDATOR)
            self._specs[name] = (
                None if declared is None else ValidatorSpec.from_dataset_config(name, declared)
            )
        return self._specs[name]

    def drop(self, name: str) -> None:
        """Forget a dataset that was replaced."""
        self._specs.pop(name, None)
        self._validators.pop(name, None)
        self._saved.discard(name)

    def forget_saved(self, name: str) -> None:
        """Believe no longer what was saved: validate it when it is loaded."""
        self._saved.discard(name)

    def checked(self, name: str, spec: ValidatorSpec | None, data: Any, mode: str, enabled: bool) -> Any:
        """Return data as its validator returns it; as it is where none applies.

        Raises:
            DataValidationError: it is not valid, and the severity is ``error``.
            ValidationConfigurationError: the validator cannot be made.
        """
        if spec is None or mode not in spec.on or not spec.enabled or not _is_on(enabled):
            return data
        if mode == "load" and spec.skip_load_after_save and name in self._saved:
            return data
        try:
            validated = self._validator(name, spec).validate(data)
        except ValidationConfigurationError:
            raise
        except Exception as error:
            failure = told(error, name, mode, spec.class_path)
            if spec.severity == "warn":
                logger.warning("%s", failure)
                return data
            if failure is error:
                raise
            raise failure from error
        if mode == "save":
            self._saved.add(name)
        return validated

    def _validator(self, name: str, spec: ValidatorSpec) -> Validator:
        found = self._validators.get(name)
        if found is None:
            from incremental.io.validation.validators import resolve_validator

            found = self._validators.setdefault(name, resolve_validator(spec))
        return found


def told(error: Exception, name: str, mode: str, validator: str) -> DataValidationError:
    """Return what a validator raised as the one error that names the dataset."""
    if not isinstance(error, DataValidationError):
        return DataValidationError(explain(error), dataset_name=name, mode=mode, validator=validator)
    error.dataset_name, error.mode = name, mode
    error.validator = error.validator or validator
    return error


def _is_on(enabled: bool) -> bool:
    for variable in SWITCHES:
        value = os.environ.get(variable, "").strip().lower()
        if value in _OFF or value in _ON:
            return value in _ON
    return enabled
