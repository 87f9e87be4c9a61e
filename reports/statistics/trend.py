"""How a figure grows with volume: a straight line through its logarithm over that of the volume.

Each point counts by how sure it is. Where the points lie farther from the line than their own intervals explain, all
that is said of the line is as much less sure: what differs from run to run shows there.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from harness.plan.sample_sizes import NORMAL


@dataclass(frozen=True)
class Point:
    """A figure at one volume, and where it is with 95 % confidence; None: that end is not known."""

    volume: float
    value: float
    low: float | None
    high: float | None

    @property
    def error(self) -> float | None:
        """The standard error of its logarithm; None if neither end is known."""
        ends = [abs(math.log(end / self.value)) for end in (self.low, self.high) if end is not None and end > 0]
        # An end that is the value itself (all values alike) says nothing.
        return max(max(ends) / NORMAL, 1e-9) if ends else None


@dataclass(frozen=True)
class Estimate:
    """A factor, and where it is with 95 % confidence; None: that is not known."""

    value: float
    low: float | None
    high: float | None


@dataclass(frozen=True)
class Trend:
    """What the line says."""

    tenfold: Estimate
    """By what a figure is multiplied when the volume is ten times as large."""
    grown: Estimate
    """By what it is multiplied from the least volume to the greatest, as measured: not by the line."""
    slope: float
    at: float
    """Where the line is: `slope` of logarithms, through `level` at the (decimal) logarithm `at` of the volume."""
    level: float
    error: float | None
    """The standard errors of slope …"""
    level_error: float | None
    """… and level."""

    def expected(self, volume: float) -> Estimate:
        """The figure that the line leads to at a volume."""
        away = math.log10(volume) - self.at
        found = self.level + self.slope * away
        if self.error is None or self.level_error is None:
            return Estimate(math.exp(found), None, None)
        return _estimate(found, math.hypot(self.level_error, self.error * away))


def trend(points: Sequence[Point]) -> Trend:
    """The line through points of two volumes or more, of values above 0."""
    errors = [point.error for point in points]
    known = [error for error in errors if error is not None]
    sure = len(known) == len(points)
    weights = [1 / error**2 for error in known] if sure else [1.0] * len(points)
    places = [math.log10(point.volume) for point in points]
    values = [math.log(point.value) for point in points]
    total = sum(weights)
    at = sum(w * x for w, x in zip(weights, places, strict=True)) / total
    level = sum(w * y for w, y in zip(weights, values, strict=True)) / total
    spread = sum(w * (x - at) ** 2 for w, x in zip(weights, places, strict=True))
    slope = sum(w * (x - at) * y for w, x, y in zip(weights, places, values, strict=True)) / spread
    off = [y - level - slope * (x - at) for x, y in zip(places, values, strict=True)]
    wider = 1.0
    if sure and len(points) > 2:
        excess = sum(w * one**2 for w, one in zip(weights, off, strict=True)) / (len(points) - 2)
        wider = max(math.sqrt(excess), 1.0)
    error = wider / math.sqrt(spread) if sure else None
    return Trend(
        _estimate(slope, error),
        _grown(points, wider),
        slope,
        at,
        level,
        error,
        wider / math.sqrt(total) if sure else None,
    )


def _grown(points: Sequence[Point], wider: float) -> Estimate:
    """From the runs of the least volume to those of the greatest."""
    least, most = min(one.volume for one in points), max(one.volume for one in points)
    means, squares, sure = [], 0.0, True
    for volume in (least, most):
        own = [one for one in points if one.volume == volume]
        means.append(sum(math.log(one.value) for one in own) / len(own))
        errors = [one.error for one in own]
        sure = sure and None not in errors
        squares += sum((error or 0.0) ** 2 for error in errors) / len(own) ** 2
    return _estimate(means[1] - means[0], wider * math.sqrt(squares) if sure else None)


def _estimate(logarithm: float, error: float | None) -> Estimate:
    if error is None:
        return Estimate(math.exp(logarithm), None, None)
    low, high = (math.exp(logarithm + sign * NORMAL * error) for sign in (-1, 1))
    return Estimate(math.exp(logarithm), low, high)
