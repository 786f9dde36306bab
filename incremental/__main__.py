"""``incremental``, and ``python -m incremental``: the command, deaf to no signal while it is still loading.

It knows no command and no option.
"""

from __future__ import annotations

from typing import NoReturn


def main() -> NoReturn:
    """Run the command line of this process and exit with its code."""
    from incremental.cli.interrupts import leave_at_once

    leave_at_once()  # before the command line is imported, which takes longer than all before it
    from incremental.cli.main import main as run

    run()


if __name__ == "__main__":
    main()
