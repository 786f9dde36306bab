"""Validators: what they must do, and how one is made of what an entry names. It loads and saves nothing."""

from __future__ import annotations

import importlib.util
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from incremental.errors import ValidationConfigurationError
from incremental.io.dataset import explain
from incremental.io.validation.pandera import of_schema

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from incremental.io.validation.specs import ValidatorSpec


@runtime_checkable
class Validator(Protocol):
    """Something that looks at data. Several threads may ask it at the same time.

    Example::

        class NoNegatives:
            def __init__(self, column: str) -> None:
                self._column = column

            def validate(self, data: DataFrame) -> DataFrame:
                if (data[self._column] < 0).any():
                    raise ValueError(f"{self._column} has negative values")
                return data
    """

    def validate(self, data: Any) -> Any:
        """Return the data, perhaps converted. Whatever this raises means that the data is not valid."""


class CallableValidator:
    """A function as a validator; one that returns None leaves the data as it is."""

    def __init__(self, func: Callable[[Any], Any]) -> None:
        self._func = func

    def validate(self, data: Any) -> Any:
        """Call the function with the data."""
        answer = self._func(data)
        return data if answer is None else answer

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._func!r})"


def resolve_validator(spec: ValidatorSpec) -> Validator:
    """Return the validator that a declaration names: a pandera schema, a class, an object or a function.

    Raises:
        ValidationConfigurationError: it cannot be imported, made, or is none.
    """
    found = _imported(spec.class_path)
    validator: Validator | None = of_schema(spec, found)
    if validator is not None:
        return validator
    if isinstance(found, type):
        return _made(spec, found)
    if spec.options:
        raise ValidationConfigurationError(
            f"validator {spec.class_path!r} takes no options; name a class, or remove 'options'"
        )
    if isinstance(found, Validator):
        return found
    if callable(found):
        return CallableValidator(found)
    raise ValidationConfigurationError(
        f"validator {spec.class_path!r} is {type(found).__name__!r}; name a class with 'validate(data)', "
        f"or a function"
    )


def preflight_check(specs: Mapping[str, ValidatorSpec]) -> list[str]:
    """Return a line for each dataset whose validator needs a package that is not there. Imports nothing."""
    lines = []
    for name, spec in specs.items():
        package = spec.class_path.partition(".")[0]
        try:
            is_there = bool(package) and importlib.util.find_spec(package) is not None
        except (ImportError, ValueError):
            is_there = False
        if not is_there:
            lines.append(
                f"dataset {name!r}: validator {spec.class_path!r} needs {package!r}, which is not installed"
            )
    return lines


def _imported(path: str) -> Any:
    module, _, name = path.rpartition(".")
    try:
        return getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError, ValueError) as error:
        raise ValidationConfigurationError(
            f"validator {path!r} cannot be imported: {explain(error)}; is its package installed?"
        ) from error


def _made(spec: ValidatorSpec, kind: type[Any]) -> Validator:
    if not callable(getattr(kind, "validate", None)):
        raise ValidationConfigurationError(f"validator {spec.class_path!r} has no 'validate(data)'")
    try:
        made: Validator = kind(**spec.options)
    except Exception as error:
        raise ValidationConfigurationError(
            f"validator {spec.class_path!r} cannot be made with its options: {explain(error)}"
        ) from error
    return made
