"""Every committed event reaches each processor: once, in order, whole, and none of another tenant's."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import pandas as pd

from systems import event_store
from systems.event_store import PROCESSORS, SERIAL, XMIN
from verification.arrays import Array, Mask
from verification.event_store.received import Processor, Records
from verification.found import Found, Part
from verification.ledger import find

SETTLED_NS = 10**9
"""What ended so long before the load did must have reached every processor."""
NEVER = np.iinfo(np.int64).max
SHOWN = 10
"""So many positions are shown."""
BITS = 63
"""Of a position, below the place of what was received, in one number."""


@dataclass(frozen=True)
class Received:
    """What one processor received, in that order."""

    of: Processor
    place: Array
    """Where each is among all that was received, by all of them."""
    position: Array
    checksum: Array
    opened: Array
    """The numbers that were missing when it read beyond them."""


@dataclass(frozen=True)
class Delivery:
    """Events beside what processors received of them: of a run, or of a range of its positions."""

    policy: str
    """How gaps are dealt with."""
    ended: int
    """When the load did."""
    events: pd.DataFrame
    """Those that a processor may have received, in the order of their positions, …"""
    own: Array
    """… of the events of the run the positions, in order, …"""
    done: Array
    """… and when each was acknowledged at the latest; NEVER, if it was not."""
    received: Sequence[Received]
    """What each of the processors received of them."""
    above: int = NEVER
    """When the first of the run's events above this range was acknowledged."""
    once: bool = True
    """Whether what there is one of for each processor is counted here."""
    records: int = 0
    """Of a range: how many records there are of all that was received (`Span.records`)."""

    def of_tenant(self, tenant: int) -> Mask:
        """Which of the events are those of a tenant; -1: all."""
        tenants = self.events["tenant"].to_numpy()
        of: Mask = tenants == tenant if tenant >= 0 else np.ones(len(tenants), bool)
        return of

    def reached(self, one: Processor) -> Mask:
        """Which of the events are behind its token, so that it must have received them."""
        position = self.events["position"].to_numpy()
        if not one.batches:
            return np.zeros(len(position), bool)
        behind: Mask = position <= one.at
        if self.policy == XMIN:
            tx = self.events["tx"].to_numpy()
            behind = (tx < one.tx) | ((tx == one.tx) & behind)
        if one.open_:
            behind &= ~np.isin(position, list(one.open_))
        return behind


def by_processor(of: Sequence[Processor], lines: Records, missed: Records) -> list[Received]:
    """What each of these received, of LINEs in the order of their places; and what was MISSED."""
    found = []
    for one in of:
        own = lines.compress(lines["processor"] == one.number)
        opened = missed["position"][missed["processor"] == one.number]
        place, position, checksum = (own[name].astype(np.int64) for name in ("place", "position", "checksum"))
        found.append(Received(one, place, position, checksum, opened.astype(np.int64)))
    return found


def witnesses(of: Processor, position: Array, place: Array | None = None) -> dict[str, frozenset[int]]:
    """What is to be told of those that are wrong: the first ones, by their `place`, or else by their position."""
    places = np.zeros(len(position), np.int64) if place is None else place
    first = zip(places[:SHOWN].tolist(), position[:SHOWN].tolist(), strict=True)
    return {str(of.number): frozenset(at << BITS | number for at, number in first)}


def told(part: Part, detail: str, why: str) -> Found:
    """What is found of parts that have `witnesses` of each processor."""
    wrong = {int(name): sorted(some)[:SHOWN] for name, some in part.sets.items() if some}
    if not part.witnesses:
        return Found(part.compared)
    number = min(wrong)
    positions = [one & (1 << BITS) - 1 for one in wrong[number]]
    tenant = event_store.tenant_of(number % PROCESSORS)
    return Found(
        part.compared,
        part.witnesses,
        f"{part.witnesses:,} of {part.compared:,} {detail}; the first at {positions[0]:,}, processor {number}",
        {"processor": number, "tenant": tenant, "positions": positions, "why": why},
        sql=f"SELECT * FROM domain_events WHERE global_seq = {positions[0]};",
    )


Judge = Callable[[Received], tuple[int, Array, Array | None]]
"""How many events were compared, the positions of those that are wrong, in order, and their places if they are in the
order of these."""


