"""What a catalog can do, for annotations and ``isinstance``. It does nothing itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


@runtime_checkable
class CatalogProtocol(Protocol):
    """The methods that hooks and nodes may count on, with ours as with Kedro's."""

    def __contains__(self, ds_name: object) -> bool: ...
    def __iter__(self) -> Iterator[str]: ...
    def __getitem__(self, ds_name: str) -> Any: ...
    def __setitem__(self, key: str, value: Any) -> None: ...
    def keys(self) -> list[str]:
        """Return all names."""

    def values(self) -> list[Any]:
        """Return all datasets."""

    def items(self) -> list[tuple[str, Any]]:
        """Return all names with their datasets."""

    @classmethod
    def from_config(cls, catalog: Mapping[str, Any] | None) -> Any:
        """Make a catalog of configuration."""

    def get(self, key: str, fallback_to_runtime_pattern: bool = False) -> Any:
        """Return a dataset, or None."""

    def load(self, name: str, version: str | None = None) -> Any:
        """Return the data of a dataset."""

    def save(self, name: str, data: Any) -> None:
        """Save data to a dataset."""

    def exists(self, name: str) -> bool:
        """Whether there is data to load."""

    def release(self, name: str) -> None:
        """Let a dataset drop what it keeps in memory."""

    def confirm(self, name: str) -> None:
        """Confirm a dataset that keeps a checkpoint."""
