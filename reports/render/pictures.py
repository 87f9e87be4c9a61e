"""The drawings of the report, and the figures that hovering over them shows."""

import json
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from markupsafe import Markup

from harness import quantities
from reports.render import axes, distribution, flow_charts, machine_charts, points, resource_charts, svg
from reports.render.axes import Band
from reports.render.limits import of_response_time
from reports.render.outcome_chart import outcomes
from reports.render.points import Point
from reports.render.svg import DURATION, Chart, Line
from reports.render.tails import Tail, draw
from reports.samples.evidence import Evidence
from reports.samples.series import Series, in_flight, means
from reports.tables.heatmap import ROWS, Heatmap, heatmap

Drawing = dict[str, Any]


def pictures(evidence: Evidence, course: Series, verdict: Mapping[str, Any], bands: list[Band]) -> Drawing:
    """The charts with their legends: of response times and rates, of what else the course of the load shows, of
    resources; the heatmap, the histogram and the tails; the steps of a search and the numbers of a scaling, if
    verdict.json has some. And what hovering shows (JSON), by the numbers of the charts.
    """
    groups = {
        "charts": _main(evidence, course, verdict),
        "course": _course(evidence, course),
        "resources": [*resource_charts.charts(evidence, course), *machine_charts.charts(evidence, course)],
    }
    over = max([course.begin[-1] + course.width, *(end for _, _, end in bands)])
    made: Drawing = {}
    shown: list[Chart] = []
    for name, charts in groups.items():
        made[name] = [
            {"number": len(shown) + place, **drawn(chart, course.width, course.begin, bands, _disturbed(evidence))}
            for place, chart in enumerate(charts)
        ]
        shown += charts
    found = heatmap(evidence.samples)
    search = verdict["search"]
    return {
        **made,
        "hover": _hover(course, shown, bands, over, found),
        "heatmap": found and distribution.heatmap(found, bands, over),
        "histogram": found and distribution.histogram(found, verdict["operations"][-1]["response"]),
        **_tails(verdict["spectrum"]),
        "search": _search(search) if search and search["steps"] else None,
        "scaling": _scaling(verdict["scaling"]) if verdict["scaling"] else None,
    }


def _main(evidence: Evidence, course: Series, verdict: Mapping[str, Any]) -> list[Chart]:
    """What a load is judged by first: how long it took, and whether what was offered was done."""
    times = [
        Line("p50", "p50", course.p50),
        Line("p90", "p90", course.p90),
        Line("p95", "p95", course.p95),
        Line("p99", "p99", course.p99),
        Line("longest", "longest", course.longest),
    ]
    offered = [Line("offered by the plan", "offered", course.offered)] if evidence.samples.scenario.open else []
    rates = [
        *offered,
        Line("begun", "begun", course.begun),
        Line("ended as expected", "good", course.ok),
        Line("errors", "errors", course.errors),
    ]
    limits = of_response_time(evidence.samples, verdict["rules"])
    return [
        Chart("Response time of the operations planned in each step", times, DURATION, limits, svg.HEIGHT, True),
        Chart("Operations a second", rates, "/s", height=svg.HEIGHT),
    ]


def _course(evidence: Evidence, course: Series) -> list[Chart]:
    """What came of the operations, what was under way, and what waited."""
    found = []
    if ended := outcomes(evidence.samples, course):
        found.append(Chart("What ended, by outcome and status", ended, "/s", spread=True))
    found.append(Chart("Operations in flight", [Line("in flight", svg.STYLES[0], in_flight(evidence.samples, course))]))
    found += flow_charts.charts(evidence, course)
    gauges = {name.replace("_", " "): f"target.{name}" for name in evidence.samples.scenario.gauges}
    for name, values in means(evidence.monitor, evidence.began or 0, course, gauges).items():
        found.append(Chart(f"What the target told: {name}", [Line(name, svg.STYLES[0], values)]))
    return found


def _disturbed(evidence: Evidence) -> list[Band]:
    """What the plan disturbed, from when to when: until it was done, or taken back."""
    lines = evidence.run.facts.get("disturbances") or []
    ends = ("ended", "done", "began")
    return [
        (line["disturb"], line["began"], next(line[end] for end in ends if line[end] is not None)) for line in lines
    ]


def drawn(
    chart: Chart, width: int, begin: Sequence[int], bands: Sequence[Band], disturbed: Sequence[Band] = ()
) -> Drawing:
    """A chart of steps of `width` seconds with its legend, and which limits are beyond it."""
    values = [value for line in chart.lines for value in line.values if value is not None]
    logarithmic = chart.spread and svg.steep([*values, *(limit.value for limit in chart.limits)])
    title = f"{chart.title} (logarithmic axis)" if logarithmic else chart.title
    beyond = svg.beyond(values, chart.limits, logarithmic, chart.height)
    return {
        "title": title,
        "keys": [(svg.key(line.style), line.name) for line in chart.lines],
        "beyond": ", ".join(limit.name for limit in beyond),
        "drawing": svg.chart(
            title,
            _unit(chart.unit),
            width,
            begin,
            chart.lines,
            bands,
            logarithmic,
            disturbed,
            chart.limits,
            chart.height,
        ),
    }


def _unit(unit: str) -> Callable[[float], str]:
    """What the marks of an axis say."""
    if unit == DURATION:
        return lambda value: quantities.duration(value) if value else "0"
    return lambda value: f"{axes.number(value)}{unit}"


def _hover(course: Series, shown: Sequence[Chart], bands: Sequence[Band], over: float, heat: Heatmap | None) -> Markup:
    """The figures of all charts as the script reads them; nothing in it can end its element."""
    data = {
        "width": course.width,
        "over": over,
        "phases": bands,
        "charts": [
            {
                "unit": chart.unit,
                "lines": [[_short(value, chart.unit) for value in line.values] for line in chart.lines],
                "limits": [(limit.name, limit.spans) for limit in chart.limits],
            }
            for chart in shown
        ],
        "heat": heat and _heat(heat),
    }
    return Markup(json.dumps(data, ensure_ascii=False, separators=(",", ":")).replace("<", "\\u003c"))


def _heat(heat: Heatmap) -> Drawing:
    """What the cells of the heatmap stand for."""
    return {"seconds": heat.seconds, "low": heat.low, "high": heat.high, "rows": ROWS, "cells": heat.cells}


def _short(value: float | None, unit: str) -> float | None:
    """As many digits as are shown, in few characters; durations in µs."""
    if value is None or not math.isfinite(value):
        return None
    if unit == DURATION:
        return round(value) * 1_000_000 if value >= 60 else round(float(f"{value:.3g}") * 1e6)
    short = float(f"{value:.3g}") if abs(value) < 1000 else round(value)
    return int(short) if float(short).is_integer() else short


def _tails(spectrum: Sequence[Sequence[float]]) -> Drawing:
    lines = [
        Tail("p95", [(point[0], point[2]) for point in spectrum]),
        Tail("p50", [(point[0], point[1]) for point in spectrum]),
    ]
    keys = [(svg.key("p50"), "response time"), (svg.key("p95"), "service time")]
    return {"tails": draw("Response and service time by percentile", lines), "tail_keys": keys}


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
