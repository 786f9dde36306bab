"""Carry out plans: runners with Kedro's names over one loop. What runs is the planner's decision."""

from incremental.runner.policy import FailurePolicy
from incremental.runner.result import RunResult
from incremental.runner.runners import (
    AbstractRunner,
    DaskRunner,
    ParallelRunner,
    SequentialRunner,
    ThreadRunner,
    check_plan,
)
from incremental.runner.surroundings import Surroundings

__all__ = [
    "AbstractRunner",
    "DaskRunner",
    "ParallelRunner",
    "SequentialRunner",
    "ThreadRunner",
    "FailurePolicy",
    "RunResult",
    "Surroundings",
    "check_plan",
]
