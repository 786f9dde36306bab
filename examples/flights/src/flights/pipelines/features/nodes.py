"""What is known of a flight some hours before it leaves; nothing that only the future could tell.

Each function returns one group of features, a row for each flight, indexed by `flight_id`.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

WEATHER = ["temp", "dewp", "humid", "wind_dir", "wind_speed", "precip", "pressure", "visib"]
CATEGORIES = ["carrier", "origin", "dest"]


def calendar_features(flights: pd.DataFrame) -> pd.DataFrame:
    """Take the hour and the day of the week from the local schedule.

    No month: a model that is tested on later months cannot have learnt from them.
    """
    return flights[["hour", "minute"]].assign(weekday=flights["date"].dt.day_of_week)


def route_features(flights: pd.DataFrame, airports: pd.DataFrame) -> pd.DataFrame:
    """Join where the destination lies."""
    place = airports.set_index("faa")[["lat", "lon", "tz"]]
    return flights[["dest", "distance"]].join(place, on="dest").drop(columns="dest")


def weather_features(flights: pd.DataFrame, weather: pd.DataFrame, lead_hours: int) -> pd.DataFrame:
    """Join the weather at the origin as it was observed `lead_hours` before the departure."""
    observed = weather.set_index(["origin", "time_hour"])[WEATHER]
    seen = flights[["origin"]].assign(time_hour=flights["time_hour"] - timedelta(hours=lead_hours))
    return seen.join(observed, on=["origin", "time_hour"])[WEATHER]


def plane_features(flights: pd.DataFrame, planes: pd.DataFrame) -> pd.DataFrame:
    """Join the size of the plane and its age in years."""
    built = planes.set_index("tailnum")[["year", "seats"]].rename(columns={"year": "built"})
    joined = flights[["tailnum", "year"]].join(built, on="tailnum")
    return joined.assign(plane_age=joined["year"] - joined["built"])[["plane_age", "seats"]]


def rotation_features(flights: pd.DataFrame, lead_hours: int) -> pd.DataFrame:
    """Look up how late the same plane left New York the last time, as far as that is known by now.

    A plane that should have left but has not yet is at least as late as it has waited so far.
    """
    flown = flights[flights["tailnum"].notna() & ~flights["cancelled"]]
    known = flown.sort_values("scheduled", kind="stable")
    before = known.groupby("tailnum")[["scheduled", "dep_delay"]].shift()
    minute = timedelta(minutes=1)
    since = (known["scheduled"] - before["scheduled"]) / minute
    waited = since - timedelta(hours=lead_hours) / minute
    return known.assign(
        previous_delay=before["dep_delay"].clip(upper=waited).where(waited > 0),
        turnaround_hours=since / 60,
    )[["previous_delay", "turnaround_hours"]].reindex(flights.index)


def airport_features(flights: pd.DataFrame, lead_hours: int) -> pd.DataFrame:
    """Count the departures of the last full hour that is known at the origin, and how late they were."""
    departed = flights["scheduled"] + flights["dep_delay"] * timedelta(minutes=1)
    recent = (
        flights.assign(time_hour=departed.dt.floor("h"))
        .groupby(["origin", "time_hour"])["dep_delay"]
        .agg(recent_departures="count", recent_delay="mean")
    )
    last = flights["time_hour"] - timedelta(hours=lead_hours + 1)
    joined = flights[["origin"]].assign(time_hour=last).join(recent, on=["origin", "time_hour"])
    return joined[["recent_departures", "recent_delay"]].fillna({"recent_departures": 0})


def history_features(flights: pd.DataFrame, history_days: int, late_minutes: float) -> pd.DataFrame:
    """Look up the share of the carrier's flights that arrived late over the days before.

    Yesterday is left out: its last flights may land after the first decision of today.
    """
    arrived = flights[flights["arr_delay"].notna()]
    late = arrived["arr_delay"] >= late_minutes
    daily = late.groupby([arrived["date"], arrived["carrier"]]).agg(["sum", "count"])
    window = daily.unstack(fill_value=0).asfreq("D").rolling(history_days, min_periods=1).sum().shift(2)
    rate = (window["sum"] / window["count"]).unstack().rename("carrier_late_rate")
    return flights[["carrier", "date"]].join(rate, on=["carrier", "date"])[["carrier_late_rate"]]


def assemble_model_input(flights: pd.DataFrame, late_minutes: float, *groups: pd.DataFrame) -> pd.DataFrame:
    """Put the groups of features beside each flight that arrived, with `late` as the thing to predict."""
    arrived = flights[flights["arr_delay"].notna()]
    table = arrived[["scheduled", *CATEGORIES]].astype(dict.fromkeys(CATEGORIES, "category"))
    table = table.join([group.loc[arrived.index] for group in groups])
    return table.assign(late=arrived["arr_delay"] >= late_minutes)
