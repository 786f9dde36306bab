from __future__ import annotations

import pytest

pd = pytest.importorskip("pandas")

from flights.pipelines.reporting import nodes  # noqa: E402

YEAR = {"flights": 336776, "cancelled_share": 0.025, "late_share": 0.245, "median_late_minutes": 42.0}
METRICS = {
    "flights": 82700,
    "late_share": 0.2,
    "auc": 0.723,
    "auc_by_hour_alone": 0.6,
    "warned_share": 0.2,
    "late_share_of_warned": 0.5,
    "caught_share_of_late": 0.43,
}


def predictions() -> pd.DataFrame:
    """Return twenty flights at two hours; the model ranks all but one of them rightly."""
    late = [False] * 10 + [True] * 10
    late[9], late[10] = late[10], late[9]
    return pd.DataFrame(
        {
            "carrier": pd.Categorical(["DL", "UA"] * 10),
            "hour": [6] * 10 + [20] * 10,
            "late": late,
            "probability": [index / 20 for index in range(20)],
        }
    )


def test_the_year_counts_lateness_among_arrivals_only():
    flights = pd.DataFrame({"arr_delay": [20.0, 60.0, 0.0, None], "cancelled": [False, False, False, True]})
    assert nodes.summarise_year(flights, late_minutes=15) == {
        "flights": 4,
        "cancelled_share": 0.25,
        "late_share": pytest.approx(2 / 3),
        "median_late_minutes": 40.0,
    }


def test_the_scores_compare_with_the_hour_alone():
    pytest.importorskip("sklearn")
    metrics = nodes.score(predictions(), warned_share=0.2)
    assert metrics["auc"] == pytest.approx(0.99)
    assert metrics["auc_by_hour_alone"] == pytest.approx(0.9)
    assert metrics["warned_share"] == pytest.approx(0.2)
    assert metrics["late_share_of_warned"] == 1.0
    assert metrics["caught_share_of_late"] == pytest.approx(0.4)


def test_each_hour_has_its_predicted_and_observed_share():
    by_hour = nodes.compare_hours(predictions())
    assert by_hour["hour"].tolist() == [6, 20]
    assert by_hour["flights"].tolist() == [10, 10]
    assert by_hour["observed"].tolist() == pytest.approx([0.1, 0.9])
    assert by_hour["predicted"].tolist() == pytest.approx([0.225, 0.725])


def test_the_tenths_of_risk_are_of_one_size_and_rise():
    by_risk = nodes.compare_risks(predictions())
    assert by_risk["tenth"].tolist() == list(range(1, 11))
    assert by_risk["flights"].tolist() == [2] * 10
    assert by_risk["predicted"].is_monotonic_increasing


def test_carriers_go_by_name_the_most_punctual_first():
    airlines = pd.DataFrame({"carrier": ["UA", "DL"], "name": ["United", "Delta"]})
    table = predictions().assign(late=lambda frame: frame["carrier"] == "UA")
    by_carrier = nodes.compare_carriers(table, airlines)
    assert by_carrier["name"].tolist() == ["Delta", "United"]


def test_the_chart_has_two_panels_with_their_numbers():
    pytest.importorskip("matplotlib")
    figure = nodes.draw_chart(nodes.compare_hours(predictions()), nodes.compare_risks(predictions()), METRICS)
    hours, risks = figure.axes
    assert len(hours.patches) == 2
    assert "0.72" in risks.get_title()


def test_the_report_takes_every_number_from_the_results():
    importance = pd.DataFrame({"feature": ["recent_delay", "hour"], "auc_lost": [0.03, 0.01]})
    by_hour = pd.DataFrame({"hour": [1, 6, 20], "flights": [3, 500, 500], "observed": [0.0, 0.1, 0.9]})
    by_carrier = pd.DataFrame(
        {"name": ["Tiny", "Delta"], "flights": [5, 1200], "observed": [0.0, 0.161], "predicted": [0.1, 0.166]}
    )
    report = nodes.write_report(YEAR, METRICS, importance, by_hour, by_carrier, lead_hours=2)
    for part in (
        "Of 336,776 flights in 2013, 2.5% were cancelled.",
        "What can be known 2 hours before",
        "50.0% of the warnings are right, 2.5 times the share among all flights",
        "The strongest sign is `recent_delay`, with 75% of all",
        "| recent_delay | 0.0300 |",
        "Best at 6 o'clock (10.0% late), worst at 20 (90.0%).",
        "| Delta | 1,200 | 16.1% | 16.6% |",
    ):
        assert part in report
    assert "Tiny" not in report
