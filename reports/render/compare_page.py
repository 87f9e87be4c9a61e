"""A comparison as a page and as text: the change of each metric with its interval, and both tails over each other."""

import math
from typing import Any

from markupsafe import Markup, escape

from harness.quantities import duration, rate
from reports.render.page import page
from reports.render.svg import Tail, draw

SYMBOLS = {"REGRESSED": "✗", "IMPROVED": "✓", "NO CHANGE": "✓", "INCONCLUSIVE": "?", "NOT COMPARABLE": "?"}
STYLES = {
    "REGRESSED": "no-go",
    "IMPROVED": "go",
    "NO CHANGE": "go",
    "INCONCLUSIVE": "invalid",
    "NOT COMPARABLE": "invalid",
}
WIDTH, LEFT, RIGHT = 960, 150, 20
ROW, AXIS = 44, 34


def render(found: dict[str, Any]) -> str:
    """comparison.html."""
    return page(
        "compare.html.j2",
        found=found,
        sentence=sentence(found),
        symbols=SYMBOLS,
        styles=STYLES,
        forest=forest(found["metrics"]) if found["metrics"] else "",
        spectra=spectra(found["spectra"]),
        percent=percent,
        value=value,
        median=lambda values: sorted(values)[len(values) // 2],
    )


def text(found: dict[str, Any]) -> str:
    """The same for a terminal."""
    lines = [f"{SYMBOLS[found['change']]} {found['change']}: {sentence(found)}"]
    for one in found["metrics"]:
        told = f"p {one['p']:.3f}, {one['pairs']} pairs{_more(one)}"
        if one["low"] and one["high"]:
            told = f"95 %: {percent(one['low'])} to {percent(one['high'])}; {told}"
        lines.append(f"  {one['change']:<13} {one['metric']['name']:<8} {percent(one['ratio']):>8}  ({told})")
    return "\n".join([*lines, *(f"  {reason}" for reason in found["reasons"])])


def sentence(found: dict[str, Any]) -> str:
    """What was compared and what came of it."""
    of = f"{found['scenario']} ({found['profile']}), {found['head']['ref']} against {found['base']['ref']}"
    if found["reasons"]:
        return f"{of}: no figures are compared, for the runs are not of the same thing."
    if found["advisory"]:
        return f"{of}: two runs only, which differ by chance alone too; `make perf-ab` proves a change."
    return f"{of}, {found['pairs']} pairs."


def percent(ratio: float | None) -> str:
    """A ratio as a change: 1.1 is +10 %."""
    return "unknown" if ratio is None else f"{(ratio - 1) * 100:+.1f} %"


def value(name: str, number: float) -> str:
    """A value of a metric with its unit."""
    return rate(number) if name == "goodput" else duration(number)


def _more(one: dict[str, Any]) -> str:
    return f"; about {one['more']} more might decide" if one["more"] else ""


def forest(metrics: list[dict[str, Any]]) -> Markup:
    """Each metric's change with its interval on one axis of ratios; the shade is what counts as no change."""
    known = [abs(math.log(one[name])) for one in metrics for name in ("ratio", "low", "high") if one[name]]
    reach = max([*known, math.log(1.2)]) * 1.1
    height = ROW * len(metrics) + AXIS

    def x(ratio: float) -> float:
        return round(LEFT + (WIDTH - LEFT - RIGHT) * (0.5 + math.log(ratio) / reach / 2), 1)

    marks = [m for m in (0.25, 0.5, 0.67, 0.8, 0.9, 1.0, 1.1, 1.25, 1.5, 2.0, 4.0) if abs(math.log(m)) <= reach]
    floor = ROW * len(metrics)
    label = "Change of each metric with its 95 % interval"
    parts = [
        f'<svg class="chart" viewBox="0 0 {WIDTH} {height}" role="img" aria-label="{label}">',
        f'<rect class="band0" x="{x(0.95)}" y="0" width="{x(1.05) - x(0.95):.1f}" height="{floor}"/>',
    ]
    for mark in marks:
        parts.append(f'<path class="grid" d="M{x(mark)} 0V{floor}"/>')
        parts.append(f'<text class="axis" text-anchor="middle" x="{x(mark)}" y="{floor + 18}">{percent(mark)}</text>')
    for place, one in enumerate(metrics):
        y = ROW * place + ROW // 2
        low, high = x(one["low"]) if one["low"] else LEFT, x(one["high"]) if one["high"] else WIDTH - RIGHT
        style = "dashed" if not one["low"] or not one["high"] else ""
        parts.append(f'<text x="0" y="{y - 2}">{escape(one["metric"]["name"])}</text>')
        parts.append(f'<text class="axis" x="0" y="{y + 14}">{SYMBOLS[one["change"]]} {escape(one["change"])}</text>')
        parts.append(f'<path class="whisker {style}" d="M{low} {y}H{high}M{low} {y - 6}v12M{high} {y - 6}v12"/>')
        for base, head in zip(one["base"], one["head"], strict=True):
            parts.append(f'<circle class="pair" cx="{x(head / base)}" cy="{y + 12}" r="2.5"/>')
        parts.append(f'<rect class="estimate" x="{x(one["ratio"]) - 5}" y="{y - 5}" width="10" height="10"/>')
    return Markup("".join([*parts, "</svg>"]))


def spectra(found: list[dict[str, Any]]) -> Markup:
    """The response times of every run."""
    tails = [Tail(f"side-{one['side']}", [(point[0], point[1]) for point in one["points"]]) for one in found]
    return draw("Response time by percentile", tails)
