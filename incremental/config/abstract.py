"""The interface of a configuration loader, for those who bring their own (``CONFIG_LOADER_CLASS``).

It reads nothing.
"""

from __future__ import annotations

from collections import UserDict
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path


class AbstractConfigLoader(UserDict[str, Any]):
    """A mapping from kinds of configuration (``"catalog"``, ``"parameters"``, ...) to their values.

    A subclass defines ``__getitem__``; values that were assigned (``loader["globals"] = {...}``)
    are in ``self.data`` and win.

    Example::

        class JSONLoader(AbstractConfigLoader):
            def __getitem__(self, key: str) -> Any:
                return json.loads((Path(self.conf_source) / f"{key}.json").read_text())
    """

    def __init__(
        self,
        conf_source: str | Path,
        env: str | None = None,
        runtime_params: dict[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__()
        self.conf_source = str(conf_source)
        self.env = env
        self.runtime_params = runtime_params or {}

    def get(self, key: str, default: Any = None) -> Any:
        """Return ``self[key]``, or ``default`` when there is no such configuration."""
        try:
            return self[key]
        except KeyError:
            return default
