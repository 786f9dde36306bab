"""MemoryDataset: a value handed from node to node in memory. It stores nothing that outlives the process."""

from __future__ import annotations

import copy
import sys
from enum import Enum
from typing import Any, Literal

from incremental.errors import DatasetError, did_you_mean
from incremental.io.dataset import AbstractDataset, refuse_none

CopyMode = Literal["deepcopy", "copy", "assign"]


class Unset(Enum):
    """Marks a dataset that holds nothing; survives pickling as the same object."""

    UNSET = "unset"


UNSET = Unset.UNSET

# A copy of these is the object itself, so they are handed on as they are.
_ATOMS = frozenset({type(None), bool, int, float, complex, str, bytes, range, type(Ellipsis)})
_MODES = ("assign", "copy", "deepcopy")


class MemoryDataset(AbstractDataset[Any, Any]):
    """Holds one Python object.

    ``copy_mode`` is how the object is copied when it is saved and again when it is loaded:
    ``"assign"`` not at all, ``"copy"`` by its own ``copy()``, ``"deepcopy"``. Without one, pandas
    frames and numpy arrays are copied, frames of other libraries assigned, all else deep-copied.

    Example: ``MemoryDataset([1, 2]).load()`` returns a new list ``[1, 2]``.
    """

    ephemeral = True

    def __new__(cls, *args: Any, **kwargs: Any) -> Any:
        dataset = object.__new__(cls)
        dataset._given = ((), {})  # the data must not be kept alive by the record of arguments
        return dataset

    def __init__(
        self, data: Any = UNSET, copy_mode: CopyMode | None = None, metadata: dict[str, Any] | None = None
    ) -> None:
        if copy_mode is not None and copy_mode not in _MODES:
            hint = did_you_mean(str(copy_mode), _MODES) or f"; use one of {', '.join(_MODES)}"
            raise DatasetError(f"copy mode {copy_mode!r} is unknown{hint}")
        self._data: Any = UNSET
        self._copy_mode = copy_mode
        self.metadata = metadata
        if data is not UNSET:
            self._data = self._copied(data, "keep data in")

    @property
    def copy_mode(self) -> CopyMode | None:
        """How the object is copied; None when its type decides."""
        return self._copy_mode

    def load(self) -> Any:
        """Return the value, or a copy of it. Raises DatasetError when there is none."""
        data = self._data
        if type(data) in _ATOMS:
            return data
        if data is UNSET:
            raise DatasetError("no data has been saved to this MemoryDataset yet")
        return self._copied(data, "load data from")

    def save(self, data: Any) -> None:
        """Keep the value, or a copy of it."""
        if data is None:
            refuse_none(self, data)
        self._data = data if type(data) in _ATOMS else self._copied(data, "save data to")

    def _exists(self) -> bool:
        return self._data is not UNSET

    def _release(self) -> None:
        self._data = UNSET

    def _describe(self) -> dict[str, Any]:
        return {"data": None if self._data is UNSET else _Kind(type(self._data).__name__)}

    def _arguments(self) -> dict[str, Any]:
        return {
            name: value
            for name, value in (("copy_mode", self._copy_mode), ("metadata", self.metadata))
            if value is not None
        }

    def _copied(self, data: Any, verb: str) -> Any:
        try:
            return copied(data, self._copy_mode)
        except Exception as error:
            raise self._failure(verb, error) from error


class _Kind(str):
    """The name of a type, shown without quotes."""

    __slots__ = ()

    def __repr__(self) -> str:
        return f"<{self}>"


def copied(data: Any, copy_mode: CopyMode | None = None) -> Any:
    """Return ``data`` copied as ``copy_mode`` says, or as its type asks for."""
    if type(data) in _ATOMS or (type(data) is tuple and _ATOMS.issuperset(map(type, data))):
        return data
    mode = copy_mode or inferred_copy_mode(data)
    if mode == "assign":
        return data
    return data.copy() if mode == "copy" else copy.deepcopy(data)


def inferred_copy_mode(data: Any) -> CopyMode:
    """Return the copy mode that suits the type of ``data``; imports nothing for it."""
    if type(data) in (dict, list, tuple, set):
        return "deepcopy"
    if _is_instance(data, "pandas", "DataFrame") or _is_instance(data, "numpy", "ndarray"):
        return "copy"
    if type(data).__name__ == "DataFrame" or _is_instance(data, "ibis", "Table"):
        return "assign"
    return "deepcopy"


def _is_instance(data: object, module: str, name: str) -> bool:
    """Tell whether ``data`` is of a class that, if its library was never imported, it cannot be of."""
    kind = getattr(sys.modules.get(module), name, None)
    return isinstance(kind, type) and isinstance(data, kind)
