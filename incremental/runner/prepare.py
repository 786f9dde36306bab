"""From a pipeline and a catalog to facts: one survey, merged with the ledger's marks. It plans nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from incremental.io.catalog.survey import survey
from incremental.state.marks import apply_marks

if TYPE_CHECKING:
    from incremental.io import DataCatalog
    from incremental.pipeline import Pipeline
    from incremental.planner import Facts
    from incremental.state import Marks


def gather_facts(pipeline: Pipeline, catalog: DataCatalog, marks: Marks) -> Facts:
    """Ask once for every dataset in play and add what the ledger knows.

    Raises:
        DatasetError: entries that cannot be used, or datasets that failed to answer; all at once.
    """
    names = sorted({name for node in pipeline.nodes for name in (*node.reads, *node.writes)})
    facts = survey(catalog, names)
    made = {name for node in pipeline.nodes for name in node.writes}
    return apply_marks(facts, marks, made)
