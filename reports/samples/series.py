"""The load over time: second by second, as steadiness and recovery are judged by, and in the steps of a chart."""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from reports.samples.monitor_lines import Line
from reports.samples.phases import arrivals_until
from reports.samples.samples import Samples
from reports.statistics.percentiles import binned

MOST_STEPS = 400
"""With the most lines that a report can have, so many of each leave it below 400 kB."""
WIDTHS = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 1800, 3600, 14_400, 86_400)
QUANTILES = {"p50": 0.50, "p90": 0.90, "p95": 0.95, "p99": 0.99, "max": 1.0}

Values = list[float | None]


class Series(NamedTuple):
    """Values a step of `width` seconds; the first begins with the plan. None: nothing to measure in that step.

    Response times are of the operations planned in the step; begun, ok and errors are what happened in it, a second,
    and of begun and ok the second halves of races are left out, for they are not offered either.
    """

    width: int
    begin: list[int]
    offered: Values
    begun: Values
    ok: Values
    errors: Values
    p50: Values
    p90: Values
    p95: Values
    p99: Values
    longest: Values


def series(samples: Samples) -> Series:
    """The series of the load until its last operation ended."""
    frame = samples.frame
    sched, start, end = (frame[name].to_numpy() for name in ("sched", "start", "end"))
    over = max(samples.seconds, np.fmax(start, end).max(initial=0.0))
    width = next((width for width in WIDTHS if over / width <= MOST_STEPS), WIDTHS[-1])
    steps = max(int(np.ceil(over / width)), 1)
    edges = [arrivals_until(samples.stretches, step * width) for step in range(steps + 1)]
    ok, arrival = frame["ok"].to_numpy(), ~frame["partner"].to_numpy()

    def rate(moments: npt.NDArray[np.float64]) -> Values:
        return [count / width for count in np.bincount(_steps(moments, width, steps), minlength=steps).tolist()]

    return Series(
        width,
        [step * width for step in range(steps)],
        [(after - before) / width for before, after in pairwise(edges)],
        rate(start[arrival]),
        rate(end[ok & arrival]),
        # What never ended has failed since it was begun.
        rate(np.where(np.isnan(end), start, end)[~ok]),
        *_quantiles(sched, frame["response_s"].to_numpy(), width, steps),
    )


def _steps(moments: npt.NDArray[np.float64], width: int, steps: int) -> npt.NDArray[np.int64]:
    return np.clip(moments // width, 0, steps - 1).astype(np.int64)


def _quantiles(sched: npt.NDArray[Any], response: npt.NDArray[Any], width: int, steps: int) -> list[Values]:
    ended = ~np.isnan(response)
    step = _steps(sched[ended], width, steps)
    found = binned(response[ended], step, steps, list(QUANTILES.values()))
    return [[None if np.isnan(value) else value for value in values.tolist()] for values in found]


Array = npt.NDArray[Any]


class Course(NamedTuple):
    """Array of each second of the plan; NaN: nothing to measure in it."""

    p50: Array
    """Response times (s) of the operations planned in the second."""
    p95: Array
    errors: Array
    """The share of these that did not end as expected."""
    ended: Array
    """How many operations ended in it."""
    flying: Array
    """How many were in flight, on average."""


def course(samples: Samples) -> Course:
    """The seconds of the plan, of a load that a rule ended those until then; a fraction at the end is left out."""
    frame = samples.frame
    count = int(samples.seconds + 1e-9)
    sched, start, end, response = (frame[name].to_numpy() for name in ("sched", "start", "end", "response_s"))
    second = sched.astype(np.int64)
    # Another's user may report what began before the load.
    during = (sched >= 0) & (second < count)
    closed = during & ~np.isnan(response)
    p50, p95 = binned(response[closed], second[closed], count, [0.50, 0.95])
    planned = np.bincount(second[during], minlength=count)
    wrong = np.bincount(second[during & ~frame["ok"].to_numpy()], minlength=count)
    errors = np.divide(wrong, planned, out=np.full(count, np.nan), where=planned > 0)
    ended = end[(end >= 0) & (end < count)]
    return Course(
        p50,
        p95,
        errors,
        np.bincount(ended.astype(np.int64), minlength=count),
        flying(start, end, np.arange(count + 1)),
    )


def flying(start: Array, end: Array, marks: Array) -> Array:
    """How many operations were in flight between the marks, on average."""
    whole = _passed(np.sort(start), marks) - _passed(np.sort(end[~np.isnan(end)]), marks)
    return np.diff(whole)


def _passed(moments: Array, marks: Array) -> Array:
    """At each mark, the sum of the time that has passed since each of the moments (ascending) before it."""
    before = np.searchsorted(moments, marks)
    sums = np.concatenate([[0.0], np.cumsum(moments)])
    passed: Array = before * marks - sums[before]
    return passed


def in_flight(samples: Samples, course: Series) -> Values:
    """The operations in flight in each step of `course`, on average; what never ended is in flight to the end."""
    start, end = samples.frame["start"].to_numpy(), samples.frame["end"].to_numpy()
    marks = np.array([*course.begin, course.begin[-1] + course.width], float)
    values: Values = (flying(start, end, marks) / course.width).tolist()
    return values


def means(lines: Sequence[Line], began: int, course: Series, keys: Mapping[str, str]) -> Mapping[str, Values]:
    """The mean of each of the monitor's `keys` in each step, by their names here; without those never sampled."""
    found: dict[str, Values] = {}
    for name, key in keys.items():
        at = np.array([(line["at"] - began) / 1e9 for line in lines if key in line])
        used = np.array([line[key] for line in lines if key in line])
        place = (at // course.width).astype(np.int64)
        inside = (at >= 0) & (place < len(course.begin))
        if not inside.any():
            continue
        counts = np.bincount(place[inside], minlength=len(course.begin))
        sums = np.bincount(place[inside], used[inside], minlength=len(course.begin))
        found[name] = [float(total / n) if n else None for total, n in zip(sums, counts, strict=True)]
    return found