def _each(case: Delivery, judge: Judge, detail: str, why: str) -> Part:
    """What `judge` says of every processor, and a word about those that are wrong."""
    compared, wrong, sets = 0, 0, dict[str, frozenset[int]]()
    for one in case.received:
        count, positions, places = judge(one)
        compared, wrong = compared + count, wrong + len(positions)
        sets |= witnesses(one.of, positions, places)
    return Part(partial(told, detail=detail, why=why), compared, wrong, sets=sets)


def skipped(case: Delivery) -> Part:
    """DELIVERED. Without a gap that was open while a processor read beyond it, nothing is proved."""

    def judge(one: Received) -> tuple[int, Array, None]:
        position = case.events["position"].to_numpy()[case.reached(one.of) & case.of_tenant(one.of.tenant)]
        _, there = find(np.sort(one.position), position)
        return len(position), position[~there], None

    part = _each(case, judge, "events behind the token of a processor never reached it", "it was never received")
    # How many events were committed after one of a higher number.
    later = np.concatenate([case.done, [case.above]])
    earliest_above = np.minimum.accumulate(later[::-1])[::-1][1:]
    return replace(
        part,
        tell=partial(_skipped, tell=part.tell, policy=case.policy),
        sums={
            "noticed": len(np.unique(np.concatenate([np.zeros(0, np.int64), *(one.opened for one in case.received)]))),
            "overtaken": int((case.done > earliest_above).sum()),
            "late": sum(int(np.isin(one.opened, one.position).sum()) for one in case.received),
            "events": len(case.own),
        },
        most={"last": int(case.own[-1]), "first": -int(case.own[0])} if len(case.own) else {},
    )


def _skipped(part: Part, tell: Callable[[Part], Found], policy: str) -> Found:
    found = tell(part)
    if found.witnesses or not found.compared:
        return found
    opened = gaps(part, policy)
    told = f"{opened:,} gaps were open below the end of a stream, {part.sums['late']:,} of them were filled later"
    undecided = "" if opened else "no gap was open while processors read, so that none could be skipped"
    return Found(found.compared, detail=told, undecided=undecided)


def gaps(part: Part, policy: str) -> int:
    """How many numbers were missing when a processor had read beyond them; or else how many events were committed
    after one of a higher number; or, where that can't be, how many numbers are missing for ever.
    """
    if policy != SERIAL or not part.most:
        return max(part.sums["noticed"], part.sums["overtaken"])
    return part.most["last"] + part.most["first"] + 1 - part.sums["events"]


def twice(case: Delivery) -> Part:
    """ONCE. Also over restarts."""

    def judge(one: Received) -> tuple[int, Array, None]:
        position, times = np.unique(one.position, return_counts=True)
        return len(position), position[times > 1], None

    return _each(case, judge, "events reached a processor more than once", "it was received more than once")


def whole(case: Delivery) -> Part:
    """WHOLE. What was never committed must not be received either."""
    position, checksum = (case.events[name].to_numpy() for name in ("position", "checksum"))

    def judge(one: Received) -> tuple[int, Array, Array]:
        place, there = find(position, one.position)
        wrong = ~there
        wrong[there] = checksum[place[there]] != one.checksum[there]
        return len(one.position), one.position[wrong], one.place[wrong]

    return _each(
        case, judge, "events were received otherwise than they are stored", "it is stored otherwise, or not at all"
    )


def foreign(case: Delivery) -> Part:
    """TENANT."""
    position, tenant = (case.events[name].to_numpy() for name in ("position", "tenant"))
    none = np.zeros(0, np.int64)

    def judge(one: Received) -> tuple[int, Array, Array]:
        if one.of.tenant < 0:
            return 0, none, none
        place, there = find(position, one.position)
        wrong = np.zeros(len(one.position), bool)
        wrong[there] = tenant[place[there]] != one.of.tenant
        return len(one.position), one.position[wrong], one.place[wrong]

    return _each(case, judge, "events of another tenant reached a processor of one", "it is another tenant's")


def caught_up(case: Delivery) -> Part:
    """CAUGHT-UP. What was appended in the last second may still be on its way."""
    late = case.own[case.done >= case.ended - SETTLED_NS]

    def judge(one: Received) -> tuple[int, Array, None]:
        position = case.events["position"].to_numpy()[~case.reached(one.of) & case.of_tenant(one.of.tenant)]
        return int(case.once), position[~np.isin(position, late)], None

    return _each(
        case,
        judge,
        "processors did not come to the end: events beyond their tokens",
        "its token did not come so far",
    )
