"""From the TOML of a plan to a scenario that is resolved and checked; what it does not know is refused.

Only this package reads plans, facts and locustfiles: what comes later reads run.json.
"""

import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from harness.errors import PlanError, nearest
from harness.plan import (
    feeds,
    left_out,
    locustfile,
    overrides,
    own_checks,
    parts,
    plans,
    pools,
    rule_checks,
    services,
    stages,
)
from harness.plan.facts import NO_FACTS, facts_of
from harness.plan.overrides import NONE, Overrides
from harness.plan.rules import EFFECTS
from harness.plan.scenario import Scenario, Validity, resolved
from harness.plan.toml_table import Table, Where
from systems.effect import Effect

TABLES = ("system", "title", "contract", "database", "pool", "service", "check", "quiesce", "scenario")
"""What a plan has at its top."""

PROFILE = re.compile(r"[a-z0-9][a-z0-9-]*")
"""A profile is a part of a folder's name."""

Tables = Mapping[str, Any]


def find(name: str, profile: str, file: Path | None = None, changes: Overrides = NONE) -> Scenario:
    """The scenario `name` in `profile`, from `file` or from the plans of all systems; PlanError if there is none."""
    stated = {path: plans.read(path) for path in ([file] if file else plans.files())}
    having = [path for path, (tables, _) in stated.items() if name in tables.get("scenario", {})]
    if len(having) > 1:
        raise PlanError(f"{having[1]}: scenario {name!r} is in {having[0]} too: expected another name")
    for path in having:
        tables, text = stated[path]
        where = Where(path, text, name)
        try:
            found = changed(resolve(overrides.apply(tables, name, changes.sets), name, profile, where), changes)
            return _storable(found, path)
        except PlanError as error:
            if not changes.sets:
                raise
            raise PlanError(f"{error} (with {', '.join(Overrides(changes.sets).said())})") from None
    known = [scenario for tables, _ in stated.values() for scenario in tables.get("scenario", {})]
    raise PlanError(f"{f'{file}: ' if file else ''}unknown scenario {name!r}; {nearest(name, known)}")


def _storable(scenario: Scenario, path: Path) -> Scenario:
    """The scenario itself; PlanError if run.json can't hold it as it is."""
    try:
        resolved(json.loads(json.dumps(scenario.as_json())))
    except (TypeError, ValueError) as error:
        raise PlanError(f"{path}: [scenario.{scenario.name}] can't be kept with the run: {error}") from None
    return scenario


def changed(scenario: Scenario, changes: Overrides) -> Scenario:
    """The scenario with PERF_DURATION and PERF_VUS in force."""
    found = scenario
    if (found.search or found.scaling) and (changes.duration or (changes.vus and not found.open)):
        how = "search" if found.search else "scaling"
        raise PlanError(f"PERF_DURATION, PERF_VUS: a {how} has its own; expected --set {how}.for=… and the like")
    if changes.duration:
        found = replace(found, stages=overrides.lasting(found.stages, changes.duration))
    if changes.vus and found.open:
        found = replace(found, max_users=overrides.number(changes.vus))
    elif changes.vus:
        crowded = overrides.crowded(found.stages, changes.vus)
        found = replace(found, stages=crowded, max_users=max(stage.users for stage in crowded))
    if found != scenario:
        # More operations may need a larger pool.
        found = replace(found, pool=pools.made(facts_of(found.system) if found.system else NO_FACTS, found.pool, found))
    return replace(found, overridden=changes.said())


def _locustfile(system: str) -> Path:
    """The locustfile of `system`, in the same project as its plan."""
    return plans.plan_of(system).parent.parent / "locustfiles" / f"{system}.py"


