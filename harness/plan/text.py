"""The dry run: what a scenario would send, to where, for how long. Nothing is started, nothing is sent."""

import importlib
import math
from collections.abc import Iterator, Mapping

from harness import database, quantities
from harness.plan import arrivals, provable, rule_checks, sample
from harness.plan.provable import SMOKE
from harness.plan.rules import BASELINE, BLOCKER
from harness.plan.scenario import Scenario
from harness.plan.search import Search, climb, most_steps
from harness.project import hint
from harness.settings import Settings, baseline_of

CURVE_WIDTH = 72
CURVE_HEIGHT = 8
_BLOCKS = " ▁▂▃▄▅▆▇█"


def describe(scenario: Scenario, settings: Settings) -> str:
    """The plan as text for people, with the load curve."""
    lines = [
        f"{scenario.name} ({scenario.profile}): {scenario.purpose}",
        "",
        f"users of  {scenario.locustfile}" if scenario.foreign else f"system    {scenario.system}: {scenario.title}",
        f"target    {settings.target_url or 'the reference target, started for the run on a free port of 127.0.0.1'}",
        f"database  {_database(scenario, settings)}",
        *(f"pool      {line}" for line in _pool(scenario)),
        *(f"feed      {one.file}: {one.rows:,} rows, {one.order}" for one in scenario.feeds.values()),
        *_services(scenario, settings),
        *(f"override  {name} = {value}" for name, value in scenario.overridden.items()),
        *(_open_load(scenario, settings) if scenario.open else _closed_load(scenario)),
        f"seed      {settings.seed}",
        "",
        *([*_search(scenario, scenario.search), ""] if scenario.search else _course(scenario)),
        *(f"left out  {rule}: it is about no phase of this load" for rule in scenario.left_out),
        *[""] * bool(scenario.left_out),
        *sample.lines(scenario, settings.target_url or ""),
        "rules",
        *(f"  {rule.text}{'' if rule.severity == BLOCKER else f'  ({rule.severity})'}" for rule in scenario.rules),
        *_proofs(scenario),
        *_baseline(scenario),
        *_own_checks(scenario),
        *(f"warning: {line}" for line in rule_checks.warnings(scenario)),
    ]
    return "\n".join(lines)


def _course(scenario: Scenario) -> Iterator[str]:
    """The load as a curve and as a table of its stages."""
    if not scenario.shaped:
        yield from [*_curve(scenario), ""]
    yield from [*(_stages(scenario) if scenario.open else _user_stages(scenario)), ""]


def _search(scenario: Scenario, search: Search) -> Iterator[str]:
    """What is searched for, and how long that takes at most."""
    unit = " users" if search.by_users else "/s"
    yield (
        f"search    from {search.start:,g} to {search.to:,g}{unit}, {quantities.duration(search.seconds)} a step: "
        f"at most {most_steps(search)} steps in {quantities.duration(scenario.seconds)}"
    )
    yield f"          up: {', '.join(f'{load:,g}' for load in climb(search))}"
    yield "          back where a step does not hold: half the gap, time and again, and at its edges the best of three"


def _proofs(scenario: Scenario) -> Iterator[str]:
    """Which rules the profile is too short to prove, however well they hold."""
    if scenario.profile == SMOKE:
        yield "a smoke run is not asked to prove its rules"
        return
    short = [proof for proof in provable.proofs(scenario) if proof.short]
    if short:
        yield "too short to prove"
        yield from (f"  {proof}" for proof in short)


def _baseline(scenario: Scenario) -> Iterator[str]:
    """That there is none, if a rule compares with it."""
    path = baseline_of(scenario.name, scenario.profile)
    if any(rule.of == BASELINE for rule in scenario.rules) and not path.exists():
        make = hint("baseline RUN=…", "baseline RUN_FOLDER")
        yield f"no baseline to compare with ({path}): {make} makes a run of it one"


