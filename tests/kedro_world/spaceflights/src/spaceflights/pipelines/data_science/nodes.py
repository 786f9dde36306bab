"""Split, train, evaluate. scikit-learn is imported where it is used, so that planning does not pay for it."""

import logging
from typing import Any

import pandas as pd

logger = logging.getLogger(__name__)


def split_data(data: pd.DataFrame, parameters: dict[str, Any]) -> tuple:
    """Split the table into training and test rows, and both into features and price."""
    from sklearn.model_selection import train_test_split

    features, price = data[parameters["features"]], data["price"]
    return train_test_split(
        features, price, test_size=parameters["test_size"], random_state=parameters["random_state"]
    )


def train_model(X_train: pd.DataFrame, y_train: pd.Series) -> Any:
    """Fit a linear model."""
    from sklearn.linear_model import LinearRegression

    return LinearRegression().fit(X_train, y_train)


def evaluate_model(regressor: Any, X_test: pd.DataFrame, y_test: pd.Series) -> tuple[dict, pd.DataFrame]:
    """Return metrics, and the predictions beside the true prices."""
    from sklearn.metrics import max_error, mean_absolute_error, r2_score

    predicted = regressor.predict(X_test)
    metrics = {
        "r2_score": float(r2_score(y_test, predicted)),
        "mae": float(mean_absolute_error(y_test, predicted)),
        "max_error": float(max_error(y_test, predicted)),
    }
    logger.info("the model explains %.1f %% of the price", 100 * metrics["r2_score"])
    return metrics, pd.DataFrame({"row": X_test.index, "price": y_test.values, "predicted": predicted})
