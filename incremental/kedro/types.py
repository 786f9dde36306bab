"""A catalog in which short types are those of kedro-datasets, as in Kedro. It builds no dataset itself."""

from __future__ import annotations

from typing import Any

from incremental.io import DataCatalog
from incremental.io.catalog.types import PACKAGES_OF_KEDRO


class ProjectCatalog(DataCatalog):
    """The catalog of a Kedro project: ``pandas.CSVDataset`` is kedro-datasets', never ours."""

    @classmethod
    def from_config(cls, *arguments: Any, **more: Any) -> DataCatalog:  # those of the class that it extends
        """Make a catalog from configuration. Raises what that of ``DataCatalog`` raises."""
        return super().from_config(*arguments, **{"packages": PACKAGES_OF_KEDRO, **more})
