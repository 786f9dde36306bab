"""Every exception this package raises on purpose. It holds no logic beyond making a message.

::

    IncrementalError                      expected: shown in at most ten lines, no traceback
    ├── PipelineError (ValueError)        a node or pipeline that cannot be
    │   ├── NodeError                     one node: signature, names, what it returned
    │   ├── CircularDependencyError       names the cycle
    │   ├── OutputNotUniqueError          two producers of one dataset
    │   ├── ConfirmNotUniqueError         two nodes confirm one dataset
    │   ├── ModularPipelineError          inputs=, outputs=, parameters= that do not fit
    │   └── SelectionError                unknown name, or nothing left
    ├── PlanError                         a plan that cannot be carried out
    │   ├── UnmetInputsError              lists every missing (dataset, node)
    │   └── PlanMismatchError             a saved plan that no longer fits
    ├── DatasetError                      a dataset that cannot be built, loaded or saved
    │   ├── DatasetNotFoundError          not in the catalog
    │   ├── DatasetAlreadyExistsError     added twice
    │   ├── VersionNotFoundError          no such version
    │   ├── VersionAlreadyExistsError     a version is never overwritten
    │   ├── ValidationConfigurationError  a validator that cannot be used
    │   └── DataValidationError           data that its validator refused
    ├── ConfigError                       configuration: file, line, word, remedy
    │   ├── MissingConfigError            (SessionError, KeyError) no file for what was asked
    │   └── ParameterValidationError      a parameter that does not make what a type hint asks for
    ├── SessionError                      a session that cannot start or run
    │   ├── ClaimError                    another run writes what this one would
    │   └── ProjectError                  pyproject.toml, settings, registry
    ├── LedgerError                       the record under .incremental/ cannot be used
    ├── HookError                         a hook that cannot be registered
    └── RunError                          a run that did not succeed
        ├── NodeRunError                  one node failed; ``__cause__`` is the user's error
        ├── WorkerDiedError               the process that ran a node is gone
        └── NodeTimeoutError              a node took longer than it may
"""

from __future__ import annotations

import difflib
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from traceback import FrameSummary


class IncrementalError(Exception):
    """Root of all expected errors."""

    def scrub(self, clean: Callable[[str], str]) -> None:
        """Pass the texts of this error through a function that takes secrets out."""
        self.args = tuple(clean(each) if isinstance(each, str) else each for each in self.args)


class PipelineError(IncrementalError, ValueError):
    """A node or a pipeline cannot be built as asked."""


class NodeError(PipelineError):
    """One node is wrong: its names, its signature or what it returned."""


class CircularDependencyError(PipelineError):
    """Nodes need each other in a circle."""


class OutputNotUniqueError(PipelineError):
    """Two nodes make one dataset."""


class ConfirmNotUniqueError(PipelineError):
    """Two nodes confirm one dataset."""


class ModularPipelineError(PipelineError):
    """A mapping of inputs, outputs or parameters does not fit the pipeline."""


class SelectionError(PipelineError):
    """A selector names nothing, or the selectors together leave nothing."""


class PlanError(IncrementalError):
    """A plan cannot be carried out."""


class UnmetInputsError(PlanError):
    """Inputs of planned nodes are neither stored nor made by the plan."""


class PlanMismatchError(PlanError):
    """A saved plan does not fit what it is applied to."""


class DatasetError(IncrementalError):
    """A dataset cannot be built, asked, loaded or saved."""


class DatasetNotFoundError(DatasetError):
    """A name that the catalog does not know."""


class DatasetAlreadyExistsError(DatasetError):
    """A dataset is registered a second time."""


class VersionNotFoundError(DatasetError):
    """No version, or not the version asked for."""


class VersionAlreadyExistsError(DatasetError):
    """A save would overwrite a version."""


class ValidationConfigurationError(DatasetError):
    """The ``validator`` of a catalog entry cannot be read, imported or made."""


@dataclass(frozen=True, slots=True)
class CheckFailure:
    """A check that failed, perhaps for many values; ``failure_examples`` are a few of them."""

    message: str
    check: str | None = None
    column: str | None = None
    failure_count: int = 1
    failure_examples: list[Any] = field(default_factory=list)

    def __str__(self) -> str:
        what = self.check or self.message
        where = f"{_cut(self.column, 60)}: " if self.column else ""
        shown = ", ".join(_cut(each, 40) for each in self.failure_examples[:5])
        cases = "1 value" if self.failure_count == 1 else f"{self.failure_count} values"
        return f"{where}{_cut(what, 200)}, {cases}{f' (as {shown})' if shown else ''}"


