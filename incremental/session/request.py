"""What the caller of ``run`` or ``plan`` asked for, in one checked value. It selects and plans nothing."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from incremental.errors import SessionError
from incremental.pipeline.selection import Selection

DEFAULT = "__default__"


@dataclass(frozen=True, slots=True)
class Request:
    """Which pipelines, which part of them, and in which way."""

    pipeline_names: tuple[str, ...] = ()
    selection: Selection = field(default_factory=Selection)
    load_versions: Mapping[str, str] = field(default_factory=dict)
    only_missing_outputs: bool = False
    forced: tuple[str, ...] = ()
    propagate: bool = False
    resume: bool = False
    only_forced: bool = False
    """Run the forced nodes and what they need, and nothing that is merely missing."""

    @classmethod
    def of(
        cls,
        *,
        pipeline_name: str | None = None,
        pipeline_names: Iterable[str] | None = None,
        load_versions: Mapping[str, str] | None = None,
        only_missing_outputs: bool = False,
        force: Iterable[str] = (),
        propagate: bool = False,
        resume: bool = False,
        only_forced: bool = False,
        **selectors: Iterable[str] | None,
    ) -> Request:
        """Make a request from the arguments of ``Session.run``.

        Raises:
            SessionError: arguments that exclude each other or have the wrong type.
        """
        names = _words("pipeline_names", pipeline_names)
        if pipeline_name is not None:
            if names:
                raise SessionError("give pipeline_name or pipeline_names, not both")
            names = _words("pipeline_name", pipeline_name)
        if load_versions is not None and not isinstance(load_versions, Mapping):
            raise SessionError(
                f"load_versions is {type(load_versions).__name__!r}; it must be a dict of dataset to version"
            )
        chosen = {key: _words(key, words) for key, words in selectors.items()}
        return cls(
            names,
            Selection.of(**chosen),
            dict(load_versions or {}),
            bool(only_missing_outputs or propagate or resume or only_forced),
            _words("force", force),
            propagate,
            resume,
            only_forced,
        )

    @property
    def names_nothing(self) -> bool:
        """Whether neither a pipeline nor a part of one was asked for."""
        return not self.pipeline_names and not self.forced and self.selection == Selection()

    def as_dict(self) -> dict[str, Any]:
        """Return the request as JSON types, for the record of a run and for plan files."""
        return {
            "pipeline_names": list(self.pipeline_names),
            "selection": {key: list(words) for key, words in asdict(self.selection).items()},
            "load_versions": dict(self.load_versions),
            "only_missing_outputs": self.only_missing_outputs,
            "force": list(self.forced),
            "propagate": self.propagate,
            "resume": self.resume,
            **({"only_forced": True} if self.only_forced else {}),
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Request:
        """Read what ``as_dict`` wrote. Raises SessionError, or what comes of a structure that is another."""
        return cls(
            _words("pipeline_names", data["pipeline_names"]),
            Selection(**{key: _words(key, words) for key, words in data["selection"].items()}),
            dict(data["load_versions"]),
            bool(data["only_missing_outputs"]),
            _words("force", data["force"]),
            bool(data["propagate"]),
            bool(data["resume"]),
            bool(data.get("only_forced", False)),
        )


def _words(argument: str, words: object) -> tuple[str, ...]:
    if words is None:
        return ()
    if isinstance(words, str):
        return (words,)
    if not isinstance(words, Iterable):
        raise SessionError(f"{argument} is {type(words).__name__!r}; it must be a list of names")
    found = tuple(words)
    wrong = next((word for word in found if not isinstance(word, str)), None)
    if wrong is not None:
        raise SessionError(f"{argument} has {wrong!r} in it; it must be a list of names")
    return found
