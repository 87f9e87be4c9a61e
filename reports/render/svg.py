"""A chart is read without colour, script or network: axes with units, dashes beside colours, phases named.

It is as wide as its page, and its words are not scaled with it: what is drawn has no size of its own, and words stand
at shares of the width (axes.py).
"""

import itertools
import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

from markupsafe import Markup, escape

from reports.render import axes
from reports.render.axes import Band, Mark, Name, Scale
from reports.samples.series import Values

HEIGHT, LOW = 220, 150
"""How high a plot is (px): one that is looked at for itself, and one beside others."""
TALL = 500
"""The height of a plot in the units of what is drawn in it: two for a px, and few digits."""
STYLES = tuple(f"of{place}" for place in range(9))
"""The styles of lines that mean nothing by themselves; of more no two could be told apart."""


DURATION = "duration"
"""The unit of a chart of durations."""


class Line(NamedTuple):
    """A line of a chart; `style` is the class that gives it colour and dashes."""

    name: str
    style: str
    values: Values


class Limit(NamedTuple):
    """A value that is not to be passed, and from when to when that is asked."""

    name: str
    value: float
    spans: Sequence[tuple[float, float]]


class Chart(NamedTuple):
    """Lines over the course of a load; behind its numbers stands `unit`, or they are of DURATION (s)."""

    title: str
    lines: Sequence[Line]
    unit: str = ""
    limits: Sequence[Limit] = ()
    height: int = LOW
    spread: bool = False
    """Whether its axis is logarithmic where its values lie far apart: what is rare, or slow, is to be seen too."""


class Below(NamedTuple):
    """What stands around a plot of one width: marks under it, names above it."""

    marks: Sequence[Mark]
    names: Sequence[Name] = ()


def frame(
    title: str,
    height: int,
    scale: Sequence[tuple[float, str]],
    below: Callable[[int], Below],
    axis: str,
    inside: str,
) -> Markup:
    """A plot with its axes. `scale` is px from the top and a label each; `below` what stands around a plot of so many
    px; `axis` says what is under it; `inside` is drawn in px from the top and shares of the width.
    """
    widths = (("wide", below(axes.WIDE)), ("narrow", below(axes.NARROW)))
    kind = "chart" if scale else "chart bare"
    parts = [f'<div class="{kind}" role="img" aria-label="{escape(title)}">']
    parts += [_names(style, words.names) for style, words in widths if words.names]
    if scale:
        labels = "".join(f'<text x="100%" dx="-6" y="{y + 4:g}">{escape(label)}</text>' for y, label in scale)
        parts.append(f'<svg class="scale" height="{height}">{labels}</svg>')
    grid = "".join(f'<line class="grid" x2="100%" y1="{y:g}" y2="{y:g}"/>' for y, _ in scale)
    parts.append(f'<svg class="plot" height="{height}">{grid}{inside}</svg>')
    parts += [_marks(style, words.marks) for style, words in widths if words.marks]
    return Markup("".join([*parts, f'<div class="axis">{escape(axis)}</div></div>']))


def _names(style: str, names: Sequence[Name]) -> str:
    height = axes.ROW * (1 + max(name.row for name in names))
    parts = [f'<svg class="names {style}" height="{height}">']
    for at, row, ends, text in names:
        place = percent(at)
        anchor = 'text-anchor="end"' if ends else 'dx="3"'
        if not ends:
            parts.append(f'<line class="edge" x1="{place}" x2="{place}" y1="{row * axes.ROW + 3}" y2="100%"/>')
        parts.append(f'<text x="{place}" {anchor} y="{(row + 1) * axes.ROW - 4}">{escape(text)}</text>')
    return "".join([*parts, "</svg>"])


def _marks(style: str, marks: Sequence[Mark]) -> str:
    ticks = (
        f'<line class="tick" x1="{percent(at)}" x2="{percent(at)}" y2="4"/>'
        f'<text x="{percent(at)}" y="16">{escape(label)}</text>'
        for at, label in marks
    )
    return f'<svg class="marks {style}" height="20">{"".join(ticks)}</svg>'


def percent(share: float) -> str:
    """A share of the width, as an attribute."""
    return f"{100 * share:.2f}".rstrip("0").rstrip(".") + "%"


def within(across: float, height: int, drawn: str) -> str:
    """What is `drawn` in a plot, `across` units wide and TALL high, whatever its size; strokes keep theirs."""
    box = f'viewBox="0 0 {across:g} {TALL}" preserveAspectRatio="none"'
    return f'<svg class="within" {box} width="100%" height="{height}">{drawn}</svg>'


def chart(
    title: str,
    unit: Callable[[float], str],
    width_s: int,
    begin: Sequence[int],
    lines: Sequence[Line],
    bands: Sequence[Band],
    logarithmic: bool,
    disturbed: Sequence[Band] = (),
    limits: Sequence[Limit] = (),
    height: int = HEIGHT,
) -> Markup:
    """Lines over the seconds since the plan began, with the phases of the plan behind them, what it disturbed, and
    limits: those that are on the scale.
    """
    over = max([begin[-1] + width_s, *(end for _, _, end in bands)])
    values = [value for line in lines for value in line.values if value is not None]
    scale = scale_of(values, [limit.value for limit in limits], logarithmic, height)
    shown = [limit for limit in limits if limit.value <= scale.high]
    drawn = [shades(bands, width_s), _disturbances(disturbed, width_s, over / 400)]
    for limit in shown:
        y = _y(limit.value, scale)
        spans = "".join(f"M{start / width_s:.5g} {y}H{end / width_s:.5g}" for start, end in limit.spans)
        drawn.append(f'<path class="limit" d="{spans}"/>')
    for line in lines:
        drawn.append(f'<path class="line {line.style}" d="{path(line.values, begin, width_s, scale)}"/>')
    return frame(
        title,
        height,
        [(_px(mark, scale, height), unit(mark)) for mark in scale.marks],
        lambda width: timed(over, width, bands),
        f"time since the load began, {axes.time_unit(over)}",
        within(over / width_s, height, "".join(drawn)) + _limit_names(shown, scale, height, over),
    )


