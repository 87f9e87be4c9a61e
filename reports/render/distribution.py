"""How long operations took: when it was so long (a heatmap), and how many took how long (a histogram)."""

import math
from collections.abc import Mapping, Sequence

from markupsafe import Markup

from harness.quantities import duration
from reports.render import axes
from reports.render.axes import Band, Mark
from reports.render.svg import HEIGHT, TALL, Below, frame, percent, shades, timed, within
from reports.tables.heatmap import Heatmap

MARKED = ("p50", "p95", "p99")
"""The percentiles that a histogram has lines at."""


def heatmap(found: Heatmap, bands: Sequence[Band], over: float) -> Markup:
    """The heatmap with its axes, which end at second `over`, on either ground."""
    span = math.log(found.high / found.low)

    def y(time: float) -> float:
        return round(HEIGHT * (1 - math.log(time / found.low) / span), 1)

    size = f'width="{found.seconds:g}" height="{TALL}" preserveAspectRatio="none"'
    pictures = "".join(
        f'<image class="{style}" {size} href="{picture}"/>'
        for style, picture in (("on-white", found.on_white), ("on-black", found.on_black))
    )
    edges = "".join(f'<path class="edge" d="M{start:g} 0V{TALL}"/>' for _, start, _ in bands[1:])
    label = f"Response times over the load, from {duration(found.low)} to {duration(found.high)}"
    return frame(
        label,
        HEIGHT,
        [(y(mark), duration(mark)) for mark in axes.logarithmic(found.low, found.high, HEIGHT).marks],
        lambda width: timed(over, width, bands),
        f"time since the load began, {axes.time_unit(over)}",
        within(over, HEIGHT, f"{shades(bands, 1.0)}{pictures}{edges}"),
    )


def histogram(found: Heatmap, response: Mapping[str, float | None]) -> Markup:
    """How many operations took how long, on a logarithmic axis of times, with the percentiles that `response` has."""
    span = math.log(found.high / found.low)

    def x(time: float) -> float:
        return math.log(max(time, found.low) / found.low) / span

    scale = axes.even(max(found.counts))
    bars = "".join(
        f'<rect class="bar" x="{place}" y="{TALL * (1 - scale.place_of(count)):.0f}" width="1" '
        f'height="{TALL * scale.place_of(count):.0f}"/>'
        for place, count in enumerate(found.counts)
        if count
    )
    marked = [(x(time), f"{name} {duration(time)}") for name in MARKED if (time := response[name])]
    lines = "".join(f'<line class="whisker" x1="{percent(at)}" x2="{percent(at)}" y2="{HEIGHT}"/>' for at, _ in marked)
    places = axes.logarithmic(found.low, found.high, HEIGHT).marks
    marks = [(x(time), duration(time)) for time in places]
    return frame(
        f"How many operations took how long, from {duration(found.low)} to {duration(found.high)}",
        HEIGHT,
        [(HEIGHT * (1 - scale.place_of(mark)), axes.number(mark)) for mark in scale.marks],
        lambda width: _below(marks, marked, width),
        "response time; the axis is logarithmic",
        within(len(found.counts), HEIGHT, bars) + lines,
    )


def _below(marks: Sequence[Mark], marked: Sequence[Mark], width: int) -> Below:
    return Below(axes.clear(marks, width), axes.names([(name, at, at) for at, name in marked], 1.0, width))