def _own_checks(scenario: Scenario) -> Iterator[str]:
    """What the plan checks by itself, beside what its system does."""
    if scenario.own_checks:
        yield "checks of the plan"
    for one in scenario.own_checks:
        said = ", ".join([one.severity] * (one.severity != BLOCKER) + ["also before the load"] * one.before)
        yield f"  {one.name}: {one.title}{f'  ({said})' * bool(said)}"


def _database(scenario: Scenario, settings: Settings) -> str:
    if scenario.foreign and not scenario.own_checks:
        how = (
            "UNCHECKED at best, as the plan says" if scenario.unchecked else "INVALID, unless it says unchecked = true"
        )
        return f"none is read: {how}"
    if settings.database_url:
        return database.redacted(settings.database_url)
    return "the embedded PostgreSQL, a fresh database for the run"


def _open_load(scenario: Scenario, settings: Settings) -> Iterator[str]:
    times, kinds = arrivals.planned(scenario, settings.seed)
    share = {kind: int((kinds == index).sum()) for index, kind in enumerate(scenario.mix)}
    most = "at most " if scenario.search else ""
    yield (
        f"load      {most}{len(times):,} operations in {quantities.duration(scenario.seconds)} "
        "(open: they arrive whether or not earlier ones are done)"
    )
    yield f"          {', '.join(f'{count:,} {kind}' for kind, count in share.items())}"
    if share.get("race", 0):
        yield f"          {share['race']:,} more as second halves of the races"
    within = quantities.duration(scenario.timeout_seconds)
    yield f"users     at most {scenario.max_users} at a time; answers within {within}"


def _pool(scenario: Scenario) -> Iterator[str]:
    """What seeding makes, in the words of the system's facts."""
    if scenario.pool:
        facts = importlib.import_module(f"systems.{scenario.system}")
        described = getattr(facts, "describe_pool", None)
        yield from described(scenario.pool) if described else [_listed(scenario.pool)]


def _services(scenario: Scenario, settings: Settings) -> Iterator[str]:
    """What is started; nothing if the target is not ours."""
    started = {} if settings.target_url else scenario.services
    for name, service in started.items():
        if not service.processes:
            continue
        said = [f"{service.processes} process{'es' * (service.processes > 1)}"]
        said += [f"{service.pool} connection{'s' * (service.pool > 1)} each", _listed(service.settings)]
        yield f"service   {name}: {', '.join(filter(None, said))}"


def _listed(values: Mapping[str, object]) -> str:
    return ", ".join(
        f"{name} {value:,}" if isinstance(value, int) else f"{name} {value}" for name, value in values.items()
    )


def _closed_load(scenario: Scenario) -> Iterator[str]:
    pause = quantities.duration(scenario.think_seconds)
    if scenario.rounds:
        pace = f"they meet, begin at one instant, and meet again {pause} later"
    else:
        pace = f"each {pause} after its last answer" if scenario.think_seconds else "each as soon as it is answered"
    bounded = scenario.operations < math.inf
    most = f"at most {scenario.operations:,.0f} operations" if bounded else "no bound to operations"
    if scenario.requests:
        most = f"until {scenario.requests:,} operations of the last stage have ended, at most"
    yield f"load      {most} in {quantities.duration(scenario.seconds)} (closed: users go at their own pace)"
    whole = sum(scenario.mix.values())
    if whole:
        yield f"          of each {whole}: {', '.join(f'{count} {kind}' for kind, count in scenario.mix.items())}"
    users = str(scenario.max_users)
    if scenario.shaped:
        users = f"as the shape of the locustfile says{f', at most {users}' * (users != '0')}"
    if scenario.foreign:
        pace = f"{', '.join(scenario.users) or 'all its classes'}, at the pace of the locustfile"
        pace += "".join(
            f", {name} {', '.join(tags)}"
            for name, tags in (("tags", scenario.tags), ("without tags", scenario.exclude_tags))
            if tags
        )
    yield f"users     {users}; {pace}; answers within {quantities.duration(scenario.timeout_seconds)}"