def timed(over: float, width: int, bands: Sequence[Band] = ()) -> Below:
    """The marks of a load of `over` seconds, and the names of its phases, for a plot of `width` px."""
    return Below(axes.time_marks(over, width), axes.names(bands, over, width))


def shades(bands: Sequence[Band], width_s: float) -> str:
    """Every other phase as a shade."""
    return "".join(
        f'<rect class="band" x="{start / width_s:.5g}" width="{(end - start) / width_s:.5g}" height="{TALL}"/>'
        for _, start, end in bands[::2]
    )


def _disturbances(bands: Sequence[Band], width_s: float, least: float) -> str:
    """As wide as a line at least: a reset takes no time."""
    return "".join(
        f'<rect class="disturbed" x="{start / width_s:.5g}" width="{max(end - start, least) / width_s:.5g}" '
        f'height="{TALL}"><title>{escape(name)}</title></rect>'
        for name, start, end in bands
    )


def scale_of(values: Sequence[float], limits: Sequence[float], logarithmic: bool, height: int) -> Scale:
    """The axis of `values`. Limits are on it if that leaves the values room, which on a logarithmic one it does."""
    above = [value for value in values if 0 < value < math.inf]
    highest = max(above, default=0.0)
    if logarithmic and above:
        return axes.logarithmic(min([*above, *limits]), max([highest, *limits]), height)
    return axes.even(max([highest, *(limit for limit in limits if limit <= ROOM * highest)]))


ROOM = 4
"""A limit that is so many times the highest value is beyond an even axis: it would make a flat line of all values."""


def beyond(values: Sequence[float], limits: Sequence[Limit], logarithmic: bool, height: int) -> list[Limit]:
    """The limits that are not on the scale of `values`."""
    scale = scale_of(values, [limit.value for limit in limits], logarithmic, height)
    return [limit for limit in limits if limit.value > scale.high]


def steep(values: Sequence[float]) -> bool:
    """Whether `values` lie so far apart that on an even axis the common ones would be a flat line."""
    above = sorted(value for value in values if value > 0)
    return bool(above) and above[-1] > 20 * above[len(above) // 2]


def key(style: str) -> Markup:
    """The sample of a line, for the legend."""
    return Markup(
        f'<svg class="key" viewBox="0 0 36 10" aria-hidden="true"><path class="line {style}" d="M1 5H35"/></svg>'
    )


def path(values: Values, begin: Sequence[int], width_s: float, scale: Scale) -> str:
    """A line through the middles of the steps; it has a gap where there is no value, and a lone value is a dot.

    Each step is told from the one before it, and a straight stretch once: that is a third of the characters.
    """
    runs: list[list[tuple[float, int]]] = [[]]
    for at, value in zip(begin, values, strict=True):
        if value is None:
            runs.append([])
        else:
            runs[-1].append((at / width_s + 0.5, _y(value, scale)))
    return "".join(_run(points) for points in runs if points)


def _run(points: Sequence[tuple[float, int]]) -> str:
    moves: list[tuple[float, int]] = []
    last: tuple[float, int] | None = None
    for (x, y), (next_x, next_y) in itertools.pairwise(points):
        step = (next_x - x, next_y - y)
        if step == last:
            moves[-1] = (moves[-1][0] + step[0], moves[-1][1] + step[1])
        else:
            moves.append(step)
        last = step
    told = " ".join(f"{x:g}{y}" if y < 0 else f"{x:g} {y}" for x, y in moves)
    return f"M{points[0][0]:g} {points[0][1]}{'l' + told if told else 'h0'}"


def _y(value: float, scale: Scale) -> int:
    return round(TALL * (1 - scale.place_of(value)))


def _px(value: float, scale: Scale, height: int) -> float:
    return round(height * (1 - scale.place_of(value)), 1)


def _limit_names(limits: Sequence[Limit], scale: Scale, height: int, over: float) -> str:
    """The names of limits, each above its line and at the end of it, clear of each other; and from where to where, as
    shares of the load, it is of use.
    """
    places = axes.apart([_px(limit.value, scale, height) - 4 for limit in limits], axes.ROW - 2, 10, height - 4)
    words = []
    for limit, y in zip(limits, places, strict=True):
        end = limit.spans[-1][1] / over
        room = end * axes.NARROW >= len(limit.name) * axes.CHARACTER
        at, anchor = (end, "end") if room else (limit.spans[0][0] / over, "start")
        words.append(
            f'<text class="limit-name" text-anchor="{anchor}" x="{percent(at)}" y="{y:.1f}" '
            f'data-from="{limit.spans[0][0] / over:.4f}" data-until="{end:.4f}">{escape(limit.name)}</text>'
        )
    return "".join(words)


def whisker(x: str, low: float, high: float) -> str:
    """An interval of values, as px from the top, at a share of the width."""
    caps = "".join(f'<svg x="{x}" y="{y:.1f}"><path class="whisker" d="M-4 0H4"/></svg>' for y in (low, high))
    return f'<line class="whisker" x1="{x}" x2="{x}" y1="{low:.1f}" y2="{high:.1f}"/>{caps}'


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


def _class(state: str) -> str:
    return f"is-{state.lower().replace(' ', '-')}"
