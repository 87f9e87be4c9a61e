"""The drawings of the report, and the figures that hovering over them shows."""

import json
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from markupsafe import Markup, escape

from harness import quantities
from reports.render import flow_charts, machine_charts, points, svg
from reports.render.points import Point
from reports.render.svg import Tail, draw
from reports.samples.evidence import Evidence
from reports.samples.series import Series, cores, in_flight, means
from reports.tables.heatmap import heatmap

Drawing = dict[str, Any]
Unit = Callable[[float], str]

STYLES = {"target": "p50", "PostgreSQL": "p95", "generator": "p99"}
"""The lines of cores in use, drawn like those of percentiles: solid, dashed, dotted."""


def pictures(evidence: Evidence, course: Series, verdict: Mapping[str, Any], bands: list[svg.Band]) -> Drawing:
    """The timeline's charts with their legends, the tails, the heatmap, and what hovering shows (JSON); the steps of a
    search and the numbers of a scaling, if verdict.json has some.
    """
    spectrum: Sequence[Sequence[float]] = verdict["spectrum"]
    search = verdict["search"]
    charts, shown = [], []
    for title, drawn, unit, logarithmic in _timeline(evidence, course):
        drawing = svg.chart(title, unit, course.width, course.begin, drawn, bands, logarithmic, _disturbed(evidence))
        keys = [(svg.key(line.style), line.name) for line in drawn]
        charts.append({"title": title, "keys": keys, "drawing": drawing})
        shown += [(line, unit) for line in drawn]
    return {
        "charts": charts,
        "hover": _hover(course, shown, bands),
        "tails": draw(
            "Response and service time by percentile",
            [
                Tail("p95", [(point[0], point[2]) for point in spectrum]),
                Tail("p50", [(point[0], point[1]) for point in spectrum]),
            ],
        ),
        "tail_keys": [(svg.key("p50"), "response time"), (svg.key("p95"), "service time")],
        "heatmap": _heatmap(evidence, bands),
        "search": _search(search) if search and search["steps"] else None,
        "scaling": _scaling(verdict["scaling"]) if verdict["scaling"] else None,
    }


def _disturbed(evidence: Evidence) -> list[svg.Band]:
    """What the plan disturbed, from when to when: until it was done, or taken back."""
    lines = evidence.run.facts.get("disturbances") or []
    ends = ("ended", "done", "began")
    return [
        (line["disturb"], line["began"], next(line[end] for end in ends if line[end] is not None)) for line in lines
    ]


def _scaling(lines: Sequence[Mapping[str, Any]]) -> Markup:
    """The efficiency of each number, against that of linear scaling; the fewest have none of their own."""
    drawn = [
        Point(
            line["phase"],
            1.0 if line["efficiency"] is None else line["efficiency"],
            line["judged"] or None,
            "" if line["efficiency"] is None else quantities.share(line["efficiency"]),
        )
        for line in lines
    ]
    title = "What each number does, of what as many times the fewest would"
    return points.draw(title, f"numbers of {lines[0]['of']}", quantities.share, drawn, level=1.0)


def _search(search: Mapping[str, Any]) -> Markup:
    """The load of each step, and whether it held."""
    unit = "{:,g}/s".format if search["unit"] == "/s" else "{:,g}".format
    steps = [
        Point(
            unit(step["load"]),
            step["load"],
            None if step["held"] and step["unproven"] else step["held"],
            "" if step["p95"] is None else quantities.duration(step["p95"]),
        )
        for step in search["steps"]
    ]
    interval = search["interval"] and (search["interval"][0], search["interval"][1])
    title = "The load of each step of the search, and whether it held"
    axis = "the steps in turn, by what was offered" if search["unit"] == "/s" else "the steps in turn, by users"
    return points.draw(title, axis, unit, steps, search["held"], interval)


