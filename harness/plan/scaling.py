"""Scaling as a shape: as much load for each of so many users, or processes of a service, one number after the other."""

from collections.abc import Iterator, Mapping

from harness.errors import nearest
from harness.plan.scenario import Service, Stage
from harness.plan.toml_table import Table

SETTLE = "3s"
"""How long a pause is in which processes are started, or ended, and what is left of the load before is done."""
SPAWN_RATE = 100.0
"""Users started a second."""
WORDS = ("rate", "for", "settle")


def read(table: Table, entry: object, services: Mapping[str, Service]) -> tuple[Stage, ...]:
    """scaling = { users = [1, 2, 4, 8], for = "10s" }, or { deliver = [1, 2, 4], rate = 10, for = "10s" } with 10
    arrivals a second for each process.
    """
    own = Table(table.where, "scaling", entry)
    known = ["users", *services]
    named = [key for key in own.rest if key not in WORDS]
    if len(named) != 1 or named[0] not in known:
        wrong = next((key for key in named if key not in known), "")
        said = f"unknown {wrong!r}; {nearest(wrong, known)}" if wrong else f"expected one of {', '.join(known)}"
        own.where.fail(wrong or "scaling", f"scaling: {said}: the numbers of what changes")
    (what,) = named
    numbers = own.take(what)
    right = isinstance(numbers, list) and all(type(one) is int and one > 0 for one in numbers)
    if not right or len(numbers) < 2 or sorted(set(numbers)) != numbers:
        own.fail(what, numbers, "two whole numbers or more, in ascending order, such as [1, 2, 4, 8]")
    seconds = own.seconds("for")
    if what == "users":
        found = tuple(Stage(f"{number}-users", seconds, 0.0, 0.0, {}, number, SPAWN_RATE) for number in numbers)
    else:
        rate, settle = float(own.number("rate")), own.seconds("settle", SETTLE)
        found = tuple(_processes(what, numbers, rate, seconds, settle))
    own.known += [*known, *WORDS]
    own.done()
    return found


def _processes(service: str, numbers: list[int], rate: float, seconds: float, settle: float) -> Iterator[Stage]:
    """The stages of numbers of processes: each offered as much, and with a pause before, and one at the end."""
    for number in numbers:
        yield Stage("pause", settle, 0.0, 0.0, {service: number})
        yield Stage(f"{number}-{service}", seconds, rate * number, rate * number)
    yield Stage("pause", settle, 0.0, 0.0)
