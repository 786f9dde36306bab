"""Hooks with Kedro's names: ``from incremental.hooks import hook_impl``. Importing this loads pluggy."""

from incremental.hooks.manager import create_hook_manager, kedro_plugins_offered
from incremental.hooks.specs import hook_impl, hook_spec

__all__ = ["hook_impl", "hook_spec", "create_hook_manager", "kedro_plugins_offered"]
