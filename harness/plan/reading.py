"""The plan of a scenario: what load, against which limits. Whatever it does not know is refused before any traffic."""

import ast
import importlib
import json
import tomllib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from harness.errors import PlanError, nearest
from harness.plan import rule_checks
from harness.plan.scenario import Scenario, Stage, Validity
from harness.plan.toml_table import Table, Where
from harness.settings import ROOT

PROFILES = ("smoke", "ci", "full")

TABLES = ("system", "title", "contract", "database", "scenario")
"""What a plan has at its top."""

NO_FACTS = SimpleNamespace(MIX={}, EXPECTED={})
"""What is known of the service behind somebody else's locustfile."""

SPAWN_RATE = 100
"""Users started a second in a closed load, unless its plan says otherwise: not all connections at one instant."""


def files() -> list[Path]:
    """The plans of all systems."""
    return sorted((ROOT / "systems").glob("*.toml"))


def scenarios(system: str) -> list[str]:
    """The names of the scenarios of `system`, in the order of its plan."""
    return list(_read(ROOT / "systems" / f"{system}.toml")[0]["scenario"])


def find(name: str, profile: str, file: Path | None = None) -> Scenario:
    """The scenario `name` in `profile`, from `file` or from the plans of all systems; PlanError if there is none."""
    plans = [file] if file else files()
    known: list[str] = []
    for path in plans:
        tables, text = _read(path)
        scenarios = tables.get("scenario", {})
        known += scenarios
        if name in scenarios:
            theirs = isinstance(scenarios[name], dict) and "locustfile" in scenarios[name]
            if theirs:
                scenarios[name]["locustfile"] = str((path.parent / str(scenarios[name]["locustfile"])).resolve())
            source = {
                "system": tables.get("system", "" if theirs else path.stem),
                "title": tables.get("title", ""),
                "contract": tables.get("contract", {}),
                "database": tables.get("database", {}),
                "name": name,
                "scenario": scenarios[name],
            }
            where = Where(path, text, name)
            for word in sorted(set(tables) - set(TABLES)):
                where.fail(word, f"unknown key {word!r}; {nearest(word, TABLES)}")
            return _scenario(source, profile, where)
    raise PlanError(f"unknown scenario {name!r}; {nearest(name, known)}. See `make` for what can be run")


def load(source: Mapping[str, Any], profile: str) -> Scenario:
    """The scenario that an earlier `find` read, from its `source` as a run folder keeps it."""
    return _scenario(source, profile, Where(Path("run.json"), json.dumps(source, indent=1), source["name"]))


def reference(system: str, part: str) -> dict[str, Any]:
    """How the reference target of `system` speaks (`part` contract), and what its tables are called (database)."""
    names: dict[str, Any] = _read(ROOT / "systems" / f"{system}.toml")[0].get(part, {})
    return names


def _read(path: Path) -> tuple[dict[str, Any], str]:
    try:
        text = path.read_text()
        return tomllib.loads(text), text
    except OSError as error:
        raise PlanError(f"{path}: {error.strerror}: expected a plan (TOML)") from None
    except tomllib.TOMLDecodeError as error:
        raise PlanError(f"{path}: not TOML: {error}") from None


def _scenario(source: Mapping[str, Any], profile: str, where: Where) -> Scenario:
    if profile not in PROFILES:
        raise PlanError(f"unknown profile {profile!r}; {nearest(profile, PROFILES)}")
    system = source["system"]
    table = Table(where, "scenario", source["scenario"])
    locustfile = table.take("locustfile", None)
    facts = NO_FACTS if locustfile else _facts(system, where)
    stages = tuple(_load(where, table, profile))
    mix = _mix(where, table.take("mix", None), facts.MIX)
    delivery = Table(where, "delivery", table.take("delivery", {}))
    scenario = Scenario(
        system=system,
        title=source["title"],
        name=source["name"],
        profile=profile,
        purpose=table.take("purpose", ""),
        locustfile=locustfile or f"locustfiles/{system}.py",
        contract={} if locustfile else _names(system, "contract", source["contract"], where),
        database={} if locustfile else _names(system, "database", source.get("database", {}), where),
        users=_users(Path(locustfile or f"{ROOT}/locustfiles/{system}.py"), table.take("users", {}), where),
        max_users=max(stage.users for stage in stages) or table.number("max_users", whole=True),
        stages=stages,
        rules=tuple(rule_checks.read(where, table.take("rules", []))),
        mix=mix,
        expected={kind: facts.EXPECTED[kind] for kind in mix},
        rounds=table.flag("rounds"),
        pool=None,
        delivery_workers=delivery.number("workers", 0, whole=True, above=False) or None,
        delivery_seconds=delivery.seconds("time", "0ms", zero=True),
        poisson=_pattern(where, table.take("pattern", "even")) == "poisson",
        think_seconds=table.seconds("think", "0s", zero=True),
        drain_seconds=table.seconds("drain", "10s"),
        timeout_seconds=table.seconds("timeout", "10s"),
        validity=_validity(where, table.take("validity", {})),
        source=source,
    )
    delivery.done()
    table.done()
    if not any(stage.end_rate or stage.users for stage in stages):
        where.fail("arrivals", "arrivals offer no load at all")
    if locustfile and scenario.open:
        where.fail("arrivals", "arrivals need users of ours; expected stages.… (so many users)")
    rule_checks.check(where, scenario)
    if scenario.rounds and (scenario.open or len({stage.users for stage in stages}) > 1):
        where.fail("rounds", "rounds need users who all meet; expected stages.… with one number of users")
    try:
        pool = facts.pool(scenario.operations, scenario.rounds) if hasattr(facts, "pool") else None
    except ValueError as error:
        where.fail("stages", f"the pool can't feed this plan: {error}")
    return replace(scenario, pool=pool)


