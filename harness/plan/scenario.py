"""A scenario, resolved and checked: all that load, verification and report need of a plan, as plain data.

run.json holds it, so that what a run was does not depend on today's plans, facts or locustfiles.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec

from harness.plan import disturbance
from harness.plan.disturbance import Disturbance
from harness.plan.rules import Rule
from harness.plan.search import Search
from systems.effect import Effect

BURST_S = 0.001
"""How long a burst takes: so short that its arrivals are one instant for a target, and none is without a moment."""


@dataclass(frozen=True)
class Stage:
    """A part of the load in one phase: from `start_rate` to `end_rate` arrivals a second, or a number of `users`."""

    phase: str
    seconds: float
    """How long it lasts; at most, if it is bounded by `requests`."""
    start_rate: float
    end_rate: float
    scale: Mapping[str, int] = field(default_factory=dict)
    """Services whose number of processes changes at its beginning, and to what."""
    users: int = 0
    """In a closed load: how many users go at their own pace."""
    spawn: float = 0.0
    """In a closed load: how many users a second are started (or ended) at its beginning."""
    requests: int = 0
    """It ends when this many operations have ended; 0: when its time is up."""
    in_step: bool = False
    """In a closed load: whether all users begin their operations at one instant, as often as they think."""
    shaped: bool = False
    """In a closed load: whether a shape of another's locustfile says how many users there are: at most `users`, if
    that is above 0."""
    disturb: str = ""
    """What it does to target, database or network, in the words of `harness.plan.disturbance`; "": nothing."""

    @property
    def loads(self) -> bool:
        """Whether it offers any load: a pause does not."""
        return self.users > 0 or self.shaped or self.start_rate + self.end_rate > 0

    @property
    def burst(self) -> int:
        """How many arrivals it has at one instant; 0: it is no burst."""
        return round(self.end_rate * self.seconds) if self.seconds <= BURST_S else 0

    @property
    def even(self) -> bool:
        """Whether it offers the same load all the time."""
        return self.loads and self.start_rate == self.end_rate and not self.burst and not self.shaped


@dataclass(frozen=True)
class Service:
    """A part of the target that we start: a process, or several alike."""

    start: str
    """Its command line, with {python}, {port}, {number}, {processes}, {pool}, {fault}, {strategy} and its settings."""
    ready: str
    """The probe that it is up: a method and a path that answer 2xx, or `file`: it creates the file named in READY."""
    processes: int
    """0: it is not started."""
    pool: int
    """How many connections to the database each process has."""
    settings: Mapping[str, Any] = field(default_factory=dict)
    """What else `start` names."""


@dataclass(frozen=True)
class OwnCheck:
    """A check of the user's own: the data is right if its query gives no row."""

    name: str
    title: str
    """A sentence that is true if it holds."""
    sql: str
    before: bool
    """Whether the query is also run before the load: what was wrong by then is said to have been."""
    severity: str
    """That of rules: a blocker makes NO-GO, major CONDITIONAL, info nothing."""
    seconds: float
    """How long the query may take."""


@dataclass(frozen=True)
class Quiesce:
    """What is awaited before the data is read."""

    sql: str
    """A query for a number, which is 0 when nothing is pending any more."""
    seconds: float
    """How long that is awaited."""


@dataclass(frozen=True)
class FeedFile:
    """A file of rows that operations draw from."""

    file: str
    order: str
    """sequential, random or unique: `harness.feed.ORDERS`."""
    rows: int
    digest: str
    """The SHA-256 of the file when the plan was read."""


