"""What protects the data is as it was: the schema, and the settings that make a commit durable."""

from collections.abc import Sequence

from harness.check import Group
from harness.plan.scenario import Scenario
from verification.case import Case, Found, Observation
from verification.catalogue import Schema
from verification.checks import Check, Over
from verification.durability import Durability

SHOWN = 3
"""So many changes of the schema are named."""


def kept(case: Case) -> Found:
    """X10. What gives durability up is a setting: that a crash loses something need not be seen."""
    durability: Durability | None = case.seen.durability
    if durability is None:
        return Found(0)
    given_up = durability.given_up
    return Found(
        durability.looked,
        len(given_up),
        "; ".join(given_up),
        {"given_up": list(given_up)} if given_up else {},
        sql="SELECT * FROM pg_db_role_setting;" if given_up else "",
    )


def same(case: Case) -> Found:
    """SCHEMA. As it was before the target was started, line by line; and then as it is stated for the system.

    In a database of somebody's others may change it, by a new partition for one: there it is told, and no finding. What
    it lacks of what is stated makes the checks say less (`weakened`).
    """
    schema: Schema | None = case.seen.schema
    if schema is None:
        return Found(0, detail="run.json does not have the schema before the load")
    missing, new = schema.missing, schema.new
    before = case.seen.before
    told = [f"{word}: {'; '.join(lines[:SHOWN])}" for word, lines in (("gone", missing), ("new", new)) if lines]
    if before is not None and not before.ours:
        return Found(len(schema.then), detail=f"changed during the load: {'. '.join(told)}" if told else "")
    told += [f"not as stated: {' '.join(schema.weak[:SHOWN])}"] if schema.weak else []
    return Found(
        len(schema.then),
        len(missing) + len(new) + len(schema.weak),
        ". ".join(told),
        {"gone": missing[:SHOWN], "new": new[:SHOWN], "weak": list(schema.weak[:SHOWN])} if told else {},
        sql="SELECT conrelid::regclass, conname, pg_get_constraintdef(oid) FROM pg_constraint;" if told else "",
    )


DURABLE = Check(
    "X10",
    "No setting of server, role or database, no table and no counted session gives durability up.",
    "settings, tables and sessions",
    kept,
    group=Group.PROTECTED,
    over=Over.DATABASE,
)
SCHEMA = Check(
    "SCHEMA",
    "Tables, constraints, indexes and triggers are as before the load.",
    "parts of the schema",
    same,
    group=Group.PROTECTED,
    over=Over.DATABASE,
)


def weakened(seen: Observation) -> list[str]:
    """What a database of somebody's own lacks of the schema that is stated: in sentences, for people."""
    ours = seen.before is not None and seen.before.ours
    return [] if ours or seen.schema is None else list(seen.schema.weak)


def checks(scenario: Scenario) -> Sequence[Check]:
    """Those that a plan asks for: `durable = false` in its contract gives durability up."""
    return (*([DURABLE] if scenario.contract.get("durable", True) else []), SCHEMA)
