"""What the database held of the operations, an effect a line: read where it lies, in seconds when it is asked for."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from harness import mapped
from harness.journaled import Journaled
from reports.samples.frame import Frame, Mask, Values, room
from reports.statistics.parts import parts
from systems import ids


@dataclass(frozen=True)
class Effects:
    """The effects of operations that are known."""

    place: npt.NDArray[np.int32]
    """The place of its operation in the frame."""
    group: npt.NDArray[np.unsignedinteger[Any]]
    """The group of its operation."""
    staying: Mask
    """Of which groups they are not to be completed during the run."""
    points: Mapping[str, npt.NDArray[np.int64]]
    """When it reached each point of the scenario: ns on the master's clock, 0 = never."""
    began: int
    """Second 0 of the plan on that clock."""

    def __len__(self) -> int:
        return len(self.place)

    def parts(self) -> Iterator["Effects"]:
        """All of them, a part at a time."""
        for own in parts(len(self)) if len(self) else [slice(0)]:
            yield self._taken(own)
            for ns in self.points.values():
                mapped.forget(ns)

    def seconds(self, point: str) -> npt.NDArray[np.float64]:
        """When each of a part reached the point, in seconds since the plan began; NaN: never."""
        ns = self.points[point]
        found: npt.NDArray[np.float64] = (ns - self.began) / 1e9
        found[ns <= 0] = np.nan
        return found

    def values(self, point: str, among: Mask | None = None) -> Values:
        """The same of all of them, or of those of some groups."""
        found = room(len(self), np.float64)
        at = 0
        for part in self.parts():
            own = part.seconds(point)
            if among is not None:
                own = own[among[part.group]]
            found[at : at + len(own)] = own
            at += len(own)
        return found[:at]

    @property
    def passing(self) -> "Effects":
        """Those that are to be completed during the run."""
        return self._taken(~self.staying[self.group]) if self.staying.any() else self

    def _taken(self, which: Any) -> "Effects":
        points = {name: ns[which] for name, ns in self.points.items()}
        return replace(self, place=self.place[which], group=self.group[which], points=points)


def effects(
    stored: npt.NDArray[np.void], journals: Sequence[Journaled], operations: Frame, staying: Mask, began: int
) -> Effects:
    """The effects of the operations of `journals`; `staying`: of which groups they are not to be completed."""
    place, ours = _places(stored["op"], journals)
    if not ours.all():
        stored, place = stored[ours], place[ours]
    group: npt.NDArray[np.unsignedinteger[Any]] = room(len(place), operations.group.dtype)
    for own in parts(len(place)):
        group[own] = operations.group[place[own]]
    points = {name: stored[name] for name in stored.dtype.names or () if name not in ("op", "item")}
    return Effects(place, group, staying, points, began)


def _places(ops: npt.NDArray[np.int64], journals: Sequence[Journaled]) -> tuple[npt.NDArray[np.int32], Mask]:
    """The place of each of these operations, for journals come by worker; and which of them are known."""
    first = np.array([ids.operation(journal.worker, 0) for journal in journals])
    counts = np.array([len(journal.records) for journal in journals])
    begins = np.cumsum(counts) - counts
    place, ours = room(len(ops), np.int32), room(len(ops), bool)
    for own in parts(len(ops)):
        journal = np.searchsorted(first, ops[own], "right").clip(min=1) - 1
        beyond = ops[own] - first[journal]
        ours[own] = (beyond >= 0) & (beyond < counts[journal])
        place[own] = begins[journal] + np.where(ours[own], beyond, 0)
        mapped.forget(ops)
    return place, ours
