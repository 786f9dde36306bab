"""What ``settings.py`` of a Kedro project says, in terms of ours. It imports no module of the user's."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from incremental.io import DataCatalog
from incremental.kedro.classes import WrappedLoader, WrappedStore, wrapping
from incremental.kedro.context import WrappedContext
from incremental.kedro.types import ProjectCatalog

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

logger = logging.getLogger(__name__)


def taken_over(names: Mapping[str, Any], folder: Path, file: str) -> dict[str, Any]:
    """Return the settings with classes of ours in place of Kedro's.

    A class of Kedro's own becomes ours; one that the user derived from it is wrapped; whatever else stands
    there is left to the checks of our settings.

    Args:
        names: of the module ``settings``.
        folder: of the project.
        file: of the settings, for messages.
    """
    from kedro.framework.session import KedroSession

    values = {name: value for name, value in names.items() if name.isupper() and not name.startswith("_")}
    if values.pop("SESSION_CLASS", KedroSession) is not KedroSession:
        logger.warning("%s: SESSION_CLASS is not used here: sessions are incremental.Session", file)
    _take_store(values, folder)
    _take_loader(values, keep_kedros=_take_context(values))
    return values


def _take_context(values: dict[str, Any]) -> bool:
    """Take over context and catalog; tell whether what makes the catalog is the user's own.

    A context of the user's may do anything with the catalog, and a catalog of the user's is made by
    Kedro's context: both go on to be what they are.
    """
    from kedro.framework.context import KedroContext
    from kedro.io import DataCatalog as KedroCatalog
    from kedro.io import SharedMemoryDataCatalog

    context = values.pop("CONTEXT_CLASS", KedroContext)
    catalog = values.pop("DATA_CATALOG_CLASS", KedroCatalog)
    if not isinstance(context, type) or not issubclass(context, KedroContext):
        values["CONTEXT_CLASS"] = context
        context = KedroContext
    is_kedros = catalog in (KedroCatalog, SharedMemoryDataCatalog)
    is_ours = not isinstance(catalog, type) or issubclass(catalog, DataCatalog)
    if context is KedroContext and (is_kedros or is_ours):
        values["DATA_CATALOG_CLASS"] = ProjectCatalog if is_kedros else catalog
        return False
    values["CONTEXT_CLASS"] = wrapping(WrappedContext, context, catalog_type=catalog)
    return True


def _take_loader(values: dict[str, Any], *, keep_kedros: bool) -> None:
    from kedro.config import AbstractConfigLoader, OmegaConfigLoader

    loader = values.pop("CONFIG_LOADER_CLASS", OmegaConfigLoader)
    if loader is OmegaConfigLoader and not keep_kedros:
        return
    derived = isinstance(loader, type) and issubclass(loader, AbstractConfigLoader)
    values["CONFIG_LOADER_CLASS"] = wrapping(WrappedLoader, loader) if derived else loader


def _take_store(values: dict[str, Any], folder: Path) -> None:
    """Take over the store. Kedro's own keeps nothing, so that ours takes its place."""
    from kedro.framework.session.store import BaseSessionStore

    store = values.pop("SESSION_STORE_CLASS", BaseSessionStore)
    if store is BaseSessionStore:
        values.pop("SESSION_STORE_ARGS", None)  # Kedro's own takes no others than the path
    elif isinstance(store, type) and issubclass(store, BaseSessionStore):
        sessions = (folder / "sessions").as_posix()  # where Kedro has them
        values["SESSION_STORE_ARGS"] = {"path": sessions, **values.get("SESSION_STORE_ARGS", {})}
        values["SESSION_STORE_CLASS"] = wrapping(WrappedStore, store)
    else:
        values["SESSION_STORE_CLASS"] = store