@dataclass(frozen=True)
class Validity:
    """What must hold for the figures to mean anything; the defaults are those of statistics.md §7.4."""

    min_successes: int = 100
    """How many operations must have ended as expected, and how many effects they must have left."""
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
    """A named workload in one profile."""

    system: str
    """Empty for a foreign locustfile: nothing is known of its service, and no data can be proved."""
    title: str
    name: str
    profile: str
    purpose: str
    locustfile: str
    """Where its user classes are."""
    contract: Mapping[str, Any]
    database: Mapping[str, Any]
    """What tables and columns are called, and what else seeding fills there; empty for a system whose names are not to
    be chosen."""
    users: Mapping[str, int]
    """User classes and their weights; empty: all of another's locustfile, as it weighs them itself."""
    max_users: int
    stages: tuple[Stage, ...]
    rules: tuple[Rule, ...]
    mix: Mapping[str, int]
    """Of how many operations (the sum) how many are of which kind."""
    expected: Mapping[str, tuple[str, ...]]
    """The same kinds, in the same order, with the outcomes that each may have."""
    effects: Mapping[str, Mapping[str, Effect]]
    """The same kinds, with what each outcome leaves in the database; an outcome that is not there leaves nothing."""
    points: tuple[str, ...]
    """The moments that the database holds of an effect, in their order: stored, sent. The last completes it."""
    items: str
    """What effects are called, for people and in rules: effects, events."""
    rounds: bool
    """In a closed load: whether all users meet before each operation, and begin it at one instant."""
    pool: Mapping[str, Any]
    """What seeding is to make: numbers that the system's facts and its seeding understand."""
    services: Mapping[str, Service]
    """What the target consists of, if it is ours."""
    poisson: bool
    """Whether arrivals come by chance, as independent clients make them; else evenly spaced."""
    think_seconds: float
    """In a closed load: how long a user pauses between two operations."""
    drain_seconds: float
    timeout_seconds: float
    validity: Validity
    rows: tuple[str, str] = ("", "")
    """The table of what operations leave and its column of keys, or what `database` calls them by; empty: not known."""
    completed: str = ""
    """What `database` calls the column of that table which tells when an effect was completed; empty: none does."""
    gauges: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    """Numbers that the target tells of itself: of each name a route and the field of its answer."""
    queues: str = ""
    """The route at which the target tells how full each of its queues is."""
    benchmark: str = ""
    """The check of answers whose witnesses are no successes, if the result of the whole is printed as a benchmark's."""
    own_checks: tuple[OwnCheck, ...] = ()
    """The checks that the plan makes itself, by SQL."""
    quiesce: Quiesce | None = None
    unchecked: bool = False
    """Whether the plan says that the data is not checked: then the best verdict is UNCHECKED."""
    tags: tuple[str, ...] = ()
    exclude_tags: tuple[str, ...] = ()
    """Of another's locustfile: the tags that its tasks must have one of, and must have none of."""
    feeds: Mapping[str, FeedFile] = field(default_factory=dict)
    """What operations can draw rows from, by name."""
    search: Search | None = None
    """What is searched for; then `stages` are those of the longest search that there can be, until it has been made."""
    scaling: bool = False
    """Whether its stages are numbers of users or processes that are compared with each other."""
    left_out: tuple[str, ...] = ()
    """Rules that are about no phase of a search, or scaling, which takes the place of other stages."""
    overridden: Mapping[str, str] = field(default_factory=dict)
    """What of the plan was set otherwise for this run, by variable or option."""

    @property
    def seconds(self) -> float:
        """How long the load lasts; at most, if it is bounded by a number of requests."""
        return sum(stage.seconds for stage in self.stages)

    @property
    def requests(self) -> int:
        """How many operations end the load; 0: its time does. Only its last stage can be bounded so."""
        return self.stages[-1].requests

    @property
    def operations(self) -> float:
        """How many operations there can be at most; infinite if users never pause and no number bounds them."""
        return sum(self.offered(stage) for stage in self.stages)

    def offered(self, stage: Stage) -> float:
        """How many operations a stage can have at most: arrivals, or what its users can do in its time."""
        if self.open:
            return (stage.start_rate + stage.end_rate) / 2 * stage.seconds
        paced = stage.users * (stage.seconds / self.think_seconds + 1) if self.think_seconds else math.inf
        return stage.requests or paced

    @property
    def foreign(self) -> bool:
        """Whether its users are of a foreign locustfile."""
        return not self.system

    @property
    def open(self) -> bool:
        """Whether operations arrive as planned; else users go at their own pace."""
        return not any(stage.users or stage.shaped for stage in self.stages)

    @property
    def shaped(self) -> bool:
        """Whether a shape of another's locustfile says how many users there are, and when the load ends."""
        return any(stage.shaped for stage in self.stages)

    @property
    def scales(self) -> bool:
        """Whether the number of processes of a service changes during the load."""
        return any(stage.scale for stage in self.stages)

    @property
    def disturbances(self) -> list[Disturbance]:
        """What its stages do to target, database or network, in turn."""
        return [self.disturbance(stage) for stage in self.stages if stage.disturb]

    def disturbance(self, stage: Stage) -> Disturbance:
        """That of a stage which has one."""
        return disturbance.parse(stage.disturb, self.services)

    @property
    def conflicts(self) -> frozenset[int]:
        """The statuses by which the target refuses for want of what there is."""
        stated = [
            self.contract.get("conflict"),
            *(one.get("status") for one in self.contract.get("conflicts", {}).values()),
        ]
        return frozenset(status for status in stated if status is not None)

    @property
    def eventual(self) -> float:
        """How many seconds after its answer an operation may still have its effect."""
        return max((effect.within for kind in self.effects.values() for effect in kind.values()), default=0.0)

    @property
    def leaving(self) -> dict[str, int]:
        """The kinds that leave something when they are done, and how many items."""
        done = {kind: stated["ACK"].items for kind, stated in self.effects.items() if "ACK" in stated}
        return {kind: items for kind, items in done.items() if items > 0}

    @property
    def effects_each(self) -> float:
        """How many effects an operation of the mix has on average, if it is done."""
        whole = sum(self.mix.values())
        return sum(self.mix[kind] * items for kind, items in self.leaving.items()) / whole if whole else 0.0

    @property
    def staying(self) -> frozenset[str]:
        """The kinds whose effects are not to be completed during the run."""
        last = self.points[-1]
        return frozenset(
            kind for kind, stated in self.effects.items() if any(one.until not in ("", last) for one in stated.values())
        )

    def as_json(self) -> dict[str, Any]:
        """As run.json holds it."""
        plain: dict[str, Any] = msgspec.to_builtins(self)
        return plain


def resolved(plain: Mapping[str, Any]) -> Scenario:
    """The scenario that `as_json` stored; ValueError if it is not one."""
    try:
        return msgspec.convert(plain, Scenario)
    except msgspec.ValidationError as error:
        raise ValueError(str(error)) from None
