"""From a pipeline and a catalog to facts: one survey, merged with the ledger's marks. It plans nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from incremental.errors import DatasetError
from incremental.io.catalog.survey import locate
from incremental.io.files.digests import digest_at
from incremental.io.files.member_digests import is_of_members
from incremental.io.files.stamps import path_at, stamp_at, stamp_of_members
from incremental.state.marks import apply_marks, edited_inputs, is_moved, recorded

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from incremental.io import DataCatalog
    from incremental.io.catalog.survey import Survey
    from incremental.io.files.stamps import Stamp
    from incremental.pipeline import Pipeline
    from incremental.planner import Facts
    from incremental.state import Marks

READ_AT_MOST = 1 << 26
"""Bytes of files whose times moved that planning reads; the others are reported as touched."""
_OPENING = 1 << 16  # bytes that could be read while a file is opened


def gather_facts(
    pipeline: Pipeline, catalog: DataCatalog, marks: Marks, located: Survey | None = None
) -> Facts:
    """Ask once for every dataset in play and add what the ledger knows.

    Args:
        pipeline: the nodes in play.
        catalog: where their datasets are looked up.
        marks: what the ledger knows.
        located: what ``locate_all`` returned, where that has been done before.

    Raises:
        DatasetError: entries that cannot be used, or datasets that failed to answer; all at once.
    """
    survey = located or locate_all(pipeline, catalog)
    facts = survey.answer()
    written = [node.writes for node in pipeline.nodes if node.writes]
    if not marks.records:
        return apply_marks(facts, marks, written)
    stamps = _strange(facts, marks, written, survey)
    return apply_marks(facts, marks, written, stamps, _digests(facts, marks, stamps, catalog))


def locate_all(pipeline: Pipeline, catalog: DataCatalog) -> Survey:
    """Find where every dataset in play lives, and ask nothing yet."""
    return locate(catalog, sorted({name for node in pipeline.nodes for name in (*node.reads, *node.writes)}))


def _strange(
    facts: Facts, marks: Marks, written: Iterable[Iterable[str]], survey: Survey
) -> dict[str, Stamp]:
    """Return what recorded files, and members of folders, look like that do not look as they were recorded.

    What is not on this disk is left out.
    """
    locations, versions = facts.locations, facts.versions
    strange: dict[str, Stamp] = {}
    judged = [*(name for names in written for name in names), *edited_inputs(facts, marks)]
    for name, record in recorded(facts, marks, judged):
        version = versions.get(name)
        found: Stamp | None = stamp_at(locations[name], version)
        if found is None and record.ctime_ns is not None:  # a folder of partitions, or no file any more
            try:
                found = stamp_of_members(locations[name], survey.members(name))
            except OSError:
                continue  # closed to us: whoever reads it will say so
        if found is not None and not (record.version == version and record.fits(found)):
            strange[name] = found
    return strange


def _digests(facts: Facts, marks: Marks, stamps: Mapping[str, Stamp], catalog: DataCatalog) -> dict[str, str]:
    """Read files that may be as they were although their times differ, the smallest first, up to a limit."""
    records = {name: marks.records[facts.locations[name]] for name in stamps}
    moved = [name for name in stamps if records[name].digest and is_moved(records[name], stamps[name])]
    digests: dict[str, str] = {}
    left = READ_AT_MOST
    for name in sorted(moved, key=lambda name: stamps[name].st_size):
        left -= max(stamps[name].st_size, _OPENING)
        if left < 0:
            break
        path = path_at(facts.locations[name], facts.versions.get(name))
        try:
            if is_of_members(records[name].digest or ""):
                read = getattr(catalog.get(name), "content_digest", None)
                if read is not None:
                    digests[name] = read() or ""
            else:
                digests[name] = digest_at(str(path))
        except (OSError, DatasetError):
            continue  # gone, or closed to us: whoever reads it will say so
    return digests
