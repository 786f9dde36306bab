"""A context of the user's in a Kedro project, as the context of a session of ours. It runs nothing."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any, ClassVar

from incremental.config.faults import show_path
from incremental.errors import ConfigError, IncrementalError
from incremental.kedro.catalog import KedroCatalog
from incremental.kedro.quiet import chatter_ignored
from incremental.session import Context

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from incremental.io import DataCatalog
    from incremental.project import ImportRule


class WrappedContext(Context):
    """A context that the user wrote for Kedro, or Kedro's with a catalog of the user's class.

    It makes the catalog of each run. ``theirs`` is the user's object; what ours does not have is asked
    from it.
    """

    wrapped: ClassVar[type]
    catalog_type: ClassVar[type]

    @functools.cached_property
    def theirs(self) -> Any:
        """The context as Kedro would have made it, with the loader of this session."""
        return self.wrapped(
            package_name=self._package_name,
            project_path=self.project_path,
            config_loader=getattr(self.config_loader, "theirs", self.config_loader),
            env=self.env,
            hook_manager=self._hook_manager or _NoHooks(),
            runtime_params=self.runtime_params,
        )

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        return getattr(self.theirs, name)

    def _make_typed(self) -> dict[str, Any]:
        return dict(self._asked("params", lambda: self.theirs.params))

    def create_catalog(
        self, save_version: str | None = None, load_versions: Mapping[str, str] | None = None
    ) -> DataCatalog:
        """Have the user's context make the catalog of a run, and tell the hooks. Raises ConfigError."""
        if self.import_rule is not None:
            self._hand_on_checked(self.import_rule)
        make = getattr(self.theirs, "_get_catalog", None)  # what Kedro's session calls, and users override
        assert make is not None
        versions = dict(load_versions or {})
        made = self._asked(
            "the catalog",
            lambda: make(
                catalog_class=self.catalog_type, save_version=save_version, load_versions=versions or None
            ),
        )
        return KedroCatalog(made, versions)

    def _hand_on_checked(self, rule: ImportRule) -> None:
        """Let the user's context read no other entries of the catalog than those that were checked."""
        checked = self._catalog_config
        self.config_loader["catalog"] = checked
        if self.config_loader["catalog"] != checked:
            raise ConfigError(
                f"{show_path(rule.place)}: this configuration lies outside the project, and "
                "CONFIG_LOADER_CLASS of settings.py reads it again after it was checked; "
                "have it return what was set, or move the configuration into the project"
            )

    def _asked(self, what: str, ask: Callable[[], Any]) -> Any:
        try:
            with chatter_ignored():
                return ask()
        except IncrementalError:
            raise
        except Exception as error:
            text = f"{self.wrapped.__qualname__} cannot make {what}: {type(error).__name__}: {error}"
            raise ConfigError(self.redactor.scrub(text)) from error


class _NoHooks:
    """Stands for hooks where the project has none: Kedro's context calls them all the same."""

    @property
    def hook(self) -> _NoHooks:
        return self

    def __getattr__(self, name: str) -> Callable[..., None]:
        if name.startswith("_"):
            raise AttributeError(name)
        return lambda **arguments: None
