"""Remove what killed runs left where this run will write. Only who has claimed the locations may."""

from __future__ import annotations

import logging
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from incremental.errors import DatasetError
from incremental.io.catalog.layouts import FILES, FOLDERS, Layout, wrapped
from incremental.io.catalog.markers import mark_path
from incremental.io.dataset import explain
from incremental.io.files.leftovers import Place, leftovers, place_of
from incremental.io.files.storage import storage_for
from incremental.secrets import Redactor

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from incremental.io.catalog.catalog import DataCatalog

logger = logging.getLogger(__name__)


def sweep(catalog: DataCatalog, names: Iterable[str], locations: Mapping[str, str]) -> int:
    """Remove the staging names, and the unfinished uploads, of some datasets; return how many there were.

    A failure costs disk space and no data: it is logged, not raised.
    """
    count = 0
    try:
        for leftover in leftovers(places(catalog, names, locations)):
            leftover.remove()
            logger.debug("removed %s, which a killed run had left", leftover.path)
            count += 1
    except Exception as error:  # noqa: BLE001 - each file system raises its own
        secrets = Redactor.of({"credentials": catalog.config_resolver.credentials})
        logger.warning("what killed runs left cannot all be removed: %s", secrets.scrub(explain(error)))
    return count


def places(catalog: DataCatalog, names: Iterable[str], locations: Mapping[str, str]) -> Iterator[Place]:
    """Yield where datasets stage; one is built for that only where its entry does not tell."""
    local, _ = storage_for("")
    for name in names:
        location = locations.get(name, "")
        if not location:
            continue
        entry = None if catalog.built(name) is not None else _stored(catalog, catalog.entry(name))
        is_ours, layout = (False, None) if entry is None else _known(catalog, entry)
        if entry is not None and is_ours and layout in FILES and location.startswith("/"):
            yield Place(local, location, bool(entry.get("versioned")))
            continue
        mark = mark_path(location)
        if mark is not None:
            yield Place(local, mark)
        if not is_ours and (layout in FILES or layout in FOLDERS):
            continue  # those of kedro-datasets stage nothing
        with suppress(DatasetError):  # one that cannot be built is told of when its node runs
            place = place_of(catalog.get(name))
            if place is not None:
                yield place


def _stored(catalog: DataCatalog, entry: Mapping[str, Any] | None) -> Mapping[str, Any] | None:
    """Return the entry that says where the data is: that of what a cached dataset wraps."""
    while entry is not None and _known(catalog, entry)[1] is Layout.CACHED:
        inner = wrapped(entry)
        if inner is None:
            break
        entry = inner
    return entry


def _known(catalog: DataCatalog, entry: Mapping[str, Any]) -> tuple[bool, Layout | None]:
    types = catalog.config_resolver.types
    return types.ours(entry["type"]) is not None, types.outline(entry["type"]).layout
