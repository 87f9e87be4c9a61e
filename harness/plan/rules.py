"""What a rule can say: each metric with its aggregates and selectors. grammar.py reads, reports/ evaluates."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

WARM_UP = "warm-up"
"""The phase that no rule covers unless it names it."""

DURATION, SHARE, RATE, COUNT, NUMBER = "duration", "share", "rate", "count", "number"
"""The kinds of values: seconds, a share of 1, something a second, a whole number, any number."""
DURATION_SLOPE, NUMBER_SLOPE = SLOPES = ("duration per minute", "number per minute")
"""By how much one of these grows: seconds a minute, any number a minute."""
SLOPE = "slope"
"""The aggregate that says so."""

BLOCKER, MAJOR, INFO = SEVERITIES = ("blocker", "major", "info")
"""blocker: full effect. major: CONDITIONAL at worst, unless it is more than twice its limit. info: shown only."""

OP, PHASE, STATUS, OUTCOME, WORKER, POINT = SELECTORS = ("op", "phase", "status", "outcome", "worker", "point")

OWN = "metric"
"""The metric whose name says which of those that users record themselves."""

EFFECTS = "effects"
"""The metric that counts effects; the facts of a system may give it another name: events."""

OFFERED, LINEAR, BASELINE = "offered", "linear", "baseline"
REFERENCES = (OFFERED, LINEAR)
"""What the limit of a rate can be a share of, and that of a slope (of what is offered). Any limit can be one of the
baseline's value."""
OF_PHASE = "phase"
"""The limit of a time can also be a share of what it is in another phase."""

ABORT = "abort.json"
"""Where the watcher records that a rule ends the load, in the run folder: {"rule", "at" (s), "said"}."""

_ANY = frozenset({OP, PHASE, STATUS, OUTCOME, WORKER})
_PLANNED = frozenset({OP, PHASE, WORKER})
_STAGES = frozenset({PHASE})


@dataclass(frozen=True)
class Metric:
    """What can be measured of a run."""

    aggregates: Mapping[str, str]
    """The aggregates it has → the kind of value that each gives; "p" stands for all percentiles."""
    selectors: frozenset[str]
    references: tuple[str, ...] = ()
    windows: bool = False
    """Whether it can be measured window by window."""
    aborts: frozenset[str] = frozenset()
    """The aggregates that are known while the load goes on, so that a rule on one can end it."""
    named: bool = False
    """Whether a name belongs to it: invariant.X1, resource.target.rss."""
    bytes: bool = False
    """Whether its limits may have a unit of bytes."""


_TIMES = {"p": DURATION, "mean": DURATION, "max": DURATION, "min": DURATION}
_TAIL = frozenset({"p", "max"})
_EVENTS = {"ratio": SHARE, "count": COUNT, "rate": RATE}
_SEEN = frozenset({"ratio", "count"})
_FLOW = {"rate": RATE, "count": COUNT}
_NUMBERS = {"p": NUMBER, "mean": NUMBER, "max": NUMBER, "min": NUMBER}
_GAUGE = {"value": NUMBER, **_NUMBERS}

