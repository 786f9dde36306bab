from __future__ import annotations

import pytest

pd = pytest.importorskip("pandas")
np = pytest.importorskip("numpy")

from flights.pipelines.modelling import nodes  # noqa: E402

OPTIONS = {"max_iter": 5, "min_samples_leaf": 5, "random_state": 1}


def model_input(rows: int = 400) -> pd.DataFrame:
    """Return flights that are late whenever the plane's last leg was."""
    chance = np.random.default_rng(1)
    table = pd.DataFrame(
        {
            "scheduled": pd.date_range("2013-09-01", periods=rows, freq="3h", tz="UTC"),
            "carrier": chance.choice(["UA", "DL"], rows),
            "origin": "JFK",
            "dest": "IAH",
            "hour": chance.integers(5, 23, rows),
            "previous_delay": chance.normal(0, 30, rows),
        }
    ).astype(dict.fromkeys(["carrier", "origin", "dest"], "category"))
    return table.assign(late=table["previous_delay"] > 10)


def test_the_split_date_belongs_to_the_test_period():
    train, test = nodes.split_by_date(model_input(), "2013-10-01")
    assert train["scheduled"].max() < pd.Timestamp("2013-10-01", tz="UTC") == test["scheduled"].min()
    assert len(train) + len(test) == 400


def test_the_model_learns_and_the_same_data_give_the_same_model():
    pytest.importorskip("sklearn")
    train, test = nodes.split_by_date(model_input(), "2013-10-01")
    first, second = (nodes.predict(nodes.train_classifier(train, OPTIONS), test) for _ in range(2))
    pd.testing.assert_frame_equal(first, second)
    assert first.groupby("late")["probability"].mean().is_monotonic_increasing
    assert list(first.columns) == [*nodes.KEPT, "probability"]


def test_the_feature_that_matters_comes_first():
    pytest.importorskip("sklearn")
    train, test = nodes.split_by_date(model_input(), "2013-10-01")
    classifier = nodes.train_classifier(train, OPTIONS)
    importance = nodes.measure_importance(classifier, test, {"rows": 100, "seed": 1})
    assert importance["feature"].tolist()[0] == "previous_delay"
    assert set(importance["feature"]) == {"carrier", "origin", "dest", "hour", "previous_delay"}
