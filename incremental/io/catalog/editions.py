"""Datasets that read one version each, beside those that read the latest. It builds none itself."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

Make = Callable[[str, Any, str], Any]
"""Makes a dataset like another, that reads one version: of name, dataset and version."""


class Editions:
    """Keeps what was made for one version, so that what it has in its cache is not loaded again."""

    def __init__(self, make: Make) -> None:
        self._make = make
        self._made: dict[tuple[str, str], Any] = {}
        self._lock = threading.RLock()

    def at(self, name: str, dataset: Any, version: str) -> Any:
        """Return the dataset that reads this version; made once, also when several threads ask."""
        with self._lock:
            found = self._made.get((name, version))
            if found is None:
                found = self._made[name, version] = self._make(name, dataset, version)
        return found

    def forget(self, name: str) -> list[Any]:
        """Return all that were made of a dataset, and keep them no longer."""
        if not self._made:
            return []
        with self._lock:
            return [self._made.pop(key) for key in [key for key in self._made if key[0] == name]]