METRICS: Mapping[str, Metric] = {
    "response_time": Metric({**_TIMES, SLOPE: DURATION_SLOPE}, _ANY, windows=True, aborts=_TAIL),
    "service_time": Metric({**_TIMES, SLOPE: DURATION_SLOPE}, _ANY, windows=True, aborts=_TAIL),
    "lag": Metric(_TIMES, _ANY, windows=True, aborts=_TAIL),
    "end_to_end": Metric(_TIMES, _PLANNED, windows=True),
    "errors": Metric(_EVENTS, _ANY, windows=True, aborts=_SEEN),
    "conflicts": Metric(_EVENTS, _PLANNED, windows=True, aborts=_SEEN),
    "dropped": Metric({"ratio": SHARE, "count": COUNT}, _STAGES),
    "requests": Metric(_FLOW, _PLANNED, REFERENCES, windows=True),
    "goodput": Metric(_FLOW, _ANY, REFERENCES, windows=True),
    "throughput": Metric(_FLOW, _ANY, REFERENCES, windows=True),
    EFFECTS: Metric(_FLOW, _PLANNED | {POINT}, (LINEAR,)),
    "delivered": Metric(_FLOW, _PLANNED, REFERENCES),
    "backlog": Metric({"count": COUNT, SLOPE: NUMBER_SLOPE}, _PLANNED, (OFFERED,)),
    "in_flight": Metric({SLOPE: NUMBER_SLOPE}, _PLANNED, (OFFERED,)),
    "deadlocks": Metric({"count": COUNT}, _STAGES),
    "drain_time": Metric({"value": DURATION}, _PLANNED),
    "recovery_time": Metric({"value": DURATION}, _STAGES),
    "capacity": Metric({"value": RATE}, _STAGES),
    "efficiency": Metric({"value": SHARE}, _PLANNED),
    "routing_success": Metric({"ratio": SHARE}, frozenset()),
    "invariant": Metric({"value": COUNT}, frozenset(), named=True),
    OWN: Metric(
        {**_NUMBERS, **_EVENTS, SLOPE: NUMBER_SLOPE},
        frozenset({PHASE, WORKER}),
        windows=True,
        aborts=_TAIL | _SEEN,
        named=True,
    ),
    "resource": Metric({**_GAUGE, SLOPE: NUMBER_SLOPE}, _STAGES, (OFFERED,), named=True, bytes=True),
}
"""response_time  end − planned start, of every operation that ended, failed ones too
service_time   end − start, likewise
lag            start − planned start
end_to_end     from the first point of an effect to its last (sent_at − created_at), by the database's clock
errors         operations whose outcome is not one that their kind expects
conflicts      operations answered with the contract's status of a conflict (409: not enough units)
dropped        arrivals of the plan that were never begun
requests       operations begun; goodput those of them that ended as expected
throughput     operations that ended during the phase, whatever came of them
effects        effects that reached a point during the phase: the one selected, e.g. {point=routed}, or stored
delivered      effects completed during the phase; backlog those begun in the phase and not completed
               by the beginning of the next one that offers load (or the end of the plan); of its slope, effects that
               are stored and not completed, second by second
in_flight      operations begun and not ended, second by second
deadlocks      transactions that PostgreSQL ended since they waited for each other
drain_time     from the end of the load, or of the phases that it names, until all their effects are completed
recovery_time  from the end of a spike until all is as it was before it (statistics.md §7.3)
capacity       the load of the highest step at which every other rule is proven (§4)
efficiency     the rate of `goodput` of a number of users, or processes of a service, as a share of what as many times
               the fewest of them do; of processes that complete effects later, that of `delivered`
routing_success  of the accepted effects the share that is where the rules of their routing say (checks X1 and ROUTED)
invariant.<check>   how many things break that check of the data
metric.<name>       what users record themselves under that name, by when it was recorded
resource.<name>     what the monitor has under that name
"""


@dataclass(frozen=True)
class Selector:
    """Keeps the operations whose `key` is, is not or matches `value`: comparison is =, != or =~."""

    key: str
    comparison: str
    value: str

    def keeps(self, name: str) -> bool:
        """Whether it keeps what is called `name`."""
        if self.comparison == "=~":
            return re.fullmatch(self.value, name) is not None
        return (name == self.value) != (self.comparison == "!=")


@dataclass(frozen=True)
class Window:
    """A rule that is judged window by window."""

    seconds: float
    """How long a window is."""
    share: float | None
    """The share of the windows that must be within the limit; None: any of them may be beyond it, …"""
    lasting: int = 1
    """… but not so many in a row."""


@dataclass(frozen=True)
class Rule:
    """One limit: in seconds, as a share of 1, a second, or plain, as `kind` says; as a share of `of` if that is set."""

    text: str
    measures: str
    """Its text without comparison, limit and consequence, by which the same figure is found in another run."""
    aggregate: str
    quantile: float | None
    metric: str
    name: str
    """What belongs to the metric: the check of an invariant, the monitor's name of a resource; else ""."""
    selectors: tuple[Selector, ...]
    comparison: str
    limit: float
    kind: str
    of: str | None
    window: Window | None
    aborts: bool
    """Whether the load ends as soon as what was found so far breaks it."""
    severity: str = BLOCKER
    id: str = ""
    other: str = ""
    """The phase whose value the limit is a share of, if `of` is OF_PHASE."""

    @property
    def upper(self) -> bool:
        """Whether it limits from above."""
        return not self.comparison.startswith(">")


def selected(names: Iterable[str], selectors: Sequence[Selector], key: str) -> list[str]:
    """Those of `names` that the selectors of `key` keep; of phases not the warm-up, unless one names it."""
    own = [selector for selector in selectors if selector.key == key]
    kept = [name for name in names if all(selector.keeps(name) for selector in own)]
    named = any(selector.comparison != "!=" for selector in own)
    return [name for name in kept if named or key != PHASE or name != WARM_UP]


def split(word: str) -> tuple[str, str]:
    """The metric that `word` names, and the name that belongs to it; word itself if it is no metric with a name."""
    metric, _, name = word.partition(".")
    return (metric, name) if name and metric in METRICS and METRICS[metric].named else (word, "")
