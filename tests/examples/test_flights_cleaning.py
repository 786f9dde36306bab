from __future__ import annotations

import pytest

pd = pytest.importorskip("pandas")

from flights.pipelines.cleaning import nodes  # noqa: E402


def raw_flights(*rows: tuple[str, int, float | None]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=["time_hour", "minute", "dep_time"])


def test_a_flight_is_scheduled_at_its_hour_and_minute():
    cleaned = nodes.clean_flights(raw_flights(("2013-01-01T10:00:00Z", 15, 517.0)))
    assert cleaned["scheduled"].tolist() == [pd.Timestamp("2013-01-01T10:15", tz="UTC")]
    assert cleaned.index.name == "flight_id"


@pytest.mark.parametrize(
    ("time_hour", "date"),
    [
        ("2013-01-01T10:00:00Z", "2013-01-01"),
        ("2013-01-02T04:00:00Z", "2013-01-01"),  # 23:00 in New York, winter
        ("2013-07-02T03:00:00Z", "2013-07-01"),  # 23:00 in New York, summer
        ("2013-07-02T04:00:00Z", "2013-07-02"),
    ],
)
def test_the_date_is_that_of_new_york(time_hour, date):
    cleaned = nodes.clean_flights(raw_flights((time_hour, 0, 1.0)))
    assert cleaned["date"].tolist() == [pd.Timestamp(date)]


def test_a_flight_that_never_left_is_cancelled():
    cleaned = nodes.clean_flights(
        raw_flights(("2013-01-01T10:00:00Z", 0, 1.0), ("2013-01-01T10:00:00Z", 0, None))
    )
    assert cleaned["cancelled"].tolist() == [False, True]


def test_cleaning_leaves_its_input_as_it_was():
    raw = raw_flights(("2013-01-01T10:00:00Z", 0, 1.0))
    before = raw.copy()
    nodes.clean_flights(raw)
    pd.testing.assert_frame_equal(raw, before)


def test_impossible_wind_is_blanked_and_an_hour_is_kept_once():
    weather = pd.DataFrame(
        {
            "origin": ["JFK", "JFK", "LGA", "LGA"],
            "time_hour": ["2013-02-12T08:00:00Z", "2013-02-12T09:00:00Z"] + ["2013-02-12T08:00:00Z"] * 2,
            "wind_speed": [1048.4, 12.0, 8.0, 9.0],
        }
    )
    cleaned = nodes.clean_weather(weather, max_wind_speed=100)
    assert cleaned["origin"].tolist() == ["JFK", "JFK", "LGA"]
    assert cleaned["wind_speed"].isna().tolist() == [True, False, False]


def test_a_plane_and_an_airport_are_kept_once():
    planes = pd.DataFrame(
        {"tailnum": ["N1", "N1", "N2"], "year": [2001, 2001, 1999], "speed": [None, None, 90.0]}
    )
    airports = pd.DataFrame(
        {"faa": ["IAH", "IAH"], "name": "Houston", "lat": 30.0, "lon": -95.0, "alt": 97, "tz": -6, "dst": "A"}
    )
    assert nodes.clean_planes(planes).to_dict("list") == {"tailnum": ["N1", "N2"], "year": [2001, 1999]}
    assert nodes.clean_airports(airports)["faa"].tolist() == ["IAH"]
