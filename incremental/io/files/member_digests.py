"""The digest of a folder of members: a text that names each of them with its own. It reads no member.

What is recorded of a folder therefore tells which of its members is not as it was. A member whose
digest nobody knows is named with ``null``.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


def digest_of_members(digest_by_name: Mapping[str, str | None]) -> str | None:
    """Return the digest of a folder by the digests of its members; None where none of those is known."""
    if digest_by_name and not any(digest_by_name.values()):
        return None
    return json.dumps(digest_by_name, sort_keys=True, separators=(",", ":"))


def is_of_members(digest: str) -> bool:
    """Whether a digest is of a folder of members, not of a file."""
    return digest[:1] == "{"


def members_in(digest: str) -> dict[str, str | None] | None:
    """Return the digests of the members that a digest names; None where it is of a file."""
    if not is_of_members(digest):
        return None
    found: dict[str, str | None] = json.loads(digest)
    return found


def completed(digest: str, former: str | None) -> str | None:
    """Return the digest of a folder with what its former one tells of members that stayed as they were."""
    members, known = members_in(digest), members_in(former or "")
    if members is None or known is None:
        return digest
    return digest_of_members({name: own or known.get(name) for name, own in members.items()})


def differing_members(was: str, now: str) -> tuple[str, ...] | None:
    """Return the members that are lost, others, or new; None for the digests of files."""
    before, after = members_in(was), members_in(now)
    if before is None or after is None:
        return None
    return tuple(
        name
        for name in sorted(before.keys() | after.keys())
        if name not in before or name not in after or _differ(before[name], after[name])
    )


def is_same(was: str, now: str) -> bool:
    """Whether two digests are of the same content, as far as the members of a folder are known."""
    members = differing_members(was, now)
    return was == now if members is None else not members


def _differ(one: str | None, other: str | None) -> bool:
    return one is not None and other is not None and one != other
