"""The report is one page: the verdict first, then what it rests on; offline, and the same for the same run."""

import base64
import hashlib
import json
import shlex
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from harness import units
from reports import figures, svg
from reports.series import Series

TEMPLATES = Path(__file__).parent / "templates"

_CHECKS_FIRST = ("VIOLATED", "UNDECIDED", "HOLDS")
_CONDITIONS_FIRST = ("broken", "warning", "ok")


def render(verdict: dict[str, Any], series: Series) -> str:
    """report.html of `verdict`, the contents of verdict.json, with the course of its load."""
    style = (TEMPLATES / "report.css").read_text()
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(
        seconds=lambda value: figures.figure(value, "duration"),
        rate=lambda value: figures.figure(value, "rate"),
        number=lambda value: "–" if value is None else f"{value:,}",
        short=lambda value: "–" if value is None else f"{value:,.4g}",
        indented=_indented,
    )
    run = verdict["run"]
    page = environment.get_template("report.html.j2").render(
        style=Markup(style),
        # The page may use this style sheet and nothing else: no script, no font, no image, no address.
        style_hash=base64.b64encode(hashlib.sha256(style.encode()).digest()).decode(),
        verdict=verdict,
        run=run,
        figures=figures,
        bullets=[
            svg.bullet(rule["value"], rule["limit"], rule["state"], f"{figures.measured(rule)}, {figures.limit(rule)}")
            for rule in verdict["rules"]
        ],
        checks=sorted(verdict["checks"], key=lambda check: _CHECKS_FIRST.index(check["state"])),
        validity=sorted(verdict["validity"], key=lambda one: _CONDITIONS_FIRST.index(one["state"])),
        charts=_charts(series, [(one["phase"], one["begin"], one["end"]) for one in verdict["timeline"]]),
        series=series,
        command=shlex.join(run["command"] or []),
        environment=_environment(verdict),
    )
    return page + "\n"


def _charts(series: Series, bands: list[svg.Band]) -> list[dict[str, Any]]:
    """The two charts of the timeline, each with its legend."""
    times = [
        svg.Line("p50", "p50", series.p50),
        svg.Line("p95", "p95", series.p95),
        svg.Line("p99", "p99", series.p99),
    ]
    rates = [
        svg.Line("offered by the plan", "offered", series.offered),
        svg.Line("begun", "begun", series.begun),
        svg.Line("ended as expected", "good", series.ok),
        svg.Line("errors", "errors", series.errors),
    ]
    charts: list[dict[str, Any]] = []
    for title, lines, unit in (
        ("Response time of the operations planned in each step", times, units.duration),
        ("Operations a second", rates, "{:,g}/s".format),
    ):
        logarithmic = lines is times and svg.spread(lines)
        title += " (logarithmic axis)" if logarithmic else ""
        drawing = svg.chart(title, unit, series.width, series.begin, lines, bands, logarithmic)
        keys = [(svg.key(line.style), line.name) for line in lines]
        charts.append({"title": title, "keys": keys, "drawing": drawing})
    return charts


def _environment(verdict: dict[str, Any]) -> list[tuple[str, list[tuple[str, str]]]]:
    """What the run ran on, group by group; lists and tables are spelled out as dotted names."""
    run = verdict["run"]
    groups = {
        name: run[name] for name in ("target", "database", "host", "git", "versions", "seeding", "load", "scaling")
    }
    groups["generator"] = {str(one["worker"]): one for one in verdict["generator"]}
    return [(name, flat) for name, group in groups.items() if (flat := _flat("", group))]


def _flat(name: str, value: Any) -> list[tuple[str, str]]:
    if isinstance(value, list):
        value = dict(enumerate(value, 1))
    if isinstance(value, dict):
        return [pair for key, item in value.items() for pair in _flat(f"{name}.{key}" if name else str(key), item)]
    if value is None:
        return []
    if isinstance(value, float):
        return [(name, f"{value:,.4g}")]
    return [(name, f"{value:,}" if type(value) is int and value >= 10_000 else str(value))]


def _indented(value: dict[str, Any]) -> str:
    """A witness as people read nested things."""
    return json.dumps(value, indent=2, ensure_ascii=False)
