"""Make the raw tables typed and plausible; nothing is joined here.

Columns keep the names that they have in the distribution. Pandas is imported for the types only, here and in
the other namespaces: the functions use methods of the frames they are given, so that planning never loads it.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

UTC = "datetime64[us, UTC]"
NEW_YORK = "America/New_York"


def clean_flights(flights: pd.DataFrame) -> pd.DataFrame:
    """Give each flight an id, its local date, its scheduled moment, and whether it was cancelled."""
    time_hour = _utc(flights["time_hour"])
    scheduled = time_hour + flights["minute"] * timedelta(minutes=1)
    return flights.assign(
        time_hour=time_hour,
        scheduled=scheduled,
        date=scheduled.dt.tz_convert(NEW_YORK).dt.tz_localize(None).dt.normalize(),
        cancelled=flights["dep_time"].isna(),
    ).rename_axis("flight_id")


def clean_weather(weather: pd.DataFrame, max_wind_speed: float) -> pd.DataFrame:
    """Parse the hours, and blank wind that no anemometer can have measured."""
    plausible = weather["wind_speed"] <= max_wind_speed
    return weather.assign(
        time_hour=_utc(weather["time_hour"]),
        wind_speed=weather["wind_speed"].where(plausible),
    ).drop_duplicates(["origin", "time_hour"], ignore_index=True)


def clean_planes(planes: pd.DataFrame) -> pd.DataFrame:
    """Keep what is known of nearly every plane; drop `speed`, known of one in a hundred."""
    return planes.drop(columns="speed").drop_duplicates("tailnum", ignore_index=True)


def clean_airports(airports: pd.DataFrame) -> pd.DataFrame:
    """Keep where each airport is and how far its clock is from Greenwich."""
    return airports[["faa", "name", "lat", "lon", "alt", "tz"]].drop_duplicates("faa", ignore_index=True)


def _utc(moments: pd.Series) -> pd.Series:
    return moments.astype(UTC)
