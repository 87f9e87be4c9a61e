"""Every operation of every journal is one row, with the phase that planned it, its outcome, and its effect."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from harness.errors import JournalError
from harness.journal import PARTNER, UNTIMED
from harness.journaled import Journaled
from harness.outcomes import Failure, Outcome
from harness.plan.scenario import Scenario
from reports.samples.phases import Stretch, stretches
from systems import ids

OUTCOMES = [outcome.name for outcome in Outcome]
FAILURES = [failure.name for failure in Failure]


@dataclass(frozen=True)
class Samples:
    """The operations of a run beside the plan that they followed.

    Columns of `frame`; times are seconds since the plan began:
    op; kind; stage (index into `stretches`); sched, start, end (NaN: open); outcome (OPEN: open);
    ok (the outcome is one that the kind expects); response_s, service_s (NaN: open, or reported
    without a time); lag_s; waited_s; status; failure; partner (the second half of a race, not an arrival of the plan);
    worker (the load process).
    """

    scenario: Scenario
    stretches: tuple[Stretch, ...]
    frame: pd.DataFrame
    planned: int
    """Arrivals of the plan, as the load processes had counted them."""
    effects: pd.DataFrame | None
    """What the database held of them, a line an effect: place (its operation's line in `frame`); stays (whether it is
    not to be completed during the run); and for each point of the scenario when it reached it (NaN: never), in seconds
    since the plan began. None if they were not read."""

    @property
    def seconds(self) -> float:
        """How long the load lasted: as planned, or until a rule ended it."""
        return self.stretches[-1].end

    @property
    def arrivals(self) -> int:
        """How many of the planned arrivals were begun."""
        return len(self.frame) - int(self.frame["partner"].sum())

    def during(self, moments: npt.NDArray[np.float64]) -> npt.NDArray[np.bool_]:
        """Which of `moments` lie in the load: another's users may go on with what they have begun when it is over."""
        inside: npt.NDArray[np.bool_] = (moments >= 0) & (moments <= self.seconds)
        return inside


def samples(
    scenario: Scenario,
    journals: Sequence[Journaled],
    effects: npt.NDArray[np.void] | None,
    until: float | None = None,
) -> Samples:
    """The operations of `journals`, each with its effect; JournalError if a record can't be one of theirs.

    Both are on the master's clock.
    `until` is the second of the plan at which a rule ended the load, if one did. What is done with is dropped at
    once: of ten million operations each column alone takes 80 MB.
    """
    ops = np.concatenate([journal.numbers for journal in journals])
    began = _began(next((one for one in journals if "began" in one.header), journals[0]))
    stored = None if effects is None else _effects(ops, effects, began, scenario.points)
    del effects
    sched, start, end = (_elapsed(journals, name) for name in ("sched", "start", "end"))
    if until is None and (scenario.requests or scenario.shaped):
        # The number of requests, or another's shape, ended the load, and not the time that it might have taken.
        until = max(float(end.max(initial=0)), 1.0) / 1e9
    elif until is not None:
        # What was begun until all load processes had heard of it belongs to the load, too.
        until = max(until, float(sched.max(initial=0)) / 1e9)
    stages = stretches(scenario, until)
    kinds = list(scenario.mix)
    for journal in journals:
        kinds += [name for name in journal.header["kinds"] if name not in kinds]
    kind = np.concatenate([_kinds(journal, kinds) for journal in journals])
    if stored is not None:
        staying = np.array([name in scenario.staying for name in kinds])
        stored.insert(1, "stays", staying[kind[stored["place"].to_numpy()]])

    never = _field(journals, "end") <= 0
    outcome = np.minimum(_field(journals, "outcome"), Outcome.UNKNOWN).astype(np.int8)
    outcome[never] = Outcome.OPEN
    expected = np.zeros((len(kinds), len(OUTCOMES)), bool)
    for place, name in enumerate(kinds):
        for word in scenario.expected.get(name, ("ACK",) if scenario.foreign else ()):
            expected[place, Outcome[word]] = True
    timeless = never | ((_field(journals, "flags") & UNTIMED) > 0)
    durations = {
        "response_s": _seconds(end - sched, timeless),
        "service_s": _seconds(end - start, timeless),
        "lag_s": (start - sched) / 1e9,
    }
    del sched
    planned = _planned(journals)
    stage, ended = _stages(stages, planned), _seconds(end, never)
    del end
    begun = start / 1e9
    del start
    planned_at = planned / 1e9
    del planned
    columns: dict[str, Any] = {
        "op": ops,
        "kind": pd.Categorical.from_codes(kind, pd.Index(kinds)),
        "stage": stage,
        "sched": planned_at,
        "start": begun,
        "end": ended,
        "outcome": pd.Categorical.from_codes(outcome, pd.Index(OUTCOMES)),
        "ok": expected[kind, outcome],
        **durations,
        "waited_s": _field(journals, "waited") / 1e6,
        "status": _field(journals, "status"),
        "failure": pd.Categorical.from_codes(_known(_field(journals, "failure"), len(FAILURES)), pd.Index(FAILURES)),
        "partner": (_field(journals, "flags") & PARTNER) > 0,
        "worker": (ops >> ids.COUNT_BITS).astype(np.int32),
    }
    arrivals = sum(int(journal.header.get("arrivals", 0)) for journal in journals)
    return Samples(scenario, stages, pd.DataFrame(columns, copy=False), arrivals, stored)


