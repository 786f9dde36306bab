"""Plans as canonical JSON and back. Reads and writes strings, no files."""

from __future__ import annotations

import dataclasses
import json
from typing import TYPE_CHECKING, Any

from incremental.errors import PlanMismatchError
from incremental.pipeline.selection import Selection, select
from incremental.planner.facts import Facts, State
from incremental.planner.plan import Cause, Mode, Plan, Reason, Step, Suspect, Unmet, Verdict

if TYPE_CHECKING:
    from incremental.pipeline.pipeline import Pipeline

FORMAT = "incremental-plan/1"


def dump(plan: Plan) -> str:
    """Return the canonical JSON of a plan: sorted keys, no spaces, nothing that depends on time or hash seed."""
    return json.dumps(as_dict(plan), sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def as_dict(plan: Plan) -> dict[str, Any]:
    """Return a plan as JSON types; its steps keep their order, everything else is sorted."""
    return {
        "format": FORMAT,
        "mode": plan.mode.value,
        "topology": plan.selected.whole.digest,
        "selection": {key: list(words) for key, words in dataclasses.asdict(plan.selected.selection).items()},
        "forced": sorted(plan.selected.forced),
        "facts": _facts_as_dict(plan.facts),
        "steps": [
            {
                "node": step.node.name,
                "verdict": step.verdict.value,
                "reasons": [_reason_as_dict(reason) for reason in step.reasons],
                "overwrites": list(plan.overwrites(step)) if step.verdict is not Verdict.SKIP else [],
            }
            for step in plan.steps
        ],
        "unmet": [{**dataclasses.asdict(gap), "state": gap.state.value} for gap in plan.unmet],
        "suspects": [
            {"dataset": suspect.dataset, "inputs": list(suspect.inputs)} for suspect in plan.suspects
        ],
        "conflicts": list(plan.conflicts),
        "warnings": list(plan.warnings),
        "summary": plan.summary,
    }


def load(text: str, pipeline: Pipeline) -> Plan:
    """Read what ``dump`` wrote, against the whole pipeline that it was planned for."""
    try:
        document = json.loads(text)
        if document["format"] != FORMAT:
            raise PlanMismatchError(
                f"the plan has format {document['format']!r}, this version reads {FORMAT!r}: plan again"
            )
        if document["topology"] != pipeline.digest:
            raise PlanMismatchError(
                "the plan was made for another pipeline: nodes or their inputs and outputs changed since; "
                "plan again"
            )
        return _plan_of(document, pipeline)
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        if isinstance(error, PlanMismatchError):
            raise
        raise PlanMismatchError(f"this is no plan of ours: {type(error).__name__}: {error}") from error


def _plan_of(document: dict[str, Any], pipeline: Pipeline) -> Plan:
    selection = Selection(**{key: tuple(words) for key, words in document["selection"].items()})
    selected = select(pipeline, selection, document["forced"])
    node_by_name = {node.name: node for node in selected.pipeline.nodes}
    return Plan(
        mode=Mode(document["mode"]),
        selected=selected,
        facts=_facts_of(document["facts"]),
        steps=tuple(
            Step(
                node_by_name[step["node"]],
                Verdict(step["verdict"]),
                tuple(_reason_of(reason) for reason in step["reasons"]),
            )
            for step in document["steps"]
        ),
        unmet=tuple(Unmet(**{**gap, "state": State(gap["state"])}) for gap in document["unmet"]),
        suspects=tuple(Suspect(each["dataset"], tuple(each["inputs"])) for each in document["suspects"]),
        conflicts=tuple(document["conflicts"]),
        warnings=tuple(document["warnings"]),
    )


def _reason_as_dict(reason: Reason) -> dict[str, Any]:
    return {"cause": reason.cause.value, "datasets": list(reason.datasets), "nodes": list(reason.nodes)}


def _reason_of(reason: dict[str, Any]) -> Reason:
    return Reason(Cause(reason["cause"]), tuple(reason["datasets"]), tuple(reason["nodes"]))


def _facts_as_dict(facts: Facts) -> dict[str, Any]:
    return {
        "states": {name: state.value for name, state in facts.states.items()},
        "locations": dict(facts.locations),
        "versions": dict(facts.versions),
        "pins": dict(facts.pins),
        "untestable": dict(facts.untestable),
        "outdated": {name: list(inputs) for name, inputs in facts.outdated.items()},
        "unproven": sorted(facts.unproven),
        "absent_parameters": sorted(facts.absent_parameters),
    }


def _facts_of(facts: dict[str, Any]) -> Facts:
    return Facts(
        states={name: State(state) for name, state in facts["states"].items()},
        locations=facts["locations"],
        versions=facts["versions"],
        pins=facts["pins"],
        untestable=facts["untestable"],
        outdated={name: tuple(inputs) for name, inputs in facts["outdated"].items()},
        unproven=frozenset(facts["unproven"]),
        absent_parameters=frozenset(facts["absent_parameters"]),
    )
