"""What outlives a run: the ledger of outputs, the marks beside them, the history of runs. No planning, no running."""

from incremental.state.history import History, RunRecord, StepRecord
from incremental.state.ledger import FileLedger, Ledger, Marks, MemoryLedger, Output
from incremental.state.marks import apply_marks

__all__ = [
    "Ledger",
    "FileLedger",
    "MemoryLedger",
    "Marks",
    "Output",
    "History",
    "RunRecord",
    "StepRecord",
    "apply_marks",
]
