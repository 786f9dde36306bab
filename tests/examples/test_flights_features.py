from __future__ import annotations

import pytest

pd = pytest.importorskip("pandas")

from flights.pipelines.features import nodes  # noqa: E402


def flights(*rows: dict[str, object]) -> pd.DataFrame:
    """Return cleaned flights; each row says only what its test is about."""
    usual = {
        "time": "2013-05-01T12:00",
        "tailnum": "N1",
        "carrier": "UA",
        "origin": "JFK",
        "dest": "IAH",
        "distance": 1400,
        "dep_delay": 0.0,
        "arr_delay": 0.0,
        "year": 2013,
    }
    table = pd.DataFrame([usual | row for row in rows]).rename_axis("flight_id")
    scheduled = pd.to_datetime(table.pop("time"), utc=True).astype("datetime64[us, UTC]")
    return table.assign(
        scheduled=scheduled,
        time_hour=scheduled.dt.floor("h"),
        date=scheduled.dt.tz_localize(None).dt.normalize(),
        hour=scheduled.dt.hour,
        minute=scheduled.dt.minute,
        cancelled=table["dep_delay"].isna(),
    )


def test_the_calendar_is_that_of_the_local_date():
    assert nodes.calendar_features(flights({"time": "2013-05-01T12:34"})).to_dict("records") == [
        {"hour": 12, "minute": 34, "weekday": 2}
    ]


def test_an_unknown_destination_keeps_its_flight_without_a_place():
    airports = pd.DataFrame({"faa": ["IAH"], "lat": [30.0], "lon": [-95.3], "tz": [-6]})
    route = nodes.route_features(flights({"dest": "IAH"}, {"dest": "SJU"}), airports)
    assert route["lat"].tolist()[0] == 30.0
    assert route["lat"].isna().tolist() == [False, True]
    assert "dest" not in route


@pytest.mark.parametrize(("lead_hours", "temp"), [(0, 60.0), (1, 50.0), (2, 40.0)])
def test_the_weather_is_what_was_observed_lead_hours_before(lead_hours, temp):
    hours = pd.to_datetime(["2013-05-01T10:00", "2013-05-01T11:00", "2013-05-01T12:00"], utc=True)
    weather = pd.DataFrame({"origin": "JFK", "time_hour": hours.astype("datetime64[us, UTC]")}).assign(
        **dict.fromkeys(nodes.WEATHER, 0.0) | {"temp": [40.0, 50.0, 60.0]}
    )
    joined = nodes.weather_features(flights({"time": "2013-05-01T12:45"}), weather, lead_hours)
    assert joined["temp"].tolist() == [temp]


def test_the_age_of_a_plane_is_counted_to_the_year_of_the_flight():
    planes = pd.DataFrame({"tailnum": ["N1"], "year": [2001], "seats": [180]})
    joined = nodes.plane_features(flights({"tailnum": "N1"}, {"tailnum": "N9"}), planes)
    assert joined["plane_age"].tolist()[0] == 12
    assert joined["plane_age"].isna().tolist() == [False, True]


@pytest.mark.parametrize(
    ("delay", "known"),
    [
        (30.0, 30.0),  # it has left, half an hour late
        (300.0, 240.0),  # at 14:00 it still stands there, four hours late so far
    ],
)
def test_the_delay_of_the_last_leg_is_what_is_known_at_the_time(delay, known):
    day = flights({"time": "2013-05-01T10:00", "dep_delay": delay}, {"time": "2013-05-01T16:00"})
    rotation = nodes.rotation_features(day, lead_hours=2)
    assert rotation["previous_delay"].tolist()[1] == known
    assert rotation["turnaround_hours"].tolist()[1] == 6.0


def test_the_first_leg_a_cancelled_leg_and_an_unknown_plane_have_no_last_leg():
    day = flights(
        {"time": "2013-05-01T10:00", "dep_delay": None},
        {"time": "2013-05-01T16:00"},
        {"time": "2013-05-01T10:00", "tailnum": None},
        {"time": "2013-05-01T16:00", "tailnum": None},
    )
    assert nodes.rotation_features(day, lead_hours=2)["previous_delay"].isna().all()


