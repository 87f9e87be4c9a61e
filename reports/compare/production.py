"""`python -m reports.compare.production RUN --query HISTOGRAM`: what production has of a service, by its Prometheus,
beside what a run had: rate and p95.

It judges nothing: what production's p95 and the run's have in common are neither machine, data nor callers. It says
whether the run's load was one that production knows, and whether its times were like those at such a load.
"""

import argparse
import json
import os
import re
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from harness import quantities
from harness.errors import PlanError, RunError, command, nearest
from harness.reported import VERDICT, store
from reports import verdict_file
from reports.compare.range import MOST_POINTS, URL, Range, Series, fetch
from reports.statistics.percentiles import percentile

FILE = "production.json"
QUANTILE = 0.95
HISTOGRAM = re.compile(r"(?P<name>[a-zA-Z_:][a-zA-Z0-9_:]*?)(?:_bucket|_count|_sum)?(?P<labels>\{.*\})?", re.DOTALL)
MILLISECONDS = re.compile(r"_(?:milliseconds|millis|ms)$")

Record = dict[str, Any]


def queries(histogram: str, step: float) -> tuple[str, str, float]:
    """The queries for the p95 and the rate of a histogram, e.g. `http_request_seconds{job="api"}`, over each step; and
    how many of its units a second has. PlanError if it is no selector.
    """
    found = HISTOGRAM.fullmatch(histogram.strip())
    if not found:
        raise PlanError(
            f"QUERY={histogram!r}: expected the name of a histogram and its labels: "
            """QUERY='http_request_duration_seconds{job="api"}'"""
        )
    name, labels, over = found["name"], found["labels"] or "", f"[{step:g}s]"
    p95 = f"histogram_quantile({QUANTILE}, sum by (le) (rate({name}_bucket{labels}{over})))"
    return p95, f"sum(rate({name}_count{labels}{over}))", 1000.0 if MILLISECONDS.search(name) else 1.0


def figures(rates: Series, times: Series) -> Record:
    """Production's rate and p95: at the median, and in its busiest step; RunError if there was nothing."""
    if not rates or not max(value for _, value in rates):
        raise RunError("nothing happened in production in this range: expected a range with requests; see LAST")
    at, busiest = max(rates, key=lambda point: point[1])
    by_time = dict(times)
    values = [value for _, value in times]
    return {
        "points": len(rates),
        "rate": {"median": percentile(_values(rates), 0.5), "busiest": busiest},
        "p95": {
            "median": percentile(_values(times), 0.5) if values else None,
            "busiest": by_time.get(at),
            "worst": max(values, default=None),
        },
        "busiest_at": datetime.fromtimestamp(at, UTC).isoformat(),
    }


def _values(series: Series) -> npt.NDArray[np.float64]:
    return np.array([value for _, value in series])


def beside(production: Record, verdict: Record, op: str) -> Record:
    """The same of a run, for operations of kind `op`, or all; PlanError if it has none such."""
    rows = {row["kind"]: row for row in verdict["operations"]}
    if op not in rows:
        raise PlanError(f"OP={op}: no such operation in the run; {nearest(op, rows)}")
    run, row = verdict["run"], rows[op]
    rate, p95 = row["rate"], row["response"]["p95"]
    return {
        "run": {"id": run["id"], "scenario": run["scenario"], "profile": run["profile"], "op": op},
        "verdict": verdict["verdict"],
        "rate": rate,
        "p95": p95,
        "load": _ratio(rate, production["rate"]["busiest"]),
        "time": _ratio(p95, production["p95"]["busiest"]),
    }


def _ratio(ours: float | None, theirs: float | None) -> float | None:
    return ours / theirs if ours is not None and theirs else None


def text(found: Record) -> str:
    """Both beside each other, for people."""
    production, run, step = found["production"], found["beside"], quantities.duration(found["step"])
    rates, times = production["rate"], production["p95"]
    about = run["run"]
    rows = [
        ("", "production", "", "this run", ""),
        ("", "median", f"busiest {step}", about["op"], "× the busiest"),
        ("rate", _rate(rates["median"]), _rate(rates["busiest"]), _rate(run["rate"]), _times(run["load"])),
        ("p95", _time(times["median"]), _time(times["busiest"]), _time(run["p95"]), _times(run["time"])),
    ]
    widths = [max(len(row[place]) for row in rows) for place in range(len(rows[0]))]
    table = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    said = [
        f"  {found['query']}",
        f"  {production['points']:,} steps of {step} until {found['until']}; busiest at {production['busiest_at']}",
        f"  {about['scenario']} ({about['profile']}), run {about['id']}: {run['verdict']}",
        "",
        *(f"  {line}" for line in table),
        "",
        f"  {conclusion(run)}",
    ]
    return "\n".join(said)


