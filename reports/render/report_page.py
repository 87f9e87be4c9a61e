"""The report is one page: the verdict first, then what it rests on; offline, and the same for the same run."""

import base64
import hashlib
import shlex
from collections.abc import Callable
from typing import Any

from markupsafe import Markup, escape

from harness import tracing
from harness.verdict import ValidityState
from reports import figures
from reports.render import findings, operation_tables, svg
from reports.render.environment import environment
from reports.render.facts import facts
from reports.render.grid import NOTHING, code
from reports.render.page import page, style, text
from reports.render.recommendations import recommendations
from reports.render.tiles import tiles
from reports.samples.series import Series

FILTERS: dict[str, Callable[..., Any]] = {
    "seconds": lambda value: figures.figure(value, "duration"),
    "rate": lambda value: figures.figure(value, "rate"),
    "number": lambda value: "–" if value is None else f"{value:,}",
    "memory": lambda value: "–" if value is None else f"{value / 1e6:,.0f} MB",
    "short": lambda value: "–" if value is None else f"{value:,.4g}",
}
"""How the page writes figures."""

_WELL = (ValidityState.OK, ValidityState.NOT_APPLICABLE)
_CONDITIONS_FIRST = ("broken", "warning", "ok", "not applicable")


def render(verdict: dict[str, Any], series: Series, pictures: dict[str, Any]) -> str:
    """report.html of `verdict`, the contents of verdict.json, with the course of its load and the `pictures` of it."""
    script = "".join(map(text, ("fold.js", "hover.js")))
    run = verdict["run"]
    validity = sorted(verdict["validity"], key=lambda one: _CONDITIONS_FIRST.index(one["state"]))
    trace = _trace(run["trace"])
    return page(
        "report.html.j2",
        FILTERS,
        script=Markup(script),
        # The page may use this style sheet and this script and nothing else: no font, no address.
        style_hash=_hash(style()),
        script_hash=_hash(script),
        verdict=verdict,
        trace=trace,
        facts=facts(verdict),
        tiles=tiles(verdict, series),
        also=_also(verdict),
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
        passing=sum(rule["state"] == "PASS" for rule in verdict["rules"]),
        compared=findings.headline(verdict["checks"], verdict["totals"]),
        groups=findings.summary(verdict["checks"]),
        cards=findings.cards(verdict["checks"]),
        undone=sum(one["state"] != "HOLDS" for one in verdict["checks"]),
        checks=findings.every(verdict["checks"], figures.SYMBOLS),
        unwell=[one for one in validity if one["state"] not in _WELL],
        well=[one for one in validity if one["state"] in _WELL],
        tables=operation_tables,
        pictures=pictures,
        series=series,
        command=shlex.join(run["command"] or []),
        environment=environment(verdict),
    )


def _hash(words: str) -> str:
    return base64.b64encode(hashlib.sha256(words.encode()).digest()).decode()


def _trace(traced: dict[str, Any] | None) -> operation_tables.Trace:
    """How a trace id is shown: as a link, where it is known where to."""

    def shown(trace: str | None) -> str:
        address = tracing.page(traced, trace) if trace else None
        if not trace or not address:
            return code(trace) if trace else NOTHING
        return Markup(f'<a class="mono" rel="noreferrer" href="{escape(address)}">{escape(trace)}</a>')

    return shown


def _also(verdict: dict[str, Any]) -> list[dict[str, Any]]:
    """The other causes besides the first, which is the reason: those about checks as one line, for each of these has a
    sentence of its own below.
    """
    rest = verdict["causes"][1:]
    undone = [one["id"] for one in verdict["checks"] if one["state"] != "HOLDS"]
    names = [name for name in undone if f"Check {name} " not in verdict["reason"]]
    checks = [cause for cause in rest if cause["about"] == "check"]
    said = f"{len(checks):,} more of the data: {', '.join(names)}." if len(checks) > 1 else ""
    lines = [cause for cause in rest if cause["about"] != "check" or not said]
    return [*([{"verdict": checks[0]["verdict"], "sentence": said}] if said else []), *lines]
