"""The operations of a run, column by column, in few bytes each: what follows is computed when it is asked for.

Operations are alike in most things but their times: those that are make a group. So an operation is the number of its
group and its times, and what is asked of kinds, stages, outcomes and statuses is asked of the groups, which are few.
All reading goes by parts: beside what is asked for, what is computed of one part only is in memory.
"""

import mmap
import os
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, fields, replace
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from harness.errors import RunError
from reports.statistics import parts

HELD = 128 << 20
"""An array of more bytes is kept in a file without a name: what of it is not in use need not be in memory."""
NEVER = -(1 << 62)
"""The end of what has none."""

Values = npt.NDArray[Any]
Mask = npt.NDArray[np.bool_]


def room(count: int, dtype: npt.DTypeLike) -> Values:
    """An array to be filled; RunError if a long one finds no room on the disk."""
    size = count * np.dtype(dtype).itemsize
    if size <= HELD:
        return np.empty(count, dtype)
    try:
        with tempfile.TemporaryFile(prefix="proofload-") as file:
            # Its blocks are taken now: a full disk would kill us later.
            os.posix_fallocate(file.fileno(), 0, size)
            return np.frombuffer(mmap.mmap(file.fileno(), size), dtype, count)
    except OSError as error:
        where = tempfile.gettempdir()
        raise RunError(
            f"{where}: {error.strerror or error}: expected room for {size / 1e6:,.0f} MB; set TMPDIR to where it is"
        ) from None


def joined(parts: Iterable[tuple[Values, ...]], most: int) -> tuple[Values, ...]:
    """Columns of which each part has a piece, whole; there are `most` values in each at most."""
    whole: tuple[Values, ...] = ()
    at = 0
    for part in parts:
        whole = whole or tuple(room(most, piece.dtype) for piece in part)
        for column, piece in zip(whole, part, strict=True):
            column[at : at + len(piece)] = piece
        at += len(part[0])
    return tuple(column[:at] for column in whole)


@dataclass(frozen=True)
class Groups:
    """What the operations of each group have in common, by the number of the group."""

    kind: npt.NDArray[np.int32]
    """Index into the kinds."""
    stage: npt.NDArray[np.int16]
    """Index into the stretches of the plan."""
    outcome: npt.NDArray[np.int8]
    """As the journal has it; OPEN: it never ended."""
    status: npt.NDArray[np.int32]
    failure: npt.NDArray[np.int8]
    """-1: one that this version does not know."""
    worker: npt.NDArray[np.int32]
    """The load process."""
    ok: Mask
    """Whether the outcome is one that the kind expects."""
    partner: Mask
    """Whether it is the second half of a race, and no arrival of the plan."""
    ended: Mask
    timed: Mask
    """Whether it has a time: it has ended, and was not reported without one."""


class Span(NamedTuple):
    """From which place on the operations are of one journal, and the number of the first of them."""

    place: int
    number: int


SHARED = {field.name for field in fields(Groups)}
TIMES = ("sched", "start", "end", "response_s", "service_s", "lag_s", "waited_s")
"""Seconds; sched, start and end since the plan began. NaN: it never ended, or was reported without a time."""


