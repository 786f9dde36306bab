"""From predictions to metrics, a chart and a report."""

from __future__ import annotations

from flights.pipelines.reporting import nodes
from incremental.pipeline import Pipeline, node, pipeline

PREDICTIONS = "modelling.predictions"


def create_pipeline() -> Pipeline:
    """Summarise, compare, draw and write."""
    return pipeline(
        [
            node(
                nodes.summarise_year,
                ["cleaning.flights", "params:features.late_minutes"],
                "year",
                name="year",
            ),
            node(nodes.score, [PREDICTIONS, "params:warned_share"], "metrics", name="score"),
            node(nodes.compare_hours, PREDICTIONS, "by_hour", name="by_hour"),
            node(nodes.compare_risks, PREDICTIONS, "by_risk", name="by_risk"),
            node(nodes.compare_carriers, [PREDICTIONS, "raw.airlines"], "by_carrier", name="by_carrier"),
            node(nodes.draw_chart, ["by_hour", "by_risk", "metrics"], "chart", name="chart"),
            node(
                nodes.write_report,
                {
                    "year": "year",
                    "metrics": "metrics",
                    "importance": "modelling.importance",
                    "by_hour": "by_hour",
                    "by_carrier": "by_carrier",
                    "lead_hours": "params:features.lead_hours",
                },
                "report",
                name="report",
            ),
        ],
        namespace="reporting",
        inputs={"cleaning.flights", PREDICTIONS, "modelling.importance", "raw.airlines"},
        parameters={"params:features.late_minutes", "params:features.lead_hours"},
        tags="report",
    )
