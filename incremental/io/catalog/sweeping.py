"""Remove what killed runs left where this run will write. Only who has claimed the locations may."""

from __future__ import annotations

import logging
from contextlib import suppress
from typing import TYPE_CHECKING

from incremental.errors import DatasetError
from incremental.io.catalog.markers import mark_path
from incremental.io.catalog.types import FILE_TYPES, builtin_type
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
    """Yield where datasets stage; a local file of ours is not built for that."""
    local, _ = storage_for("")
    for name in names:
        location = locations.get(name, "")
        if not location:
            continue
        entry = None if catalog.built(name) is not None else catalog.entry(name)
        is_file = entry is not None and builtin_type(entry["type"], entry.keys()) in FILE_TYPES
        if entry is not None and is_file and location.startswith("/"):
            yield Place(local, location, bool(entry.get("versioned")))
            continue
        mark = mark_path(location)
        if mark is not None:
            yield Place(local, mark)
        with suppress(DatasetError):  # one that cannot be built is told of when its node runs
            place = place_of(catalog.get(name))
            if place is not None:
                yield place
