"""Datasets that are none of ours, for tests of any room."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from incremental.io import AbstractDataset


class InPlace(AbstractDataset[Any, Any]):
    """Text that is written under its own path, so that nothing of it can be staged."""

    def __init__(self, filepath: str) -> None:
        self._filepath = filepath

    def load(self) -> Any:
        return Path(self._filepath).read_text()

    def save(self, data: Any) -> None:
        Path(self._filepath).write_text(str(data))

    def exists(self) -> bool:
        return Path(self._filepath).exists()
