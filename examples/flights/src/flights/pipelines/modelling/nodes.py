"""Train and apply the model that says how likely a flight is to arrive late."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    import pandas as pd
    from sklearn.ensemble import HistGradientBoostingClassifier

NOT_FEATURES = ["scheduled", "late"]
KEPT = ["scheduled", "carrier", "origin", "dest", "hour", "late"]


def split_by_date(model_input: pd.DataFrame, split_date: str) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Split into the flights before the date, to train on, and those from it on, to test on."""
    before = model_input["scheduled"] < split_date
    return model_input[before], model_input[~before]


def train_classifier(train: pd.DataFrame, options: dict[str, Any]) -> HistGradientBoostingClassifier:
    """Fit boosted trees; they take missing values and categories as they are."""
    from sklearn.ensemble import HistGradientBoostingClassifier

    classifier = HistGradientBoostingClassifier(
        categorical_features="from_dtype", early_stopping=False, **options
    )
    with _one_thread():
        return classifier.fit(_features(train), train["late"])


def predict(classifier: HistGradientBoostingClassifier, test: pd.DataFrame) -> pd.DataFrame:
    """Add to each flight of the test period the probability that it arrives late."""
    with _one_thread():
        probability = classifier.predict_proba(_features(test))[:, 1]
    return test[KEPT].assign(probability=probability)


def measure_importance(
    classifier: HistGradientBoostingClassifier, test: pd.DataFrame, options: dict[str, int]
) -> pd.DataFrame:
    """Measure how much worse flights are ranked (AUC lost) when one feature is shuffled among them."""
    import pandas as pd
    from sklearn.inspection import permutation_importance

    seed = options["seed"]
    sample = test.sample(min(options["rows"], len(test)), random_state=seed)
    features = _features(sample)
    with _one_thread():
        shuffled = permutation_importance(
            classifier, features, sample["late"], scoring="roc_auc", n_repeats=1, random_state=seed
        )
    table = pd.DataFrame({"feature": features.columns, "auc_lost": shuffled.importances_mean})
    return table.sort_values("auc_lost", ascending=False, ignore_index=True)


def _features(table: pd.DataFrame) -> pd.DataFrame:
    return table.drop(columns=NOT_FEATURES)


def _one_thread() -> AbstractContextManager[object]:
    """Keep scikit-learn on one core: where others are busy, its threads spin for longer than they work."""
    from threadpoolctl import threadpool_limits

    return threadpool_limits(1, user_api="openmp")
