"""What a ledger is told and what it tells: outputs, records, marks. It keeps none of them."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator

    from incremental.io.files.stamps import Stamp

_KEPT = (1 << 63) - 1
"""The bits of a number that are kept: a column of SQLite has a sign, and some file systems number files with
all 64; some files are dated later than the year 2262."""

Newer = dict[str, tuple[str, ...]]
"""An output -> the inputs that are newer."""


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

    @classmethod
    def of_file(
        cls, dataset: str, location: str, version: str | None, found: Stamp | None, **more: Any
    ) -> Output:
        """Return an output that was just written, with what the system says of its file if it is one."""
        if found is None:
            return cls(dataset, location, version, **more)
        mtime, inode, ctime = found.st_mtime_ns & _KEPT, found.st_ino & _KEPT, found.st_ctime_ns & _KEPT
        return cls(dataset, location, version, found.st_size, mtime, inode, ctime, **more)


class Record(NamedTuple):
    """The last commit of one output, in the order of the columns it is kept in."""

    key: str | bytes
    dataset: str
    generation: str | None
    """None where there was no commit yet."""
    run_id: str
    node: str
    version: str | None = None
    size: int | None = None
    mtime_ns: int | None = None
    inode: int | None = None
    ctime_ns: int | None = None
    digest: str | None = None
    attempt: int | None = None
    reads: str | None = None
    """JSON: what the commit was made from, key -> generation."""
    at: float = 0.0
    """Seconds since the epoch."""
    seal: int = 0
    state: str = "committed"

    def begun(self) -> Record:
        """Return the same, begun again."""
        return self._replace(state="begun")

    @property
    def is_begun(self) -> bool:
        """Whether it has been begun again since, so that it no longer tells what is there."""
        return self.state == "begun"

    def fits(self, found: Stamp) -> bool:
        """Whether a file looks as it did when it was committed; one that was not looked at then does."""
        return self.ctime_ns is None or (
            found.st_ctime_ns & _KEPT == self.ctime_ns
            and found.st_mtime_ns & _KEPT == self.mtime_ns
            and found.st_size == self.size
            and found.st_ino & _KEPT == self.inode
        )


class Records(Mapping[str, Record]):
    """Records by location, kept as the rows they came in: of thousands only a few are looked at twice."""

    def __init__(self, rows: Mapping[str, tuple[Any, ...]] | None = None) -> None:
        self._rows = rows or {}

    def __getitem__(self, location: str) -> Record:
        return Record(*self._rows[location])

    def __contains__(self, location: object) -> bool:
        return location in self._rows

    def __iter__(self) -> Iterator[str]:
        return iter(self._rows)

    def __len__(self) -> int:
        return len(self._rows)


@dataclass(frozen=True, slots=True)
class Marks:
    """What a ledger knows that existence alone does not tell; all keys are locations."""

    begun: frozenset[str] = frozenset()
    generations: Mapping[str, str] = field(default_factory=dict)
    """The identity of the last commit of each location."""
    outdated: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """An output -> the inputs that were committed again since it was made from them."""
    derived: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """An output that was made from an outdated one, perhaps through others -> the inputs newer than that."""
    edited: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """An outdated output -> the inputs that it was made from as somebody had edited them."""
    records: Records = field(default_factory=Records)
    """The last commit of each location."""


def as_edited(generation: str) -> str:
    """Return what is read in place of a generation where somebody edited it since it was committed."""
    return f"{generation}~"


def record_of(output: Output, run_id: str, node: str, generation: str | None = None) -> Record:
    """Return the record of a commit, or of a begin without a generation."""
    return Record(
        output.location,
        output.dataset,
        generation,
        run_id,
        node,
        output.version,
        output.size,
        output.mtime_ns,
        output.inode,
        output.ctime_ns,
        output.digest,
        output.attempt,
    )


def find_older(
    reads: Collection[tuple[str, Mapping[str, str]]], generations: Mapping[Any, str | None]
) -> tuple[Newer, Newer, Newer]:
    """Return what is outdated, what was made from that, and from what as it had been edited."""
    outdated = find_outdated(reads, generations)
    if not outdated:
        return {}, {}, {}
    return outdated, find_derived(reads, outdated), find_edited(reads, outdated, generations)


def find_outdated(
    reads: Iterable[tuple[str, Mapping[str, str]]], generations: Mapping[Any, str | None]
) -> dict[str, tuple[str, ...]]:
    """Return for each output, given with what it was made from, the inputs that are newer."""
    outdated = {}
    for location, made_from in reads:
        newer = [name for name, was in made_from.items() if generations.get(name, was) != was]
        if newer:
            outdated[location] = tuple(sorted(newer))
    return outdated


def find_edited(
    reads: Iterable[tuple[str, Mapping[str, str]]],
    outdated: Mapping[str, tuple[str, ...]],
    generations: Mapping[Any, str | None],
) -> dict[str, tuple[str, ...]]:
    """Return for each outdated output the inputs that are newer only if they are as they were committed."""
    edited = {}
    for location, made_from in reads:
        newer = outdated.get(location, ())
        names = tuple([name for name in newer if made_from[name] == as_edited(str(generations[name]))])
        if names:
            edited[location] = names
    return edited


def find_derived(
    reads: Iterable[tuple[str, Mapping[str, str]]], outdated: Mapping[str, tuple[str, ...]]
) -> dict[str, tuple[str, ...]]:
    """Return for each output that an outdated one went into what the first such one is older than."""
    readers: defaultdict[str, list[str]] = defaultdict(list)
    for location, made_from in reads:
        for name in made_from:
            readers[name].append(location)
    derived: dict[str, tuple[str, ...]] = {}
    pending = deque(sorted(outdated.items()))
    while pending:
        location, newer = pending.popleft()
        for reader in readers[location]:
            if reader not in derived:
                derived[reader] = newer
                pending.append((reader, newer))
    return derived
