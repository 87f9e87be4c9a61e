"""The stages of a load, as a plan's profile has them: arrivals a second (open), or users at their own pace (closed)."""

from collections.abc import Iterable, Mapping

from harness.errors import nearest
from harness.plan.scenario import BURST_S, Service, Stage
from harness.plan.toml_table import Table, Where

SPAWN_RATE = 100
"""Users started a second in a closed load, unless its plan says otherwise: not all connections at one instant."""

MOST_S = "10m"
"""How long a stage that is bounded by a number of requests may take, unless its plan says otherwise."""

WAYS = ("arrivals", "stages")


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
        where.fail(way, f"no {way} for profile {profile!r}; {nearest(profile, profiles.rest)}")
    entries = profiles.rest[profile]
    if not isinstance(entries, list) or not entries:
        where.fail(profile, f"{way}.{profile} = {entries!r}: expected a list of stages")
    if shape and (way == "arrivals" or len(entries) > 1):
        where.fail(
            "shape", 'shape = "theirs": expected one stage, stages.… = [{ for = "10m" }], which is its longest time'
        )
    stages = tuple((_arrivals if way == "arrivals" else _shaped if shape else _users)(where, entries))
    for stage in stages:
        for name in stage.scale:
            if name not in services:
                table.unknown("service", name, services)
            if "{processes}" in services[name].start and stage.loads:
                where.fail(
                    name,
                    f"scale: {name} starts all its processes itself, so that it is started anew: expected that in a "
                    'pause = "…"',
                    "scale",
                )
    if not any(stage.loads for stage in stages):
        where.fail(way, f"{way} offer no load at all")
    if any(stage.requests for stage in stages[:-1]):
        where.fail("requests", "stages: a number of requests ends the load; expected it in the last stage only")
    return stages


def _users(where: Where, entries: Iterable[object]) -> Iterable[Stage]:
    before = 0
    for entry in entries:
        table = Table(where, "stages", entry)
        users = table.number("users", whole=True)
        requests = table.number("requests", 0, whole=True, above=False)
        seconds = table.seconds("for", MOST_S if requests else None)
        spawn = float(table.number("spawn", SPAWN_RATE))
        in_step = table.flag("in_step")
        phase, scale = _phase(table, "steady"), _scale(table)
        table.done()
        if abs(users - before) > spawn * seconds:
            where.fail(
                users,
                f"stages: from {before} to {users} users at {spawn:g} a second can't be done in {seconds:g} s",
                "users",
            )
        yield Stage(phase, seconds, 0.0, 0.0, scale, users, spawn, requests, in_step)
        before = users


def _shaped(where: Where, entries: Iterable[object]) -> Iterable[Stage]:
    for entry in entries:
        table = Table(where, "stages", entry)
        users = table.number("users", 0, whole=True, above=False)
        seconds = table.seconds("for", MOST_S)
        phase, scale = _phase(table, "steady"), _scale(table)
        table.done()
        yield Stage(phase, seconds, 0.0, 0.0, scale, users, shaped=True)


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
        scale = _scale(table)
        table.known += ["rate", "to", "pause", "burst", "for"]
        table.done()
        yield Stage(phase, seconds, start, end, scale)


def _phase(table: Table, default: str) -> str:
    phase = table.take("phase", default)
    if not isinstance(phase, str) or not phase:
        table.fail("phase", phase, "a name")
    return str(phase)


def _scale(table: Table) -> dict[str, int]:
    """scale = { deliver = 5 }."""
    own = Table(table.where, "scale", table.take("scale", {}))
    return {name: own.number(name, whole=True) for name in list(own.rest)}
