"""Where tasks run. Which task runs next is the loop's decision, not theirs."""

from incremental.executors.base import Executor, Finished
from incremental.executors.inline import InlineExecutor

__all__ = ["Executor", "Finished", "InlineExecutor"]
