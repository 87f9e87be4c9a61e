"""The machines that have joined a load, as the depot knows them, and which may."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from harness.machines.landing import Landing


@dataclass
class Machine:
    """A machine that has joined; the depot's thread fills it in."""

    number: int
    name: str
    told: Mapping[str, Any]
    """What it says of itself: host, cores, cpu, boot, processes."""
    processes: int
    """How many load processes it has."""
    address: bytes
    heard: float
    shares: list[int] = field(default_factory=list)
    """The numbers of its load processes, once it was given the load."""
    silent: float = 0.0
    """The longest time that nothing was heard of it, in s."""
    ready: bool = False
    round_trip_ns: int = 0
    """The longest of the round trips at its join."""
    asked: float = 0.0
    """When it asked for a piece of a file the last time."""
    unfit: str = ""
    """Why it can't put load on, if it can't."""
    exited: dict[int, int] = field(default_factory=dict)
    """How its load processes have ended: exit codes by their numbers."""
    tails: dict[int, str] = field(default_factory=dict)
    """The ends of the logs of those that failed."""
    left: bool = False
    whole: bool = False
    """Whether all of its files are here."""
    lacking: list[str] = field(default_factory=list)
    """The files that are not."""
    landing: Landing | None = None
    tries: int = 0
    ended: bool = False
    """Whether nothing more is taken of it."""
    parted: bool = False
    """Whether its connection has ended since, as it should."""


SAME = {"protocol": "protocol", "version": "Proofload", "code": "code", "locust": "Locust", "abi": "Python"}
"""What must be the same on all machines, and what it is called."""


def unlike(mine: Mapping[str, Any], told: Mapping[str, Any]) -> str:
    """In what a machine differs that must not; "" = in nothing. Of packages those count that a load process uses."""
    theirs, ours = (dict(one.get("packages") or {}) for one in (told, mine))
    pairs = [(what, told.get(name), mine.get(name)) for name, what in SAME.items()]
    pairs += [(name, theirs.get(name), ours.get(name)) for name in sorted({*theirs, *ours})]
    for what, has, expected in pairs:
        if has != expected:
            return f"it has {what} {has}, and the master {expected}: expected the same on all machines"
    return ""
