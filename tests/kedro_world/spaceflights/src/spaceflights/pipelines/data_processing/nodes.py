"""Clean the raw tables and join them."""

import pandas as pd


def preprocess_companies(companies: pd.DataFrame) -> pd.DataFrame:
    """Make numbers of ratings and truth of letters."""
    return companies.assign(
        iata_approved=companies["iata_approved"] == "t",
        company_rating=companies["company_rating"].str.rstrip("%").astype(float) / 100,
    )


def preprocess_shuttles(shuttles: pd.DataFrame, currency: str) -> pd.DataFrame:
    """Make numbers of prices and truth of letters."""
    price = shuttles["price"].str.removeprefix(currency).str.replace(",", "")
    return shuttles.assign(
        price=price.astype(float),
        d_check_complete=shuttles["d_check_complete"] == "t",
        moon_clearance_complete=shuttles["moon_clearance_complete"] == "t",
    )


def create_model_input_table(
    shuttles: pd.DataFrame, companies: pd.DataFrame, reviews: pd.DataFrame, required_columns: list
) -> pd.DataFrame:
    """Join the tables; rows without one of the required values, or without a review, are left out."""
    rated = shuttles.merge(reviews, left_on="id", right_on="shuttle_id").drop(columns="id")
    joined = rated.merge(companies, left_on="company_id", right_on="id").drop(columns="id")
    known = joined.dropna(subset=[*required_columns, "review_scores_rating"])
    return known.sort_values("shuttle_id").reset_index(drop=True)
