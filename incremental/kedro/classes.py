"""Loaders and stores that users wrote for Kedro, wrapped so that a session of ours can use them.

Nothing here does what they do.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

from incremental.config import AbstractConfigLoader
from incremental.config.interpolation import bounded_resolvers
from incremental.errors import ConfigError, IncrementalError, MissingConfigError, SessionError
from incremental.kedro.quiet import chatter_ignored
from incremental.session import BaseSessionStore


class WrappedLoader(AbstractConfigLoader):
    """A configuration loader that the user wrote for Kedro; what it raises comes out as errors of ours.

    While it reads, OmegaConf's own resolvers keep the bounds that they have with our loader.
    """

    wrapped: ClassVar[type]

    def __init__(
        self,
        conf_source: str | Path,
        env: str | None = None,
        runtime_params: dict[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(conf_source, env, runtime_params)
        with chatter_ignored(), bounded_resolvers():
            self.theirs = self.wrapped(
                conf_source=conf_source, env=env, runtime_params=runtime_params, **kwargs
            )

    def __getitem__(self, key: str) -> Any:
        from kedro.config import MissingConfigException

        try:
            with chatter_ignored(), bounded_resolvers():
                return self.theirs[key]
        except (MissingConfigException, KeyError) as error:
            raise MissingConfigError(f"{self.wrapped.__qualname__} has no {key!r}: {error}") from error
        except IncrementalError:
            raise
        except Exception as error:
            cause = f"{type(error).__name__}: {error}"
            raise ConfigError(f"{self.wrapped.__qualname__} cannot read {key!r}: {cause}") from error

    def __setitem__(self, key: str, value: Any) -> None:
        self.theirs[key] = value

    def files(self, key: str) -> list[str]:
        """Return all files of a folder of configuration: it does not tell which it reads for a key."""
        root = Path(self.conf_source)
        return [str(each) for each in root.rglob("*") if each.is_file() or each.is_symlink()]

    def __getattr__(self, name: str) -> Any:
        if name == "theirs":  # while it is being made
            raise AttributeError(name)
        return getattr(self.theirs, name)


class WrappedStore(BaseSessionStore):
    """A session store that the user wrote for Kedro: a dictionary that saves itself."""

    wrapped: ClassVar[type]

    def __init__(self, path: str, session_id: str, **arguments: Any) -> None:
        super().__init__(path, session_id)
        self._theirs = self.wrapped(path=path, session_id=session_id, **arguments)

    def save(self, data: dict[str, Any]) -> None:
        """Let the user's store hold the record, and save it. Raises SessionError."""
        try:
            self._theirs.update(data)
            self._theirs.save()
        except Exception as error:
            raise SessionError(
                f"{self.wrapped.__qualname__} cannot save session {self.session_id!r}: "
                f"{type(error).__name__}: {error}"
            ) from error

    def read(self) -> dict[str, Any]:
        """Return what the user's store reads.

        Raises:
            FileNotFoundError: it reads nothing.
        """
        found = dict(self._theirs.read())
        if not found:
            raise FileNotFoundError(f"no record of session {self.session_id!r}")
        return found


def wrapping(wrapper: type, theirs: type, **attributes: Any) -> type:
    """Return a wrapper of a class of the user's, under the name of the latter, which messages show."""
    names = {"wrapped": theirs, "__qualname__": theirs.__qualname__, "__module__": theirs.__module__}
    return type(theirs.__name__, (wrapper,), {**names, **attributes})
