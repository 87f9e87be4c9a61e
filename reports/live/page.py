"""A load that goes on, as a page: what is offered and ends, what each rule says so far, who keeps up, what waits.

live.html is the page, written once; now.html is what it shows, written anew each second. Both have the look of the
report, and are drawn by what draws it.
"""

from collections import Counter
from typing import Any

from markupsafe import Markup

from harness import quantities, steered
from harness.verdict import RuleState
from reports import figures
from reports.about import about
from reports.live.glance import SHARES, tiles
from reports.live.live import Live
from reports.render import svg
from reports.render.facts import facts
from reports.render.grid import Grid, Head, figures_of
from reports.render.limits import of_response_time
from reports.render.page import page
from reports.render.pictures import drawn
from reports.render.svg import Chart, Line
from reports.samples import phases
from reports.samples.phases import arrivals_until
from reports.samples.samples import Samples

FILE, NOW = "live.html", "now.html"
STATES = {"waiting": "◌", "loading": "▶", "verifying": "…"}
"""What becomes of a load, each with its symbol. Then it has a verdict, and the report takes the place of the page."""


def shell(live: Live) -> str:
    """The page, which asks for what it shows each second."""
    scenario = live.scenario
    return page(
        "live.html.j2",
        scenario=scenario,
        run=live.run.id,
        waiting=STATES["waiting"],
        facts=_facts(live),
        fixed=steered.fixed(scenario),
        most=steered.most(scenario),
    )


def now(live: Live) -> str:
    """What it shows at the latest look."""
    begun = live.began is not None and live.plan is not None
    state, said = _state(live)
    judged = {standing.rule.text for standing, stand in live.stands() if stand is not None}
    return page(
        "now.html.j2",
        facts=_facts(live),
        state=f"{STATES[state]} {state}",
        said=said,
        over=live.over,
        changed=steered.said(steered.read(live.run.folder)),
        tiles=tiles(live) if begun else [],
        charts=_charts(live, live.plan) if begun and live.plan is not None else [],
        grids=[grid for grid in (_rules(live), _outcomes(live), _generator(live), _queues(live)) if grid.rows],
        pending=[rule.text for rule in live.scenario.rules if rule.text not in judged],
        figures=figures,
    )


def _facts(live: Live) -> list[tuple[str, str]]:
    """What the run is; its target as soon as that is up."""
    run = about(live.run)
    return [(name, value) for name, value in facts({"run": run, "timeline": []}) if run["target"] or name != "target"]


def _state(live: Live) -> tuple[str, str]:
    """Where the load is, in a word, and what becomes of it."""
    if live.over:
        return (
            "verifying",
            "The load is over: its journals are compared with the database, then the report is here.",
        )
    if live.began is None or live.plan is None:
        return "waiting", "Users are starting."
    phase = next((one.phase for one in live.plan.stretches if one.begin <= live.second < one.end), None)
    left = max(live.scenario.seconds - live.second, 0.0)
    where = f"{phase}: " if phase else f"waiting for the last {live.flying:,} answers: " if live.flying else ""
    at = f"second {live.second:,.0f} of {live.scenario.seconds:,.0f}, {quantities.duration(round(left))} left"
    return "loading", f"{where}{at}"


def _rules(live: Live) -> Grid:
    """Each rule that something is known of, missed ones first."""
    found = [(standing.rule, stand) for standing, stand in live.stands() if stand is not None]
    rows = [
        [
            Markup("<code>{}</code>").format(rule.text),
            figures.figure(stand.value, rule.kind),
            figures.figure(stand.limit, rule.kind),
            _marked(str(stand.state), f"{figures.SYMBOLS[str(stand.state)]} {stand.state}"),
        ]
        for rule, stand in sorted(found, key=lambda pair: pair[1].state == RuleState.PASS)
    ]
    return Grid("Rules, so far", [Head("rule"), *figures_of(["so far", "limit"]), Head("state")], rows)


def _outcomes(live: Live) -> Grid:
    """Kind and outcome, how many, and whether that kind may end so."""
    counts: Counter[tuple[str, str, bool]] = Counter()
    for (kind, _, outcome, ok), count in live.counted.operations.items():
        counts[kind, outcome, ok] += count
    rows = [
        [kind, outcome, f"{count:,}", _marked("ok" if ok else "broken", "✓ yes" if ok else "✗ no")]
        for (kind, outcome, ok), count in sorted(counts.items())
    ]
    return Grid("Outcomes", [Head("operation"), Head("outcome"), *figures_of(["count"]), Head("expected")], rows)


def _generator(live: Live) -> Grid:
    """Whether each load process keeps up."""
    rows = [
        [
            str(worker),
            f"{line['users']:,}",
            f"{line['cpu']:.2f}",
            quantities.duration(max(line["lags_us"], default=0) / 1e6),
        ]
        for worker, line in sorted(live.health.items())
    ]
    return Grid("Generator", [Head("load process"), *figures_of(["users", "cores", "loop late"])], rows)


def _queues(live: Live) -> Grid:
    depths = {name: value for name, value in live.monitored.items() if name.startswith("queue.") and "depth" in name}
    rows = [[name.removeprefix("queue."), f"{value:,.0f}"] for name, value in sorted(depths.items())]
    return Grid("Queues", [Head("queue"), *figures_of(["waiting"])], rows)


def _marked(state: str, words: str) -> Markup:
    return Markup('<span class="state is-{}">{}</span>').format(state.lower().replace(" ", "-"), words)


def _charts(live: Live, plan: Samples) -> list[dict[str, Any]]:
    """Response time by percentile with its limits, and what was offered, ended and failed, so far."""
    course, until = live.course, live.course.until(live.second)
    begin = course.begin(until)
    times = [Line(name, name, course.percentiles(until, share)) for name, share in SHARES.items()]
    rates = [
        Line("ended as expected", "good", course.rates(until, True)),
        Line("errors", "errors", course.rates(until, False)),
    ]
    if live.scenario.open:
        offered: list[float | None] = [
            (arrivals_until(plan.stretches, at + course.width) - arrivals_until(plan.stretches, at)) / course.width
            for at in begin
        ]
        rates.insert(0, Line("offered by the plan", "offered", offered))
    stated = [{"text": one.text, "kind": one.kind, "limit": one.limit} for one in live.scenario.rules if one.of is None]
    limits = of_response_time(plan, stated)
    title = "Response time of the operations planned in each step, so far"
    charts = [
        Chart(title, times, svg.DURATION, limits, svg.HEIGHT, True),
        Chart("Operations a second, by when they were planned", rates, "/s", height=svg.HEIGHT),
    ]
    bands = phases.bands(plan.stretches)
    return [
        {"number": number, **drawn(chart, course.width, begin, bands)}
        for number, chart in enumerate(charts)
        if any(value is not None for line in chart.lines for value in line.values)
    ]
