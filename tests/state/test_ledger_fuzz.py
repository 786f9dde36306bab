"""Damaged ledgers: reported and set aside, never believed, never fatal."""

from __future__ import annotations

import logging
import random
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from incremental.state import FileLedger, History, Marks, Output, RunRecord, StepRecord

TRIALS = [40, pytest.param(10_000, marks=pytest.mark.slow)]
OUTPUTS = 20


def fill(root: Path) -> FileLedger:
    """Write a ledger as some runs leave it: commits with inputs, begun outputs, a history."""
    ledger = FileLedger(root / ".incremental" / "ledger.sqlite", root, durable=False)
    history = History(ledger)
    history.claim()
    steps = tuple(StepRecord(f"node {place}", "missing", "planned") for place in range(5))
    history.start(RunRecord("run", "run", "running", 1.0, None, {"env": "local"}, 3, None, steps))
    history.note("run", StepRecord("node 1", "", "done", 1.0, 2.5))
    generation = {}
    for place in range(OUTPUTS):
        location = str(root / f"out/{place}.json")
        output = Output(f"d{place}", location, None, place, 2, 3, 4, f"{place:032x}", 1)
        generation[location] = ledger.commit("run", f"n{place}", [output], generation)
        generation = {location: generation[location]}
    ledger.begin("run", "n", [Output("d0", str(root / "out/0.json")), Output("t", "dataset:t")])
    history.end("run", "succeeded")
    return ledger


def damaged(content: bytes, chance: random.Random) -> bytes:
    """Cut a file, or flip one to three bits of it."""
    if chance.random() < 0.3:
        return content[: chance.randrange(len(content))]
    found = bytearray(content)
    for _ in range(chance.randint(1, 3)):
        found[chance.randrange(len(found))] ^= 1 << chance.randrange(8)
    return bytes(found)


def use(root: Path) -> FileLedger:
    """Ask and tell all that commands do, as a new process would."""
    ledger = FileLedger(root / ".incremental" / "ledger.sqlite", root, durable=False)
    history = History(ledger)
    for record in history.runs():
        history.run(record.run_id)
    history.seconds_by_node()
    return ledger


def check(root: Path, whole: Marks, older: list[Marks]) -> bool:
    """Whether the damage was seen; what is believed is what was written, now or at an earlier commit."""
    ledger = use(root)
    read = ledger.marks()
    assert read in (whole, Marks(), *older)
    ledger.begin("later", "n", [Output("new", "dataset:new")])
    written = ledger.marks()
    assert "dataset:new" in written.begun
    rest = replace(written, begun=written.begun - {"dataset:new"})
    assert rest in (read, Marks())  # who writes looks closer, and may set aside what reading did not touch
    History(ledger).runs()
    History(ledger).seconds_by_node()
    ledger.close()
    return read != whole


@pytest.mark.parametrize("trials", TRIALS)
def test_a_damaged_ledger_is_believed_in_nothing_and_stops_nobody(
    tmp_path: Path, trials: int, caplog: pytest.LogCaptureFixture
) -> None:
    chance = random.Random(trials)
    source = tmp_path / "source"
    ledger = fill(source)
    ledger.close()
    whole = ledger.marks()
    content = ledger.path.read_bytes()
    assert len(whole.generations) == OUTPUTS
    seen = 0
    caplog.set_level(logging.WARNING)
    for _ in range(trials):
        caplog.clear()
        folder = source / ".incremental"
        shutil.rmtree(folder)
        folder.mkdir()
        broken = damaged(content, chance)
        ledger.path.write_bytes(broken)
        if check(source, whole, []):
            seen += 1
            is_nothing = len(broken) <= 1  # to SQLite that is a database that nobody has written to
            assert is_nothing or any("damaged" in record.getMessage() for record in caplog.records)
            assert is_nothing or list(folder.glob("ledger.damaged-*"))
    assert seen > trials / 3


def test_damage_that_python_cannot_even_put_into_words_is_damage(tmp_path: Path) -> None:
    """SQLite quotes the schema in its errors, and those are decoded."""
    ledger = fill(tmp_path)
    ledger.close()
    content = ledger.path.read_bytes()
    for keyword in (b"TEXT NOT NULL", b"PRIMARY KEY"):
        assert keyword in content
        ledger.path.write_bytes(content.replace(keyword, keyword[:-1] + b"\xc4"))
        check(tmp_path, Marks(), [])
        assert list(ledger.path.parent.glob("ledger.damaged-*"))


@pytest.mark.parametrize("trials", TRIALS)
def test_a_damaged_journal_loses_its_end_at_most(tmp_path: Path, trials: int) -> None:
    chance = random.Random(trials)
    source = tmp_path / "source"
    ledger = fill(source)
    journal = Path(f"{ledger.path}-wal")
    main, wal = ledger.path.read_bytes(), journal.read_bytes()
    whole = ledger.marks()
    older = [Marks(), *_states(source, tmp_path / "older", main, wal)]
    ledger.close()
    for _ in range(trials):
        shutil.rmtree(ledger.path.parent)
        ledger.path.parent.mkdir()
        ledger.path.write_bytes(main)
        journal.write_bytes(damaged(wal, chance))
        check(source, whole, older)


def _states(root: Path, copy: Path, main: bytes, wal: bytes) -> list[Marks]:
    """Return what the ledger was after each transaction: what each whole number of frames says."""
    folder = copy / ".incremental"
    folder.mkdir(parents=True)
    page = int.from_bytes(wal[8:12], "big")
    states: list[Marks] = []
    for end in range(32, len(wal) + 1, 24 + page):
        (folder / "ledger.sqlite").write_bytes(main)
        (folder / "ledger.sqlite-wal").write_bytes(wal[:end])
        found = FileLedger(folder / "ledger.sqlite", root).marks()
        if found not in states:
            states.append(found)
    return states
