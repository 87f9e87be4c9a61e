"""How many operations were in flight at one time: what is lost only when several meet is not lost if none do."""

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from reports.samples.frame import Frame, Mask
from reports.samples.samples import Samples

Values = npt.NDArray[Any]
NOTHING: dict[str, Any] = {"at_once": 0, "met": None}
"""The overlap of no operations."""


class Overlaps(NamedTuple):
    """By group of operations."""

    most: Values
    """The most that were in flight when one of them began."""
    met: Values
    """How many of them met another."""


def overlaps(samples: Samples) -> Overlaps:
    """Who met whom."""
    most, met = (np.zeros(len(samples.frame.counts), np.int64) for _ in range(2))
    for part, flying, others in in_flight(samples):
        np.maximum.at(most, part.group, flying)
        met += np.bincount(part.group[others > 0], minlength=len(met))
    return Overlaps(most, met)


def in_flight(samples: Samples) -> Iterator[tuple[Frame, Values, Values]]:
    """For each operation of a part how many were in flight when it began, itself among them; and how many met it.

    What never ended is in flight to the end. An end and a beginning at one instant do not meet.
    """
    frame = samples.frame
    begun, ended = frame.values("start"), frame.values("end", frame.groups.ended)
    begun.sort()
    ended.sort()
    for part in frame.parts():
        start, end = part.column("start"), part.column("end")
        before = np.searchsorted(ended, start, "right")
        met = np.searchsorted(begun, np.where(np.isnan(end), np.inf, end), "left") - before - 1
        yield part, np.searchsorted(begun, start, "right") - before, met


def overlap(found: Overlaps, frame: Frame, among: Mask) -> dict[str, Any]:
    """Of some groups the most that were in flight at once, and the share that met another."""
    count = frame.count(among)
    if not count:
        return NOTHING
    return {"at_once": int(found.most[among].max()), "met": int(found.met[among].sum()) / count}
