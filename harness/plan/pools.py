"""What seeding is to make: the sizes that a plan states, what its facts compute, or a file of the user's own."""

from collections.abc import Mapping
from typing import Any

from harness.plan.scenario import Scenario
from harness.plan.toml_table import Table, Where


def made(facts: Any, sizes: Mapping[str, Any], scenario: Scenario) -> dict[str, Any]:
    """What seeding is to make: the plan's sizes, and what the facts compute; ValueError says what is impossible."""
    if not hasattr(facts, "pool"):
        return dict(sizes)
    pool: dict[str, Any] = facts.pool(sizes, scenario.operations, scenario.rounds)
    return pool


def sizes(
    where: Where, profile: str, known: Mapping[str, Any], stated: Mapping[str, Any], own: object
) -> dict[str, int]:
    """The [pool] of a plan with the scenario's own over it: numbers, or a table of profiles with one each.

    `known` is the [pool] of the system.
    """
    changes = Table(where, "pool", own)
    for name in (*stated, *changes.rest):
        if name not in known:
            changes.unknown("size", name, known)
    table = Table(where, "pool", {**stated, **changes.rest})
    found = {}
    for name, value in list(table.rest.items()):
        if isinstance(value, dict):
            of_profile = Table(where, f"pool.{name}", value)
            if profile not in value:
                of_profile.unknown("profile", profile, value)
            found[name] = of_profile.number(profile, whole=True)
        else:
            found[name] = table.number(name, whole=True)
    return found


def given(
    where: Where, facts: Any, system: str, file: str, agreed: Mapping[str, Any], rounds: bool
) -> tuple[dict[str, Any], dict[str, Any]]:
    """The pool of a file of the user's own, named from the plan's folder, and what it leaves of the contract."""
    if not hasattr(facts, "given"):
        where.fail(file, f"pool = {file!r}: {system} has no pool of a file: expected sizes", "pool")
    try:
        found: tuple[dict[str, Any], dict[str, Any]] = facts.given((where.path.parent / file).resolve(), agreed, rounds)
    except ValueError as error:
        where.fail(file, f"pool: {error}", "pool")
    return found
