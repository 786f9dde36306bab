"""The flights example on each runner: byte-equal tables and metrics, and models that predict the same."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[2] / "examples" / "flights"


def made_on(runner: str, root: Path) -> dict[str, bytes]:
    """Run the example on a runner, one thread a worker, and return its files but the versioned model."""
    shutil.copytree(PROJECT, root, ignore=shutil.ignore_patterns("data", ".incremental", "__pycache__"))
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "incremental", "run", "-q", "--env", "quick", "--runner", runner]
    subprocess.run(command, cwd=root, env=environment, check=True)
    folder = root / "data" / "quick"
    return {
        str(file.relative_to(folder)): file.read_bytes()
        for file in folder.rglob("*.*")
        if file.is_file() and file.suffix in (".parquet", ".csv", ".json")
    }


def predictions(root: Path, features: Path) -> bytes:
    """Return what the model of one run predicts on the table of features of another."""
    import joblib
    import pandas as pd
    from threadpoolctl import threadpool_limits

    (model,) = (root / "data/quick/modelling/classifier.pkl").glob("*/classifier.pkl")
    table = pd.read_parquet(features / "data/quick/features/model_input.parquet")
    with threadpool_limits(1, user_api="openmp"):
        probability = joblib.load(model).predict_proba(table.drop(columns=["scheduled", "late"]))
    assert len(probability) == len(table) > 0
    return probability.tobytes()


@pytest.mark.slow
def test_the_flights_example_gives_byte_equal_tables_on_all_runners(tmp_path: Path) -> None:
    expected = made_on("sequential", tmp_path / "sequential")
    predicted = predictions(tmp_path / "sequential", tmp_path / "sequential")
    assert len(expected) >= 8
    for runner in ("threads", "processes", "dask"):
        made = made_on(runner, tmp_path / runner)
        assert made.keys() == expected.keys()
        assert [name for name in expected if made[name] != expected[name]] == []
        assert predictions(tmp_path / runner, tmp_path / "sequential") == predicted
