"""What to try, from what a run found: a line for each finding, and none where nothing was found."""

from collections.abc import Callable, Iterator
from typing import Any

from harness.quantities import duration, share
from reports.tables import saturation

Record = dict[str, Any]

RETRIED = 0.01
"""The share of operations from which on retries are contention, and no chance meeting."""

WAITING = ("conditional", "for_update")
"""The strategies of the reference target under which moves of one row wait for each other, instead of being aborted."""

SHORT = 120
"""So many characters of a statement are shown."""

CONSTRAINT, INDEX = "constraint ", "index "
"""How the catalogue's lines of these begin."""


def recommendations(verdict: Record) -> list[str]:
    """What `verdict`, the contents of verdict.json, suggests: what keeps its figures from being valid comes first."""
    return [line for find in FINDERS for line in find(verdict)]


def _ran_out(verdict: Record) -> dict[str, str]:
    """What ran out, in the order of time, with how far and from when."""
    found = verdict["saturation"]
    peaks = {peak["name"]: f"{share(peak['share'])} {peak['of']}" for peak in found["peaks"]}
    return {
        one["name"]: f"{peaks[one['name']]} at most, and out from second {one['since']:.0f} on"
        for one in found.get("ran_out", ())
    }


def _ours(verdict: Record) -> bool:
    return bool((verdict["run"]["target"] or {}).get("ours"))


def _generator(verdict: Record) -> Iterator[str]:
    """The load processes were at their limit: by their own health, or by the monitor."""
    said = {one["id"]: one["value"] for one in verdict["validity"] if one["state"] in ("broken", "warning")}
    why = [said[name] for name in ("V2", "V3") if name in said]
    why += [f"its core: {found}" for name, found in _ran_out(verdict).items() if name == saturation.GENERATOR]
    if not why:
        return
    number, cores = max(len(verdict["generator"]), 1), (verdict["run"]["host"] or {}).get("cores")
    alone = "give it a core that nothing else uses, or a machine of its own"
    if verdict["rounds"]:
        fix = f"its users meet, and must be in one process: {alone}"
    elif cores and number >= cores:
        fix = f"this machine has {cores} cores, and as many load processes: {alone}"
    else:
        fix = f"share the load among more processes (PERF_PROCESSES={number + 1}), or {alone}"
    yield f"The generator was at its limit ({'; '.join(why)}): {fix}."


def _machine(verdict: Record) -> Iterator[str]:
    for name, found in _ran_out(verdict).items():
        if name == saturation.MACHINE:
            yield (
                f"All cores of the machine were in use ({found}): put target and database on another one (TARGET_URL, "
                "DATABASE_URL), or take a larger one."
            )


def _cores(verdict: Record) -> Iterator[str]:
    """The processes whose cores were used up: by service, where the monitor knows services."""
    found = _ran_out(verdict)
    services = {name: text for name, text in found.items() if name.startswith(saturation.SERVICE)}
    for name, text in services.items():
        service = name.removeprefix(saturation.SERVICE)
        number = (verdict["run"]["target"] or {}).get("services", {}).get(service)
        more = f"more than its {number}" if number else "more"
        yield (
            f"The processes of service {service} used up their cores ({text}): try {more} processes "
            f"(SET='service.{service}.processes=…'), or see where they go: PROFILER=py-spy."
        )
    if saturation.TARGET in found and not services:
        yield f"The target's processes used up their cores ({found[saturation.TARGET]}): try more, or profile it."
    if saturation.POSTGRES in found:
        first = next((one["query"] for one in verdict["statements"] or ()), None)
        what = f"the statement that took most of its time is {first}" if first else "look for its slowest statements"
        yield f"PostgreSQL used up the cores ({found[saturation.POSTGRES]}): {what}."


def _pool(verdict: Record) -> Iterator[str]:
    found = _ran_out(verdict)
    if saturation.POOL in found:
        services = list((verdict["run"]["target"] or {}).get("services", {}))
        setting = "the size of its pool"
        if _ours(verdict) and len(services) == 1:
            setting = f"it by SET='service.{services[0]}.pool=…'"
        elif _ours(verdict):
            setting = (
                f"that of the service which answers by SET='service.<name>.pool=…' (services: {', '.join(services)})"
            )
        yield (
            f"Requests waited for a connection of the target's pool ({found[saturation.POOL]}): raise {setting}; "
            "pool × processes must stay below max_connections of the database."
        )
    if saturation.CONNECTIONS in found:
        yield (
            f"The database ran out of connections ({found[saturation.CONNECTIONS]}): smaller pools, a pooler "
            "before it, or a greater max_connections."
        )


