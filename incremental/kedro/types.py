"""A catalog in which short types are those of kedro-datasets, as in Kedro. It builds no dataset itself."""

from __future__ import annotations

from functools import cache
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from incremental.io import DataCatalog

if TYPE_CHECKING:
    from collections.abc import Mapping


class ProjectCatalog(DataCatalog):
    """The catalog of a Kedro project: ``pandas.CSVDataset`` is kedro-datasets', never ours."""

    @classmethod
    def from_config(  # the other arguments are those of the class that it extends
        cls, catalog: Mapping[str, Any] | None, *arguments: Any, **more: Any
    ) -> DataCatalog:
        """Make a catalog from configuration. Raises what that of ``DataCatalog`` raises."""
        entries = {name: _with_whole_type(entry) for name, entry in (catalog or {}).items()}
        return super().from_config(entries, *arguments, **more)


def _with_whole_type(entry: Any) -> Any:
    if not isinstance(entry, dict):
        return entry
    return {
        key: _whole(value) if key == "type" and isinstance(value, str) else _with_whole_type(value)
        for key, value in entry.items()
    }


@cache
def _whole(kind: str) -> str:
    module, dot, _ = kind.rpartition(".")
    path = f"kedro_datasets.{module}"
    try:
        return f"kedro_datasets.{kind}" if dot and find_spec(path) is not None else kind
    except ModuleNotFoundError:
        return kind
