"""From a pipeline and a catalog to facts: one survey, merged with the ledger's marks. It plans nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from incremental.io.catalog.survey import Survey, locate
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
    return merge_facts(pipeline, locate_all(pipeline, catalog), marks)


def locate_all(pipeline: Pipeline, catalog: DataCatalog) -> Survey:
    """Find where every dataset in play lives, and ask nothing yet."""
    return locate(catalog, sorted({name for node in pipeline.nodes for name in (*node.reads, *node.writes)}))


def merge_facts(pipeline: Pipeline, survey: Survey, marks: Marks) -> Facts:
    """Ask what a survey has still to ask, and add what the ledger knows. Raises DatasetError."""
    made = {name for node in pipeline.nodes for name in node.writes}
    return apply_marks(survey.answer(), marks, made)