def resolve(tables: Tables, name: str, profile: str, where: Where) -> Scenario:
    """The scenario `name` of a plan's `tables` in `profile`; PlanError for what is unknown or missing."""
    for word in sorted(set(tables) - set(TABLES)):
        where.fail(word, f"unknown key {word!r}; {nearest(word, TABLES)}")
    table = Table(where, "scenario", tables["scenario"][name])
    if not PROFILE.fullmatch(profile):
        raise PlanError(f"profile {profile!r}: expected a name of lower-case letters, digits and hyphens")
    theirs = table.take("locustfile", None)
    system = tables.get("system", "" if theirs else where.path.stem)
    if system and system not in plans.systems():
        where.fail(system, f"unknown system {system!r}; {nearest(system, plans.systems())}")
    facts = facts_of(system) if system and not theirs else NO_FACTS
    code = (where.path.parent / str(theirs)).resolve() if theirs else _locustfile(system)
    running = {} if theirs else services.read(where, _over(system, "service", tables, where), table.take("service", {}))
    profiles = stages.profiles(table)
    sought, stated, instead = stages.read_load(where, table, profile, running, bool(theirs))
    if theirs:
        locustfile.require_followed(where, code, table, stated)
    elif any(stage.shaped for stage in stated):
        where.fail("shape", 'shape = "theirs" is for locustfile = …, which has a LoadTestShape; leave it out')
    items = getattr(facts, "ITEMS", EFFECTS)
    mix = _mix(where, table.take("mix", None), facts)
    agreed = {} if theirs else parts.read(plans.reference(system, "contract"), facts, "contract", tables, where)
    named = {} if theirs else parts.read(plans.reference(system, "database"), facts, "database", tables, where)
    own_pool, file = table.take("pool", {}), None
    for stated_pool in (own_pool, tables.get("pool", {})):
        if file is None and isinstance(stated_pool, str) and not theirs:
            file = stated_pool
    given: dict[str, Any] | None = None
    if file is not None:
        given, agreed = pools.given(where, facts, system, file, agreed, bool(table.rest.get("rounds")))
    expected = {**facts.EXPECTED, **(getattr(facts, "EXPECTED_OF_GIVEN", {}) if given is not None else {})}
    mix = _sendable(facts, agreed, given, named, mix)
    scenario = Scenario(
        system="" if theirs else system,
        title=tables.get("title", ""),
        name=name,
        profile=profile,
        purpose=_purpose(table),
        locustfile=str(code),
        contract=agreed,
        database=named,
        users=locustfile.users(code, table.take("users", {}), where, bool(theirs)),
        max_users=locustfile.max_users(table, stated),
        stages=stated,
        rules=tuple(rule_checks.read(where, table.take("rules", []), items, profile, profiles)),
        mix=mix,
        expected={kind: tuple(expected[kind]) for kind in mix},
        effects=_effects(facts.EFFECTS, mix, table.seconds("eventual", "0s", zero=True)),
        points=_points(facts, named),
        items=items,
        rows=getattr(facts, "ROWS", ("", "")),
        completed=getattr(facts, "COMPLETED", ""),
        gauges=_gauges(facts, agreed),
        queues=agreed[facts.QUEUES_ROUTE] if hasattr(facts, "QUEUES_ROUTE") else "",
        rounds=table.flag("rounds"),
        pool={},
        services=running,
        poisson=_pattern(where, table.take("pattern", "even")) == "poisson",
        think_seconds=_think(where, table, profile),
        drain_seconds=table.seconds("drain", "10s"),
        timeout_seconds=table.seconds("timeout", "10s"),
        validity=_validity(where, table.take("validity", {})),
        own_checks=own_checks.checks(where, tables.get("check", {})),
        quiesce=own_checks.quiesce(where, tables.get("quiesce")),
        unchecked=table.flag("unchecked"),
        feeds=feeds.read(where, table.take("feed")),
        benchmark=_benchmark(table),
        tags=locustfile.tags(table, "tags") if theirs else (),
        exclude_tags=locustfile.tags(table, "exclude_tags") if theirs else (),
        search=sought,
        scaling=sought is None and stages.of_profile(tables["scenario"][name].get("scaling"), profile) is not None,
    )
    if scenario.search or scenario.scaling:
        scenario = left_out.resolved(where, scenario, instead)
    sizes: dict[str, Any] = {}
    if given is not None:
        sizes = given
    elif not theirs:
        known = (plans.reference(system, "pool"), _over(system, "pool", tables, where), own_pool)
        sizes = pools.sizes(where, profile, *known)
    table.done()
    if theirs and scenario.open:
        where.fail("arrivals", "arrivals need users of ours; expected stages.… (a number of users)")
    if scenario.unchecked and (system or scenario.own_checks):
        where.fail(
            "unchecked",
            f"unchecked = true, but there are checks of {'the system' if system else 'the plan'}: expected a "
            "locustfile of another's without [check.…]; leave it out",
        )
    if scenario.eventual > scenario.drain_seconds:
        where.fail(
            "drain",
            f"drain = {scenario.drain_seconds:g} s: expected at least the {scenario.eventual:g} s within which effects "
            "are stored",
        )
    for part, word, message in getattr(facts, "wrong", _nothing_wrong)(
        agreed, named, mix, scenario.rounds, given is not None
    ):
        replace(where, part=part).fail(word, message)
    rule_checks.check(where, scenario, instead)
    if scenario.rounds and (scenario.open or scenario.requests or len({stage.users for stage in stated}) > 1):
        where.fail("rounds", "rounds need users who all meet; expected stages.… with a time and one number of users")
    if any(stage.in_step for stage in stated) and (scenario.rounds or not scenario.think_seconds):
        where.fail(
            "in_step", "in_step = true: users in step need a pause between two operations (think), and no rounds"
        )
    try:
        return replace(scenario, pool=pools.made(facts, sizes, scenario))
    except ValueError as error:
        where.fail("stages", f"the pool can't feed this plan: {error}")


