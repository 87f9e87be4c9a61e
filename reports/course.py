"""The course of the load second by second, as numbers to reckon with: what steadiness and recovery are judged by."""

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from reports.samples import Samples
from reports.statistics import binned

Values = npt.NDArray[Any]


class Course(NamedTuple):
    """Values of each second of the plan; NaN: nothing to measure in it."""

    p50: Values
    """Response times (s) of the operations planned in the second."""
    p95: Values
    errors: Values
    """The share of these that did not end as expected."""
    ended: Values
    """How many operations ended in it."""
    flying: Values
    """How many were in flight, on average."""


def course(samples: Samples) -> Course:
    """The seconds of the plan, of a load that a rule ended those until then; a fraction at the end is left out."""
    frame = samples.frame
    count = int(samples.seconds + 1e-9)
    sched, start, end, response = (frame[name].to_numpy() for name in ("sched", "start", "end", "response_s"))
    second = sched.astype(np.int64)
    during = second < count
    closed = during & ~np.isnan(response)
    p50, p95 = binned(response[closed], second[closed], count, [0.50, 0.95])
    planned = np.bincount(second[during], minlength=count)
    wrong = np.bincount(second[during & ~frame["ok"].to_numpy()], minlength=count)
    errors = np.divide(wrong, planned, out=np.full(count, np.nan), where=planned > 0)
    ended = end[~np.isnan(end) & (end < count)]
    return Course(
        p50,
        p95,
        errors,
        np.bincount(ended.astype(np.int64), minlength=count),
        flying(start, end, np.arange(count + 1)),
    )


def flying(start: Values, end: Values, marks: Values) -> Values:
    """How many operations were in flight between the marks, on average."""
    whole = _passed(np.sort(start), marks) - _passed(np.sort(end[~np.isnan(end)]), marks)
    return np.diff(whole)


def _passed(moments: Values, marks: Values) -> Values:
    """At each mark, the sum of the time that has passed since each of the moments (ascending) before it."""
    before = np.searchsorted(moments, marks)
    sums = np.concatenate([[0.0], np.cumsum(moments)])
    passed: Values = before * marks - sums[before]
    return passed
