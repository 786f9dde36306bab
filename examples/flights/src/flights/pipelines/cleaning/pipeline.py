"""From the raw tables to clean ones."""

from __future__ import annotations

from flights.pipelines.cleaning.nodes import clean_airports, clean_flights, clean_planes, clean_weather
from incremental.pipeline import Pipeline, node, pipeline


def create_pipeline() -> Pipeline:
    """Clean each table by itself."""
    return pipeline(
        [
            node(clean_flights, "raw_flights", "flights", name="flights"),
            node(clean_weather, ["raw_weather", "params:max_wind_speed"], "weather", name="weather"),
            node(clean_planes, "raw_planes", "planes", name="planes"),
            node(clean_airports, "raw_airports", "airports", name="airports"),
        ],
        namespace="cleaning",
        inputs={"raw_flights", "raw_weather", "raw_planes", "raw_airports"},
        tags="data",
    )