def _contention(verdict: Record) -> Iterator[str]:
    """Operations that met on one row: given up, done again, or waiting for each other's locks."""
    given_up = sum(row["count"] for row in verdict["classes"] if row["class"] == "exhausted")
    refused = sum(way["count"] for way in verdict["failures"] if way["status"] in (409, 503))
    retries, operations = verdict["saturation"].get("retries") or 0, verdict["totals"]["operations"]
    aborted = [f"{given_up:,} operations were given up after retries"] if given_up else []
    if not given_up and refused:
        aborted.append(f"{refused:,} operations were answered 409 or 503 against their contract")
    if operations and retries >= RETRIED * operations:
        aborted.append(f"the target did {retries:,.0f} transactions again for {operations:,} operations")
    locks = _ran_out(verdict).get(saturation.LOCKS)
    waited = [f"locks: {locks}"] if locks else []
    if not aborted + waited:
        return
    if not aborted:
        fix = "shorten the transactions that hold them, or take the hot rows last in each"
    elif _ours(verdict) and (given_up or retries):
        now = (verdict["run"]["target"] or {}).get("strategy")
        others = " or ".join(f"STRATEGY={name}" for name in WAITING if name != now)
        fix = f"try {others}, under which moves of one row wait for each other instead of being aborted"
    else:
        fix = (
            "let them wait for each other instead of being aborted: one UPDATE with its condition, or SELECT … FOR "
            "UPDATE, under READ COMMITTED"
        )
    yield f"Operations contended for the same rows ({'; '.join(aborted + waited)}): {fix}."


def _indexes(verdict: Record) -> Iterator[str]:
    """Indexes that a check found missing: it has their DDL as `ddl`, or they are gone since before the load."""
    statements: dict[str, str] = {}
    for check in verdict["checks"]:
        for witness in (check["first"], check["worst"]):
            if isinstance(witness, dict):
                found = [witness.get("ddl"), *_gone([str(line) for line in witness.get("gone") or ()])]
                statements |= {ddl: check["id"] for ddl in found if isinstance(ddl, str) and ddl}
    for ddl, check in statements.items():
        yield f"An index is missing (check {check}): {ddl.rstrip(';')};"


def _scans(verdict: Record) -> Iterator[str]:
    """Statements of the service that read all of a table each time: a key that is gone has been named already."""
    gone = " ".join(_indexes(verdict))
    slow: dict[str, list[Record]] = {}
    for one in verdict["statements"] or ():
        if one.get("ddl") and f"({one['ddl'].rpartition('(')[2]}" not in gone:
            slow.setdefault(one["ddl"], []).append(one)
    for ddl, found in slow.items():
        calls, seconds = sum(one["calls"] for one in found), sum(one["seconds"] for one in found)
        yield (
            f"A statement reads all of a table to find a few rows ({calls:,} times, {duration(seconds)} in all): "
            f"{_short(found[0]['query'])}: try {ddl};"
        )


def _short(query: str) -> str:
    return query if len(query) <= SHORT else f"{query[:SHORT]}…"


def _gone(lines: list[str]) -> Iterator[str]:
    """What makes again the keys and indexes among these lines of the catalogue; a key makes its own index."""
    keys = []
    for line in lines:
        where, _, definition = line.removeprefix(CONSTRAINT).partition(" ")
        table, _, name = where.rpartition(".")
        if line.startswith(CONSTRAINT) and table and definition.startswith(("PRIMARY KEY", "UNIQUE")):
            keys.append(name)
            yield f"ALTER TABLE {table} ADD CONSTRAINT {name} {definition}"
    for line in lines:
        if line.startswith(INDEX) and not any(f" INDEX {name} ON " in line for name in keys):
            yield line.removeprefix(INDEX).removesuffix(" that is not valid")


def _unproven(verdict: Record) -> Iterator[str]:
    for rule in verdict["rules"]:
        if rule["state"] != "UNPROVEN":
            continue
        if rule["needs"]:
            yield (
                f"Rule {rule['text']} holds, unproven: let what it covers last about {duration(rule['needs'])} longer "
                "(PERF_DURATION=…, or a longer profile)."
            )
        else:
            yield f"Rule {rule['text']} holds, and no length of a run would prove it: its limit is too near the value."


FINDERS: tuple[Callable[[Record], Iterator[str]], ...] = (
    _generator,
    _machine,
    _pool,
    _contention,
    _cores,
    _indexes,
    _scans,
    _unproven,
)
