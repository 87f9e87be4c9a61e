"""What ran out first, and by which figures; or that nothing did."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from harness.quantities import duration, share
from reports.samples.monitor_lines import Line

LASTING = 3
"""Consecutive samples, one a second, that make a saturation: a single one is a hiccup."""

BUSY = 0.9
"""The share of what there is from which on it is used up: beyond it, queues grow without bound."""


@dataclass(frozen=True)
class Resource:
    """Something that can run out. `used` is its share in use at a sample; None where the sample doesn't have it."""

    name: str
    used: Callable[[Line, int], float | None]
    said: str
    """What a share of it is."""


def _cores(what: str, each: bool) -> Callable[[Line, int], float | None]:
    """The cores that `what` uses: of one for each of its processes, or of all there are."""

    def used(line: Line, cores: int) -> float | None:
        cpu = line.get(f"{what}.cpu")
        if cpu is None:
            return None
        return cpu / (min(line.get(f"{what}.processes", 1), cores) if each else cores)

    return used


def _connections(line: Line, _: int) -> float | None:
    limit = line.get("db.limit")
    return line["db.connections"] / limit if limit and "db.connections" in line else None


def _pool(line: Line, _: int) -> float | None:
    """Of the connections that the target's own pool has, those in use."""
    size = line.get("metrics.pool_connections")
    return line["metrics.pool_in_use"] / size if size and "metrics.pool_in_use" in line else None


def _waiting(line: Line, _: int) -> float | None:
    """Of the backends at work, those that wait for another's lock; with fewer than four at work it means nothing."""
    active = line.get("db.active", 0)
    return line.get("db.waiting.lock", 0) / active if active >= 4 else None


def _memory(line: Line, _: int) -> float | None:
    """Of the memory that the target's container may have, what it has."""
    limit = line.get("target.limit")
    return line["target.rss"] / limit if limit and "target.rss" in line else None


GENERATOR, MACHINE, TARGET, MEMORY, POSTGRES, POOL, CONNECTIONS, LOCKS = (
    "the generator's core",
    "the machine's cores",
    "the target's cores",
    "the memory of the target's container",
    "PostgreSQL's cores",
    "the target's pool of connections",
    "the database's connections",
    "locks in the database",
)
RESOURCES = (
    Resource(GENERATOR, _cores("generator", each=True), "of a core a process"),
    Resource(MACHINE, lambda line, cores: _ratio(line.get("machine.cpu"), cores), "of all cores"),
    Resource(TARGET, _cores("target", each=True), "of a core a process"),
    Resource(MEMORY, _memory, "of what it may have"),
    Resource(POSTGRES, _cores("postgres", each=False), "of all cores"),
    Resource(POOL, _pool, "of its connections in use"),
    Resource(CONNECTIONS, _connections, "of max_connections"),
    Resource(LOCKS, _waiting, "of the backends at work waited for one"),
)

SERVICE = "the cores of service "
"""The beginning of the name of a service's cores; its own name is the rest."""


def _services(samples: Sequence[Line]) -> list[Resource]:
    """The cores of each service: one that is at its limit does not show among others that are not."""
    cpus = {name for line in samples for name in line if name.startswith("service.") and name.endswith(".cpu")}
    names = sorted(name.removesuffix(".cpu") for name in cpus)
    return [
        Resource(SERVICE + name.partition(".")[2], _cores(name, each=True), "of a core a process") for name in names
    ]


def _retries(samples: Sequence[Line]) -> float | None:
    """By how much the target's own counters of retries grew; None if it tells of none."""
    names = {
        name for line in samples for name in line if name.startswith("metrics.") and name.endswith("retries_total")
    }
    if not names:
        return None
    told = [[line[name] for line in samples if name in line] for name in names]
    return sum(max(after - before, 0.0) for values in told for before, after in pairwise(values))


def _ratio(value: float | None, whole: int) -> float | None:
    return None if value is None else value / whole


def saturation(samples: Sequence[Line], began: int, seconds: float, cores: int) -> dict[str, Any]:
    """What ran out first during the load, with the second of it; the highest use of everything that was watched; and
    how often the target did something again.

    `began` is second 0 of the plan (ns of CLOCK_MONOTONIC), `cores` what the machine has.
    """
    during = [line for line in samples if began <= line["at"] <= began + seconds * 1e9]
    peaks, full = [], []
    for resource in (*RESOURCES, *_services(during)):
        used = [(line["at"], resource.used(line, cores)) for line in during]
        known = [(at, value) for at, value in used if value is not None]
        if not known:
            continue
        at, highest = max(known, key=lambda each: each[1])
        peaks.append(
            {"name": resource.name, "share": highest, "of": resource.said, "at": (at - began) / 1e9, "n": len(known)}
        )
        since = _since(known)
        if since is not None:
            full.append((since, resource, highest))
    ran_out = [
        {"name": resource.name, "since": max(since - began, 0) / 1e9}
        for since, resource, _ in sorted(full, key=lambda each: each[0])
    ]
    sentence = _sentence(peaks, full, began, len(during))
    return {"sentence": sentence, "peaks": peaks, "ran_out": ran_out, "retries": _retries(during)}


def _since(known: Sequence[tuple[float, float]]) -> float | None:
    """When the first saturation began: LASTING samples in a row above BUSY."""
    row = 0
    for place, (_, value) in enumerate(known):
        row = row + 1 if value >= BUSY else 0
        if row == LASTING:
            return known[place - LASTING + 1][0]
    return None


def _sentence(peaks: list[dict[str, Any]], full: list[tuple[float, Resource, float]], began: int, n: int) -> str:
    if not peaks:
        return "There was no monitor, so nothing is known of what ran out."
    if full:
        since, resource, highest = min(full, key=lambda each: each[0])
        others = [other.name for at, other, _ in sorted(full, key=lambda each: each[0])][1:]
        then = f"; then {', '.join(others)}" if others else ""
        return (
            f"First {resource.name} ran out, {duration(max(since - began, 0) / 1e9)} after the beginning: "
            f"{share(highest)} {resource.said} at most, over {share(BUSY)} for {LASTING} s and more{then}."
        )
    most = max(peaks, key=lambda each: each["share"])
    return (
        f"Nothing ran out: of all that was watched over {n:,} s, {most['name']} came closest, with "
        f"{share(most['share'])} {most['of']}."
    )
