"""From clean tables to one row of features for each flight."""

from __future__ import annotations

from flights.pipelines.features import nodes
from incremental.pipeline import Pipeline, node, pipeline

GROUPS = ["calendar", "route", "weather_before", "plane", "rotation", "airport", "history"]


def create_pipeline() -> Pipeline:
    """Make each group of features from its own tables, then put them side by side."""
    return pipeline(
        [
            node(nodes.calendar_features, "flights", "calendar", name="calendar"),
            node(nodes.route_features, ["flights", "airports"], "route", name="route"),
            node(
                nodes.weather_features,
                ["flights", "weather", "params:lead_hours"],
                "weather_before",
                name="weather_before",
            ),
            node(nodes.plane_features, ["flights", "planes"], "plane", name="plane"),
            node(nodes.rotation_features, ["flights", "params:lead_hours"], "rotation", name="rotation"),
            node(nodes.airport_features, ["flights", "params:lead_hours"], "airport", name="airport"),
            node(
                nodes.history_features,
                ["flights", "params:history_days", "params:late_minutes"],
                "history",
                name="history",
            ),
            node(
                nodes.assemble_model_input,
                ["flights", "params:late_minutes", *GROUPS],
                "model_input",
                name="model_input",
            ),
        ],
        namespace="features",
        inputs={
            "flights": "cleaning.flights",
            "weather": "cleaning.weather",
            "planes": "cleaning.planes",
            "airports": "cleaning.airports",
        },
        tags="data",
    )
