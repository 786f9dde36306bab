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
    │   └── VersionAlreadyExistsError     a version is never overwritten
    ├── ConfigError                       configuration: file, line, word, remedy
    │   └── MissingConfigError            (SessionError, KeyError) no file for what was asked
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
from typing import TYPE_CHECKING

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


class SessionError(IncrementalError):
    """A session cannot start, or cannot run what it was asked to."""


class ConfigError(IncrementalError):
    """Configuration is wrong: the message names file, line, word and remedy."""


class MissingConfigError(ConfigError, SessionError, KeyError):
    """No configuration file for what was asked."""

    def __str__(self) -> str:
        return Exception.__str__(self)  # KeyError would quote the message


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


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Return ``"; did you mean 'x'?"`` for the nearest known words, or an empty string."""
    near = difflib.get_close_matches(word, list(known), n=3, cutoff=0.6)
    if not near:
        return ""
    return "; did you mean " + " or ".join(repr(name) for name in near) + "?"
