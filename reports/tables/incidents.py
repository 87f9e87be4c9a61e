"""Errors that come together are an incident, however few they are among all: when, how long, what and how many."""

import math
from collections import Counter
from typing import Any

import numpy as np
import numpy.typing as npt

from harness.quantities import duration
from reports.samples.frame import Frame
from reports.samples.samples import Samples
from reports.samples.ways import ways

LEAST = 5
"""Fewer errors are no incident."""

APART = 4
"""Errors belong together if at most every fourth operation begun is one: where one of four processes fails, too."""

CHANCE = 0.01
"""So many incidents may come about by chance in a run whose errors are spread evenly."""

EVEN = 0.5
"""Of errors that are more frequent than every other chance, chance explains no more than this."""

SHOWN = 20
"""The number of incidents that are listed: the largest."""

WAYS = 3
"""The number of ways to fail that are named of each."""


def incidents(samples: Samples) -> list[dict[str, Any]]:
    """The incidents of a run, in the order of time; of more than SHOWN the largest."""
    frame = samples.frame
    if frame.groups.ok.all():
        return []
    order, ok = np.argsort(frame.start, kind="stable"), frame.where(frame.groups.ok)
    failed = np.flatnonzero(~ok[order])
    groups = [group for group in _groups(failed) if len(group) >= _least(len(failed), len(order))]
    largest = sorted(groups, key=len, reverse=True)[:SHOWN]
    found = []
    for group in sorted(largest, key=lambda group: int(group[0])):
        among = int(group[-1] - group[0]) + 1
        found.append(_incident(samples, frame.rows(order[group]), among))
    return found


def _groups(failed: npt.NDArray[np.int64]) -> list[npt.NDArray[np.int64]]:
    """The places of errors, parted where more than APART - 1 operations in a row went well."""
    return np.split(failed, np.flatnonzero(np.diff(failed) > APART) + 1) if len(failed) else []


def _least(errors: int, operations: int) -> int:
    """How many together are more than chance brings together, if `errors` of `operations` are spread evenly."""
    follows = min(1 - (1 - errors / max(operations, 1)) ** APART, EVEN)
    if follows <= 0:
        return LEAST
    return max(LEAST, 1 + math.ceil(math.log(CHANCE / max(errors, 1)) / math.log(follows)))


def _incident(samples: Samples, wrong: Frame, operations: int) -> dict[str, Any]:
    begin = float(wrong.column("start").min())
    last = float(np.nanmax(np.fmax(wrong.column("start"), wrong.column("end"))))
    phase = samples.stretches[int(wrong.column("stage")[0])].phase
    words = [(wrong.kinds[kind], way) for kind, way in zip(wrong.groups.kind, ways(wrong.groups), strict=True)]
    counts = Counter(words[group] for group in wrong.group.tolist())
    each = [{"kind": kind, "what": what, "count": n} for (kind, what), n in counts.most_common(WAYS)]
    named = ", ".join(f"{one['kind']} {one['what']} ({one['count']:,} times)" for one in each)
    more = "" if len(counts) <= WAYS else " and other ways"
    return {
        "begin": begin,
        "seconds": last - begin,
        "phase": phase,
        "errors": len(wrong),
        "operations": operations,
        "ways": each,
        "said": (
            f"{len(wrong):,} of {operations:,} operations in a row failed within {duration(last - begin)}, "
            f"from second {begin:.1f} on, in {phase}: {named}{more}"
        ),
    }
