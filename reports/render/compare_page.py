"""A comparison as a page and as text: the change of each metric with its interval, and both tails over each other."""

import math
from collections.abc import Callable
from typing import Any

from markupsafe import Markup, escape

from harness.quantities import duration, rate
from reports import comparability
from reports.render import axes, svg
from reports.render.page import page
from reports.render.tails import Tail, draw

SYMBOLS = {"REGRESSED": "✗", "IMPROVED": "✓", "NO CHANGE": "✓", "INCONCLUSIVE": "?", "NOT COMPARABLE": "?"}
STYLES = {
    "REGRESSED": "no-go",
    "IMPROVED": "go",
    "NO CHANGE": "go",
    "INCONCLUSIVE": "invalid",
    "NOT COMPARABLE": "invalid",
}
ROW = 54
"""How high the row of a metric is (px)."""
MARKS = (0.1, 0.25, 0.5, 0.67, 0.8, 0.9, 1.0, 1.1, 1.25, 1.5, 2.0, 4.0, 10.0)
"""Ratios that an axis of changes may have marks at."""
COUNTS = 0.05
"""A change that is smaller counts for nothing."""
NAMES = {
    "p50": "response time p50",
    "p95": "response time p95",
    "goodput": "ended as expected, a second",
}


def render(found: dict[str, Any]) -> str:
    """comparison.html."""
    return page(
        "compare.html.j2",
        found=found,
        sentence=sentence(found),
        symbols=SYMBOLS,
        styles=STYLES,
        forest=forest(found["metrics"]) if found["metrics"] else "",
        spectra=spectra(found["spectra"]) if found["metrics"] else "",
        side_keys=[(svg.key(f"side-{side}"), found[side]["ref"]) for side in ("base", "head")],
        facts=comparability.facts(found["base_fingerprint"], found["head_fingerprint"]),
        names=NAMES,
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

    def x(ratio: float) -> float:
        return min(max(0.5 + math.log(ratio) / reach / 2, 0.0), 1.0)

    height = ROW * len(metrics)
    marks = [(x(mark), percent(mark)) for mark in MARKS if abs(math.log(mark)) <= reach]
    low, high = x(1 - COUNTS), x(1 + COUNTS)
    inside = [f'<rect class="band" x="{svg.percent(low)}" width="{svg.percent(high - low)}" height="{height}"/>']
    inside += [f'<line class="grid" x1="{svg.percent(at)}" x2="{svg.percent(at)}" y2="{height}"/>' for at, _ in marks]
    for place, one in enumerate(metrics):
        inside.append(_row(one, ROW * place, x))
    return svg.frame(
        "Change of each metric with its 95 % interval",
        height,
        [],
        lambda width: svg.Below(axes.clear(marks, width)),
        "head against base",
        "".join(inside),
    )


def _row(one: dict[str, Any], top: int, x: Callable[[float], float]) -> str:
    """A metric: its name above, then its interval with the estimate, and the pairs below."""
    low, high = x(one["low"]) if one["low"] else 0.0, x(one["high"]) if one["high"] else 1.0
    style = "whisker" if one["low"] and one["high"] else "whisker dashed"
    middle, name = top + 30, f"{one['metric']['name']}: {SYMBOLS[one['change']]} {one['change']}"
    parts = [
        f'<text x="0" y="{top + 15}">{escape(name)}</text>',
        f'<line class="{style}" x1="{svg.percent(low)}" x2="{svg.percent(high)}" y1="{middle}" y2="{middle}"/>',
    ]
    for end in (low, high):
        parts.append(f'<svg x="{svg.percent(end)}" y="{middle}"><path class="whisker" d="M0 -6V6"/></svg>')
    for base, head in zip(one["base"], one["head"], strict=True):
        parts.append(f'<circle class="pair" cx="{svg.percent(x(head / base))}" cy="{middle + 13}" r="2.5"/>')
    square = '<rect class="estimate" x="-5" y="-5" width="10" height="10"/>'
    parts.append(f'<svg x="{svg.percent(x(one["ratio"]))}" y="{middle}">{square}</svg>')
    return "".join(parts)


def spectra(found: list[dict[str, Any]]) -> Markup:
    """The response times of every run."""
    tails = [Tail(f"side-{one['side']}", [(point[0], point[1]) for point in one["points"]]) for one in found]
    return draw("Response time by percentile", tails)
