"""Decide which nodes run: pure functions from a selection and facts to a plan. Opens and logs nothing."""

from incremental.planner.facts import Facts, State
from incremental.planner.missing import plan_all, plan_forced, plan_missing
from incremental.planner.plan import Plan
from incremental.planner.steps import Cause, Mode, Reason, Step, Suspect, Unmet, Verdict

__all__ = [
    "plan_forced",
    "plan_missing",
    "plan_all",
    "Plan",
    "Step",
    "Verdict",
    "Reason",
    "Cause",
    "Mode",
    "Unmet",
    "Suspect",
    "Facts",
    "State",
]
