"""From clean tables to one row of features for each flight."""

from __future__ import annotations

from flights.pipelines.features import nodes
from incremental.pipeline import Pipeline, node, pipeline

FLIGHTS = "cleaning.flights"


def create_pipeline() -> Pipeline:
    """Make each group of features from its own tables, then put them side by side."""
    return pipeline(
        [
            node(nodes.calendar_features, FLIGHTS, "calendar", name="calendar"),
            node(nodes.route_features, [FLIGHTS, "cleaning.airports"], "route", name="route"),
            node(
                nodes.weather_features,
                [FLIGHTS, "cleaning.weather", "params:lead_hours"],
                "weather",
                name="weather",
            ),
            node(nodes.plane_features, [FLIGHTS, "cleaning.planes"], "plane", name="plane"),
            node(nodes.rotation_features, [FLIGHTS, "params:lead_hours"], "rotation", name="rotation"),
            node(nodes.airport_features, [FLIGHTS, "params:lead_hours"], "airport", name="airport"),
            node(
                nodes.history_features,
                [FLIGHTS, "params:history_days", "params:late_minutes"],
                "history",
                name="history",
            ),
            node(
                nodes.assemble_model_input,
                [
                    FLIGHTS,
                    "params:late_minutes",
                    "calendar",
                    "route",
                    "weather",
                    "plane",
                    "rotation",
                    "airport",
                    "history",
                ],
                "model_input",
                name="model_input",
            ),
        ],
        namespace="features",
        inputs={FLIGHTS, "cleaning.weather", "cleaning.planes", "cleaning.airports"},
        tags="data",
    )
