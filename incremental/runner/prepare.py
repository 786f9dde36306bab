"""From a pipeline and a catalog to facts: one survey, merged with the ledger's marks. It plans nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from incremental.io.catalog.survey import survey
from incremental.io.files.digests import digest_at
from incremental.io.files.stamps import path_at, stamp_at
from incremental.state.marks import apply_marks, is_moved, recorded

if TYPE_CHECKING:
    from collections.abc import Mapping

    from incremental.io import DataCatalog
    from incremental.io.files.stamps import Stamp
    from incremental.pipeline import Pipeline
    from incremental.planner import Facts
    from incremental.state import Marks, Record

READ_AT_MOST = 1 << 26
"""Bytes of files whose times moved that planning reads; the others are reported as touched."""
_OPENING = 1 << 16  # bytes that could be read while a file is opened


def gather_facts(pipeline: Pipeline, catalog: DataCatalog, marks: Marks) -> Facts:
    """Ask once for every dataset in play and add what the ledger knows.

    Raises:
        DatasetError: entries that cannot be used, or datasets that failed to answer; all at once.
    """
    names = sorted({name for node in pipeline.nodes for name in (*node.reads, *node.writes)})
    facts = survey(catalog, names)
    written = [node.writes for node in pipeline.nodes if node.writes]
    if not marks.records:
        return apply_marks(facts, marks, written)
    records = recorded(facts, marks, {name: None for names in written for name in names})
    stamps = _stamps(facts, records)
    return apply_marks(facts, marks, written, stamps, _digests(facts, records, stamps))


def _stamps(facts: Facts, records: Mapping[str, Record]) -> dict[str, Stamp]:
    """Return what the files of recorded outputs look like; what is not on this disk is left out."""
    locations, versions = facts.locations, facts.versions
    return {
        name: stamp
        for name in records
        if (stamp := stamp_at(locations[name], versions.get(name))) is not None
    }


def _digests(facts: Facts, records: Mapping[str, Record], stamps: Mapping[str, Stamp]) -> dict[str, str]:
    """Read files that may be as they were although their times differ, the smallest first, up to a limit."""
    moved = [name for name in stamps if records[name].digest and is_moved(records[name], stamps[name])]
    digests: dict[str, str] = {}
    left = READ_AT_MOST
    for name in sorted(moved, key=lambda name: stamps[name].size):
        left -= max(stamps[name].size, _OPENING)
        if left < 0:
            break
        path = path_at(facts.locations[name], facts.versions.get(name))
        try:
            digests[name] = digest_at(str(path))
        except OSError:
            continue  # gone, or closed to us: whoever reads it will say so
    return digests
