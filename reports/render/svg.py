"""A chart is read without colour, script or network: axes with units, dashes beside colours, phases named."""

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

from markupsafe import Markup, escape

from harness.quantities import duration
from reports.samples.series import Values

WIDTH, HEIGHT, LEFT, RIGHT, BOTTOM = 960, 300, 64, 12, 40
LABEL_HEIGHT, LABEL_WIDTH = 15, 6.6
"""Height of a row of phase names, and how wide a character is at most, in the units of the drawing."""
SECONDS = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 1800, 3600, 14_400, 86_400)
"""What may lie between two marks of the time axis."""

Band = tuple[str, float, float]


class Line(NamedTuple):
    """A line of a chart; `style` is the class that gives it colour and dashes."""

    name: str
    style: str
    values: Values


def bullet(
    value: float | None, limit: float | None, state: str, label: str, interval: Sequence[float | None] | None
) -> Markup:
    """A bar of `value` with a tick at `limit`, always in the middle, so that a column of them can be compared.

    A thin line is its interval; an end that is not known runs off.
    """
    width, height = 120, 16
    if limit is None or (value is None and state in ("ERROR", "NOT COMPARED")):
        bar = ""
    else:
        full = 2 * limit if limit > 0 else 1.0
        share = 1.0 if value is None else min(max(value / full, 0.0), 1.0)
        size = max(share * width, 1.0)
        bar = f'<rect class="bar" x="0" y="4" width="{size:.1f}" height="8"/>'
        if value is None or value > full:
            bar += f'<path class="beyond" d="M{width - 6} 3l5 5l-5 5"/>'
        if interval is not None:
            low, high = (
                outside if end is None else min(max(end / full, 0.0), 1.0) * width
                for end, outside in zip(interval, (0.0, float(width)), strict=True)
            )
            bar += f'<path class="interval" d="M{low:.1f} 8H{high:.1f}M{low:.1f} 5v6M{high:.1f} 5v6"/>'
    tick = "" if limit is None else f'<path class="tick" d="M{width // 2 if limit > 0 else 1} 1v14"/>'
    return Markup(
        f'<svg class="bullet {_class(state)}" viewBox="0 0 {width} {height}" role="img" aria-label="{escape(label)}">'
        f'<rect class="track" x="0" y="4" width="{width}" height="8"/>{bar}{tick}</svg>'
    )


def chart(
    title: str,
    unit: Callable[[float], str],
    width_s: int,
    begin: Sequence[int],
    lines: Sequence[Line],
    bands: Sequence[Band],
    logarithmic: bool,
    disturbed: Sequence[Band] = (),
) -> Markup:
    """Lines over the seconds since the plan began, with the phases of the plan behind them, and what it disturbed."""
    over = max([begin[-1] + width_s, *(end for _, _, end in bands)])
    labels = _labels(bands, over)
    top = LABEL_HEIGHT * (1 + max(row for _, row in labels)) + 6
    height, floor = HEIGHT + top, HEIGHT + top - BOTTOM
    ticks, place_of = _scale(lines, logarithmic)

    def x(second: float) -> float:
        return round(LEFT + (WIDTH - LEFT - RIGHT) * second / over, 1)

    def y(value: float) -> float:
        return round(floor - (floor - top) * min(max(place_of(value), 0.0), 1.0), 1)

    parts = [f'<svg class="chart" viewBox="0 0 {WIDTH} {height}" role="img" aria-label="{escape(title)}">']
    for place, ((name, start, end), (at, row)) in enumerate(zip(bands, labels, strict=True)):
        size = f'width="{x(end) - x(start):.1f}" height="{floor - top}"'
        parts.append(
            f'<rect class="band{place % 2}" x="{x(start)}" y="{top}" {size}/>'
            f'<path class="edge" d="M{x(start)} {row * LABEL_HEIGHT + 4}V{floor}"/>'
            f'<text class="phase" x="{at:.1f}" y="{(row + 1) * LABEL_HEIGHT}">{escape(name)}</text>'
        )
    for name, start, end in disturbed:
        # As wide as a line at least: a reset takes no time.
        size = f'width="{max(x(end) - x(start), 2):.1f}" height="{floor - top}"'
        parts.append(f'<rect class="disturbed" x="{x(start)}" y="{top}" {size}><title>{escape(name)}</title></rect>')
    for tick in ticks:
        parts.append(f'<path class="grid" d="M{LEFT} {y(tick)}H{WIDTH - RIGHT}"/>')
        parts.append(
            f'<text class="axis" text-anchor="end" x="{LEFT - 6}" y="{y(tick) + 4:.1f}">{escape(unit(tick))}</text>'
        )
    step = next((step for step in SECONDS if over / step <= 10), SECONDS[-1])
    for second in range(0, int(over) + 1, step):
        parts.append(f'<path class="grid" d="M{x(second)} {floor}v4"/>')
        anchor = "end" if x(second) > WIDTH - 20 else "middle"
        label = _clock(second, over)
        parts.append(f'<text class="axis" text-anchor="{anchor}" x="{x(second)}" y="{floor + 17}">{label}</text>')
    parts.append(
        f'<text class="axis" text-anchor="end" x="{WIDTH - RIGHT}" y="{height - 6}">time since the load began, '
        f"{'minutes:seconds' if over >= 120 else 'seconds'}</text>"
    )
    parts += [f'<path class="line {line.style}" d="{_path(line.values, begin, width_s, x, y)}"/>' for line in lines]
    return Markup("".join([*parts, "</svg>"]))


