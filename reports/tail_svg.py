"""The percentile spectrum as a drawing: both axes logarithmic, each nine of the quantile as wide as the one before."""

import math
from collections.abc import Sequence
from typing import NamedTuple

from markupsafe import Markup, escape

from harness.units import duration

WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 960, 340, 70, 20, 10, 40
QUANTILES = (0.0, 0.5, 0.9, 0.99, 0.999, 0.9999, 0.99999, 0.999999)


class Tail(NamedTuple):
    """A line: `style` is the class that gives it colour and dashes; its points are (quantile, seconds)."""

    style: str
    points: Sequence[tuple[float, float]]


def draw(title: str, tails: Sequence[Tail]) -> Markup:
    """The drawing; nothing if no line has a point."""
    points = [point for tail in tails for point in tail.points]
    if not points:
        return Markup("")
    nines = max(max(_nines(quantile) for quantile, _ in points), 1.0)
    times = [time for _, time in points if time > 0] or [1.0]
    low, high = math.log10(min(times)), math.log10(max(times))
    high = max(high, low + 0.1)
    floor = HEIGHT - BOTTOM

    def x(quantile: float) -> float:
        return round(LEFT + (WIDTH - LEFT - RIGHT) * _nines(quantile) / nines, 1)

    def y(time: float) -> float:
        return round(floor - (floor - TOP) * (math.log10(max(time, 10**low)) - low) / (high - low), 1)

    parts = [f'<svg class="chart" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escape(title)}">']
    for quantile in (quantile for quantile in QUANTILES if _nines(quantile) <= nines):
        at = x(quantile)
        parts.append(f'<path class="grid" d="M{at} {TOP}V{floor}"/>')
        parts.append(f'<text class="axis" text-anchor="middle" x="{at}" y="{floor + 17}">{quantile * 100:.6g} %</text>')
    parts.append(
        f'<text class="axis" text-anchor="end" x="{WIDTH - RIGHT}" y="{HEIGHT - 6}">share of the operations that were '
        "as fast</text>"
    )
    for time in (step * 10.0**power for power in range(math.floor(low), math.ceil(high) + 1) for step in (1, 2, 5)):
        if low <= math.log10(time) <= high:
            parts.append(f'<path class="grid" d="M{LEFT} {y(time)}H{WIDTH - RIGHT}"/>')
            label = escape(duration(time))
            parts.append(f'<text class="axis" text-anchor="end" x="{LEFT - 6}" y="{y(time) + 4:.1f}">{label}</text>')
    for tail in tails:
        path = " ".join(f"{x(quantile)},{y(time)}" for quantile, time in tail.points)
        parts.append(f'<polyline class="line {tail.style}" points="{path}"/>')
    return Markup("".join([*parts, "</svg>"]))


def _nines(quantile: float) -> float:
    return -math.log10(1 - quantile)
