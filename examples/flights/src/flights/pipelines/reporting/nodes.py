"""Say what the model is worth and what the year looked like, in numbers, a chart and a page."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    import pandas as pd
    from matplotlib.figure import Figure

FEW = 100  # flights; a share of fewer says little


def summarise_year(flights: pd.DataFrame, late_minutes: float) -> dict[str, float]:
    """Count the flights of the whole year, the cancelled and the late ones."""
    arrived = flights["arr_delay"].dropna()
    return {
        "flights": len(flights),
        "cancelled_share": float(flights["cancelled"].mean()),
        "late_share": float((arrived >= late_minutes).mean()),
        "median_late_minutes": float(arrived[arrived >= late_minutes].median()),
    }


def score(predictions: pd.DataFrame, warned_share: float) -> dict[str, float]:
    """Compare the predictions with what happened, and with going by the hour of the day alone."""
    from sklearn.metrics import average_precision_score, brier_score_loss, roc_auc_score

    late, probability = predictions["late"], predictions["probability"]
    warned = probability >= probability.quantile(1 - warned_share)
    return {
        "flights": len(predictions),
        "late_share": float(late.mean()),
        "auc": float(roc_auc_score(late, probability)),
        "auc_by_hour_alone": float(roc_auc_score(late, predictions["hour"])),
        "average_precision": float(average_precision_score(late, probability)),
        "brier_score": float(brier_score_loss(late, probability)),
        "warned_share": float(warned.mean()),
        "late_share_of_warned": float(late[warned].mean()),
        "caught_share_of_late": float(warned[late].mean()),
    }


def compare_hours(predictions: pd.DataFrame) -> pd.DataFrame:
    """Put the predicted beside the observed late share for each scheduled hour."""
    return _compare(predictions, predictions["hour"])


def compare_risks(predictions: pd.DataFrame) -> pd.DataFrame:
    """Put the predicted beside the observed late share for ten groups of flights of rising risk."""
    place = predictions["probability"].rank(method="first").astype(int) - 1
    tenth = place * 10 // len(predictions) + 1
    return _compare(predictions, tenth.rename("tenth"))


def compare_carriers(predictions: pd.DataFrame, airlines: pd.DataFrame) -> pd.DataFrame:
    """Put the predicted beside the observed late share for each carrier, by its name."""
    named = predictions[["carrier"]].astype("object").join(airlines.set_index("carrier"), on="carrier")
    return _compare(predictions, named["name"]).sort_values("observed", ignore_index=True)


def draw_chart(by_hour: pd.DataFrame, by_risk: pd.DataFrame, metrics: dict[str, float]) -> Figure:
    """Draw the late share by hour, and how far the predicted risks can be trusted."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(11, 4.5), layout="constrained")
    hours, risks = figure.subplots(1, 2)

    hours.bar(by_hour["hour"], by_hour["observed"], color="#b8c4d6", label="observed")
    hours.plot(by_hour["hour"], by_hour["predicted"], "o-", color="#c1440e", label="predicted")
    hours.set(
        title="Late arrivals by hour of departure",
        xlabel="scheduled hour of departure",
        xticks=by_hour["hour"][::3],
        ylabel="share of flights that arrive late",
    )
    hours.legend(frameon=False, loc="upper left")

    end = 1.1 * max(by_risk["observed"].max(), by_risk["predicted"].max())
    risks.plot([0, end], [0, end], ":", color="#888888", label="perfect")
    risks.plot(
        by_risk["predicted"], by_risk["observed"], "o-", color="#c1440e", label="tenths of the flights"
    )
    risks.set(
        title=f"Predicted risk against what happened (AUC {metrics['auc']:.2f})",
        xlabel="predicted share of late arrivals",
        ylabel="observed share",
    )
    risks.xaxis.set_major_formatter(_percent)
    risks.legend(frameon=False, loc="upper left")

    for axes in (hours, risks):
        axes.yaxis.set_major_formatter(_percent)
        axes.spines[["top", "right"]].set_visible(False)
    return figure


