"""What outlives a run: ledger and marks of outputs, claims and history of runs. It plans and runs nothing."""

from incremental.state.claims import Claims
from incremental.state.history import History, RunRecord, StepRecord
from incremental.state.ledger import FileLedger, Ledger, MemoryLedger
from incremental.state.marks import apply_marks
from incremental.state.records import Marks, Output, Record

__all__ = [
    "Ledger",
    "FileLedger",
    "MemoryLedger",
    "Marks",
    "Output",
    "Record",
    "Claims",
    "History",
    "RunRecord",
    "StepRecord",
    "apply_marks",
]
