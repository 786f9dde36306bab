"""What the world said when it was asked once: the input of every planning function. It asks nothing."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


class State(Enum):
    """What is known of one dataset before anything runs."""

    PRESENT = "present"
    ABSENT = "absent"
    INCOMPLETE = "incomplete"  # a save began and never ended
    UNKNOWN = "unknown"  # no way to tell
    EPHEMERAL = "ephemeral"  # lives in memory, holds nothing
    HANDED_IN = "handed in"  # lives in memory, holds data

    # Enum members hash by name in Python code; identity is enough and ten times faster.
    __hash__ = object.__hash__


AVAILABLE = frozenset({State.PRESENT, State.HANDED_IN})
MISSING = frozenset({State.ABSENT, State.INCOMPLETE, State.UNKNOWN})
IN_MEMORY = frozenset({State.EPHEMERAL, State.HANDED_IN})


@dataclass(frozen=True, slots=True)
class Facts:
    """The state of every dataset in play, and what is needed to explain it.

    All keys are dataset names as nodes write them, with ``@format``. A name without a state is
    ephemeral: the catalog does not know it. Parameters have no state.
    """

    states: Mapping[str, State] = field(default_factory=dict)
    locations: Mapping[str, str] = field(default_factory=dict)
    """Where a persistent dataset lives: a path or a URL without credentials."""
    versions: Mapping[str, str] = field(default_factory=dict)
    """The version a reader gets, resolved while planning."""
    pins: Mapping[str, str] = field(default_factory=dict)
    """The load versions that the user asked for."""
    untestable: Mapping[str, str] = field(default_factory=dict)
    """The class name of each dataset that has no existence test."""
    outdated: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """A present dataset -> the inputs that were committed again since it was made from them.

    For one that no node in play makes, also what it was made from through others that are out of play.
    """
    parted: frozenset[str] = frozenset()
    """Incomplete only because the outputs of one node were not committed as one."""
    unproven: frozenset[str] = frozenset()
    """Present, but no record says who made it."""
    changed: Mapping[str, str] = field(default_factory=dict)
    """A present dataset that is not as it was committed -> the run that committed it."""
    touched: Mapping[str, str] = field(default_factory=dict)
    """The same where only times or place on disk differ, and the content was not compared."""
    absent_parameters: frozenset[str] = frozenset()
    """``params:`` names that nodes read and the configuration does not have."""

    def state(self, name: str) -> State:
        """Return the state of a dataset; one that the catalog does not know is ephemeral."""
        return self.states.get(name, State.EPHEMERAL)
