"""Several faults in one message of ten lines at most. It finds no fault itself."""

from __future__ import annotations

_SHOWN = 8


def told(opening: str, faults: list[str]) -> str:
    """Return one fault on the line of the opening, several on lines below it."""
    if len(faults) == 1:
        return f"{opening} {faults[0]}"
    shown = faults[:_SHOWN]
    if len(faults) > _SHOWN:
        shown.append(f"and {len(faults) - _SHOWN} more")
    return "\n  ".join([opening, *shown])
