"""A rule with windows has one value too: the one that decides, by the same comparison, whether enough windows hold."""

from typing import Any

import numpy as np
import numpy.typing as npt

from harness.plan.rules import COUNT, OWN, RATE, Rule, Window
from reports.rules.measure import Measured, Measurements
from reports.samples.frame import room
from reports.samples.samples import Samples
from reports.samples.scope import Mask, Unmeasurable, runs
from reports.statistics import confidence, percentiles
from reports.statistics.confidence import Interval
from reports.statistics.parts import parts
from reports.statistics.percentiles import rank
from reports.statistics.ranked import Ranked

Values = npt.NDArray[Any]


def measure(rule: Rule, window: Window, found: Measurements, samples: Samples, stages: Mask) -> Measured:
    """The value of a rule with windows: of its windows, how bad all but the allowed ones are. `found` is what its
    metric is in these stages.

    `in 99% of 1s windows`: the nearest-rank 99 % quantile of the windows, which is within the limit if
    at least 99 % of them are. `for 10s`: of every ten windows in a row the best, and of these the worst,
    which is beyond the limit if ten in a row are.
    """
    begin, end = cut(window.seconds, samples, stages)
    values, empty = _values(rule, found, begin, end)
    worst_last = values if rule.upper else -values
    interval: Interval | None = None
    if window.share is None:
        value = lasting(worst_last, window.lasting, begin, end)
    else:
        ordered = Ranked(worst_last)
        value = ordered.at([rank(window.share, len(worst_last))])[0]
        interval = confidence.quantile(worst_last, ordered, window.share) if window.share < 1 else None
    what = "value" if rule.metric == OWN else "operation"
    detail = f"{empty:,} windows without any {what} count as missed" if empty else found.detail
    if rule.upper:
        return Measured(value, len(values), detail, interval)
    return Measured(-value, len(values), detail, interval and _mirrored(interval))


def cut(seconds: float, samples: Samples, stages: Mask) -> tuple[Values, Values]:
    """Begin and end of each window: whole ones from the beginning of each run of neighbouring stages.

    The last of a run has what is left over, so that every second is judged.
    """
    begins, ends = [], []
    for first, last in runs(samples, stages):
        marks = first + seconds * np.arange(max(int((last - first) / seconds + 1e-9), 1))
        begins.append(marks)
        ends.append(np.append(marks[1:], last))
    return np.concatenate(begins), np.concatenate(ends)


def lasting(values: Values, lasting: int, begin: Values, end: Values) -> float:
    """The greatest value that `lasting` neighbouring windows reach."""
    neighbours = np.split(values, np.flatnonzero(begin[1:] != end[:-1]) + 1)
    longest = max(len(run) for run in neighbours)
    if longest < lasting:
        raise Unmeasurable(f"nothing can last {lasting} s: what the rule covers is {longest} s long at most")
    return max(
        float(np.lib.stride_tricks.sliding_window_view(run, lasting).min(axis=1).max())
        for run in neighbours
        if len(run) >= lasting
    )


def place(moments: Values, begin: Values, end: Values) -> tuple[Values, Mask]:
    """The window of each moment, and whether it is in one."""
    at = np.clip(np.searchsorted(begin, moments, "right") - 1, 0, len(begin) - 1)
    return at, (moments >= begin[at]) & (moments <= end[at])


def _values(rule: Rule, found: Measurements, begin: Values, end: Values) -> tuple[Values, int]:
    """What the rule measures in each window, and in how many there is nothing to measure: these miss any limit."""
    windows = len(begin)
    number, sums, at_most = np.zeros(windows, np.int64), np.zeros(windows), rule.aggregate == "max"
    worst = np.full(windows, -np.inf if at_most else np.inf)
    keys = room(len(found.values) if rule.quantile is not None else 0, np.int64)
    known = 0
    for own in parts(len(found.values)):
        at, inside = place(found.moments[own], begin, end)
        at, values = at[inside], found.values[own][inside].astype(float)
        number += np.bincount(at, minlength=windows)
        if rule.quantile is not None:
            keys[known : known + len(at)] = percentiles.keys(values, at)
            known += len(at)
        elif rule.aggregate in ("max", "min"):
            (np.maximum if at_most else np.minimum).at(worst, at, values)
        else:
            np.add.at(sums, at, values)
    if rule.kind == COUNT:
        return sums, 0
    if rule.kind == RATE:
        return sums / (end - begin), 0
    if rule.quantile is not None:
        (measured,) = percentiles.of_bins(keys[:known], windows, [rule.quantile])
    else:
        measured = worst if rule.aggregate in ("max", "min") else sums / np.maximum(number, 1)
    return np.where(number > 0, measured, np.inf if rule.upper else -np.inf), int((number == 0).sum())


def _mirrored(interval: Interval) -> Interval:
    low, high, n_eff, longer = interval
    return Interval(-high, -low, n_eff, lambda limit: longer(-limit))
