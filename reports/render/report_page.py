"""The report is one page: the verdict first, then what it rests on; offline, and the same for the same run."""

import base64
import hashlib
import json
import shlex
from collections.abc import Callable
from typing import Any

from markupsafe import Markup

from harness import tracing
from reports import figures
from reports.render import svg
from reports.render.page import page, style, text
from reports.render.recommendations import recommendations
from reports.samples.series import Series

FILTERS: dict[str, Callable[..., Any]] = {
    "seconds": lambda value: figures.figure(value, "duration"),
    "rate": lambda value: figures.figure(value, "rate"),
    "number": lambda value: "–" if value is None else f"{value:,}",
    "memory": lambda value: "–" if value is None else f"{value / 1e6:,.0f} MB",
    "short": lambda value: "–" if value is None else f"{value:,.4g}",
    "indented": lambda value: json.dumps(value, indent=2, ensure_ascii=False),
}
"""How the page writes figures; a witness as people read nested things."""

_CHECKS_FIRST = ("VIOLATED", "UNDECIDED", "HOLDS")
_CONDITIONS_FIRST = ("broken", "warning", "ok", "not applicable")


def render(verdict: dict[str, Any], series: Series, pictures: dict[str, Any]) -> str:
    """report.html of `verdict`, the contents of verdict.json, with the course of its load and the `pictures` of it."""
    script = text("hover.js")
    run = verdict["run"]
    return page(
        "report.html.j2",
        FILTERS,
        script=Markup(script),
        # The page may use this style sheet and this script and nothing else: no font, no address.
        style_hash=_hash(style()),
        script_hash=_hash(script),
        verdict=verdict,
        traced=lambda trace: tracing.page(run["trace"], trace),
        recommendations=recommendations(verdict),
        run=run,
        figures=figures,
        bullets=[
            svg.bullet(
                rule["value"],
                rule["limit"],
                rule["state"],
                f"{figures.measured(rule)}, {figures.limit(rule)}",
                rule["interval"],
            )
            for rule in verdict["rules"]
        ],
        checks=sorted(verdict["checks"], key=lambda check: _CHECKS_FIRST.index(check["state"])),
        validity=sorted(verdict["validity"], key=lambda one: _CONDITIONS_FIRST.index(one["state"])),
        pictures=pictures,
        series=series,
        command=shlex.join(run["command"] or []),
        environment=_environment(verdict),
    )


def _hash(words: str) -> str:
    return base64.b64encode(hashlib.sha256(words.encode()).digest()).decode()


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
