"""How layers of configuration are put on top of each other; OmegaConf's rules on plain values.

It changes its first argument in place and never the others.
"""

from __future__ import annotations

from copy import deepcopy
from typing import Any

MISSING = "???"  # OmegaConf's word for 'to be given elsewhere': it never replaces a value


def merge_softly(under: dict[Any, Any], over: dict[Any, Any]) -> None:
    """Put ``over`` on top of ``under``: mappings are merged key by key, all else is replaced."""
    for key, value in over.items():
        present = under.get(key)
        if isinstance(present, dict) and isinstance(value, dict):
            merge_softly(present, value)
        elif not (isinstance(value, str) and value == MISSING and key in under):
            under[key] = deepcopy(value) if isinstance(value, dict | list) else value


def merge_destructively(under: dict[Any, Any], over: dict[Any, Any]) -> None:
    """Put ``over`` on top of ``under``: a key of ``over`` replaces all that was under it."""
    under.update(over)
