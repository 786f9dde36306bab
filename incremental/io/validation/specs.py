"""The key ``validator`` of a catalog entry as a value. It imports and applies no validator."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from incremental.errors import ValidationConfigurationError, did_you_mean

VALIDATOR = "validator"
MODES = ("load", "save")
_SEVERITIES = ("error", "warn")
_KEYS = ("class", "on", "severity", "enabled", "skip_load_after_save", "options")


@dataclass(frozen=True, slots=True)
class ValidatorSpec:
    """A validator, and when it applies.

    Args:
        class_path: dotted path of a class with ``validate``, a function, an object or a pandera schema.
        on: when it applies: on ``load``, on ``save``, or both.
        severity: ``error`` fails the load or the save, ``warn`` only logs.
        enabled: whether loads and saves apply it; asking for a validation always does.
        skip_load_after_save: whether data that the same catalog has validated on saving is believed.
        options: arguments for the class, or for pandera.
    """

    class_path: str
    on: tuple[str, ...] = MODES
    severity: str = "error"
    enabled: bool = True
    skip_load_after_save: bool = False
    options: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def from_dataset_config(cls, ds_name: str, config: Any) -> ValidatorSpec:
        """Read what an entry has under ``validator``: a dotted path, or a mapping with ``class``.

        Raises:
            ValidationConfigurationError: it is neither, or a key or a value of it cannot be.
        """
        if isinstance(config, str) and config:
            return cls(config)
        if not isinstance(config, Mapping):
            raise _wrong(ds_name, f"{config!r} is neither a dotted path nor a mapping with 'class'")
        if True in config and "on" in config:
            raise _wrong(ds_name, "'on' is there twice, and without quotes YAML reads it as true")
        given = {"on" if key is True else key: value for key, value in config.items()}  # YAML's 'on:'
        unknown = [key for key in given if key not in _KEYS]
        if unknown:
            raise _wrong(ds_name, f"{unknown[0]!r} is no key{did_you_mean(str(unknown[0]), _KEYS)}")
        if not isinstance(given.get("class"), str) or not given["class"]:
            raise _wrong(ds_name, "it needs 'class', a dotted path")
        severity, options = given.get("severity", "error"), given.get("options", {})
        if severity not in _SEVERITIES:
            raise _wrong(ds_name, f"'severity' is {severity!r}; write 'error' or 'warn'")
        if not isinstance(options, Mapping):
            raise _wrong(ds_name, f"'options' is {options!r}, and not a mapping")
        flags = {key: given[key] for key in ("enabled", "skip_load_after_save") if key in given}
        for key, flag in flags.items():
            if not isinstance(flag, bool):
                raise _wrong(ds_name, f"{key!r} is {flag!r}; write true or false")
        return cls(
            given["class"], _modes(ds_name, given.get("on", MODES)), severity, options=dict(options), **flags
        )

    def to_config(self) -> str | dict[str, Any]:
        """Return what ``from_dataset_config`` takes, as short as it can be."""
        config: dict[str, Any] = {}
        if self.on != MODES:
            config["on"] = list(self.on)
        if self.severity != "error":
            config["severity"] = self.severity
        if not self.enabled:
            config["enabled"] = False
        if self.skip_load_after_save:
            config["skip_load_after_save"] = True
        if self.options:
            config["options"] = dict(self.options)
        return {"class": self.class_path, **config} if config else self.class_path


def _modes(name: str, value: Any) -> tuple[str, ...]:
    given = tuple(value) if isinstance(value, list | tuple) else (value,)
    if not given or any(mode not in MODES for mode in given):
        raise _wrong(name, f"'on' is {value!r}; write 'load', 'save' or both")
    return tuple(mode for mode in MODES if mode in given)


def _wrong(name: str, what: str) -> ValidationConfigurationError:
    return ValidationConfigurationError(f"dataset {name!r}: its 'validator' cannot be used: {what}")
