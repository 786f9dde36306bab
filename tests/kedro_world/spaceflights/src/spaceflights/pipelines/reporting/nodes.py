"""Three reports. plotly and matplotlib are imported where they are used."""

from typing import Any

import pandas as pd


def summarise_capacity(shuttles: pd.DataFrame) -> pd.DataFrame:
    """Return the mean number of seats by type of shuttle."""
    return shuttles.groupby("shuttle_type", as_index=False)["passenger_capacity"].mean()


def plot_price_by_rating(table: pd.DataFrame) -> Any:
    """Return a figure of prices over ratings."""
    import plotly.graph_objects as go

    return go.Figure(go.Scatter(x=table["review_scores_rating"], y=table["price"], mode="markers"))


def plot_prediction_errors(predictions: pd.DataFrame) -> Any:
    """Return a figure of predicted over true prices."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(4, 3))
    axes = figure.subplots()
    axes.scatter(predictions["price"], predictions["predicted"], s=4)
    axes.set(xlabel="price", ylabel="predicted")
    return figure
