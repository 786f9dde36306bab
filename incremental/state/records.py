"""What a ledger is told and what it tells: outputs, records, marks. It keeps none of them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from incremental.io.files.stamps import Stamp

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class Output:
    """One output of one node, about to be written or just written."""

    dataset: str
    location: str
    version: str | None = None
    size: int | None = None
    mtime_ns: int | None = None
    inode: int | None = None
    ctime_ns: int | None = None
    digest: str | None = None
    """XXH3-128 of the content, where the bytes passed through us."""
    attempt: int | None = None
    """Which attempt of the node made it, counted from 1."""


class Record(NamedTuple):
    """The last commit of one output."""

    dataset: str
    run_id: str
    node: str
    version: str | None
    stamp: Stamp | None
    """Of the file when it was committed; None for what is no local file."""
    digest: str | None
    is_begun: bool = False
    """Whether it has been begun again since, so that it no longer tells what is there."""


@dataclass(frozen=True, slots=True)
class Marks:
    """What a ledger knows that existence alone does not tell; all keys are locations."""

    begun: frozenset[str] = frozenset()
    generations: Mapping[str, str] = field(default_factory=dict)
    """The identity of the last commit of each location."""
    outdated: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """An output -> the inputs that were committed again since it was made from them."""
    records: Mapping[str, Record] = field(default_factory=dict)
    """The last commit of each location."""


def stamp_of(output: Output) -> Stamp | None:
    """Return the stamp of an output, None where it is no local file."""
    size, mtime_ns, ctime_ns, inode = output.size, output.mtime_ns, output.ctime_ns, output.inode
    if size is None or mtime_ns is None or ctime_ns is None or inode is None:
        return None
    return Stamp(size, mtime_ns, ctime_ns, inode)


def find_outdated(
    reads_by_location: Mapping[str, Mapping[str, str]], generations: Mapping[str, str]
) -> dict[str, tuple[str, ...]]:
    """Return for each output the inputs that have another generation than the one it was made from."""
    outdated = {}
    for location, reads in reads_by_location.items():
        for name, was in reads.items():
            if generations.get(name, was) != was:
                newer = sorted(each for each, made in reads.items() if generations.get(each, made) != made)
                outdated[location] = tuple(newer)
                break
    return outdated
