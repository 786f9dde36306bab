"""What the exit code of a command says. No other numbers are used."""

from __future__ import annotations

DONE = 0
"""Done, or nothing to do."""
NODE_FAILED = 1
"""A node failed, or ``verify`` found damage."""
WRONG_USE = 2
"""Wrong use, configuration or plan; nothing ran."""
WORK_TO_DO = 3
"""Of ``plan --exit-code``: something would run that does not run every time."""
OUR_BUG = 70
INTERRUPTED = 130
TERMINATED = 143