def _timeline(evidence: Evidence, course: Series) -> list[tuple[str, list[svg.Line], Unit, bool]]:
    """Title, lines, unit and whether the axis is logarithmic, of each chart."""
    times = [
        svg.Line("p50", "p50", course.p50),
        svg.Line("p95", "p95", course.p95),
        svg.Line("p99", "p99", course.p99),
    ]
    offered = [svg.Line("offered by the plan", "offered", course.offered)] if evidence.samples.scenario.open else []
    rates = [
        *offered,
        svg.Line("begun", "begun", course.begun),
        svg.Line("ended as expected", "good", course.ok),
        svg.Line("errors", "errors", course.errors),
    ]
    steep = svg.spread(times)
    title = "Response time of the operations planned in each step"
    found: list[tuple[str, list[svg.Line], Unit, bool]] = [
        (f"{title} (logarithmic axis)" if steep else title, times, quantities.duration, steep),
        ("Operations a second", rates, "{:,g}/s".format, False),
        (
            "Operations in flight",
            [svg.Line("in flight", "begun", in_flight(evidence.samples, course))],
            "{:,g}".format,
            False,
        ),
    ]
    began = evidence.began or 0
    used = cores(evidence.monitor, began, course)
    if used:
        drawn = [svg.Line(name, STYLES[name], values) for name, values in used.items()]
        found.append(("Cores in use", drawn, "{:,g}".format, False))
    gauges = {name.replace("_", " "): f"target.{name}" for name in evidence.samples.scenario.gauges}
    for name, values in means(evidence.monitor, began, course, gauges).items():
        found.append((f"What the target told: {name}", [svg.Line(name, "begun", values)], "{:,g}".format, False))
    for title, lines, unit in [*machine_charts.charts(evidence, course), *flow_charts.charts(evidence, course)]:
        found.append((title, lines, f"{{:,g}}{unit}".format, False))
    return found


def _hover(course: Series, shown: list[tuple[svg.Line, Unit]], bands: list[svg.Band]) -> Markup:
    """The figures of all charts as the script reads them; nothing in it can end its element."""
    over = max([course.begin[-1] + course.width, *(end for _, _, end in bands)])
    data = {
        "begin": course.begin,
        "width": course.width,
        "over": over,
        "left": svg.LEFT,
        "right": svg.WIDTH - svg.RIGHT,
        "total": svg.WIDTH,
        "lines": [
            {"name": line.name, "values": [None if value is None else unit(_short(value)) for value in line.values]}
            for line, unit in shown
        ],
    }
    return Markup(json.dumps(data, ensure_ascii=False, separators=(",", ":")).replace("<", "\\u003c"))


def _short(value: float) -> float:
    return float(f"{value:.4g}")


def _heatmap(evidence: Evidence, bands: list[svg.Band]) -> Markup | None:
    """The heatmap with its axes; None if nothing ended."""
    found = heatmap(evidence.samples)
    if found is None:
        return None
    width, height, top = svg.WIDTH - svg.LEFT - svg.RIGHT, 240, 8
    floor = top + height
    label = f"Response times over the load, from {quantities.duration(found.low)} to {quantities.duration(found.high)}"
    parts = [
        f'<svg class="chart heat" viewBox="0 0 {svg.WIDTH} {floor + 40}" role="img" aria-label="{escape(label)}">',
        f'<rect class="ground" x="{svg.LEFT}" y="{top}" width="{width}" height="{height}"/>',
        f'<image x="{svg.LEFT}" y="{top}" width="{width}" height="{height}" preserveAspectRatio="none" '
        f'href="{found.picture}"/>',
    ]
    for mark in found.marks:
        y = floor - height * math.log(mark / found.low) / math.log(found.high / found.low)
        name = escape(quantities.duration(mark))
        parts.append(f'<text class="axis" text-anchor="end" x="{svg.LEFT - 6}" y="{y + 4:.1f}">{name}</text>')
    for _, start, _ in bands:
        x = svg.LEFT + width * start / found.seconds
        parts.append(f'<path class="edge" d="M{x:.1f} {top}V{floor}"/>')
    for second in range(0, int(found.seconds) + 1, next(s for s in svg.SECONDS if found.seconds / s <= 10)):
        x = svg.LEFT + width * second / found.seconds
        parts.append(f'<text class="axis" text-anchor="middle" x="{x:.1f}" y="{floor + 17}">{second}</text>')
    said = f"seconds since the load began; the darkest cell holds {found.most:,} operations"
    parts.append(f'<text class="axis" text-anchor="end" x="{svg.WIDTH - svg.RIGHT}" y="{floor + 34}">{said}</text>')
    return Markup("".join([*parts, "</svg>"]))
