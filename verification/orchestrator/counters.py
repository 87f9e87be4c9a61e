"""What the target counts itself: each counter is what the database has, or what the answers say it must be."""

import math
from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from harness.outcomes import DONE, Outcome
from systems.orchestrator import ENTRIES, TOO_LONG, bad, events_each
from verification.arrays import Array
from verification.found import Found, Part
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


class Known(NamedTuple):
    """What is known of a run, besides what is summed up over its operations and rows."""

    contract: Mapping[str, Any]
    told: Mapping[str, float]
    """What the target counts."""
    messages: int | None
    """How many went into the queues of clients; None: these are not in the database."""
    refused: int
    """How many events were refused of requests that were accepted, …"""
    too_long: int
    """… and how many of them are too long for a queue."""
    lost: bool
    """Whether not all operations are on record."""


def counted(case: Events) -> Part:
    """METRICS. What /metrics counts, neither less nor more."""
    seen, ledger = case.seen, case.ledger
    if seen.uncounted:
        return Part(partial(_uncounted, why=seen.uncounted))
    items, size = ledger.refused["item"].tolist(), events_each(ledger.scenario.effects, "partial")
    known = Known(
        {name: stated for name, stated in ledger.scenario.contract.items() if name.startswith("counted_")},
        seen.counted,
        int(seen.queues.loc[seen.queues["name"].isin(ENTRIES), "sent"].sum()) if seen.in_database else None,
        len(items),
        sum(bad(item, size) == TOO_LONG for item in items),
        bool(ledger.lost),
    )
    return Part(partial(_counted, known=known), sums=_sums(case))


def _uncounted(_part: Part, why: str) -> Found:
    return Found(0, detail=why)


def _sums(case: Events) -> dict[str, int]:
    """What the counters follow from."""
    ledger = case.ledger
    kinds, sizes = ledger.ops["kind"].astype(str).to_numpy(), _sizes(case)
    answered, unknown, shed = ledger.outcome(*DONE) & (sizes > 0), ledger.unknown, ledger.outcome(Outcome.SHED)
    open_ = unknown & (sizes > 0)
    times = (ledger.ops["end"] - ledger.ops["start"]).to_numpy()
    return {
        "rows": len(case.rows) + len(case.seen.foreign),
        "replayed": int((ledger.outcome(Outcome.REPLAY) & (kinds != AGAIN)).sum()),
        "unsure": int(ledger.unsure.sum()),
        "unknown": int(unknown.sum()),
        "shed": int(shed.sum()),
        "single": int((ledger.outcome(Outcome.REJECT) & (kinds == "single")).sum()),
        "answered": int(sizes[answered].sum()),
        "answered for ns": int(times[answered].sum()),
        "open": int(open_.sum()),
        "maybe": int(sizes[open_].sum()),
        "maybe refused": int(_refusable(case, kinds)[open_].sum()),
    }


def _counted(part: Part, known: Known) -> Found:
    wrong, said, off, compared = dict[str, tuple[Any, str]](), list[str](), 0.0, 0
    for one in _expected(part.sums, known):
        compared += int(one.least)
        value = known.told.get(one.counter)
        if one.broken(value):
            wrong[one.counter] = (value, one.said)
            here = "not told" if value is None else f"{value:,.6g}"
            said.append(f"{one.counter} is {here} where {one.whose} {one.said}")
            off += max(one.least - (value or 0), (value or 0) - one.most, 1)
    first = {name: str(pair) for name, pair in wrong.items()}
    return Found(compared, math.ceil(off), "; ".join(said), first) if wrong else Found(compared)


def _expected(of: Mapping[str, int], known: Known) -> Iterator[Expected]:
    """Of each counter that the contract has."""
    contract, in_database, in_answers = known.contract, "the database has", "the answers say"
    messages = of["rows"] if known.messages is None else known.messages
    for key, exactly in (("counted_processed", of["rows"]), ("counted_routed", messages)):
        if contract[key]:
            yield Expected(contract[key], exactly, exactly, in_database)
    # A request that something on the way sent twice is counted twice, and answered once.
    again = of["replayed"] or of["unsure"] or known.lost
    taken = of["answered"] - known.refused
    # Whether one that is too long for its queue is routed first is the target's affair.
    maybe_routed = known.too_long + of["maybe"]
    for counter, least, more in (
        (contract["counted_failed"], known.refused + of["single"], of["maybe refused"]),
        (contract["counted_shed"], of["shed"], of["unknown"]),
        (contract["counted_routing"] and f"{contract['counted_routing']}_count", taken, maybe_routed),
    ):
        if counter:
            yield Expected(counter, least, math.inf if again else least + more, in_answers)
    if contract["counted_routing"] and taken:
        # To route an event is a part of its request.
        most = math.inf if again or of["open"] else of["answered for ns"] / 1e9
        yield Expected(f"{contract['counted_routing']}_sum", math.ulp(0.0), most, in_answers)


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
