"""The plan of a scenario, checked: what load, against which limits; all that load, verification and report need."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from harness.plan.rules import Rule


@dataclass(frozen=True)
class Stage:
    """A stretch of load in one phase: from `start_rate` to `end_rate` arrivals a second, or so many `users`."""

    phase: str
    seconds: float
    start_rate: float
    end_rate: float
    workers: int | None
    """Delivery workers from the beginning of this stage on; None leaves them as they are."""
    users: int = 0
    """In a closed load: how many users go at their own pace."""
    spawn: float = 0.0
    """In a closed load: how many users a second are started (or ended) at its beginning."""


@dataclass(frozen=True)
class Validity:
    """What must hold for the figures to mean anything; the defaults are those of statistics.md §7.4."""

    min_successes: int = 100
    sent: float = 0.99
    """The least share of the planned arrivals that must have been begun, unless the target held them up."""
    loop_lag: float | None = None
    """Seconds that the generator's loop may be late, at the 99th percentile; None: as the tightest limit asks for."""
    loop_gap: float = 0.250
    """Seconds that it may be late at most."""
    foreign_statuses: float = 0.01
    """The greatest share of answers below 500 with a status that the contract does not know."""


@dataclass(frozen=True)
class Scenario:
    """A named workload in one profile, checked: everything that load, verification and report need of the plan."""

    system: str
    """Empty for somebody else's locustfile, of whose service nothing is known and no data can be proved."""
    title: str
    name: str
    profile: str
    purpose: str
    locustfile: str
    """Where its user classes are; somebody else's, if there is no system."""
    contract: Mapping[str, Any]
    database: Mapping[str, str]
    """What tables and columns are called; empty for a system whose names are not to be chosen."""
    users: Mapping[str, int]
    max_users: int
    stages: tuple[Stage, ...]
    rules: tuple[Rule, ...]
    mix: Mapping[str, int]
    """Of every so many operations, how many are of which kind."""
    expected: Mapping[str, tuple[str, ...]]
    """The same kinds, in the same order, with the outcomes that each may have."""
    rounds: bool
    """In a closed load: whether all users meet before each operation, and begin it at one instant."""
    pool: Any
    """What seeding is to make, as the system's facts computed it from this plan; None: it is always the same."""
    delivery_workers: int | None
    delivery_seconds: float
    poisson: bool
    """Whether arrivals come by chance, as independent clients make them; else evenly spaced."""
    think_seconds: float
    """In a closed load: how long a user pauses between two operations."""
    drain_seconds: float
    timeout_seconds: float
    validity: Validity
    source: Mapping[str, Any]
    """The tables it was read from: `load` makes the same scenario of them."""

    @property
    def seconds(self) -> float:
        """How long the load lasts."""
        return sum(stage.seconds for stage in self.stages)

    @property
    def operations(self) -> float:
        """How many operations there can be at most; infinite if users never pause."""
        if self.open:
            return sum((stage.start_rate + stage.end_rate) / 2 * stage.seconds for stage in self.stages)
        if not self.think_seconds:
            return math.inf
        return sum(stage.users * (stage.seconds / self.think_seconds + 1) for stage in self.stages)

    @property
    def foreign(self) -> bool:
        """Whether its users are somebody else's."""
        return not self.system

    @property
    def open(self) -> bool:
        """Whether operations arrive as planned; else users go at their own pace."""
        return not any(stage.users for stage in self.stages)

    @property
    def scales(self) -> bool:
        """Whether the number of delivery workers changes during the load."""
        return any(stage.workers is not None for stage in self.stages)
