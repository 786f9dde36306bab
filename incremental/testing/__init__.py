"""What executors, datasets and session stores of third parties must pass. Nothing here runs in a run.

Each contract is a class of tests to derive from: define the abstract methods, say by class attributes
what your thing does not do, name the class ``Test…``, and let pytest find it. No pytest is needed: every
method whose name begins with ``test_`` is plain assertions and takes no argument, so anything may call
it. A law that does not apply raises ``unittest.SkipTest`` with the reason, which pytest shows with ``-rs``.

A class rather than one function ``dataset_contract(make)``, because each law fails, and is run again,
under a name of its own.

**An executor** runs calls; see :class:`incremental.executors.Executor`::

    from incremental.testing import ExecutorContract

    class TestMyExecutor(ExecutorContract):
        def make(self):
            return MyExecutor(workers=2)

**A dataset** loads and saves; see :class:`incremental.io.AbstractDataset`. ``folder`` is empty and new for
each test, and two datasets made with one folder must be the same data::

    from incremental.testing import DatasetContract

    class TestLinesDataset(DatasetContract):
        writes_in_place = True   # a save shows before it is whole

        def make(self, folder, version=None):
            return LinesDataset(filepath=f"{folder}/lines.txt")

        def examples(self):
            return [["one", "two"], ["three"]]

        def unwritable(self):
            return ["fine", object()]   # fails in the middle

What is not local overrides ``folder`` (a new prefix of a bucket, say) and ``names`` (what is there). What
is not loaded as it was saved overrides ``loaded``, ``same``, or ``after`` for saves that add to each other.
``make_secret`` and ``leave_half`` are worth defining: without them what a dataset shows of its
credentials, and what it takes for whole, is not tested.

**A session store** keeps one record a session; see :class:`incremental.session.BaseSessionStore`::

    from incremental.testing import StoreContract

    class TestMyStore(StoreContract):
        def make(self, folder, session_id):
            return MyStore(folder, session_id, table="runs")
"""

from incremental.testing.datasets import DatasetContract
from incremental.testing.executors import ExecutorContract
from incremental.testing.stores import StoreContract

__all__ = ["DatasetContract", "ExecutorContract", "StoreContract"]
