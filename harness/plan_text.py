"""The dry run: what a scenario would send, to where, for how long. Nothing is started, nothing is sent."""

from collections.abc import Iterator

from harness import database, units
from harness.load import arrivals
from harness.plan import Scenario
from harness.settings import Settings

CURVE_WIDTH = 72
CURVE_HEIGHT = 8
_BLOCKS = " ▁▂▃▄▅▆▇█"


def describe(scenario: Scenario, settings: Settings) -> str:
    """The plan as text for people, with the load curve."""
    times = arrivals.times(scenario.stages, settings.seed if scenario.poisson else None)
    kinds = arrivals.kinds(scenario.mix, len(times), settings.seed)
    share = {kind: int((kinds == index).sum()) for index, kind in enumerate(scenario.mix)}
    partners = share.get("race", 0)
    lines = [
        f"{scenario.name} ({scenario.profile}): {scenario.purpose}",
        "",
        f"system    {scenario.system}: {scenario.title}",
        f"target    {settings.target_url or 'the reference target, started for the run on a free port of 127.0.0.1'}",
        f"database  {_database(settings)}",
        f"load      {len(times):,} operations in {units.duration(scenario.seconds)} (open: they arrive whether or not "
        "earlier ones are done)",
        f"          {', '.join(f'{count:,} {kind}' for kind, count in share.items())}",
        f"          {partners:,} more as second halves of the races" if partners else "",
        f"users     at most {scenario.max_users} at a time; answers within {units.duration(scenario.timeout_seconds)}",
        f"delivery  {scenario.delivery_workers or 0} workers, {units.duration(scenario.delivery_seconds)} a delivery",
        f"seed      {settings.seed}",
        "",
        *_curve(scenario),
        "",
        "phase                 from       for       arrivals/s       workers",
        *_stages(scenario),
        "",
        "rules",
        *(f"  {rule.text}" for rule in scenario.rules),
    ]
    return "\n".join(line for line in lines if line is not None)


def _database(settings: Settings) -> str:
    if settings.database_url:
        return database.redacted(settings.database_url)
    return "the embedded PostgreSQL, a fresh database for the run"


def _curve(scenario: Scenario) -> Iterator[str]:
    """The offered rate over time: a column for each stretch of the plan, its height the mean rate there."""
    step = scenario.seconds / CURVE_WIDTH
    rates = [_rate(scenario, (column + 0.5) * step) for column in range(CURVE_WIDTH)]
    top = max(rates)
    for row in range(CURVE_HEIGHT, 0, -1):
        cells = (max(0.0, min(1.0, rate / top * CURVE_HEIGHT - (row - 1))) for rate in rates)
        label = f"{top * row / CURVE_HEIGHT:7.1f}/s" if row in (CURVE_HEIGHT, CURVE_HEIGHT // 2) else " " * 9
        yield f"{label} │{''.join(_BLOCKS[round(cell * 8)] for cell in cells)}"
    end = units.duration(scenario.seconds)
    yield f"{'0/s':>9} └{'─' * CURVE_WIDTH}"
    yield f"{'':11}0 s{end:>{CURVE_WIDTH - 3}}"


def _rate(scenario: Scenario, at: float) -> float:
    for stage in scenario.stages:
        if at < stage.seconds:
            return stage.start_rate + (stage.end_rate - stage.start_rate) * at / stage.seconds
        at -= stage.seconds
    return 0.0


def _stages(scenario: Scenario) -> Iterator[str]:
    at, workers = 0.0, scenario.delivery_workers
    for stage in scenario.stages:
        workers = stage.workers or workers
        rate = (
            f"{stage.start_rate:g}"
            if stage.start_rate == stage.end_rate
            else f"{stage.start_rate:g} → {stage.end_rate:g}"
        )
        yield f"{stage.phase:20}{at:6.1f} s{units.duration(stage.seconds):>10}{rate:>17}{workers or '':>14}"
        at += stage.seconds
