"""Register the hooks of a project and of installed plug-ins. Without any there is no manager, and no cost."""

from __future__ import annotations

import inspect
import logging
from typing import TYPE_CHECKING, Any

import pluggy

from incremental.errors import HookError, did_you_mean
from incremental.hooks.specs import ALL_SPECS, KEDROS_NAMESPACE, NAMESPACE

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable
    from importlib.metadata import EntryPoint

logger = logging.getLogger(__name__)

ENTRY_POINT_GROUP = "incremental.hooks"
KEDROS_GROUP = "kedro.hooks"


def create_hook_manager(
    hooks: Iterable[Any] = (),
    *,
    plugins: bool = True,
    disabled_plugins: Collection[str] = (),
    kedro_plugins: Collection[str] = (),
) -> pluggy.PluginManager | None:
    """Return a manager that calls the given hooks, the last one first, or None when there is none.

    Args:
        hooks: objects whose methods are marked with ``hook_impl``, ours or Kedro's.
        plugins: also load the hooks that installed distributions offer in ``incremental.hooks``.
        disabled_plugins: names of distributions whose hooks stay out.
        kedro_plugins: names of distributions whose hooks for Kedro, in ``kedro.hooks``, are loaded too.

    Raises:
        HookError: a class in place of an object, an unknown hook, an unknown argument, an unknown plug-in.
    """
    manager = _Manager(NAMESPACE)
    for spec in ALL_SPECS:
        manager.add_hookspecs(spec)
    for hook in hooks:
        _register(manager, hook)
    if plugins:
        for owner, entry in _offered(ENTRY_POINT_GROUP):
            if owner not in disabled_plugins and entry.name not in disabled_plugins:
                _load(manager, owner, entry)
    if kedro_plugins:
        _load_kedros(manager, kedro_plugins)
    return manager if manager.get_plugins() else None


def tell_error(hooks: pluggy.PluginManager, hook: str, error: Exception, **arguments: Any) -> None:
    """Tell hooks of an error. Should one fail at it, that is logged: users are to see the error itself."""
    try:
        getattr(hooks.hook, hook)(error=error, **arguments)
    except Exception as failure:
        if failure is not error:
            logger.warning("hook %r failed when told of the error: %r", hook, failure)
            logger.debug("where hook %r failed", hook, exc_info=failure)


def kedro_plugins_offered() -> list[str]:
    """Return the names of installed distributions that have hooks for Kedro. None of them is imported."""
    return sorted({owner for owner, _ in _offered_to_kedro()})


class _Manager(pluggy.PluginManager):
    """Takes methods that are marked for Kedro as well: its hooks are ours, by name and arguments."""

    def __init__(self, project_name: str) -> None:
        super().__init__(project_name)
        self._kedros = pluggy.PluginManager(KEDROS_NAMESPACE)

    def parse_hookimpl_opts(self, plugin: Any, name: str) -> pluggy.HookimplOpts | None:
        """Return how a method is marked, or None for one that is no hook."""
        return super().parse_hookimpl_opts(plugin, name) or self._kedros.parse_hookimpl_opts(plugin, name)


def _register(manager: pluggy.PluginManager, hook: Any) -> None:
    if inspect.isclass(hook):
        raise HookError(
            f"hook {hook.__qualname__!r} is a class; HOOKS takes objects: write {hook.__qualname__}()"
        )
    if manager.is_registered(hook):
        return
    try:
        manager.register(hook)
        manager.check_pending()
    except pluggy.PluginValidationError as error:
        raise HookError(_explain(manager, hook, error)) from error
    if not manager.get_hookcallers(hook):
        raise HookError(
            f"{type(hook).__qualname__!r} implements no hook: "
            "mark its methods with @hook_impl from incremental.hooks"
        )


def _explain(manager: pluggy.PluginManager, hook: Any, error: pluggy.PluginValidationError) -> str:
    specs = {
        name: spec for each in ALL_SPECS for name, spec in vars(each).items() if not name.startswith("_")
    }
    who = repr(type(hook).__qualname__)
    for name in dir(hook):
        if manager.parse_hookimpl_opts(hook, name) is None:
            continue
        if name not in specs:
            return f"{who} implements {name!r}, which is no hook{did_you_mean(name, specs)}"
        known = list(inspect.signature(specs[name]).parameters)[1:]
        for argument in inspect.signature(getattr(hook, name)).parameters:
            if argument not in known:
                near = did_you_mean(argument, known)
                return f"{who} wants {argument!r} in {name!r}, which has {', '.join(known)}{near}"
    return str(error).replace("\n", "; ")


def _offered(group: str) -> list[tuple[str, EntryPoint]]:
    """Return what installed distributions offer in a group, each with the name of its distribution."""
    from importlib.metadata import entry_points

    return [(entry.dist.name if entry.dist else entry.name, entry) for entry in entry_points(group=group)]


def _offered_to_kedro() -> list[tuple[str, EntryPoint]]:
    """Return what others offer Kedro; what we do tells our runner of Kedro's session, not of one of ours."""
    return [each for each in _offered(KEDROS_GROUP) if not each[1].value.startswith("incremental.")]


def _load_kedros(manager: pluggy.PluginManager, names: Collection[str]) -> None:
    offered = _offered_to_kedro()
    there = {_plain(owner) for owner, _ in offered}
    for name in names:
        if _plain(name) not in there:
            near = did_you_mean(name, sorted(owner for owner, _ in offered)) or "; is it installed?"
            raise HookError(f"KEDRO_PLUGINS names {name!r}, which offers no hooks for Kedro{near}")
    wanted = set(map(_plain, names))
    for owner, entry in offered:
        if _plain(owner) in wanted:
            _load(manager, owner, entry)


def _plain(name: str) -> str:
    """Return the name of a distribution such that it is the same however it is written."""
    return name.replace("_", "-").lower()


def _load(manager: pluggy.PluginManager, owner: str, entry: EntryPoint) -> None:
    try:
        found = entry.load()
    except Exception as error:
        raise HookError(
            f"the hooks of plug-in {owner!r} ({entry.value}) cannot be loaded: "
            f"{type(error).__name__}: {error}"
        ) from error
    _register(manager, found)
    logger.info("registered the hooks of %s", owner)