def test_a_last_leg_that_is_not_due_yet_tells_nothing():
    day = flights({"time": "2013-05-01T10:00", "dep_delay": 50.0}, {"time": "2013-05-01T11:00"})
    assert nodes.rotation_features(day, lead_hours=2)["previous_delay"].isna().all()


def test_the_airport_is_as_late_as_what_left_it_in_the_last_full_hour():
    day = flights(
        {"time": "2013-05-01T09:10", "dep_delay": 20.0},
        {"time": "2013-05-01T08:30", "dep_delay": 40.0},  # leaves at 9:10
        {"time": "2013-05-01T09:50", "dep_delay": 60.0},  # leaves at 10:50: too late to know
        {"time": "2013-05-01T09:10", "dep_delay": 99.0, "origin": "LGA"},
        {"time": "2013-05-01T12:30"},
    )
    airport = nodes.airport_features(day, lead_hours=2)
    assert airport.loc[4].to_dict() == {"recent_departures": 2.0, "recent_delay": 30.0}


def test_an_hour_without_departures_counts_none():
    airport = nodes.airport_features(flights({"time": "2013-05-01T12:30"}), lead_hours=2)
    assert airport["recent_departures"].tolist() == [0]
    assert airport["recent_delay"].isna().all()


def test_the_history_of_a_carrier_ends_the_day_before_yesterday():
    days = flights(
        {"time": "2013-05-01T10:00", "arr_delay": 30.0},
        {"time": "2013-05-01T11:00", "arr_delay": None},
        {"time": "2013-05-02T10:00", "arr_delay": 0.0},
        {"time": "2013-05-03T10:00", "arr_delay": 0.0},
        {"time": "2013-05-04T10:00", "arr_delay": 0.0},
        {"time": "2013-05-05T10:00", "arr_delay": 0.0},
    )
    rate = nodes.history_features(days, history_days=2, late_minutes=15)["carrier_late_rate"]
    assert rate.isna().tolist() == [True, True, True, False, False, False]
    assert rate.tolist()[3:] == [1.0, 0.5, 0.0]


def test_carriers_do_not_share_a_history():
    days = flights(
        {"time": "2013-05-01T10:00", "arr_delay": 30.0},
        {"time": "2013-05-01T10:00", "carrier": "DL"},
        {"time": "2013-05-03T10:00"},
        {"time": "2013-05-03T10:00", "carrier": "DL"},
    )
    rate = nodes.history_features(days, history_days=7, late_minutes=15)["carrier_late_rate"]
    assert rate.tolist()[2:] == [1.0, 0.0]


def test_no_feature_changes_when_the_future_does():
    before = [
        {"time": "2013-05-01T10:00", "dep_delay": 20.0, "arr_delay": 30.0},
        {"time": "2013-05-03T09:00", "dep_delay": 10.0, "arr_delay": 0.0},
    ]
    now = {"time": "2013-05-03T12:00"}
    futures = [
        [now | {"dep_delay": delay, "arr_delay": delay}, {"time": "2013-05-03T11:00", "dep_delay": delay}]
        for delay in (0.0, 200.0)
    ]
    seen = [looking_back(flights(*before, *future)).loc[2].to_dict() for future in futures]
    assert seen[0] == pytest.approx(seen[1], nan_ok=True)


def looking_back(table: pd.DataFrame) -> pd.DataFrame:
    return nodes.rotation_features(table, 2).join(
        [nodes.airport_features(table, 2), nodes.history_features(table, 28, 15)]
    )


def test_the_model_sees_arrived_flights_only_with_all_groups_beside_them():
    table = flights({"arr_delay": 15.0}, {"arr_delay": None}, {"arr_delay": 14.0})
    groups = [pd.DataFrame({name: [1, 2, 3]}, index=table.index) for name in ("a", "b")]
    assembled = nodes.assemble_model_input(table, 15, *groups)
    assert assembled["late"].tolist() == [True, False]
    assert assembled[["a", "b"]].to_dict("list") == {"a": [1, 3], "b": [1, 3]}
    assert assembled["carrier"].dtype == "category"
