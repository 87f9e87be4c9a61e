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
    frame = samples.frame
    status = np.minimum(frame["status"].to_numpy(), STATUSES - 1).astype(np.int32)
    codes = frame["outcome"].cat.codes.to_numpy().astype(np.int32) * STATUSES + status
    counts = np.bincount(codes, minlength=len(OUTCOMES) * STATUSES)
    common = [int(code) for code in np.argsort(-counts, kind="stable") if counts[code]]
    kept = common if len(common) <= len(STYLES) else common[: len(STYLES) - 1]
    place = np.full(len(counts), len(kept), np.int32)
    place[kept] = np.arange(len(kept))
    names = [_named(code) for code in kept] + (["all others"] if len(common) > len(kept) else [])

    moments = np.where(np.isnan(end := frame["end"].to_numpy()), frame["start"].to_numpy(), end)
    steps = len(course.begin)
    step = np.clip(moments // course.width, 0, steps - 1).astype(np.int32)
    found = np.bincount(place[codes] * steps + step, minlength=len(names) * steps).reshape(-1, steps)
    return [
        Line(name, style, (values / course.width).tolist())
        for name, style, values in zip(names, STYLES, found, strict=False)
    ]


def _named(code: int) -> str:
    outcome, status = divmod(code, STATUSES)
    return f"{Outcome(outcome).name} {status}" if status else Outcome(outcome).name