def conclusion(run: Record) -> str:
    """What follows from it, in a sentence or two."""
    if run["verdict"] == "INVALID":
        return "The run is INVALID: its figures mean nothing."
    load = run["load"]
    if load is None:
        return "The run has no rate to compare."
    if load < 0.9:
        return (
            f"The run put on less than production's busiest step: {load:.2f} times as much. It proves nothing of that."
        )
    more = "as much as" if load <= 1.1 else f"{load:.1f} times"
    return f"The run put on {more} production's busiest step. Machine, data and callers differ: compare with care."


def _rate(value: float | None) -> str:
    return "–" if value is None else quantities.rate(value)


def _time(value: float | None) -> str:
    return "–" if value is None else quantities.duration(value)


def _times(value: float | None) -> str:
    return "–" if value is None else f"{value:.2f}"


def parsed(words: list[str]) -> argparse.Namespace:
    """What the command line says."""
    parser = argparse.ArgumentParser(prog="python -m reports.compare.production", description=__doc__)
    parser.add_argument("run", type=Path, metavar="RUN_FOLDER")
    parser.add_argument("--query", default="", metavar="HISTOGRAM", help="name and labels of production's histogram")
    parser.add_argument("--p95", default="", metavar="PROMQL", help="instead: what gives the p95 in seconds, …")
    parser.add_argument("--rate", default="", metavar="PROMQL", help="… and what gives the rate, of any other metric")
    parser.add_argument("--op", default="all", help="the operation of the run to compare with (all)")
    parser.add_argument("--last", default="1d", help="how far back, e.g. 7d, 12h (1d)")
    parser.add_argument("--step", default="5m", help="over what each point is taken (5m)")
    parser.add_argument("--prometheus", default=os.environ.get(URL, ""), help=f"its address ({URL})")
    return parser.parse_args(words)


def main() -> int:
    """Compare what the command line names. The exit code is 0: nothing is judged."""
    options = parsed(sys.argv[1:])
    found = compare(options, time.time())
    store(options.run / FILE, json.dumps(found, indent=2, allow_nan=False) + "\n")
    print(text(found))
    print(f"  {options.run / FILE}")
    return 0


def compare(options: argparse.Namespace, now: float) -> Record:
    """What production.json has."""
    verdict = verdict_file.read(options.run / VERDICT)
    if not options.prometheus.startswith(("http://", "https://")):
        raise PlanError(f"{URL}={options.prometheus!r}: expected where production's Prometheus is: http://HOST:9090")
    last, step = _seconds("LAST", options.last), _seconds("STEP", options.step)
    if last / step > MOST_POINTS or last < step:
        raise PlanError(f"LAST={options.last} STEP={options.step}: expected 1 to {MOST_POINTS:,} steps")
    over = Range(now - last, now, step)
    if bool(options.p95) != bool(options.rate):
        raise PlanError("P95 and RATE go together: expected both, or QUERY")
    p95, rate, units = options.p95, options.rate, 1.0
    if not p95:
        p95, rate, units = queries(options.query, step)
    times = [(at, value / units) for at, value in fetch(options.prometheus, p95, over)]
    production = figures(fetch(options.prometheus, rate, over), times)
    return {
        "query": rate if options.rate else options.query,
        "step": step,
        "until": datetime.fromtimestamp(now, UTC).isoformat(timespec="seconds"),
        "production": production,
        "beside": beside(production, verdict, options.op),
    }


def _seconds(name: str, said: str) -> float:
    days = re.fullmatch(r"(\d+)(d|w)", said)
    try:
        return int(days[1]) * {"d": 86_400.0, "w": 604_800.0}[days[2]] if days else quantities.seconds(said)
    except ValueError as error:
        raise PlanError(f"{name}={said}: {error}") from None


if __name__ == "__main__":
    command(main)
