"""What came of the operations in the course of the load: each outcome, with the status that was answered."""

import numpy as np

from harness.outcomes import Outcome
from reports.render.svg import STYLES, Line
from reports.samples.samples import OUTCOMES, Samples
from reports.samples.series import Series

STATUSES = 1024
"""Beyond all that HTTP has."""


def outcomes(samples: Samples, course: Series) -> list[Line]:
    """How many operations ended a second, by outcome and status, the most common first; what never ended counts when it
    was begun. Second halves of races are in it.
    """
    frame, groups = samples.frame, samples.frame.groups
    codes = groups.outcome.astype(np.int32) * STATUSES + np.minimum(groups.status, STATUSES - 1)
    counts = np.bincount(codes, frame.counts, minlength=len(OUTCOMES) * STATUSES)
    common = [int(code) for code in np.argsort(-counts, kind="stable") if counts[code]]
    kept = common if len(common) <= len(STYLES) else common[: len(STYLES) - 1]
    place = np.full(len(counts), len(kept), np.int32)
    place[kept] = np.arange(len(kept))
    names = [_named(code) for code in kept] + (["all others"] if len(common) > len(kept) else [])

    steps, line = len(course.begin), place[codes]
    found = np.zeros(len(names) * steps, np.int64)
    for part in frame.parts():
        moments = np.where(np.isnan(end := part.column("end")), part.column("start"), end)
        step = np.clip(moments // course.width, 0, steps - 1).astype(np.int32)
        found += np.bincount(line[part.group] * steps + step, minlength=len(found))
    return [
        Line(name, style, (values / course.width).tolist())
        for name, style, values in zip(names, STYLES, found.reshape(-1, steps), strict=False)
    ]


def _named(code: int) -> str:
    outcome, status = divmod(code, STATUSES)
    return f"{Outcome(outcome).name} {status}" if status else Outcome(outcome).name
