"""What grows with the volume, as a page and as text: each p95, tables and indexes, and what is extrapolated."""

import math
import os
import re
from pathlib import Path
from typing import Any

from markupsafe import Markup, escape

from harness.quantities import duration
from harness.reported import REPORT
from reports import figures
from reports.render import axes
from reports.render.page import page
from reports.render.svg import LOW, Below, frame, percent, whisker

SIDE = 0.04
"""The share of the width that is left free on either side of the volumes."""
SYMBOLS = {"within": "✓", "not proven": "!", "beyond": "✗"}
STYLES = {"within": "go", "not proven": "conditional", "beyond": "no-go"}
SAID = {
    "GO": "no p95 grows beyond the limit, and the greatest volume is within every rule",
    "CONDITIONAL": "what grows, or a rule at some volume, is not proven to be within its limit",
    "NO-GO": "a p95 has grown beyond the limit, or the greatest volume misses a rule",
    "INVALID": "nothing is compared, for the runs are not of the same thing or mean nothing",
}


def render(told: dict[str, Any], folder: Path) -> str:
    """volumes.html, in `folder`."""
    return page(
        "volumes.html.j2",
        told=told,
        said=SAID[told["verdict"]],
        charts=[chart(one, told) for one in told["figures"]],
        links=[os.path.relpath(Path(run["path"]) / REPORT, folder) for run in told["runs"]],
        symbols=SYMBOLS,
        styles=STYLES,
        figures=figures,
        duration=duration,
        size=size,
        times=times,
        between=between,
        name=name,
        short=short,
    )


def text(told: dict[str, Any]) -> str:
    """The same for a terminal of 80 columns."""
    of = told["of"]
    first, last = (short(told["volumes"][place]) for place in (0, -1))
    about = f"{told['scenario']} ({told['profile']}) at {' -> '.join(map(short, told['volumes']))} {of}"
    lines = [
        "",
        f"{figures.SYMBOLS[told['verdict']]} {told['verdict']}: {about}",
        f"  {SAID[told['verdict']]}.",
        *(f"  {reason}" for reason in told["reasons"]),
    ]
    if not told["reasons"]:
        lines += [f"  {short(one['volume'])} is {one['verdict']}" for one in told["runs"] if one["verdict"] != "GO"]
    if told["figures"]:
        lines.append(f"  {'p95':<15}{first:>9}{last:>9}  times (95 %), limit {told['most']:g}")
    for one in told["figures"]:
        least, most = (duration(one["points"][place]["value"]) for place in (0, -1))
        grown = one["grown"]
        lines.append(
            f"{SYMBOLS[one['growth']]} {name(one['measures']):<15}{least:>9}{most:>9}  {times(grown['value'])} "
            f"({between(grown)}) {one['growth']}"
        )
    for one in told["sizes"][-1:]:
        lines.append(f"  {size(one['bytes'][-1])} with {last} {of}, {one['each']:,.0f} B each")
        if told["larger"]:
            lines.append(f"  extrapolated, not measured: {size(one['larger'])} with {short(told['larger'])}")
    return "\n".join(lines)


def name(measures: str) -> str:
    """What a figure is of: the kind of operation, or else the whole."""
    kind = re.search(r"op=(\w+)", measures)
    return kind[1] if kind else measures


def short(volume: int) -> str:
    """A volume in few characters: 3M, 300k."""
    for unit, many in (("M", 1_000_000), ("k", 1_000)):
        if volume >= many:
            return f"{volume / many:g}{unit}"
    return str(volume)


def size(count: float) -> str:
    """Bytes for people."""
    for unit, many in (("GB", 1e9), ("MB", 1e6)):
        if count >= many:
            return f"{count / many:.3g} {unit}"
    return f"{count / 1e3:.3g} kB"


def times(factor: float) -> str:
    """A factor."""
    return f"{factor:.2f}"


def between(one: dict[str, Any]) -> str:
    """An interval of a factor."""
    low, high = (("?" if end is None else times(end)) for end in (one["low"], one["high"]))
    return f"{low} to {high}"


def chart(one: dict[str, Any], told: dict[str, Any]) -> Markup:
    """A p95 by volume with its interval, the line of its limit, and, hollow, what is extrapolated."""
    volumes = [*told["volumes"], *([told["larger"]] if told["larger"] else [])]
    least, most = math.log10(volumes[0]), math.log10(volumes[-1])
    drawn = [*one["points"], *([one["larger"]] if one["larger"] else [])]
    limit = one["limit"] or 0.0
    scale = axes.even(max([end for point in drawn for end in (point["value"], point["high"]) if end] + [limit]))

    def x(volume: float) -> float:
        return SIDE + (1 - 2 * SIDE) * (math.log10(volume) - least) / (most - least)

    def y(value: float) -> float:
        return round(LOW * (1 - scale.place_of(value)), 1)

    inside = []
    if limit:
        inside.append(f'<line class="limit" x2="100%" y1="{y(limit)}" y2="{y(limit)}"/>')
        said = f"its rule: {duration(limit)}"
        inside.append(f'<text class="limit-name" x="0" dx="6" y="{y(limit) - 4:.1f}">{escape(said)}</text>')
    inside += [_point(percent(x(point["volume"])), y, point, "estimate") for point in one["points"]]
    if one["larger"]:
        inside.append(_point(percent(x(told["larger"])), y, one["larger"], "pair"))
    marks = [(x(volume), short(volume)) for volume in volumes]
    return frame(
        f"{name(one['measures'])}: p95 by volume",
        LOW,
        [(y(mark), duration(mark) if mark else "0") for mark in scale.marks],
        lambda width: Below(axes.clear(marks, width)),
        f"{told['of']}; the axis is logarithmic{', the hollow one is extrapolated' if one['larger'] else ''}",
        "".join(inside),
    )


def _point(x: str, y: Any, point: dict[str, Any], style: str) -> str:
    low, high = (point["value"] if end is None else end for end in (point["low"], point["high"]))
    said = escape(f"{duration(point['value'])} ({duration(low)} to {duration(high)})")
    dot = f'<circle class="{style}" cx="{x}" cy="{y(point["value"])}" r="4"><title>{said}</title></circle>'
    return whisker(x, y(low), y(high)) + dot
