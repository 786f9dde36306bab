"""From a pipeline and a catalog to facts: one survey, merged with the ledger's marks. It plans nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from incremental.io.catalog.survey import locate
from incremental.state.marks import apply_marks

if TYPE_CHECKING:
    from incremental.io import DataCatalog
    from incremental.io.catalog.survey import Survey
    from incremental.pipeline import Pipeline
    from incremental.planner import Facts
    from incremental.state import Marks


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
    facts = (located or locate_all(pipeline, catalog)).answer()
    made = {name for node in pipeline.nodes for name in node.writes}
    return apply_marks(facts, marks, made)


def locate_all(pipeline: Pipeline, catalog: DataCatalog) -> Survey:
    """Find where every dataset in play lives, and ask nothing yet."""
    return locate(catalog, sorted({name for node in pipeline.nodes for name in (*node.reads, *node.writes)}))
