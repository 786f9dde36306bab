"""Plan files: a plan with what it was asked for, to be run later as it is or not at all. No planning here."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from incremental.config.faults import show_path
from incremental.errors import PlanMismatchError, SessionError
from incremental.planner import Plan, Verdict
from incremental.session.request import Request

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from incremental.pipeline import Pipeline

FORMAT = "incremental-sealed-plan/1"
_MOST_DIFFERENCES = 5


@dataclass(frozen=True, slots=True)
class Sealed:
    """What a plan file holds; the plan itself still as JSON, until its pipeline is at hand."""

    request: Request
    env: str | None
    configuration: str
    plan: Mapping[str, Any]

    def bind(self, pipeline: Pipeline) -> Plan:
        """Return the plan with its nodes.

        Raises:
            PlanMismatchError: the pipeline has changed.
        """
        return Plan.from_json(json.dumps(self.plan), pipeline)


def seal(plan: Plan, request: Request, env: str | None, configuration: str) -> str:
    """Return the text of a plan file.

    Args:
        plan: the plan to seal.
        request: what it was asked for.
        env: the environment of the configuration.
        configuration: a digest of catalog and parameters.
    """
    document = {
        "format": FORMAT,
        "request": request.as_dict(),
        "env": env,
        "configuration": configuration,
        "plan": json.loads(plan.to_json()),
    }
    document["digest"] = _digest(document)
    return json.dumps(document, sort_keys=True, indent=1, ensure_ascii=False) + "\n"


def read_plan_file(file: str) -> str:
    """Return the text of a plan file.

    Raises:
        PlanMismatchError: it is no text, or far larger than any plan.
    """
    from incremental.config.document import LARGEST, bytes_of

    data = bytes_of(file)
    try:
        if len(data) <= LARGEST:
            return data.decode("utf-8")
    except UnicodeDecodeError:
        pass
    raise PlanMismatchError(f"{show_path(file)!r} is no plan; make one with: incremental plan -o plan.json")


def read_sealed(text: str) -> Sealed:
    """Read a plan file.

    Raises:
        PlanMismatchError: it is none, or was changed by hand.
    """
    try:
        document = json.loads(text)
        if document["format"] != FORMAT:
            raise PlanMismatchError(
                f"the plan file has format {document['format']!r}, not {FORMAT!r}: plan again"
            )
        if _digest(document) != document["digest"]:
            raise PlanMismatchError("the plan file was changed after it was written: plan again")
        return Sealed(
            Request.from_dict(document["request"]),
            document["env"],
            document["configuration"],
            document["plan"],
        )
    except (KeyError, TypeError, ValueError, AttributeError, RecursionError, SessionError) as error:
        if isinstance(error, PlanMismatchError):
            raise
        raise PlanMismatchError(
            "the file given as a plan is none; make one with: incremental plan -o plan.json"
        ) from error


def differences(sealed: Plan, fresh: Plan) -> tuple[str, ...]:
    """Return the first verdicts and versions in which a plan made now differs from the sealed one."""
    found = list(_differences(sealed, fresh))
    if len(found) > _MOST_DIFFERENCES:
        found[_MOST_DIFFERENCES:] = [f"and {len(found) - _MOST_DIFFERENCES} more differences"]
    return tuple(found)


def _differences(sealed: Plan, fresh: Plan) -> Iterator[str]:
    before = {step.node.name: step for step in sealed.steps}
    for step in fresh.steps:
        was = before.get(step.node.name)
        if was is not None and was.verdict is not step.verdict:
            why = "; ".join(str(reason) for reason in step.reasons)
            yield f"node {step.node.name!r}: planned {_verb(was.verdict)}, now {_verb(step.verdict)} ({why})"
    for name in sorted(sealed.facts.versions.keys() | fresh.facts.versions.keys()):
        then, now = sealed.facts.versions.get(name), fresh.facts.versions.get(name)
        if then != now:
            yield f"dataset {name!r}: planned with version {then or 'none'}, now {now or 'none'}"


def _digest(document: Mapping[str, Any]) -> str:
    """Return the digest of all that a plan file holds besides it."""
    import xxhash

    content = {key: value for key, value in document.items() if key != "digest"}
    text = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    digest: str = xxhash.xxh3_128_hexdigest(text.encode())
    return digest


def _verb(verdict: Verdict) -> str:
    return {Verdict.RUN: "to run", Verdict.SKIP: "to be skipped", Verdict.MAYBE: "undecided"}[verdict]
