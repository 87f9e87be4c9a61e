"""What ran out first, and by which figures; or that nothing did."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import mean
from typing import Any, NamedTuple

from harness.quantities import duration, share
from reports.samples.monitor_lines import Line

LASTING = 3
"""Consecutive samples, one a second, that make a saturation: a single one is a hiccup."""

BUSY = 0.9
"""The share of what there is from which on it is used up: beyond it, queues grow without bound."""

OWN = 0.5
"""The share of the machine's cores in use that the run must use itself for it to be what used them up."""


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
    peaks: list[dict[str, Any]] = []
    full: list[Full] = []
    crowded = _crowded(during)
    for resource in (*RESOURCES, *_services(during)):
        used = [(line["at"], resource.used(line, cores)) for line in during]
        known = [(at, value) for at, value in used if value is not None]
        if not known:
            continue
        at, highest = max(known, key=lambda each: each[1])
        of = resource.said + (_own_part(during, at) if resource.name == MACHINE else "")
        peaks.append({"name": resource.name, "share": highest, "of": of, "at": (at - began) / 1e9, "n": len(known)})
        since = _since(known)
        # What others used up did not run out by this run.
        if since is not None and not (crowded and resource.name == MACHINE):
            full.append(Full(since, resource.name, of, highest))
    full.sort(key=lambda each: each.since)
    ran_out = [{"name": each.name, "since": max(each.since - began, 0) / 1e9} for each in full]
    sentence = _sentence([one for one in peaks if not (crowded and one["name"] == MACHINE)], full, began, len(during))
    told = {"sentence": f"{crowded} {sentence}" if crowded else sentence, "peaks": peaks, "ran_out": ran_out}
    return {**told, "retries": _retries(during)}


class Full(NamedTuple):
    """Something that was used up for LASTING samples."""

    since: float
    name: str
    of: str
    highest: float


def _told(lines: Sequence[Line]) -> list[Line]:
    """The samples by which what the run used is told from what others did."""
    return [line for line in lines if {"machine.cpu", "machine.cores", "run.cpu"} <= line.keys()]


def _own_part(lines: Sequence[Line], at: float) -> str:
    """How many of the machine's cores the run itself used at a moment; "" = that is not known."""
    known = [line for line in _told(lines) if line["at"] == at]
    return f", this run {known[0]['run.cpu']:.2g} of {known[0]['machine.cores']:g}" if known else ""


def _crowded(lines: Sequence[Line]) -> str:
    """That others used the machine's cores up, with how many of them the run used; "" = they did not."""
    busy = [line for line in _told(lines) if line["machine.cpu"] >= BUSY * line["machine.cores"]]
    if len(busy) < LASTING:
        return ""
    used, own, cores = (mean(line[name] for line in busy) for name in ("machine.cpu", "run.cpu", "machine.cores"))
    if own >= OWN * used:
        return ""
    return (
        f"The machine was busy with other work: in {len(busy):,} s its cores were {share(used / cores)} in use, of "
        f"which this run had {own:.2g} of {cores:g}."
    )


def _since(known: Sequence[tuple[float, float]]) -> float | None:
    """When the first saturation began: LASTING samples in a row above BUSY."""
    row = 0
    for place, (_, value) in enumerate(known):
        row = row + 1 if value >= BUSY else 0
        if row == LASTING:
            return known[place - LASTING + 1][0]
    return None


def _sentence(peaks: list[dict[str, Any]], full: Sequence[Full], began: int, n: int) -> str:
    if not peaks:
        return "There was no monitor, so nothing is known of what ran out."
    if full:
        first, *later = full
        then = f"; then {', '.join(other.name for other in later)}" if later else ""
        return (
            f"First {first.name} ran out, {duration(max(first.since - began, 0) / 1e9)} after the beginning: "
            f"{share(first.highest)} {first.of} at most, over {share(BUSY)} for {LASTING} s and more{then}."
        )
    most = max(peaks, key=lambda each: each["share"])
    return (
        f"Nothing ran out: of all that was watched over {n:,} s, {most['name']} came closest, with "
        f"{share(most['share'])} {most['of']}."
    )