def _mix(where: Where, own: object, facts: Mapping[str, int]) -> Mapping[str, int]:
    """The plan's own mix, in the order of the facts, or that of the facts."""
    if own is None:
        return facts
    table = Table(where, "mix", own)
    mix = {kind: table.number(kind, whole=True) for kind in facts if kind in table.rest}
    table.known = list(facts)
    table.done()
    if not mix:
        where.fail("mix", f"mix = {own!r}: expected some of {', '.join(facts)}")
    return mix


def _facts(system: str, where: Where) -> Any:
    names = [path.stem for path in (ROOT / "systems").glob("*.toml")]
    if system not in names:
        where.fail(system, f"unknown system {system!r}; {nearest(system, names)}")
    return importlib.import_module(f"systems.{system}")


def _names(system: str, part: str, own: Mapping[str, Any], where: Where) -> dict[str, Any]:
    """The system's contract, or the names in its database, with what `own` states instead."""
    names = reference(system, part)
    for key, value in own.items():
        if key not in names:
            where.fail(key, f"{part}: unknown key {key!r}; {nearest(key, names)}")
        if type(value) is not type(names[key]):
            where.fail(key, f"{part}: {key} = {value!r}: expected something like {names[key]!r}")
    return {**names, **own}


def _users(path: Path, users: Mapping[str, Any], where: Where) -> dict[str, int]:
    """User classes and weights; their names are read from the locustfile, which only Locust may import."""
    try:
        body = ast.parse(path.read_text()).body
    except (OSError, SyntaxError) as error:
        where.fail(path.name, f"locustfile {path}: {error}")
    classes = [node.name for node in body if isinstance(node, ast.ClassDef)]
    if not users:
        where.fail("users", f"no users; {nearest('', classes)}")
    for name, weight in users.items():
        if name not in classes:
            where.fail(name, f"unknown user class {name!r} in {path.name}; {nearest(name, classes)}")
        if not isinstance(weight, int) or isinstance(weight, bool) or weight < 1:
            where.fail(name, f"users: {name} = {weight!r}: expected a whole number above 0")
    return dict(users)


def _load(where: Where, table: Table, profile: str) -> Iterable[Stage]:
    """The stages of `profile`: of an open load (arrivals) or a closed one (stages)."""
    ways = [way for way in ("arrivals", "stages") if way in table.rest]
    if len(ways) != 1:
        where.fail("scenario", "expected one of arrivals.… (so many a second) and stages.… (so many users)")
    profiles = table.take(ways[0])
    table.known += ["arrivals", "stages"]
    if profile not in profiles:
        where.fail(ways[0], f"no {ways[0]} for profile {profile!r}; {nearest(profile, profiles)}")
    for name in profiles:
        if name not in PROFILES:
            where.fail(name, f"{ways[0]} for an unknown profile {name!r}; {nearest(name, PROFILES)}")
    return (_arrivals if ways == ["arrivals"] else _users_stages)(where, profiles[profile])


def _pattern(where: Where, pattern: object) -> str:
    if pattern not in ("even", "poisson"):
        where.fail(pattern, f"pattern = {pattern!r}: expected 'even' or 'poisson'", "pattern")
    return str(pattern)


def _users_stages(where: Where, tables: Iterable[object]) -> Iterable[Stage]:
    before = 0
    for entry in tables:
        table = Table(where, "stages", entry)
        users = table.number("users", whole=True)
        seconds = table.seconds("for")
        spawn = float(table.number("spawn", SPAWN_RATE))
        phase = table.take("phase", "steady")
        table.done()
        if abs(users - before) > spawn * seconds:
            where.fail(
                users,
                f"stages: from {before} to {users} users at {spawn:g} a second can't be done in {seconds:g} s",
                "users",
            )
        yield Stage(str(phase), seconds, 0.0, 0.0, None, users, spawn)
        before = users


def _arrivals(where: Where, tables: Iterable[object]) -> Iterable[Stage]:
    rate = 0.0
    for entry in tables:
        table = Table(where, "arrivals", entry)
        ways = [way for way in ("rate", "to", "pause") if way in table.rest]
        if len(ways) != 1:
            where.fail(
                "arrivals",
                f"stage {entry!r}: expected one of rate = …, to = … (a ramp from the rate before), pause = …",
            )
        workers = table.number("workers", whole=True) if "workers" in table.rest else None
        if ways == ["pause"]:
            seconds, start, rate = table.seconds("pause"), 0.0, 0.0
        else:
            end = float(table.number(ways[0]))
            seconds, start, rate = table.seconds("for"), end if ways == ["rate"] else rate, end
        default = {"rate": "steady", "to": "ramp", "pause": "pause"}[ways[0]]
        phase = table.take("phase", default)
        if not isinstance(phase, str) or not phase:
            table.fail("phase", phase, "a name")
        table.known += ["rate", "to", "pause", "for"]
        table.done()
        yield Stage(phase, seconds, start, rate, workers)


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
