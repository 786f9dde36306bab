"""Write the raw tables of this project: ``python scripts/make_data.py [FOLDER] [SHUTTLES]``. Seeded."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pandas as pd

PLACES = ("Faroe Islands", "Malta", "Niue", "Uzbekistan", "Chile", "Bhutan")
TYPES = ("Type V5", "Type F5", "Type V2", "Type T7")
ENGINES = ("Quantum", "Plasma", "Nuclear")


def make(folder: Path, shuttles: int = 240) -> None:
    """Write companies, reviews and shuttles into a folder; the same bytes of tables each time."""
    random = np.random.default_rng(20_260_101)
    companies = shuttles // 4
    folder.mkdir(parents=True, exist_ok=True)
    companies_table(random, companies).to_csv(folder / "companies.csv", index=False)
    table = shuttles_table(random, shuttles, companies)
    reviews_table(random, table).to_csv(folder / "reviews.csv", index=False)
    table.to_excel(folder / "shuttles.xlsx", index=False)


def companies_table(random: np.random.Generator, count: int) -> pd.DataFrame:
    """Return companies: ratings as texts with a percent sign, truth as ``t`` and ``f``, some unknown."""
    rating = [None if each < 20 else f"{each}%" for each in random.integers(0, 101, count)]
    return pd.DataFrame(
        {
            "id": np.arange(1, count + 1) * 7,
            "company_rating": rating,
            "company_location": random.choice(PLACES, count),
            "total_fleet_count": random.integers(1, 60, count).astype(float),
            "iata_approved": random.choice(["t", "f"], count),
        }
    )


def shuttles_table(random: np.random.Generator, count: int, companies: int) -> pd.DataFrame:
    """Return shuttles; the price follows from engines, seats and crew, but for some noise."""
    engines = random.integers(1, 7, count)
    seats = random.integers(2, 21, count)
    crew = random.integers(1, 9, count)
    price = 900 + 310 * engines + 95 * seats + 40 * crew + random.normal(0, 120, count)
    return pd.DataFrame(
        {
            "id": random.permutation(np.arange(10_000, 10_000 + count)),
            "shuttle_location": random.choice(PLACES, count),
            "shuttle_type": random.choice(TYPES, count),
            "engine_type": random.choice(ENGINES, count),
            "engines": engines,
            "passenger_capacity": seats,
            "crew": crew,
            "d_check_complete": random.choice(["t", "f"], count),
            "moon_clearance_complete": random.choice(["t", "f"], count),
            "price": [f"${each:,.1f}" for each in price],
            "company_id": random.integers(1, companies + 1, count) * 7,
        }
    )


def reviews_table(random: np.random.Generator, shuttles: pd.DataFrame) -> pd.DataFrame:
    """Return one review a shuttle, some without a rating."""
    rating = random.integers(40, 101, len(shuttles)).astype(float)
    rating[random.random(len(shuttles)) < 0.05] = np.nan
    return pd.DataFrame(
        {
            "shuttle_id": shuttles["id"],
            "review_scores_rating": rating,
            "number_of_reviews": random.integers(1, 150, len(shuttles)),
            "reviews_per_month": random.random(len(shuttles)).round(2),
        }
    )


if __name__ == "__main__":
    target = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parents[1] / "data" / "01_raw"
    make(target, *map(int, sys.argv[2:3]))
