"""What executors of third parties must pass. Nothing in the package imports this.

::

    from incremental.testing import ExecutorContract

    class TestMyExecutor(ExecutorContract):
        def make(self):
            return MyExecutor(workers=2)
"""

from incremental.testing.executors import ExecutorContract

__all__ = ["ExecutorContract"]