def _over(system: str, part: str, tables: Tables, where: Where) -> dict[str, Any]:
    """What the system's own plan states in a `part`, with what this plan states over it, table by table."""
    stated = plans.reference(system, part)
    own = Table(where, part, tables.get(part, {})).rest
    return {
        **stated,
        **{
            name: {**stated[name], **value} if isinstance(value, dict) and isinstance(stated.get(name), dict) else value
            for name, value in own.items()
        },
    }


def _gauges(facts: Any, agreed: Mapping[str, Any]) -> dict[str, tuple[str, str]]:
    """The numbers that the target tells of itself, by the contract; without those for which it has no word."""
    stated: Mapping[str, tuple[str, str]] = getattr(facts, "GAUGES", {})
    named = {name: (agreed[route], agreed[field]) for name, (route, field) in stated.items()}
    return {name: (route, field) for name, (route, field) in named.items() if route and field}


def _effects(
    facts: Mapping[str, Mapping[str, Effect]], mix: Mapping[str, int], eventual: float
) -> dict[str, dict[str, Effect]]:
    """What each outcome of the kinds in `mix` leaves; all of it stored `eventual` s after the answer at the latest, or
    later if the facts allow it.
    """
    return {
        kind: {outcome: replace(one, within=max(one.within, eventual)) for outcome, one in facts[kind].items()}
        for kind in mix
    }


def _mix(where: Where, own: object, facts: Any) -> Mapping[str, int]:
    """The plan's own mix, in the order of the facts, or that of the facts."""
    known: Mapping[str, int] = facts.MIX
    if own is None:
        return known
    table = Table(where, "mix", own)
    mix = {kind: table.number(kind, whole=True) for kind in known if kind in table.rest}
    table.known = list(known)
    table.done()
    if not mix:
        where.fail("mix", f"mix = {own!r}: expected some of {', '.join(known)}")
    needs: Mapping[str, tuple[str, ...]] = getattr(facts, "NEEDS", {})
    for kind in mix:
        if kind in needs and not mix.keys() & set(needs[kind]):
            where.fail("mix", f"mix: {kind} sends again what {' or '.join(needs[kind])} sent: expected that in it, too")
    return mix


def _sendable(
    facts: Any,
    agreed: Mapping[str, Any],
    given: Mapping[str, Any] | None,
    named: Mapping[str, Any],
    mix: Mapping[str, int],
) -> Mapping[str, int]:
    """The kinds of `mix` that a service with this contract, pool and database can be sent, as the system's facts have
    it.
    """
    unsent = facts.unsent(agreed, given, named) if hasattr(facts, "unsent") else {}
    return {kind: share for kind, share in mix.items() if kind not in unsent}


def _points(facts: Any, named: Mapping[str, Any]) -> tuple[str, ...]:
    """The points of effects that a database with these names holds."""
    stated: tuple[str, ...] = tuple(getattr(facts, "POINTS", ("stored",)))
    return tuple(facts.points_of(named)) if hasattr(facts, "points_of") else stated


def _nothing_wrong(*_: object) -> Iterable[tuple[str, str, str]]:
    return ()


def _purpose(table: Table) -> str:
    purpose = table.take("purpose", "")
    if not isinstance(purpose, str):
        table.fail("purpose", purpose, "a sentence")
    return str(purpose)


def _benchmark(table: Table) -> str:
    check = table.take("benchmark", "")
    if not isinstance(check, str):
        table.fail("benchmark", check, "the name of the check of answers")
    return str(check)


def _think(where: Where, table: Table, profile: str) -> float:
    """How long users pause; of a table of profiles what it has for this one."""
    stated = table.rest.get("think")
    if not isinstance(stated, dict):
        return table.seconds("think", "0s", zero=True)
    own = Table(where, "think", table.take("think"))
    if profile not in own.rest:
        own.unknown("profile", profile, own.rest)
    return own.seconds(profile, zero=True)


def _pattern(where: Where, pattern: object) -> str:
    if pattern not in ("even", "poisson"):
        where.fail(pattern, f"pattern = {pattern!r}: expected 'even' or 'poisson'", "pattern")
    return str(pattern)


def _validity(where: Where, entry: object) -> Validity:
    table = Table(where, "validity", entry)
    taken: dict[str, Callable[[], Any]] = {
        "min_successes": lambda: table.number("min_successes", whole=True),
        "sent": lambda: table.share("sent"),
        "loop_lag": lambda: table.seconds("loop_lag"),
        "loop_gap": lambda: table.seconds("loop_gap"),
        "foreign_statuses": lambda: table.share("foreign_statuses"),
    }
    values = {key: take() for key, take in taken.items() if key in table.rest}
    table.known = list(taken)
    table.done()
    return Validity(**values)
