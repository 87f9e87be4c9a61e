"""Points beside each other, of which each holds or does not: by its shape, not only by its colour."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

from markupsafe import Markup, escape

from reports.render.svg import LEFT, RIGHT, WIDTH, round_numbers

HEIGHT, TOP, BOTTOM, SIZE = 300, 22, 40, 5
BELOW = 1e-9


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
    is shaded.
    """
    marks = round_numbers(max([*(point.value for point in points), level or 0.0, band[1] if band else 0.0]))
    floor, width = HEIGHT - BOTTOM, WIDTH - LEFT - RIGHT

    def x(place: int) -> float:
        return round(LEFT + width * (place + 0.5) / len(points), 1)

    def y(value: float) -> float:
        return round(floor - (floor - TOP) * value / max(marks[-1], BELOW), 1)

    parts = [f'<svg class="chart" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escape(title)}">']
    if band:
        size = f'width="{width}" height="{max(y(band[0]) - y(band[1]), 1):.1f}"'
        parts.append(f'<rect class="band0" x="{LEFT}" y="{y(band[1])}" {size}/>')
    for mark in marks:
        parts.append(f'<path class="grid" d="M{LEFT} {y(mark)}H{WIDTH - RIGHT}"/>')
        parts.append(
            f'<text class="axis" text-anchor="end" x="{LEFT - 6}" y="{y(mark) + 4:.1f}">{escape(unit(mark))}</text>'
        )
    if level is not None:
        parts.append(f'<path class="line p50" d="M{LEFT} {y(level)}H{WIDTH - RIGHT}"/>')
    for place, point in enumerate(points):
        at, high = x(place), y(point.value)
        parts.append(_mark(at, high, point.held))
        parts.append(f'<text text-anchor="middle" x="{at}" y="{high - 10:.1f}">{escape(point.note)}</text>')
        parts.append(f'<text class="axis" text-anchor="middle" x="{at}" y="{floor + 17}">{escape(point.name)}</text>')
    parts.append(f'<text class="axis" text-anchor="end" x="{WIDTH - RIGHT}" y="{HEIGHT - 6}">{escape(axis)}</text>')
    return Markup("".join([*parts, "</svg>"]))


def _mark(x: float, y: float, held: bool | None) -> str:
    if held is None:
        shape = f"M{x} {y - SIZE}l{SIZE} {SIZE}l-{SIZE} {SIZE}l-{SIZE} -{SIZE}z"
        return f'<path class="line begun" d="{shape}"/>'
    if held:
        return f'<circle class="line good" cx="{x}" cy="{y}" r="{SIZE}"/>'
    cross = f"M{x - SIZE} {y - SIZE}l{2 * SIZE} {2 * SIZE}M{x - SIZE} {y + SIZE}l{2 * SIZE} -{2 * SIZE}"
    return f'<path class="line broke" d="{cross}"/>'
