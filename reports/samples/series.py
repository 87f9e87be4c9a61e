"""The load over time: second by second, as steadiness and recovery are judged by, and in the steps of a chart."""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from reports.samples.frame import Frame, Mask, room
from reports.samples.monitor_lines import Line
from reports.samples.phases import arrivals_until
from reports.samples.samples import Samples
from reports.statistics import percentiles
from reports.statistics.parts import parts

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
    frame, groups = samples.frame, samples.frame.groups
    over = max(samples.seconds, max(int(ns.max(initial=0)) for ns in (frame.start, frame.end)) / 1e9)
    width = next((width for width in WIDTHS if over / width <= MOST_STEPS), WIDTHS[-1])
    steps = max(int(np.ceil(over / width)), 1)
    edges = [arrivals_until(samples.stretches, step * width) for step in range(steps + 1)]
    begun, good, errors = (np.zeros(steps, np.int64) for _ in range(3))
    for part in frame.parts():
        start, end = part.column("start"), part.column("end")
        arrival, ok = ~part.column("partner"), part.column("ok")
        begun += _counted(start[arrival], width, steps)
        good += _counted(end[ok & arrival], width, steps)
        # What never ended has failed since it was begun.
        errors += _counted(np.where(np.isnan(end), start, end)[~ok], width, steps)
    keys, at = room(frame.count(groups.timed), np.int64), 0
    for part in frame.parts():
        timed = groups.timed[part.group]
        step = _steps(part.column("sched")[timed], width, steps)
        keys[at : at + len(step)] = percentiles.keys(part.column("response_s")[timed], step)
        at += len(step)
    found = percentiles.of_bins(keys, steps, list(QUANTILES.values()))
    times: list[Values] = [[None if np.isnan(value) else value for value in one.tolist()] for one in found]
    rates: list[Values] = [(counts / width).tolist() for counts in (begun, good, errors)]
    return Series(
        width,
        [step * width for step in range(steps)],
        [(after - before) / width for before, after in pairwise(edges)],
        *rates,
        *times,
    )


def _steps(moments: npt.NDArray[np.float64], width: int, steps: int) -> npt.NDArray[np.int64]:
    return np.clip(moments // width, 0, steps - 1).astype(np.int64)


def _counted(moments: npt.NDArray[np.float64], width: int, steps: int) -> npt.NDArray[np.int64]:
    return np.bincount(_steps(moments, width, steps), minlength=steps)


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
    frame, groups = samples.frame, samples.frame.groups
    count = int(samples.seconds + 1e-9)
    planned, wrong, done = (np.zeros(count, np.int64) for _ in range(3))
    keys, at = room(frame.count(groups.timed), np.int64), 0
    for part in frame.parts():
        sched, end = part.column("sched"), part.column("end")
        second = sched.astype(np.int64)
        # Another's user may report what began before the load.
        during = (sched >= 0) & (second < count)
        planned += np.bincount(second[during], minlength=count)
        wrong += np.bincount(second[during & ~part.column("ok")], minlength=count)
        done += np.bincount(end[(end >= 0) & (end < count)].astype(np.int64), minlength=count)
        own = during & groups.timed[part.group]
        keys[at : at + int(own.sum())] = percentiles.keys(part.column("response_s")[own], second[own])
        at += int(own.sum())
    p50, p95 = percentiles.of_bins(keys[:at], count, [0.50, 0.95])
    errors = np.divide(wrong, planned, out=np.full(count, np.nan), where=planned > 0)
    return Course(p50, p95, errors, done, in_flight_between(frame, np.arange(count + 1)))


def in_flight_between(frame: Frame, marks: Array, among: Mask | None = None) -> Array:
    """How many operations, of all or of some groups, were in flight between the marks, on average."""
    chosen = np.ones(len(frame.groups.ended), bool) if among is None else among
    begun = _passed(frame.values("start", chosen), marks)
    return np.diff(begun - _passed(frame.values("end", chosen & frame.groups.ended), marks))


def flying(start: Array, end: Array, marks: Array) -> Array:
    """How many were between their start and their end between the marks, on average; NaN: that never came."""
    return np.diff(_passed(start, marks) - _passed(end[~np.isnan(end)], marks))


def _passed(moments: Array, marks: Array) -> Array:
    """At each mark, the sum of the time that has passed since each of the moments before it; these are sorted where
    they are.
    """
    moments.sort()
    before = np.searchsorted(moments, marks)
    passed: Array = before * marks - _sums(moments, before)
    return passed


def _sums(moments: Array, counts: Array) -> Array:
    """The sum of so many of the moments, from the first on."""
    found, last = np.zeros(len(counts)), 0.0
    for part in parts(len(moments)):
        sums = np.cumsum(np.concatenate([[last], moments[part]]))
        own = (counts >= part.start) & (counts <= part.stop)
        found[own], last = sums[counts[own] - part.start], float(sums[-1])
    return found


def in_flight(samples: Samples, course: Series) -> Values:
    """The operations in flight in each step of `course`, on average; what never ended is in flight to the end."""
    marks = np.array([*course.begin, course.begin[-1] + course.width], float)
    values: Values = (in_flight_between(samples.frame, marks) / course.width).tolist()
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