@dataclass(frozen=True)
class Frame:
    """The operations, in the order of the journals. Times are ns since the plan began."""

    kinds: tuple[str, ...]
    groups: Groups
    group: npt.NDArray[np.unsignedinteger[Any]]
    due: npt.NDArray[np.int64]
    """When the plan wanted it begun: in the second of the plan."""
    start: npt.NDArray[np.int64]
    end: npt.NDArray[np.int64]
    """NEVER: it never ended."""
    waited: npt.NDArray[np.uint32]
    """µs after its time at which a user was free for it."""
    slipped: npt.NDArray[np.int64] | None
    """By how much later than `due` it was due by the clock that start and end are read from; None: by nothing."""
    spans: tuple[Span, ...]
    taken: npt.NDArray[np.int64] | None = None
    """Of a part or a selection, its places in the whole; None: it is the whole."""

    def __len__(self) -> int:
        return len(self.group)

    def __getitem__(self, name: str) -> Values:
        """A column of TIMES, of what groups share, or `op`, the numbers of the operations."""
        return self.values(name)

    @cached_property
    def counts(self) -> npt.NDArray[np.int64]:
        """How many operations are in each group."""
        found = np.zeros(len(self.groups.kind), np.int64)
        for part in self.parts():
            found += np.bincount(part.group, minlength=len(found))
        return found

    def count(self, among: Mask) -> int:
        """How many operations are in these groups."""
        return int(self.counts[among].sum())

    def parts(self) -> Iterator["Frame"]:
        """All of it, a part at a time."""
        if len(self) <= parts.PART:
            yield self
            return
        for own in parts.parts(len(self)):
            yield self._taken(own, np.arange(own.start, own.stop))

    def rows(self, places: npt.NDArray[np.int64]) -> "Frame":
        """The operations at these places."""
        return self._taken(places, places)

    @property
    def none(self) -> "Frame":
        """None of the operations: what is known of them, such as their kinds."""
        return self.rows(np.zeros(0, np.int64))

    def _taken(self, which: Any, places: npt.NDArray[np.int64]) -> "Frame":
        return replace(
            self,
            group=self.group[which],
            due=self.due[which],
            start=self.start[which],
            end=self.end[which],
            waited=self.waited[which],
            slipped=None if self.slipped is None else self.slipped[which],
            taken=places if self.taken is None else self.taken[places],
        )

    def values(self, name: str, among: Mask | None = None) -> Values:
        """A column, of all operations or of those of some groups."""
        chosen = None if among is None or among.all() else among
        found = room(len(self) if chosen is None else self.count(chosen), self._dtype(name))
        at = 0
        for part in self.parts():
            own = part.column(name)
            if chosen is not None:
                own = own[chosen[part.group]]
            found[at : at + len(own)] = own
            at += len(own)
        return found

    def where(self, groups: Mask, among: Mask | None = None) -> Mask:
        """Which operations are in these groups, of all or of those in `among`."""
        found, at = room(len(self) if among is None else self.count(among), bool), 0
        for part in self.parts():
            own = groups[part.group] if among is None else groups[part.group[among[part.group]]]
            found[at : at + len(own)] = own
            at += len(own)
        return found

    def _dtype(self, name: str) -> npt.DTypeLike:
        if name in SHARED:
            return getattr(self.groups, name).dtype  # type: ignore[no-any-return]
        return np.int64 if name == "op" else np.float64

    def column(self, name: str) -> Values:
        """A column of a part."""
        if name in SHARED:
            found: Values = getattr(self.groups, name)[self.group]
            return found
        return self.op if name == "op" else self._seconds(name)

    @property
    def op(self) -> npt.NDArray[np.int64]:
        """The numbers of the operations."""
        begins, numbers = (np.array(values, np.int64) for values in zip(*self.spans, strict=True))
        own = np.searchsorted(begins, self.places, "right") - 1
        found: npt.NDArray[np.int64] = numbers[own] + self.places - begins[own]
        return found

    @property
    def places(self) -> npt.NDArray[np.int64]:
        """The places in the whole."""
        return np.arange(len(self)) if self.taken is None else self.taken

    @property
    def sched(self) -> npt.NDArray[np.int64]:
        """When each was due, by the clock that start and end are read from."""
        return self.due if self.slipped is None else self.due + self.slipped

    def _seconds(self, name: str) -> npt.NDArray[np.float64]:
        if name == "waited_s":
            return self.waited / 1e6
        if name == "end":
            return self._known(self.end, self.groups.ended)
        if name in ("response_s", "service_s"):
            return self._known(self.end - (self.sched if name == "response_s" else self.start), self.groups.timed)
        if name == "lag_s":
            return (self.start - self.sched) / 1e9
        return {"sched": self.due, "start": self.start}[name] / 1e9

    def _known(self, ns: npt.NDArray[np.int64], groups: Mask) -> npt.NDArray[np.float64]:
        """In seconds; NaN for what is not in these groups."""
        found: npt.NDArray[np.float64] = ns / 1e9
        if not groups.all():
            found[~groups[self.group]] = np.nan
        return found
