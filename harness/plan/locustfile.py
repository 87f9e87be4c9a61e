"""What a plan says of its locustfile: classes of users, their number, shapes and tags. It is read, never imported."""

from pathlib import Path

from harness.errors import nearest
from harness.plan.classes import Class, classes
from harness.plan.scenario import Stage
from harness.plan.toml_table import Table, Where

SHAPE = "LoadTestShape"


def _classes(path: Path, where: Where) -> dict[str, Class]:
    """The classes that the locustfile has, which only Locust may import; PlanError if it is no Python."""
    try:
        return classes(path)
    except (OSError, SyntaxError, ValueError) as error:
        where.fail(path.name, f"locustfile {path}: {error}")


def shapes(path: Path, where: Where) -> list[str]:
    """The shapes that a locustfile has, its own and those that it imports from files beside it, as Locust would find
    them; one of an installed package is refused as the load starts only.
    """
    found = {name: one for name, one in _classes(path, where).items() if "." not in name}
    return [name for name, one in found.items() if SHAPE in one.bases and not one.abstract]


def require_followed(where: Where, path: Path, table: Table, stated: tuple[Stage, ...]) -> None:
    """PlanError for what another's users can't follow, or what they have of their own and the plan doesn't mention."""
    found, shaped = shapes(path, where), any(stage.shaped for stage in stated)
    if shaped and len(found) > 1:
        where.fail("shape", f'shape = "theirs": expected one shape in {path.name}, found {", ".join(found)}')
    if found and not shaped:
        where.fail(
            "locustfile",
            f"{path.name} has a shape of its own, {', '.join(found)}, and the plan another: expected "
            'shape = "theirs", or a locustfile without it',
        )
    for key in ("think", "rounds", "mix"):
        if key in table.rest:
            where.fail(key, f"{key}: another's users do as their locustfile says; leave it out")
    for stage in stated:
        if stage.requests or stage.in_step:
            key = "requests" if stage.requests else "in_step"
            where.fail(key, f"stages: {key}: another's users do as their locustfile says; expected users and for", key)


def max_users(table: Table, stated: tuple[Stage, ...]) -> int:
    """How many users there are at most: by the stages, or what the plan says; 0 if a shape of another's says it."""
    most = max(stage.users for stage in stated)
    if not most and not any(stage.shaped for stage in stated):
        return int(table.number("max_users", whole=True))
    return most


def tags(table: Table, key: str) -> tuple[str, ...]:
    """The names of tags under `key`, for Locust's command line."""
    found = table.take(key, [])
    if not isinstance(found, list) or not all(isinstance(tag, str) and tag and tag[0] != "-" for tag in found):
        table.fail(key, found, "a list of names")
    return tuple(found)


def users(path: Path, weighted: object, where: Where, foreign: bool) -> dict[str, int]:
    """User classes and weights, whose names are read from the locustfile; of a `foreign` one none means all."""
    known = [name for name, one in _classes(path, where).items() if "." not in name and not one.abstract]
    weights = Table(where, "users", weighted).rest
    if not weights and not foreign:
        where.fail("users", f"no users; {nearest('', known)}")
    for name, weight in weights.items():
        if name not in known:
            where.fail(name, f"unknown user class {name!r} in {path.name}; {nearest(name, known)}")
        if not isinstance(weight, int) or isinstance(weight, bool) or weight < 1:
            where.fail(name, f"users: {name} = {weight!r}: expected a whole number above 0")
    return weights