def _field(journals: Sequence[Journaled], name: str) -> npt.NDArray[Any]:
    """One field of all records; the records themselves are never copied."""
    return np.concatenate([journal.records[name] for journal in journals])


def _elapsed(journals: Sequence[Journaled], name: str) -> npt.NDArray[np.int64]:
    """A moment of each record, in ns since its plan began."""
    return np.concatenate([journal.records[name] - _began(journal) for journal in journals])


def _planned(journals: Sequence[Journaled]) -> npt.NDArray[np.int64]:
    """When each operation was due, in ns since its plan began. A µs less, and a burst is in the stage before."""
    due = [journal.records["sched"] - _began(journal) - _slipped(journal) for journal in journals]
    return np.concatenate(due)


def _slipped(journal: Journaled) -> npt.NDArray[np.int64] | int:
    return 0 if journal.slipped is None else journal.slipped


def _seconds(ns: npt.NDArray[np.int64], never: npt.NDArray[np.bool_]) -> npt.NDArray[np.float64]:
    """The same in seconds; NaN for what never was."""
    found: npt.NDArray[np.float64] = ns / 1e9
    found[never] = np.nan
    return found


def _began(journal: Journaled) -> int:
    """When the plan began for this process; where the journal doesn't hold it, with the first operation.

    Each got second 0 in its own clock: what it planned is in the plan's second to the ns, whatever the doubt.
    """
    records = journal.records
    return int(journal.header.get("began") or (records["sched"].min() if len(records) else 0))


def _kinds(journal: Journaled, kinds: list[str]) -> npt.NDArray[np.int16]:
    own = [kinds.index(name) for name in journal.header["kinds"]]
    kind = journal.records["kind"]
    if len(kind) and int(kind.max()) >= len(own):
        raise JournalError(
            f"{journal.path}: an operation of kind {int(kind.max())}, expected 0 to {len(own) - 1}: "
            "the journal is damaged. Run the load again"
        )
    # Of ten million operations each byte counts.
    codes: npt.NDArray[np.int16] = np.array(own, np.int16 if len(kinds) > 127 else np.int8)[kind]
    return codes


def _known(codes: npt.NDArray[Any], size: int) -> npt.NDArray[np.int8]:
    """A code that this version does not know becomes -1: no value, but never another one's name."""
    return np.where(codes < size, codes, -1).astype(np.int8)


def _stages(stages: tuple[Stretch, ...], elapsed_ns: npt.NDArray[Any]) -> npt.NDArray[np.int16]:
    """The stage in which each operation was planned; no pause plans any, its first instant is the load's before it."""
    ends = np.array([round(stage.end * 1e9) for stage in stages])
    owner, last = np.zeros(len(stages) + 1, np.int16), 0
    for place, stage in enumerate(stages):
        last = place if stage.loads else last
        owner[place] = last
    owner[-1] = last
    return owner[np.searchsorted(ends, elapsed_ns, side="right")]


def _effects(
    ops: npt.NDArray[np.int64], effects: npt.NDArray[np.void], began: int, points: Sequence[str]
) -> pd.DataFrame:
    """The effects of `ops`, which ascend, for journals come by worker; those of no known operation are left out."""
    places = np.searchsorted(ops, effects["op"]).clip(max=max(len(ops) - 1, 0))
    ours = ops[places] == effects["op"] if len(ops) else np.zeros(len(effects), bool)
    if not ours.all():
        effects, places = effects[ours], places[ours]
    columns: dict[str, Any] = {"place": places.astype(np.int32)}
    for point in points:
        columns[point] = _seconds(effects[point] - began, effects[point] <= 0)
    return pd.DataFrame(columns, copy=False)