class DataValidationError(DatasetError):
    """Data is not valid, says its validator; ``failures`` are what it found, ``mode`` is load, save, api."""

    def __init__(
        self,
        message: str,
        *,
        dataset_name: str | None = None,
        mode: str | None = None,
        validator: str | None = None,
        failures: Iterable[CheckFailure] | None = None,
        error_type: str | None = None,
    ) -> None:
        super().__init__(message)
        self.dataset_name = dataset_name
        self.mode = mode
        self.validator = validator
        self.failures = list(failures or ())
        self.error_type = error_type

    @property
    def message(self) -> str:
        """What the validator said."""
        return str(self.args[0])

    def scrub(self, clean: Callable[[str], str]) -> None:
        """Pass the texts of this error through a function that takes secrets out."""
        super().scrub(clean)
        self.failures = [
            replace(
                each,
                message=clean(each.message),
                failure_examples=[clean(str(value)) for value in each.failure_examples],
            )
            for each in self.failures
        ]

    def __str__(self) -> str:
        name = f"dataset {self.dataset_name!r}: " if self.dataset_name else ""
        on = f" on {self.mode}" if self.mode in ("load", "save") else ""
        by = f", says {self.validator!r}" if self.validator else ""
        lines = [f"{name}its data is not valid{on}{by}: {_cut(self.message, 500)}"]
        lines += [f"  {failure}" for failure in self.failures[:_MOST_FAILURES]]
        if len(self.failures) > _MOST_FAILURES:
            lines.append(f"  and {len(self.failures) - _MOST_FAILURES} more")
        return "\n".join(lines)


_MOST_FAILURES = 7


def _cut(value: object, most: int) -> str:
    text = str(value)
    return text if len(text) <= most else f"{text[: most - 1]}…"


class SessionError(IncrementalError):
    """A session cannot start, or cannot run what it was asked to."""


class ConfigError(IncrementalError):
    """Configuration is wrong: the message names file, line, word and remedy."""


class MissingConfigError(ConfigError, SessionError, KeyError):
    """No configuration file for what was asked."""

    def __str__(self) -> str:
        return Exception.__str__(self)  # KeyError would quote the message


class ParameterValidationError(ConfigError):
    """Parameters do not make what functions ask for by their type hints."""


class ProjectError(SessionError):
    """A project's pyproject.toml, settings or registry cannot be used."""


class ClaimError(SessionError):
    """Another run writes what this one would, or nobody can tell."""


class LedgerError(IncrementalError):
    """The record of outputs cannot be used."""


class HookError(IncrementalError):
    """A hook cannot be registered or returned what it must not."""


class RunError(IncrementalError):
    """A run did not succeed."""


class NodeRunError(RunError):
    """A node failed; ``__cause__`` is the error that its code raised.

    ``frames`` are those of the error where it was raised in another process, outermost first; None
    where the error still has its own traceback. ``sentence`` is about this node, ``others`` about the
    nodes that failed as well and those that could not run; the message is all of them.
    """

    def __init__(
        self,
        sentence: str,
        node_name: str,
        frames: Sequence[FrameSummary] | None = None,
        others: tuple[str, ...] = (),
    ) -> None:
        super().__init__("\n".join((sentence, *others)))
        self.sentence = sentence
        self.node_name = node_name
        self.frames = frames
        self.others = others

    def scrub(self, clean: Callable[[str], str]) -> None:
        """Pass the texts of this error through a function; its cause stays what the node raised."""
        super().scrub(clean)
        self.sentence = clean(self.sentence)
        self.others = tuple(map(clean, self.others))


class WorkerDiedError(RunError):
    """The process that ran a node is gone; ``exit_code`` is negative for a signal, None if unknown."""

    def __init__(self, message: str, exit_code: int | None = None) -> None:
        super().__init__(message)
        self.exit_code = exit_code


class NodeTimeoutError(RunError):
    """A node took longer than it may, and was stopped."""


class RemoteError(Exception):
    """Stands behind an error from another process; its text is the traceback there.

    ``cause`` is type and text of the error behind that one.
    """

    def __init__(self, text: str, cause: tuple[str, str] | None = None) -> None:
        super().__init__(text)
        self.cause = cause

    def __str__(self) -> str:
        return f"\n{self.args[0]}"


def text_of(error: BaseException) -> str:
    """Return what an exception says of itself, also where its own code fails at that."""
    try:
        return str(error)
    except Exception as second:  # noqa: BLE001 - the class may be anybody's
        return f"(its __str__ raised {type(second).__name__})"


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Return ``"; did you mean 'x'?"`` for the nearest known words, or an empty string."""
    near = difflib.get_close_matches(word, list(known), n=3, cutoff=0.6)
    if not near:
        return ""
    return "; did you mean " + " or ".join(repr(name) for name in near) + "?"
