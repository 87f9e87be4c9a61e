"""Points beside each other, of which each holds or does not: by its shape, not only by its colour."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

from markupsafe import Markup, escape

from reports.render import axes
from reports.render.svg import HEIGHT, Below, frame, percent

SIZE = 5
TOP = 1.1
"""Of the height: what stands above the highest point has room."""


class Point(NamedTuple):
    """A point above `name` on the axis, with a `note` beside it; `held` is None where it is not judged."""

    name: str
    value: float
    held: bool | None
    note: str


def draw(
    title: str,
    axis: str,
    unit: Callable[[float], str],
    points: Sequence[Point],
    level: float | None = None,
    band: tuple[float, float] | None = None,
) -> Markup:
    """The drawing: a circle holds, a cross does not, a diamond is not judged. `level` is a line across it, `band` what
    is shaded. Names and notes that would overlap are left out; the table beside it has them.
    """
    highest = max([*(point.value for point in points), level or 0.0, band[1] if band else 0.0])
    scale = axes.even(highest * TOP)
    places = [(place + 0.5) / len(points) for place in range(len(points))]

    def y(value: float) -> float:
        return round(HEIGHT * (1 - scale.place_of(value)), 1)

    inside = []
    if band:
        high, low = y(band[1]), y(band[0])
        inside.append(f'<rect class="band" y="{high}" width="100%" height="{max(low - high, 1):.1f}"/>')
    if level is not None:
        inside.append(f'<line class="line p50" x2="100%" y1="{y(level)}" y2="{y(level)}"/>')
    for place, point in zip(places, points, strict=True):
        inside.append(f'<svg x="{percent(place)}" y="{y(point.value)}">{_mark(point.held)}</svg>')
    for style, width in (("wide", axes.WIDE), ("narrow", axes.NARROW)):
        noted = [(place, point.note) for place, point in zip(places, points, strict=True)]
        kept = {at for at, _ in axes.clear(noted, width)}
        for place, point in zip(places, points, strict=True):
            if point.note and place in kept:
                at = f'x="{percent(place)}" y="{y(point.value) - 10:.1f}"'
                inside.append(f'<text class="{style}" text-anchor="middle" {at}>{escape(point.note)}</text>')
    named = [(place, point.name) for place, point in zip(places, points, strict=True)]
    return frame(
        title,
        HEIGHT,
        [(y(mark), unit(mark)) for mark in scale.marks],
        lambda width: Below(axes.clear(named, width)),
        axis,
        "".join(inside),
    )


def _mark(held: bool | None) -> str:
    if held is None:
        return f'<path class="line begun" d="M0 -{SIZE}l{SIZE} {SIZE}l-{SIZE} {SIZE}l-{SIZE} -{SIZE}z"/>'
    if held:
        return f'<circle class="line good" r="{SIZE}"/>'
    return (
        f'<path class="line broke" d="M-{SIZE} -{SIZE}l{2 * SIZE} {2 * SIZE}M-{SIZE} {SIZE}l{2 * SIZE} -{2 * SIZE}"/>'
    )
