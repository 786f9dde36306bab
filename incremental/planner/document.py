"""Plans as canonical JSON and back. Reads and writes strings, no files."""

from __future__ import annotations

import dataclasses
import json
from typing import TYPE_CHECKING, Any

from incremental.errors import PlanMismatchError
from incremental.pipeline.selection import Selection, select
from incremental.planner.facts import Facts, State
from incremental.planner.steps import Cause, Mode, Reason, Step, Suspect, Unmet, Verdict

if TYPE_CHECKING:
    from incremental.pipeline.pipeline import Pipeline
    from incremental.planner.plan import Plan

FORMAT = "incremental-plan/1"


def dump(plan: Plan) -> str:
    """Return the canonical JSON of a plan: sorted keys, ASCII, nothing that depends on time or hash seed."""
    return json.dumps(as_dict(plan), sort_keys=True, separators=(",", ":"))


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


def load(text: str, pipeline: Pipeline) -> dict[str, Any]:
    """Return the fields of the plan that ``dump`` wrote, against the whole pipeline it was planned for."""
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
    except (KeyError, TypeError, AttributeError, ValueError, RecursionError) as error:
        raise PlanMismatchError(f"this is no plan of ours: {type(error).__name__}: {error}") from error


def _plan_of(document: dict[str, Any], pipeline: Pipeline) -> dict[str, Any]:
    selection = Selection(**{key: _words(words) for key, words in document["selection"].items()})
    selected = select(pipeline, selection, _words(document["forced"]))
    names = [step["node"] for step in document["steps"]]
    if names != [node.name for node in selected.pipeline.nodes]:
        raise PlanMismatchError(
            "the plan's steps are not the nodes that its selection picks: tags or namespaces changed since; "
            "plan again"
        )
    return {
        "mode": Mode(document["mode"]),
        "selected": selected,
        "facts": _facts_of(document["facts"]),
        "steps": tuple(
            Step(node, Verdict(step["verdict"]), tuple(_reason_of(reason) for reason in step["reasons"]))
            for node, step in zip(selected.pipeline.nodes, document["steps"], strict=True)
        ),
        "unmet": tuple(_unmet_of(gap) for gap in document["unmet"]),
        "suspects": tuple(
            Suspect(_word(each["dataset"]), _words(each["inputs"])) for each in document["suspects"]
        ),
        "conflicts": _words(document["conflicts"]),
        "warnings": _words(document["warnings"]),
    }


def _unmet_of(gap: dict[str, Any]) -> Unmet:
    location, producer = gap["location"], gap["producer"]
    return Unmet(
        dataset=_word(gap["dataset"]),
        node=_word(gap["node"]),
        state=State(gap["state"]),
        location=None if location is None else _word(location),
        producer=None if producer is None else _word(producer),
    )


def _word(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{value!r} is no text")
    return value


def _words(values: object) -> tuple[str, ...]:
    if not isinstance(values, list):
        raise TypeError(f"{values!r} is no list")
    return tuple([_word(value) for value in values])


def _word_by_name(values: dict[str, object]) -> dict[str, str]:
    return {name: _word(value) for name, value in values.items()}


def _reason_as_dict(reason: Reason) -> dict[str, Any]:
    return {"cause": reason.cause.value, "datasets": list(reason.datasets), "nodes": list(reason.nodes)}


def _reason_of(reason: dict[str, Any]) -> Reason:
    return Reason(Cause(reason["cause"]), _words(reason["datasets"]), _words(reason["nodes"]))


def _facts_as_dict(facts: Facts) -> dict[str, Any]:
    return {
        "states": {name: state.value for name, state in facts.states.items()},
        "locations": dict(facts.locations),
        "versions": dict(facts.versions),
        "pins": dict(facts.pins),
        "untestable": dict(facts.untestable),
        "outdated": {name: list(inputs) for name, inputs in facts.outdated.items()},
        "parted": sorted(facts.parted),
        "unproven": sorted(facts.unproven),
        "changed": dict(facts.changed),
        "touched": dict(facts.touched),
        "absent_parameters": sorted(facts.absent_parameters),
    }


def _facts_of(facts: dict[str, Any]) -> Facts:
    return Facts(
        states={name: State(state) for name, state in facts["states"].items()},
        locations=_word_by_name(facts["locations"]),
        versions=_word_by_name(facts["versions"]),
        pins=_word_by_name(facts["pins"]),
        untestable=_word_by_name(facts["untestable"]),
        outdated={name: _words(inputs) for name, inputs in facts["outdated"].items()},
        parted=frozenset(_words(facts["parted"])),
        unproven=frozenset(_words(facts["unproven"])),
        changed=_word_by_name(facts["changed"]),
        touched=_word_by_name(facts["touched"]),
        absent_parameters=frozenset(_words(facts["absent_parameters"])),
    )
