"""Hooks of a Kedro project, called with Kedro's own nodes and catalog. It registers none."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from incremental.kedro.catalog import KedroCatalog
    from incremental.pipeline import Pipeline
    from incremental.planner import Plan

_OF_THE_SESSION = frozenset(
    {
        "after_context_created",
        "after_catalog_created",
        "before_pipeline_run",
        "after_pipeline_run",
        "on_pipeline_error",
    }
)
"""Kedro's session calls these itself."""
_SHOW_THE_CATALOG = (
    "after_catalog_created",
    "before_pipeline_run",
    "after_pipeline_run",
    "before_node_run",
    "after_node_run",
)


class Relay:
    """Stands for Kedro's hook manager.

    Hooks see the nodes and the catalog that they would see under Kedro's runners. Those of ours that Kedro
    does not have (``after_plan_created``, ``on_node_skipped``) are called, too, where a plug-in defines
    them with Kedro's ``hook_impl``.

    Args:
        manager: of Kedro; None where there is none.
        catalog: of the run.
        tell: called with the plan, before the hooks are.
    """

    travels = True
    """Where it is unpickled, it makes a manager of its own."""

    def __init__(
        self, manager: Any, catalog: KedroCatalog, tell: Callable[[Plan], None] | None = None
    ) -> None:
        self._manager = manager
        self._catalog = catalog
        self._tell = tell
        self.hook = self

    def __getattr__(self, name: str) -> Callable[..., Any]:
        """Return what calls the hooks of one name; kept, so that it is made once."""
        if name.startswith("_"):
            raise AttributeError(name)
        call = self.__dict__[name] = self._caller(name)
        return call

    def after_plan_created(self, plan: Plan, catalog: KedroCatalog) -> None:
        """Tell of the plan, and call those hooks that want to know."""
        if self._tell is not None:
            self._tell(plan)
        self._caller("after_plan_created")(plan=plan, catalog=catalog)

    def keep(self, pipeline: Pipeline) -> None:
        """Let Kedro's catalog hold what a pipeline makes in memory, where results, and hooks, look for it.

        Kedro's datasets in memory cost a millisecond each: only what somebody may want to see is one.
        """
        seen = pipeline.all_outputs() if self._shows_the_catalog() else pipeline.outputs()
        self._catalog.keep_in_memory(seen)

    def plugins(self) -> list[Any]:
        """Return the hooks in the order in which they were registered."""
        if self._manager is None:
            return []
        return [plugin for _, plugin in self._manager.list_name_plugin() if plugin is not None]

    def __getstate__(self) -> dict[str, Any]:
        return {"plugins": self.plugins(), "catalog": self._catalog}

    def __setstate__(self, state: Mapping[str, Any]) -> None:
        import pluggy
        from kedro.framework.hooks import specs

        manager = pluggy.PluginManager("kedro")
        for spec in (specs.NodeSpecs, specs.DatasetSpecs):
            manager.add_hookspecs(spec)
        for plugin in state["plugins"]:
            manager.register(plugin)
        Relay.__init__(self, manager, state["catalog"])

    def _shows_the_catalog(self) -> bool:
        """Whether a hook gets the catalog, so that it may look there for what is in memory."""
        callers = (getattr(self._manager.hook, name) for name in _SHOW_THE_CATALOG if self._manager)
        return any("catalog" in impl.argnames for caller in callers for impl in caller.get_hookimpls())

    def _caller(self, name: str) -> Callable[..., Any]:
        hook = None if name in _OF_THE_SESSION else getattr(self._manager, "hook", None)
        caller = getattr(hook, name, None)
        if caller is None or not caller.get_hookimpls():
            return _Nothing()
        return _Call(caller, self._catalog)


class _Call:
    """One hook, called with what Kedro calls it with."""

    def __init__(self, caller: Any, catalog: KedroCatalog) -> None:
        self._caller = caller
        self._catalog = catalog
        self.get_hookimpls = caller.get_hookimpls

    def __call__(self, **arguments: Any) -> Any:
        if "node" in arguments:
            arguments["node"] = arguments["node"].original
        if "catalog" in arguments:
            arguments["catalog"] = self._catalog.original
        return self._caller(**arguments)


class _Nothing:
    """A hook that nobody implements."""

    def __call__(self, **arguments: Any) -> None:
        return None

    def get_hookimpls(self) -> list[Any]:
        """Return the implementations: none."""
        return []
