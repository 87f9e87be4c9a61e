"""`python -m deploy.grafana.drawn DASHBOARD.json --prometheus URL --last 2m OUT.html`: a dashboard without a Grafana.

Each of its expressions is asked of a Prometheus, and drawn with the charts of our reports; one that gives nothing is
named as such.
"""

import argparse
import json
import math
import time
import urllib.parse
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

from markupsafe import Markup, escape

from deploy.grafana.panels import OVER, SCENARIO
from harness.errors import command
from harness.quantities import duration, seconds, share
from reports.render import svg
from reports.render.page import style

STEPS = 120
"""So many points a line has at most."""
STYLES = tuple(f"of{number}" for number in range(1, 7))
UNITS: dict[str, Callable[[float], str]] = {
    "s": duration,
    "percentunit": share,
    "bytes": lambda value: f"{value / 1e6:,.4g} MB",
    "ops": lambda value: f"{value:,.4g}/s",
}

Lines = list[tuple[str, list[tuple[float, float]]]]


def evaluated(prometheus: str, panel: dict[str, Any], start: float, end: float, over: str = "30s") -> Lines:
    """What the expressions of a panel give from `start` to `end` (s since 1970): of each series its name and points."""
    found: Lines = []
    for target in panel["targets"]:
        query = target["expr"].replace(OVER, over).replace(SCENARIO, ".*")
        step = max((end - start) / STEPS, 1)
        words = urllib.parse.urlencode({"query": query, "start": start, "end": end, "step": step})
        with urllib.request.urlopen(f"{prometheus}/api/v1/query_range?{words}", timeout=30) as answer:
            series = json.load(answer)["data"]["result"]
        for one in series:
            points = [(float(at), float(value)) for at, value in one["values"] if math.isfinite(float(value))]
            if points:
                found.append((_named(target["legendFormat"], one["metric"]), points))
    return found


def _named(legend: str, labels: dict[str, str]) -> str:
    for name, value in labels.items():
        legend = legend.replace(f"{{{{{name}}}}}", value)
    return legend


def page(dashboard: dict[str, Any], prometheus: str, start: float, end: float, over: str = "30s") -> str:
    """The page of a dashboard."""
    parts = [_panel(panel, evaluated(prometheus, panel, start, end, over), start, end) for panel in dashboard["panels"]]
    title = escape(dashboard["title"])
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{title}</title>'
        f"<style>{style()}</style></head><body><main><h1>{title}</h1>{Markup('').join(parts)}</main></body>"
        "</html>\n"
    )


def _panel(panel: dict[str, Any], lines: Lines, start: float, end: float) -> Markup:
    head = Markup("<h2>{}</h2><p class='soft'>{}</p>").format(panel["title"], panel["description"])
    if not lines:
        return head + Markup("<p>Nothing.</p>")
    # Of a heatmap the unit is that of its rows, which are lines here: they count.
    named = "none" if panel["type"] == "heatmap" else panel["fieldConfig"]["defaults"]["unit"]
    unit = UNITS.get(named, lambda value: f"{value:,.4g}")
    if panel["type"] == "table":
        row = Markup("<tr><th scope='row'>{}</th><td class='figure'>{}</td></tr>")
        rows = Markup("").join(row.format(name, unit(points[-1][1])) for name, points in lines)
        return head + Markup("<table>{}</table>").format(rows)
    width = max(round((end - start) / STEPS), 1)
    marks = list(range(0, int(end - start), width))
    drawn = []
    for place, (name, points) in enumerate(lines[: len(STYLES)]):
        at = {int((moment - start) // width) * width: value for moment, value in points}
        drawn.append(svg.Line(name, STYLES[place], [at.get(mark) for mark in marks]))
    legend = Markup("").join(Markup("<li>{} {}</li>").format(svg.key(line.style), line.name) for line in drawn)
    more = Markup("<li>and {} more</li>").format(len(lines) - len(drawn)) if len(lines) > len(drawn) else ""
    chart = svg.chart(panel["title"], unit, width, marks, drawn, [("", 0.0, end - start)], False)
    return head + chart + Markup("<ul class='legend'>{}{}</ul>").format(legend, more)


def main() -> int:
    """Draw the dashboard that the command line names."""
    parser = argparse.ArgumentParser(prog="python -m deploy.grafana.drawn", description=__doc__)
    parser.add_argument("dashboard", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--prometheus", default="http://127.0.0.1:9090")
    parser.add_argument("--last", default="15m")
    options = parser.parse_args()
    end = time.time()
    found = json.loads(options.dashboard.read_text())
    options.out.write_text(page(found, options.prometheus, end - seconds(options.last), end), encoding="utf-8")
    print(options.out)
    return 0


if __name__ == "__main__":
    command(main)
