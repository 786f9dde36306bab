"""What belongs to one process, and what a child that it forks must leave alone. It forks nothing."""

from __future__ import annotations

import functools
import os
import weakref
from typing import Protocol


class Owned(Protocol):
    """Something that a forked child has by accident."""

    def forget(self) -> None:
        """In a forked child, leave it to the parent."""


@functools.cache
def owned() -> weakref.WeakSet[Owned]:
    """Return what this process owns: descriptors are the process's own, so there is one set of them."""
    found: weakref.WeakSet[Owned] = weakref.WeakSet()

    def forget_all() -> None:
        for each in list(found):
            each.forget()

    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=forget_all)
    return found