def key(style: str) -> Markup:
    """The sample of a line, for the legend."""
    return Markup(
        f'<svg class="key" viewBox="0 0 36 10" aria-hidden="true"><path class="line {style}" d="M1 5H35"/></svg>'
    )


def _class(state: str) -> str:
    return f"is-{state.lower().replace(' ', '-')}"


def _labels(bands: Sequence[Band], over: float) -> list[tuple[float, int]]:
    """Where the name of each band begins, and the row in which it is clear of the names before it."""
    scale = (WIDTH - LEFT - RIGHT) / over
    free: list[float] = []
    labels = []
    for name, begin, _ in bands:
        size = (len(name) + 1) * LABEL_WIDTH
        at = min(LEFT + begin * scale + 3, WIDTH - size)
        row = next((row for row, until in enumerate(free) if until <= at), len(free))
        free[row : row + 1] = [at + size]
        labels.append((at, row))
    return labels


def spread(lines: Sequence[Line]) -> bool:
    """Whether the values of `lines` lie so far apart that on an even axis the common ones would be a flat line."""
    values = sorted(value for line in lines for value in line.values if value)
    return bool(values) and values[-1] > 20 * values[len(values) // 2]


def _scale(lines: Sequence[Line], logarithmic: bool) -> tuple[list[float], Callable[[float], float]]:
    """The marks of the value axis, and where between its ends, 0 and 1, a value is."""
    values = [value for line in lines for value in line.values if value is not None]
    if not logarithmic:
        ticks = round_numbers(max(values, default=0.0))
        return ticks, lambda value: value / ticks[-1]
    low, high = (math.log10(end) for end in (min(value for value in values if value > 0), max(values)))
    low, high = math.floor(low), math.ceil(high)
    ticks = [10.0**power for power in range(low, high + 1)]
    return ticks, lambda value: (math.log10(value) - low) / (high - low) if value > 0 else 0.0


def round_numbers(highest: float) -> list[float]:
    """About five round numbers from 0 to `highest` or a little above it."""
    rough = max(highest, 1e-9) / 5
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(power * factor for factor in (1, 2, 5, 10) if power * factor >= rough * (1 - 1e-9))
    steps = max(math.ceil(highest / step - 1e-9), 1)
    return [round(step * place, 12) for place in range(steps + 1)]


def _clock(second: int, over: float) -> str:
    if over < 120:
        return str(second)
    minutes, rest = divmod(second, 60)
    return f"{minutes}:{rest:02d}"


def _path(
    values: Values,
    begin: Sequence[int],
    width_s: int,
    x: Callable[[float], float],
    y: Callable[[float], float],
) -> str:
    """A line through the middles of the steps; it has a gap where there is no value, and a lone value is a dot."""
    parts, drawn = [], False
    for place, value in enumerate(values):
        if value is None:
            drawn = False
            continue
        alone = not drawn and (place + 1 == len(values) or values[place + 1] is None)
        parts.append(f"{'L' if drawn else 'M'}{x(begin[place] + width_s / 2):g} {y(value):g}{'h0' if alone else ''}")
        drawn = True
    return "".join(parts)


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
