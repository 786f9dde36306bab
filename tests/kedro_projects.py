"""The Kedro project of the tests: copied, filled with data, run by either engine, compared.

Its folder is not called ``kedro``: ``tests`` is on the path of imports, where that name would stand for Kedro.
"""

from __future__ import annotations

import json
import os
import pickle
import shutil
import subprocess
import sys
from dataclasses import dataclass
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any

SOURCE = Path(__file__).parent / "kedro_world" / "spaceflights"
NODES = (
    "preprocess_companies_node", "preprocess_shuttles_node", "create_model_input_table_node", "split_data_node",
    "train_model_node", "evaluate_model_node", "summarise_capacity_node", "plot_price_by_rating_node",
    "plot_prediction_errors_node",
)  # fmt: skip
TABLES = ("02_intermediate/preprocessed_companies.pq", "02_intermediate/preprocessed_shuttles.pq",
          "03_primary/model_input_table.pq")  # fmt: skip
JSONS = (
    "07_model_output/metrics.json",
    "08_reporting/capacity_by_type.json",
    "08_reporting/price_by_rating.json",
)
PREDICTIONS = "07_model_output/predictions.csv"
PICTURE = "08_reporting/prediction_errors.png"
REGRESSOR = "06_models/regressor.pickle"


@dataclass(frozen=True)
class KedroProject:
    """A copy of the project in a folder of its own."""

    path: Path

    @classmethod
    def new(cls, path: Path) -> KedroProject:
        """Copy the project, without data."""
        shutil.copytree(SOURCE, path, ignore=shutil.ignore_patterns("__pycache__", "data"))
        return cls(path)

    def with_data(self, shuttles: int = 240) -> KedroProject:
        """Write the raw tables."""
        spec = spec_from_file_location("make_data", SOURCE / "scripts" / "make_data.py")
        assert spec is not None
        assert spec.loader is not None
        module = module_from_spec(spec)
        spec.loader.exec_module(module)
        module.make(self.path / "data" / "01_raw", shuttles)
        return self

    def copy(self, path: Path) -> KedroProject:
        """Copy this project with all that it made, times of files included."""
        shutil.copytree(self.path, path)
        return KedroProject(path)

    def kedro(self, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """Call Kedro's command line here; it tells nobody of it."""
        return self._call("kedro", arguments, environment)

    def incremental(self, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """Call our command line here."""
        return self._call("incremental", arguments, environment)

    def python(self, code: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """Run a script here."""
        return self._process([sys.executable, "-c", code], environment)

    def data(self, name: str) -> Path:
        """Return the path of a file below ``data``."""
        return self.path / "data" / name

    def results(self) -> dict[str, Any]:
        """Return all that a whole run makes: tables, metrics, predictions, the model, the reports."""
        import pandas as pd

        latest = sorted(self.data(REGRESSOR).iterdir())[-1] / "regressor.pickle"
        model = pickle.loads(latest.read_bytes())
        return {
            **{name: pd.read_parquet(self.data(name)) for name in TABLES},
            **{name: json.loads(self.data(name).read_text()) for name in JSONS},
            PREDICTIONS: pd.read_csv(self.data(PREDICTIONS)),
            REGRESSOR: [*model.coef_, model.intercept_],
            PICTURE: self.data(PICTURE).read_bytes(),
        }

    def replace(self, file: str, old: str, new: str) -> None:
        """Replace a text in a file; it has to be there."""
        path = self.path / file
        text = path.read_text()
        assert old in text, f"{old!r} is not in {file}"
        path.write_text(text.replace(old, new))

    def _call(
        self, module: str, arguments: tuple[str, ...], environment: dict[str, str]
    ) -> subprocess.CompletedProcess[str]:
        return self._process([sys.executable, "-m", module, *arguments], environment)

    def _process(self, command: list[str], environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
        around = {key: value for key, value in os.environ.items() if key != "KEDRO_ENV"}
        return subprocess.run(
            command,
            cwd=self.path,
            env={**around, "DO_NOT_TRACK": "1", **environment},
            capture_output=True,
            text=True,
            check=False,
            timeout=300,
        )


def assert_same(one: dict[str, Any], other: dict[str, Any]) -> None:
    """Compare what two whole runs made: all to the last bit."""
    import pandas as pd

    assert one.keys() == other.keys()
    for name, value in one.items():
        if isinstance(value, pd.DataFrame):
            pd.testing.assert_frame_equal(value, other[name], check_exact=True, obj=name)
        else:
            assert value == other[name], name