def write_report(
    year: dict[str, float],
    metrics: dict[str, float],
    importance: pd.DataFrame,
    by_hour: pd.DataFrame,
    by_carrier: pd.DataFrame,
    lead_hours: int,
) -> str:
    """Write the page, every number on it taken from the results."""
    sections = [
        "# Which flights out of New York arrive late?",
        _the_year(year),
        _the_model(metrics, lead_hours),
        "![Late share by hour, and predicted against observed risk](chart.png)",
        _what_matters(importance),
        _when_to_fly(by_hour),
        _whom_to_fly_with(by_carrier),
    ]
    return "\n\n".join(sections) + "\n"


def _compare(predictions: pd.DataFrame, by: pd.Series) -> pd.DataFrame:
    shares = predictions.groupby(by).agg(
        flights=("late", "size"), observed=("late", "mean"), predicted=("probability", "mean")
    )
    return shares.reset_index()


def _percent(share: float, _position: int | None = None) -> str:
    return f"{share:.0%}"


def _the_year(year: dict[str, float]) -> str:
    return (
        f"Of {year['flights']:,} flights in 2013, {year['cancelled_share']:.1%} were cancelled. "
        f"Of those that arrived, {year['late_share']:.1%} were late, "
        f"half of them by more than {year['median_late_minutes']:.0f} minutes."
    )


def _the_model(metrics: dict[str, float], lead_hours: int) -> str:
    odds = metrics["late_share_of_warned"] / metrics["late_share"]
    return (
        f"## What can be known {lead_hours} hours before\n\n"
        f"Of {metrics['flights']:,} later flights that the model has not seen, "
        f"{metrics['late_share']:.1%} were late. "
        f"It ranks a late flight above one on time with a probability of {metrics['auc']:.3f} (AUC); "
        f"going by the hour of the day alone gives {metrics['auc_by_hour_alone']:.3f}.\n\n"
        f"Warn about the riskiest {metrics['warned_share']:.0%} of the flights, "
        f"and {metrics['late_share_of_warned']:.1%} of the warnings are right, "
        f"{odds:.1f} times the share among all flights; "
        f"they catch {metrics['caught_share_of_late']:.1%} of all that arrive late."
    )


def _what_matters(importance: pd.DataFrame) -> str:
    first = importance.iloc[0]
    share = first["auc_lost"] / importance["auc_lost"].clip(lower=0).sum()
    rows = ((row.feature, f"{row.auc_lost:.4f}") for row in importance.head(8).itertuples())
    return (
        "## What the model goes by\n\n"
        f"The strongest sign is `{first['feature']}`, with {share:.0%} of all that the features give.\n\n"
    ) + _table(("feature", "AUC lost when it is shuffled"), rows)


def _when_to_fly(by_hour: pd.DataFrame) -> str:
    usual = by_hour[by_hour["flights"] >= FEW]
    best, worst = usual.loc[usual["observed"].idxmin()], usual.loc[usual["observed"].idxmax()]
    return (
        "## When to fly\n\n"
        f"Best at {best['hour']:.0f} o'clock ({best['observed']:.1%} late), "
        f"worst at {worst['hour']:.0f} ({worst['observed']:.1%})."
    )


def _whom_to_fly_with(by_carrier: pd.DataFrame) -> str:
    usual = by_carrier[by_carrier["flights"] >= FEW]
    rows = (
        (row.name, f"{row.flights:,}", f"{row.observed:.1%}", f"{row.predicted:.1%}")
        for row in usual.itertuples(index=False)
    )
    return (f"## Whom to fly with\n\nCarriers with at least {FEW} flights in the test period.\n\n") + _table(
        ("carrier", "flights", "late", "predicted"), rows
    )


def _table(header: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = [header, ("---",) * len(header), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)
