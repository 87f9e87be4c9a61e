"""The stages of a load, as a plan's profile has them: arrivals a second (open), or users at their own pace (closed)."""

from collections.abc import Iterable, Mapping

from harness.errors import nearest
from harness.plan import disturbance, scaling, search
from harness.plan.scenario import BURST_S, Service, Stage
from harness.plan.search import Search
from harness.plan.toml_table import Table, Where
from harness.quantities import duration
from harness.search import bound

SPAWN_RATE = 100
"""Users started a second in a closed load, unless its plan says otherwise: not all connections at one instant."""

MOST_S = "10m"
"""How long a stage that is bounded by a number of requests may take, unless its plan says otherwise."""

WAYS = ("arrivals", "stages")
HOW = ("search", "scaling")
"""What may take the place of stages, for all profiles or for some."""


OURS = ("smoke", "ci", "full", "soak")
"""The profiles of the shipped plans; a plan may have others."""


def profiles(table: Table) -> list[str]:
    """The names of the profiles for which a scenario's table states stages, and of ours."""
    stated = (table.rest.get(way) for way in WAYS)
    own = (name for profiles in stated if isinstance(profiles, dict) for name in profiles)
    return sorted({*OURS, *own, *_instead(table)})


def _instead(table: Table) -> list[str]:
    """The profiles for which something else than stages is stated."""
    entries = (table.rest.get(how) for how in HOW)
    return [name for entry in entries if isinstance(entry, dict) and _by_profile(entry) for name in entry]


def of_profile(entry: object, profile: str) -> object:
    """A search or scaling for `profile`: what is stated for it (`search.limit = {…}`), or for all; None if nothing."""
    return entry.get(profile) if isinstance(entry, dict) and _by_profile(entry) else entry


def _by_profile(entry: object) -> bool:
    return isinstance(entry, dict) and bool(entry) and all(isinstance(value, dict) for value in entry.values())


def read(where: Where, table: Table, profile: str, services: Mapping[str, Service]) -> tuple[Stage, ...]:
    """The stages of `profile`: of an open load (arrivals) or a closed one (stages)."""
    shape = table.take("shape", None)
    if shape not in (None, "theirs"):
        table.fail("shape", shape, '"theirs", the LoadTestShape of another\'s locustfile')
    ways = [way for way in WAYS if way in table.rest]
    if len(ways) != 1:
        where.fail("scenario", "expected one of arrivals.… (a rate) and stages.… (a number of users)")
    (way,) = ways
    profiles = Table(where, way, table.take(way))
    table.known += WAYS
    if profile not in profiles.rest:
        known = [*profiles.rest, *_instead(table)]
        where.fail(way, f"no {way} for profile {profile!r}; {nearest(profile, known)}")
    entries = profiles.rest[profile]
    if not isinstance(entries, list) or not entries:
        where.fail(profile, f"{way}.{profile} = {entries!r}: expected a list of stages")
    if shape and (way == "arrivals" or len(entries) > 1):
        where.fail(
            "shape", 'shape = "theirs": expected one stage, stages.… = [{ for = "10m" }], which is its longest time'
        )
    stages = tuple((_arrivals if way == "arrivals" else _shaped if shape else _users)(where, entries))
    for stage in stages:
        _disturbed(where, stage, services)
        for name in stage.scale:
            if name not in services:
                table.unknown("service", name, services)
            if stage.loads and "{processes}" in services[name].start:
                where.fail(
                    name,
                    f"scale: {name} starts all its processes itself, and is started again for another number: expected "
                    "that in a pause",
                    "scale",
                )
    if not any(stage.loads for stage in stages):
        where.fail(way, f"{way} offer no load at all")
    if any(stage.requests for stage in stages[:-1]):
        where.fail("requests", "stages: a number of requests ends the load; expected it in the last stage only")
    return stages


def read_load(
    where: Where, table: Table, profile: str, services: Mapping[str, Service], closed: bool
) -> tuple[Search | None, tuple[Stage, ...], tuple[Stage, ...]]:
    """What is searched for, if it is; the stages of the load; and those whose place a search or scaling takes."""
    how = next((word for word in HOW if of_profile(table.rest.get(word), profile) is not None), None)
    if how is None:
        own = read(where, table, profile, services)
        for word in HOW:
            table.take(word, None)
        return None, own, ()
    for key in ("shape", "rounds"):
        if table.rest.get(key):
            where.fail(key, f"{key}: a {how} says itself how many users there are; leave it out")
    entry, closed = of_profile(table.take(how), profile), closed or "stages" in table.rest
    ways = [way for way in WAYS if way in table.rest]
    stated = table.rest[ways[0]] if len(ways) == 1 and isinstance(table.rest[ways[0]], dict) else {}
    # Of a profile that has a search only, the others tell which phases there are.
    like = profile if profile in stated else next(iter(stated), None)
    instead = read(where, table, like, services) if like else ()
    found = search.read(table, entry, closed) if how == "search" else None
    stages = bound(found, 0.0) if found else scaling.read(table, entry, services)
    for way in (*WAYS, *HOW, *["max_users"] * any(stage.users for stage in stages)):
        table.take(way, None)
    return found, stages, instead


