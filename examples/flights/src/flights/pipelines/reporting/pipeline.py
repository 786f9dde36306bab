"""From predictions to metrics, a chart and a report."""

from __future__ import annotations

from flights.pipelines.reporting import nodes
from incremental.pipeline import Pipeline, node, pipeline


def create_pipeline() -> Pipeline:
    """Summarise, compare, draw and write."""
    return pipeline(
        [
            node(nodes.summarise_year, ["flights", "params:late_minutes"], "year", name="year"),
            node(nodes.score, ["predictions", "params:warned_share"], "metrics", name="score"),
            node(nodes.compare_hours, "predictions", "by_hour", name="by_hour"),
            node(nodes.compare_risks, "predictions", "by_risk", name="by_risk"),
            node(nodes.compare_carriers, ["predictions", "raw_airlines"], "by_carrier", name="by_carrier"),
            node(nodes.draw_chart, ["by_hour", "by_risk", "metrics"], "chart", name="chart"),
            node(
                nodes.write_report,
                ["year", "metrics", "importance", "by_hour", "by_carrier", "params:lead_hours"],
                "report",
                name="report",
            ),
        ],
        namespace="reporting",
        inputs={
            "raw_airlines": "raw_airlines",
            "flights": "cleaning.flights",
            "predictions": "modelling.predictions",
            "importance": "modelling.importance",
        },
        parameters={
            "params:late_minutes": "params:features.late_minutes",
            "params:lead_hours": "params:features.lead_hours",
        },
        tags="report",
    )
