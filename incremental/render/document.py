"""JSON types as the one document that ``--json`` answers with. It knows no plan and no run."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any


def json_text(document: Mapping[str, Any], scrub: Callable[[str], str]) -> str:
    """Return a document as JSON, each text in it scrubbed on its own so that it stays JSON."""
    return json.dumps(_scrubbed(document, scrub), indent=2, ensure_ascii=False, default=str)


def _scrubbed(value: Any, scrub: Callable[[str], str]) -> Any:
    if isinstance(value, str):
        return scrub(value)
    if isinstance(value, Mapping):
        return {_scrubbed(key, scrub): _scrubbed(item, scrub) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_scrubbed(item, scrub) for item in value]
    return value