def _curve(scenario: Scenario) -> Iterator[str]:
    """Arrivals a second, or users, over time: a column for each stretch of the plan, its height the value there."""
    step = scenario.seconds / CURVE_WIDTH
    height = _rate if scenario.open else _users
    values = [height(scenario, (column + 0.5) * step) for column in range(CURVE_WIDTH)]
    top, unit = max(values), "/s" if scenario.open else "  "
    for row in range(CURVE_HEIGHT, 0, -1):
        cells = (max(0.0, min(1.0, value / top * CURVE_HEIGHT - (row - 1))) for value in values)
        label = f"{top * row / CURVE_HEIGHT:7.1f}{unit}" if row in (CURVE_HEIGHT, CURVE_HEIGHT // 2) else " " * 9
        yield f"{label} │{''.join(_BLOCKS[round(cell * 8)] for cell in cells)}"
    end = quantities.duration(scenario.seconds)
    yield f"{f'0{unit}':>9} └{'─' * CURVE_WIDTH}"
    yield f"{'':11}0 s{end:>{CURVE_WIDTH - 3}}"


def _rate(scenario: Scenario, at: float) -> float:
    for stage in scenario.stages:
        if at < stage.seconds and not stage.burst:  # it has no height, and would leave none to the others
            return stage.start_rate + (stage.end_rate - stage.start_rate) * at / stage.seconds
        at -= stage.seconds
    return 0.0


def _users(scenario: Scenario, at: float) -> float:
    before = 0.0
    for stage in scenario.stages:
        change = stage.users - before
        if at < stage.seconds:
            return before + max(-stage.spawn * at, min(stage.spawn * at, change))
        before, at = stage.users, at - stage.seconds
    return before


def _stages(scenario: Scenario) -> Iterator[str]:
    yield "phase                 from       for       arrivals/s       processes"
    at = 0.0
    processes = {name: scenario.services[name].processes for stage in scenario.stages for name in stage.scale}
    for stage in scenario.stages:
        processes |= stage.scale
        rate = f"{stage.start_rate:g}"
        if stage.burst:
            rate = f"{stage.burst:,} at once"
        elif not stage.even:
            rate = f"{stage.start_rate:g} → {stage.end_rate:g}" if stage.loads else "0"
        if not stage.burst:
            rate += _effects(scenario, stage.end_rate)
        begin, length = quantities.duration(at), quantities.duration(stage.seconds)
        told = ", ".join(filter(None, (_listed(processes), stage.disturb)))
        yield f"{stage.phase:20}  {begin:>9}  {length:>9}  {rate:<15}  {told}".rstrip()
        at += stage.seconds


def _effects(scenario: Scenario, operations: float) -> str:
    """How many effects so many operations a second have, if an operation has several."""
    if max(scenario.leaving.values(), default=0) <= 1 or not operations:
        return ""
    return f"; {operations * scenario.effects_each:,.0f} {scenario.items}/s if answered at once"


def _user_stages(scenario: Scenario) -> Iterator[str]:
    yield "phase                 from       for       users"
    at, before = 0.0, 0
    for stage in scenario.stages:
        if stage.shaped:
            most = ", ".join(filter(None, ("at most", stage.disturb)))
            yield f"{stage.phase:20}  {quantities.duration(at):>9}  {quantities.duration(stage.seconds):>9}  {most}"
            continue
        users = f"{stage.users}" if stage.users == before else f"{before} → {stage.users}, {stage.spawn:g} a second"
        users += f", {stage.requests:,} requests" if stage.requests else ""
        users += f", all at one instant, every {quantities.duration(scenario.think_seconds)}" if stage.in_step else ""
        users += _effects(scenario, stage.users / scenario.think_seconds) if scenario.think_seconds else ""
        users += f", {stage.disturb}" if stage.disturb else ""
        yield f"{stage.phase:20}  {quantities.duration(at):>9}  {quantities.duration(stage.seconds):>9}  {users}"
        at, before = at + stage.seconds, stage.users