def _users(where: Where, entries: Iterable[object]) -> Iterable[Stage]:
    before = 0
    for entry in entries:
        table = Table(where, "stages", entry)
        users = table.number("users", whole=True)
        requests = table.number("requests", 0, whole=True, above=False)
        seconds = table.seconds("for", MOST_S if requests else None)
        spawn = float(table.number("spawn", SPAWN_RATE))
        in_step = table.flag("in_step")
        phase, scale, disturb = _phase(table, "steady"), _scale(table), _disturb(table)
        table.done()
        if abs(users - before) > spawn * seconds:
            where.fail(
                users,
                f"stages: from {before} to {users} users at {spawn:g} a second can't be done in {seconds:g} s",
                "users",
            )
        yield Stage(phase, seconds, 0.0, 0.0, scale, users, spawn, requests, in_step, disturb=disturb)
        before = users


def _shaped(where: Where, entries: Iterable[object]) -> Iterable[Stage]:
    for entry in entries:
        table = Table(where, "stages", entry)
        users = table.number("users", 0, whole=True, above=False)
        seconds = table.seconds("for", MOST_S)
        phase, scale, disturb = _phase(table, "steady"), _scale(table), _disturb(table)
        table.done()
        yield Stage(phase, seconds, 0.0, 0.0, scale, users, shaped=True, disturb=disturb)


def _arrivals(where: Where, entries: Iterable[object]) -> Iterable[Stage]:
    rate = 0.0
    for entry in entries:
        table = Table(where, "arrivals", entry)
        ways = [way for way in ("rate", "to", "pause", "burst") if way in table.rest]
        if len(ways) != 1:
            where.fail(
                "arrivals",
                f"stage {entry!r}: expected one of rate = …, to = … (a ramp from the rate before), pause = …, "
                "burst = … (so many arrivals at one instant)",
            )
        if ways == ["pause"]:
            seconds, start, end, rate = table.seconds("pause"), 0.0, 0.0, 0.0
        elif ways == ["burst"]:
            seconds = BURST_S
            start = end = table.number("burst", whole=True) / seconds
        else:
            end = float(table.number(ways[0]))
            seconds, start, rate = table.seconds("for"), end if ways == ["rate"] else rate, end
        phase = _phase(table, {"rate": "steady", "to": "ramp"}.get(ways[0], ways[0]))
        scale, disturb = _scale(table), _disturb(table)
        table.known += ["rate", "to", "pause", "burst", "for"]
        table.done()
        yield Stage(phase, seconds, start, end, scale, disturb=disturb)


def _phase(table: Table, default: str) -> str:
    phase = table.take("phase", default)
    if not isinstance(phase, str) or not phase:
        table.fail("phase", phase, "a name")
    return str(phase)


def _scale(table: Table) -> dict[str, int]:
    """scale = { deliver = 5 }."""
    own = Table(table.where, "scale", table.take("scale", {}))
    return {name: own.number(name, whole=True) for name in list(own.rest)}


def _disturb(table: Table) -> str:
    """disturb = "kill target"."""
    return table.text("disturb") if "disturb" in table.rest else str(table.take("disturb", ""))


def _disturbed(where: Where, stage: Stage, services: Mapping[str, Service]) -> None:
    """PlanError if a stage disturbs by unknown words, something unknown, or for longer than it lasts."""
    if not stage.disturb:
        return
    try:
        found = disturbance.parse(stage.disturb, services)
    except ValueError as error:
        where.fail(stage.disturb, f"disturb = {stage.disturb!r}: {error}", "disturb")
    least = disturbance.ACT_AFTER_S + (found.amount if found.verb == "stop" else 0.0)
    if stage.seconds <= least:
        where.fail(
            stage.disturb,
            f"disturb = {stage.disturb!r}: its stage takes {duration(stage.seconds)}: expected more than "
            f"{duration(least)}",
            "disturb",
        )
