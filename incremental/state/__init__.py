"""What outlives a run: ledger of outputs, marks beside them, history of runs. It plans and runs nothing."""

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
