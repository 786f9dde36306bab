"""From features to a trained model and its predictions."""

from __future__ import annotations

from flights.pipelines.modelling.nodes import measure_importance, predict, split_by_date, train_classifier
from incremental.pipeline import Pipeline, node, pipeline


def create_pipeline() -> Pipeline:
    """Train on the earlier flights, predict the later ones."""
    return pipeline(
        [
            node(split_by_date, ["model_input", "params:split_date"], ["train", "test"], name="split"),
            node(train_classifier, ["train", "params:classifier"], "classifier", name="train"),
            node(predict, ["classifier", "test"], "predictions", name="predict"),
            node(
                measure_importance,
                ["classifier", "test", "params:importance"],
                "importance",
                name="importance",
            ),
        ],
        namespace="modelling",
        inputs={"model_input": "features.model_input"},
        tags="model",
    )
