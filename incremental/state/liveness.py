"""Whether the process that wrote something down is still there. It ends none and waits for none."""

from __future__ import annotations

import os
import socket
from pathlib import Path

_PROC = Path("/proc")


def birth_of(pid: int) -> str | None:
    """Return what tells a process from a later one of the same number; None where the system has no /proc.

    That is the boot of the machine and the moment, counted from it, at which the process began.
    """
    try:
        boot = (_PROC / "sys/kernel/random/boot_id").read_text().strip()
        fields = _fields_of(pid)
    except (OSError, ValueError):
        return None
    return f"{boot}/{fields[19]}" if len(fields) > 19 else None


def is_alive(pid: int, host: str, birth: str | None = None) -> bool:
    """Whether a process may still be there; on another host nobody can tell, so it may."""
    if host != socket.gethostname() or os.name == "nt":  # there os.kill() would end it
        return True
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        pass
    return not _is_zombie(pid) and (birth is None or birth == (birth_of(pid) or birth))


def _is_zombie(pid: int) -> bool:
    """Whether a process has ended and its parent has not asked how."""
    try:
        return _fields_of(pid)[0] == "Z"
    except (OSError, ValueError, IndexError):
        return False


def _fields_of(pid: int) -> list[str]:
    """Return what stands after the name of a process, which may have spaces and brackets in it."""
    return (_PROC / str(pid) / "stat").read_text(errors="replace").rpartition(")")[2].split()
