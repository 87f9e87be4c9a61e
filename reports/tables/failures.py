"""Every way in which operations failed is listed with how often, when first, and one of them to look up."""

from typing import Any

import numpy as np
import numpy.typing as npt

from harness.outcomes import Failure
from reports.samples.frame import Frame
from reports.samples.samples import FAILURES, OUTCOMES, Samples
from systems import ids
from systems.traces import trace_of

SHOWN = 20
"""The number of ways to fail that are listed; the rest are counted together."""


def failures(samples: Samples, run: str, traced: bool = False) -> list[dict[str, Any]]:
    """The operations of run id `run` whose outcome their kind does not expect, by kind, outcome, status and failure;
    `traced`: they have trace ids.
    """
    frame, groups = samples.frame, samples.frame.groups
    # What this version has no name for is the last of its like.
    named = np.where(groups.failure < 0, np.int64(len(FAILURES)), groups.failure)
    each = list(zip(groups.kind.tolist(), groups.outcome.tolist(), groups.status.tolist(), named.tolist(), strict=True))
    known = sorted({way for way, ok in zip(each, groups.ok, strict=True) if not ok})
    place = {way: number for number, way in enumerate(known)}
    way = np.array([-1 if ok else place[one] for one, ok in zip(each, groups.ok, strict=True)], np.int64)
    first = _first(frame, way, len(known))
    ways: list[dict[str, Any]] = [
        {
            "kind": frame.kinds[kind],
            "outcome": OUTCOMES[outcome],
            "status": status or None,
            "failure": None if failure in (Failure.NONE, len(FAILURES)) else FAILURES[failure],
            "count": frame.count(way == number),
            "first_s": start / 1e9,
            "example": ids.key(run, op),
            "trace": trace_of(run, op) if traced else None,
        }
        for number, ((kind, outcome, status, failure), (start, op)) in enumerate(zip(known, first, strict=True))
    ]
    ways.sort(key=lambda way: (-way["count"], way["first_s"]))
    return [*ways[:SHOWN], *_together(ways[SHOWN:])]


def _first(frame: Frame, way: npt.NDArray[np.int64], count: int) -> list[tuple[int, int]]:
    """When (ns) the first operation of each way was begun, and its number; `way`: that of each group, -1 = none."""
    found: dict[int, tuple[int, int]] = {}
    for part in frame.parts() if count else ():
        own = np.flatnonzero(way[part.group] >= 0)
        own = own[np.argsort(part.start[own], kind="stable")]
        ways, at = np.unique(way[part.group[own]], return_index=True)
        for one, start, op in zip(ways.tolist(), part.start[own[at]].tolist(), part.op[own[at]].tolist(), strict=True):
            if one not in found or start < found[one][0]:
                found[one] = start, op
    return [found[one] for one in range(count)]


def _together(ways: list[dict[str, Any]]) -> list[dict[str, Any]]:
    if not ways:
        return []
    count = sum(way["count"] for way in ways)
    earliest = min(ways, key=lambda way: way["first_s"])
    unlike = {"kind": f"{len(ways)} other ways", "outcome": "", "status": None, "failure": None}
    return [{**earliest, **unlike, "count": count}]
