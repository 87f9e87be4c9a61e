"""What the target counts itself: each counter is what the database has, or what the answers say it must be."""

import math
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from harness.outcomes import DONE, Outcome
from systems.orchestrator import ENTRIES, TOO_LONG, bad, events_each
from verification.arrays import Array
from verification.case import Found
from verification.orchestrator.case import Events, refusals

AGAIN = "repeat"


class Expected(NamedTuple):
    """What a counter must be."""

    counter: str
    least: float
    most: float
    whose: str
    """Who says so."""

    def broken(self, told: float | None) -> bool:
        """Whether it is not so, or is not told at all."""
        return told is None or not self.least <= told <= self.most

    @property
    def said(self) -> str:
        """It in words."""
        if self.least == self.most:
            return f"{self.least:,.0f}"
        return f"at least {self.least:,.0f}" if math.isinf(self.most) else f"{self.least:,.0f} to {self.most:,.0f}"


def counted(case: Events) -> Found:
    """METRICS. What /metrics counts, neither less nor more."""
    if case.seen.uncounted:
        return Found(0, detail=case.seen.uncounted)
    told, wrong = case.seen.counted, dict[str, tuple[Any, str]]()
    said, off, compared = list[str](), 0.0, 0
    for one in _expected(case):
        compared += int(one.least)
        value = told.get(one.counter)
        if one.broken(value):
            wrong[one.counter] = (value, one.said)
            here = "not told" if value is None else f"{value:,.6g}"
            said.append(f"{one.counter} is {here} where {one.whose} {one.said}")
            off += max(one.least - (value or 0), (value or 0) - one.most, 1)
    first = {name: str(pair) for name, pair in wrong.items()}
    return Found(compared, math.ceil(off), "; ".join(said), first) if wrong else Found(compared)


def _expected(case: Events) -> Iterator[Expected]:
    """Of each counter that the contract has."""
    contract, seen, ledger = case.ledger.scenario.contract, case.seen, case.ledger
    rows = len(case.rows) + len(seen.foreign)
    queues = seen.queues[seen.queues["name"].isin(ENTRIES)]
    messages = int(queues["sent"].sum()) if seen.in_database else rows
    in_database = "the database has"
    for key, exactly in (("counted_processed", rows), ("counted_routed", messages)):
        if contract[key]:
            yield Expected(contract[key], exactly, exactly, in_database)
    kinds, sizes = ledger.ops["kind"].astype(str).to_numpy(), _sizes(case)
    # A request that something on the way sent twice is counted twice, and answered once.
    again = bool((ledger.outcome(Outcome.REPLAY) & (kinds != AGAIN)).any()) or bool(ledger.unsure.any()) or ledger.lost
    answered, unknown = ledger.outcome(*DONE) & (sizes > 0), ledger.unknown & (sizes > 0)
    refused = len(ledger.refused) + int((ledger.outcome(Outcome.REJECT) & (kinds == "single")).sum())
    maybe_refused = int(_refusable(case, kinds)[unknown].sum())
    shed = ledger.outcome(Outcome.SHED)
    taken = int(sizes[answered].sum()) - len(ledger.refused)
    # Whether one that is too long for its queue is routed first is the target's affair.
    too_long = sum(
        bad(item, events_each(ledger.scenario.effects, "partial")) == TOO_LONG for item in _refused_items(case)
    )
    times = (ledger.ops["end"] - ledger.ops["start"]).to_numpy()
    in_answers = "the answers say"
    for counter, least, more in (
        (contract["counted_failed"], refused, maybe_refused),
        (contract["counted_shed"], int(shed.sum()), int(ledger.unknown.sum())),
        (
            contract["counted_routing"] and f"{contract['counted_routing']}_count",
            taken,
            too_long + int(sizes[unknown].sum()),
        ),
    ):
        if counter:
            yield Expected(counter, least, math.inf if again else least + more, in_answers)
    if contract["counted_routing"] and taken:
        # To route an event is a part of its request.
        most = math.inf if again or unknown.any() else float(times[answered].sum()) / 1e9
        yield Expected(f"{contract['counted_routing']}_sum", math.ulp(0.0), most, in_answers)


def _refused_items(case: Events) -> list[int]:
    """The places of the events that were refused."""
    found: list[int] = case.ledger.refused["item"].tolist()
    return found


def _sizes(case: Events) -> Array:
    """How many events each operation submits."""
    scenario = case.ledger.scenario
    leaving = {kind for kind, effects in scenario.effects.items() if "ACK" in effects}
    kind = case.ledger.ops["kind"].cat
    sizes = [
        events_each(scenario.effects, "bulk" if name == AGAIN else name) if name in leaving or name == AGAIN else 0
        for name in kind.categories
    ]
    found: Array = np.array(sizes, np.int64)[kind.codes.to_numpy()]
    return found


def _refusable(case: Events, kinds: npt.NDArray[np.object_]) -> Array:
    """How many events of each operation the rules have no place for."""
    effects = case.ledger.scenario.effects
    many = {kind: len(refusals(kind, events_each(effects, kind))) for kind in np.unique(kinds).tolist()}
    found: Array = np.array([many[kind] for kind in kinds.tolist()], np.int64)
    return found
