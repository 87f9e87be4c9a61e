"""What was done, how often, how long it took, and what failed: the tables about operations."""

from collections.abc import Callable
from typing import Any

from markupsafe import Markup

from harness.quantities import duration
from reports import figures
from reports.render.grid import FIGURE, LONG, NOTHING, Grid, Head, code, figures_of

Record = dict[str, Any]
Trace = Callable[[str | None], str]
"""A trace id as the page shows it."""

TIMES = ("min", "mean", "p50", "p90", "p95", "p99", "max")
PARTS = ("mean", "p50", "p95", "p99", "max")
"""The times of which operations have service time and lateness: that all of response time is shown is enough."""


def _seconds(value: float | None) -> str:
    return figures.figure(value, "duration")


def _count(value: int | None) -> str:
    return NOTHING if value is None else f"{value:,}"


def _share(value: float | None) -> str:
    return figures.figure(value, "share")


def operations(verdict: Record) -> Grid:
    """Each kind: how often, what became of it, and its response time."""
    heads = [Head("operation"), *figures_of(["count", "rate", "errors", *TIMES]), Head("outcomes", LONG)]
    rows = [
        [
            row["kind"],
            _count(row["count"]),
            figures.figure(row["rate"], "rate"),
            _count(row["errors"]),
            *(_seconds(row["response"][name]) for name in TIMES),
            ", ".join(f"{name} {count:,}" for name, count in row["outcomes"].items()) or NOTHING,
        ]
        for row in verdict["operations"]
    ]
    return Grid("Operations", heads, rows, total=True)


def parts(verdict: Record) -> Grid:
    """Of each kind what its response time is made of: how late it was begun, and how long it took from then on."""
    names = [f"service {name}" for name in PARTS] + [f"late {name}" for name in PARTS]
    rows = [
        [row["kind"], *(_seconds(row[part][name]) for part in ("service", "late") for name in PARTS)]
        for row in verdict["operations"]
    ]
    return Grid("Service time and lateness", [Head("operation"), *figures_of(names)], rows, total=True)


def classes(verdict: Record) -> Grid:
    """What was answered to each kind."""
    heads = [Head("operation"), Head("answer"), *figures_of(["count", "share", "p50", "p95", "p99", "max"])]
    rows = [
        [
            row["kind"],
            row["class"],
            _count(row["count"]),
            _share(row["share"]),
            *(_seconds(row["response"][name]) for name in ("p50", "p95", "p99", "max")),
        ]
        for row in verdict["classes"]
    ]
    return Grid("Answers by class", heads, rows)


def metrics(verdict: Record) -> Grid:
    """What users recorded themselves."""
    names = ("mean", "min", "p50", "p95", "p99", "max")
    heads = [Head("metric"), Head("kind"), *figures_of(["count", "rate", "share True", *names])]
    rows = [
        [
            row["name"],
            row["kind"],
            _count(row["count"]),
            figures.figure(row["rate"], "rate"),
            _share(row["ratio"]),
            *(figures.figure(row[name], "number") for name in names),
        ]
        for row in verdict["metrics"]
    ]
    return Grid("Metrics of the users", heads, rows)


def server_time(verdict: Record) -> Grid:
    """What of the service time is the server's, of kinds that share statements."""
    heads = [Head("operations"), *figures_of(["count", "service time, mean", "server", "the rest"])]
    rows = [
        [
            ", ".join(row["kinds"]),
            _count(row["operations"]),
            _seconds(row["service"]),
            _seconds(row["server"]),
            _seconds(row["service"] - row["server"]) if row["server"] <= row["service"] else NOTHING,
        ]
        for row in verdict["server_time"]
    ]
    return Grid("Server and client", heads, rows)


PHASES = ("from", "length", "workers", "offered", "begun", "dropped", "ok", "errors", "p95", "at once", "met another")


def phases(verdict: Record) -> Grid:
    """Each phase of the plan."""
    rows = [
        [
            row["phase"],
            f"{row['begin']:,g} s",
            _seconds(row["seconds"]),
            ", ".join(map(str, row["workers"])) or NOTHING,
            _count(row["offered"] or None),
            *(_count(row[name]) for name in ("begun", "dropped", "ok", "errors")),
            _seconds(row["p95"]),
            _count(row["at_once"]),
            NOTHING if row["met"] is None else _share(row["met"]),
            _count(row["delivered"]),
        ]
        for row in verdict["phases"]
    ]
    return Grid("Phases", [Head("phase"), *figures_of([*PHASES, "completed"])], rows)


def failures(verdict: Record, trace: Trace) -> Grid:
    """Each way to fail."""
    traced = bool(verdict["run"]["trace"])
    heads = [
        Head("operation"),
        Head("outcome"),
        Head("status", FIGURE),
        Head("failure"),
        *figures_of(["count", "first at"]),
    ]
    rows = [
        [
            way["kind"],
            way["outcome"] or NOTHING,
            str(way["status"] or NOTHING),
            way["failure"] or NOTHING,
            _count(way["count"]),
            _seconds(way["first_s"]),
            code(way["example"]),
            *([trace(way["trace"])] if traced else []),
        ]
        for way in verdict["failures"]
    ]
    return Grid("Failures", [*heads, Head("example: its key"), *([Head("its trace")] if traced else [])], rows)


def slowest(verdict: Record, trace: Trace) -> list[Grid]:
    """The slowest operations, a table for each kind, the kind with the slowest one first."""
    traced = bool(verdict["run"]["trace"])
    heads = [Head("number"), Head("phase"), *figures_of(["planned", "begun", "ended", "response", "service"])]
    heads += [Head("outcome"), Head("the monitor saw", LONG), Head("key and trace" if traced else "key", LONG)]
    return [
        Grid(kind, heads, [_slow(one, trace, traced) for one in verdict["slowest"] if one["kind"] == kind])
        for kind in dict.fromkeys(one["kind"] for one in verdict["slowest"])
    ]


def _slow(one: Record, trace: Trace, traced: bool) -> list[str]:
    key = code(one["key"])
    return [
        f"{one['op']:,}",
        one["phase"],
        *(f"{one[name]:,.3f} s" for name in ("at", "begun", "ended")),
        duration(one["response"]),
        duration(one["service"]),
        f"{one['outcome']} {one['status'] or ''}".strip(),
        one["saw"] or NOTHING,
        Markup("{} {}").format(key, trace(one["trace"])) if traced else key,
    ]
