"""A load that goes on, as a page: what is offered and ends, what each rule says so far, who keeps up, what waits.

live.html is the page, written once; now.html is what it shows, written anew each second. Both are drawn by what draws
the report.
"""

from collections import Counter
from typing import Any

from harness import quantities, steered
from harness.plan.rules import OP
from harness.verdict import RuleState
from reports import figures
from reports.live.course import LATELY_S
from reports.live.live import Live
from reports.render import svg
from reports.render.page import page
from reports.samples import phases
from reports.samples.phases import arrivals_until
from reports.samples.samples import Samples

FILE, NOW = "live.html", "now.html"
SHARES = {"p50": 0.5, "p95": 0.95, "p99": 0.99}


def shell(live: Live) -> str:
    """The page, which asks for what it shows each second."""
    scenario = live.scenario
    return page("live.html.j2", scenario=scenario, fixed=steered.fixed(scenario), most=steered.most(scenario))


def now(live: Live) -> str:
    """What it shows at the latest look."""
    begun = live.began is not None and live.plan is not None
    return page(
        "now.html.j2",
        scenario=live.scenario,
        about=_about(live),
        over=live.over,
        changed=steered.said(steered.read(live.run.folder)),
        tiles=_tiles(live) if begun else [],
        rules=_rules(live),
        pending=[rule.text for rule in live.scenario.rules if rule.text not in _judged(live)],
        operations=_operations(live),
        processes=[
            (worker, line["users"], f"{line['cpu']:.2f}", quantities.duration(max(line["lags_us"], default=0) / 1e6))
            for worker, line in sorted(live.health.items())
        ],
        queues=_queues(live),
        charts=_charts(live, live.plan) if begun and live.plan is not None else [],
        symbols=figures.SYMBOLS,
    )


def _about(live: Live) -> str:
    """Where the load is, and what becomes of it."""
    if live.over:
        return "verifying: the load is over, and its journals are compared with the database; then the report is here"
    if live.began is None or live.plan is None:
        return "users are starting"
    phase = next((one.phase for one in live.plan.stretches if one.begin <= live.second < one.end), None)
    left = max(live.scenario.seconds - live.second, 0.0)
    where = f"{phase}: " if phase else f"waiting for the last {live.flying:,} answers: " if live.flying else ""
    return f"{where}second {live.second:,.0f} of {live.scenario.seconds:,.0f}, {quantities.duration(round(left))} left"


def _tiles(live: Live) -> list[tuple[str, str, str]]:
    """Name, figure, and what it is beside."""
    ended = sum(live.counted.operations.values())
    wrong = sum(count for (_, _, _, ok), count in live.counted.operations.items() if not ok)
    offered = f"of {live.offered:,.0f} offered" if live.offered is not None else "at their own pace"
    tiles = [
        ("begun", f"{live.arrived:,}", offered),
        ("ended", f"{ended:,}", f"{live.flying:,} in flight"),
        ("errors", f"{wrong:,}", quantities.share(wrong / ended) if ended else "–"),
    ]
    for name, share in SHARES.items():
        lately, whole = live.course.lately(live.second, share), live.course.whole(share)
        if whole is not None:
            beside = [] if lately is None else [f"{quantities.duration(lately)} in the last {LATELY_S:g} s"]
            tiles.append((name, quantities.duration(whole), "; ".join([*_limits(live, share), *beside]) or "so far"))
    return tiles


def _limits(live: Live, share: float) -> list[str]:
    """What the plan has as a limit of this percentile of all operations."""
    return [
        f"limit {quantities.duration(rule.limit)}"
        for rule in live.scenario.rules
        if rule.metric == "response_time" and rule.quantile == share and rule.of is None
        if rule.window is None and all(one.key != OP and one.comparison == "!=" for one in rule.selectors)
    ][:1]


def _judged(live: Live) -> dict[str, Any]:
    return {standing.rule.text: stand for standing, stand in live.stands() if stand is not None}


def _rules(live: Live) -> list[dict[str, Any]]:
    """Each rule that something is known of, missed ones first."""
    found = [
        {
            "text": standing.rule.text,
            "state": str(stand.state),
            "value": figures.figure(stand.value, standing.rule.kind),
            "limit": figures.figure(stand.limit, standing.rule.kind),
        }
        for standing, stand in live.stands()
        if stand is not None
    ]
    return sorted(found, key=lambda one: one["state"] == str(RuleState.PASS))


def _operations(live: Live) -> list[tuple[str, str, str, bool]]:
    """Kind, outcome, how many, and whether that kind may end so."""
    counts: Counter[tuple[str, str, bool]] = Counter()
    for (kind, _, outcome, ok), count in live.counted.operations.items():
        counts[kind, outcome, ok] += count
    return [(kind, outcome, f"{count:,}", ok) for (kind, outcome, ok), count in sorted(counts.items())]


def _queues(live: Live) -> list[tuple[str, str]]:
    depths = {name: value for name, value in live.monitored.items() if name.startswith("queue.") and "depth" in name}
    return [(name.removeprefix("queue."), f"{value:,.0f}") for name, value in sorted(depths.items())]


def _charts(live: Live, plan: Samples) -> list[dict[str, Any]]:
    """Response time by percentile, and what was offered, ended and failed, so far."""
    # The step that goes on would look as if everything had stopped.
    course = live.course
    until = max(live.second // course.width, 1) * course.width
    begin = course.begin(until)
    times = [svg.Line(name, name, course.percentiles(until, share)) for name, share in SHARES.items()]
    rates = [
        svg.Line("ended as expected", "good", course.rates(until, True)),
        svg.Line("errors", "errors", course.rates(until, False)),
    ]
    if live.scenario.open:
        offered: list[float | None] = [
            (arrivals_until(plan.stretches, at + course.width) - arrivals_until(plan.stretches, at)) / course.width
            for at in begin
        ]
        rates.insert(0, svg.Line("offered by the plan", "offered", offered))
    bands = phases.bands(plan.stretches)
    drawn: list[tuple[str, list[svg.Line], Any]] = [
        ("Response time of the operations planned in each step, so far", times, quantities.duration),
        ("Operations a second, by when they were planned", rates, "{:,g}/s".format),
    ]
    return [
        {
            "title": title,
            "keys": [(svg.key(line.style), line.name) for line in lines],
            "drawing": svg.chart(title, unit, course.width, begin, lines, bands, False),
        }
        for title, lines, unit in drawn
        if any(value is not None for line in lines for value in line.values)
    ]
