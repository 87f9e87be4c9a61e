"""Response times by percentile: how long the slowest tenth, hundredth, thousandth took, each as far as the next."""

import math
from collections.abc import Sequence
from typing import NamedTuple

from markupsafe import Markup

from harness.quantities import duration
from reports.render import axes
from reports.render.svg import HEIGHT, TALL, Below, frame, within

QUANTILES = (0.0, 0.5, 0.9, 0.99, 0.999, 0.9999, 0.99999, 0.999999)


class Tail(NamedTuple):
    """A line: `style` is the class that gives it colour and dashes; its points are (quantile, seconds)."""

    style: str
    points: Sequence[tuple[float, float]]


def draw(title: str, tails: Sequence[Tail]) -> Markup:
    """The drawing; nothing if no line has a point."""
    points = [point for tail in tails for point in tail.points]
    times = [time for _, time in points if time > 0]
    if not times:
        return Markup("")
    nines = max(max(_nines(quantile) for quantile, _ in points), 1.0)
    scale = axes.logarithmic(min(times), max(times), HEIGHT)
    marks = [(_nines(one) / nines, f"{one * 100:.6g} %") for one in QUANTILES if _nines(one) <= nines]
    drawn = [f'<path class="grid" d="M{TALL * at:.0f} 0V{TALL}"/>' for at, _ in marks]
    for tail in tails:
        places = (f"{TALL * _nines(q) / nines:.0f},{TALL * (1 - scale.place_of(time)):.0f}" for q, time in tail.points)
        drawn.append(f'<polyline class="line {tail.style}" points="{" ".join(places)}"/>')
    return frame(
        title,
        HEIGHT,
        [(HEIGHT * (1 - scale.place_of(mark)), duration(mark)) for mark in scale.marks],
        lambda width: Below(axes.clear(marks, width)),
        "share of the operations that were as fast",
        within(TALL, HEIGHT, "".join(drawn)),
    )


def _nines(quantile: float) -> float:
    return -math.log10(1 - quantile)
