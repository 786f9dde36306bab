"""What people look at."""

from kedro.pipeline import Node, Pipeline

from .nodes import plot_prediction_errors, plot_price_by_rating, summarise_capacity


def create_pipeline(**kwargs) -> Pipeline:
    """Return one node for each of the three reports."""
    return Pipeline(
        [
            Node(
                func=summarise_capacity,
                inputs="preprocessed_shuttles",
                outputs="capacity_by_type",
                name="summarise_capacity_node",
            ),
            Node(
                func=plot_price_by_rating,
                inputs="model_input_table",
                outputs="price_by_rating",
                name="plot_price_by_rating_node",
            ),
            Node(
                func=plot_prediction_errors,
                inputs="predictions",
                outputs="prediction_errors",
                name="plot_prediction_errors_node",
            ),
        ],
        tags="reports",
    )
