"""In what two runs differ. Pure: two records in, the differences out; it words nothing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from incremental.state.history import RunRecord, StepRecord

_LEAST_RATIO = 1.1
_LEAST_SECONDS = 0.01
"""Smaller differences in time are noise."""

_ABSENT = "–"
SKIPPED = "skipped: "
"""What comes before the cause for which a node was skipped."""


@dataclass(frozen=True, slots=True)
class OnlyIn:
    """A node that ran in one of two runs."""

    node: str
    why: str
    """The reason for which it ran there."""
    why_not: str
    """What became of it in the other run."""


@dataclass(frozen=True, slots=True)
class Change:
    """Something that was one thing in the first run and another in the second."""

    kind: str
    """parameter, code, package, python, or what was asked for."""
    name: str
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class Tempo:
    """How long a node took in both runs, in seconds."""

    node: str
    before: float
    after: float

    @property
    def ratio(self) -> float:
        """How many times as long as before it took; infinite where that was no time at all."""
        return self.after / self.before if self.before else float("inf")


@dataclass(frozen=True, slots=True)
class Volume:
    """How much a node read or wrote in both runs, in bytes."""

    node: str
    verb: str
    """read or wrote."""
    before: int
    after: int


@dataclass(frozen=True, slots=True)
class Comparison:
    """What is different in the second of two runs."""

    before: RunRecord
    after: RunRecord
    only_before: tuple[OnlyIn, ...]
    only_after: tuple[OnlyIn, ...]
    changes: tuple[Change, ...]
    slower: tuple[Tempo, ...]
    """Those that lost the most time first."""
    faster: tuple[Tempo, ...]
    volumes: tuple[Volume, ...]

    @property
    def is_empty(self) -> bool:
        """Whether the runs are alike."""
        found = (self.only_before, self.only_after, self.changes, self.slower, self.faster, self.volumes)
        return not any(found)


def compare(before: RunRecord, after: RunRecord) -> Comparison:
    """Return in what a run differs from an earlier one."""
    first, second = _ran(before), _ran(after)
    both = [(first[name], second[name]) for name in first if name in second]
    tempos = [
        Tempo(one.node, one.seconds, other.seconds)
        for one, other in both
        if one.seconds is not None and other.seconds is not None
    ]
    tempos = sorted(filter(_is_notable, tempos), key=lambda each: (-abs(each.after - each.before), each.node))
    return Comparison(
        before,
        after,
        _only(first, second, after),
        _only(second, first, before),
        tuple(_changes(before, after)),
        tuple(each for each in tempos if each.after > each.before),
        tuple(each for each in tempos if each.after < each.before),
        tuple(volume for one, other in both for volume in _volumes(one, other)),
    )


def flat(value: Any, prefix: str = "") -> dict[str, Any]:
    """Return nested mappings as one, with dotted names."""
    if not isinstance(value, dict):
        return {prefix.rstrip("."): value} if prefix else {}
    return {name: leaf for key, item in value.items() for name, leaf in flat(item, f"{prefix}{key}.").items()}


def _ran(run: RunRecord) -> dict[str, StepRecord]:
    return {step.node: step for step in run.steps if step.status != "planned"}


def _only(
    these: Mapping[str, StepRecord], those: Mapping[str, StepRecord], other: RunRecord
) -> tuple[OnlyIn, ...]:
    causes = {name: cause for cause, names in other.skipped_by_cause.items() for name in names}
    planned = {step.node for step in other.steps}
    found = []
    for name, step in these.items():
        if name in those:
            continue
        if name in planned:
            why_not = (
                f"planned, not reached: the run {'is on' if other.status == 'running' else other.status}"
            )
        elif name in causes:
            why_not = f"{SKIPPED}{causes[name]}"
        elif other.skipped_by_cause or not other.skipped:
            why_not = "not selected"
        else:  # an old record counts the skipped nodes and does not name them
            why_not = "skipped or not selected"
        found.append(OnlyIn(name, step.reason, why_not))
    return tuple(found)


def _is_notable(tempo: Tempo) -> bool:
    longer, shorter = max(tempo.before, tempo.after), min(tempo.before, tempo.after)
    return longer - shorter >= _LEAST_SECONDS and longer >= _LEAST_RATIO * shorter


def _volumes(before: StepRecord, after: StepRecord) -> Iterator[Volume]:
    pairs = (
        ("read", before.bytes_in, after.bytes_in),
        ("wrote", before.bytes_out, after.bytes_out),
    )
    for verb, was, now in pairs:
        if was is not None and now is not None and was != now:
            yield Volume(before.node, verb, was, now)


def _changes(before: RunRecord, after: RunRecord) -> Iterator[Change]:
    old, new = before.details, after.details
    for kind, name, was, now in (
        ("status", "", before.status, after.status),
        ("host", "", before.host, after.host),
        *((key, "", old.get(key), new.get(key)) for key in ("user", "runner", "python", "incremental")),
        ("code", "", _code(old), _code(new)),
    ):
        if was != now and was is not None and now is not None:
            yield Change(kind, name, str(was), str(now))
    yield from _differing("asked", flat(before.request), flat(after.request))
    for kind, key in (("parameter", "parameters"), ("package", "packages")):
        if key in old and key in new:
            yield from _differing(kind, flat(old[key]), flat(new[key]))


def _differing(kind: str, before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[Change]:
    for name in sorted(before.keys() | after.keys()):
        was, now = before.get(name, _ABSENT), after.get(name, _ABSENT)
        if was != now:
            yield Change(kind, name, str(was), str(now))


def _code(details: Mapping[str, Any]) -> str | None:
    git = details.get("git")
    if not isinstance(git, dict) or not git.get("commit"):
        return None
    return f"{str(git['commit'])[:12]}{' with changes' if git.get('dirty') else ''}"
