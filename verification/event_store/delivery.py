"""Every committed event reaches each processor: once, in order, whole, and none of another tenant's."""

from collections.abc import Callable

import numpy as np

from systems.event_store import SERIAL, XMIN
from verification.arrays import Array, Mask
from verification.case import Found
from verification.event_store.case import Events, Received
from verification.ledger import find

SETTLED_NS = 10**9
"""What ended so long before the load did must have reached every processor."""
FOLLOWED = "no processor received anything"


def _each(case: Events, judge: Callable[[Received], tuple[int, Array, str]], detail: str) -> Found:
    """What `judge` says of every processor: how many events were compared, the positions of those that are wrong, and a
    word about the first.
    """
    compared, witnesses, first = 0, 0, {}
    said = ""
    for one in case.received:
        count, wrong, word = judge(one)
        compared += count
        if len(wrong) and not witnesses:
            first = {"processor": one.processor, "tenant": one.tenant, "positions": wrong[:10].tolist(), "why": word}
            said = f"; the first at {int(wrong[0]):,}, processor {one.processor}"
        witnesses += len(wrong)
    sql = f"SELECT * FROM domain_events WHERE global_seq = {first['positions'][0]};" if first else ""
    text = f"{witnesses:,} of {compared:,} {detail}{said}" if witnesses else ""
    return Found(compared, witnesses, text, first, sql=sql)


def reached(case: Events, one: Received) -> Mask:
    """Which of the events are behind its token, so that it must have received them."""
    position = case.seen.events["position"].to_numpy()
    if not len(one.at):
        return np.zeros(len(position), bool)
    behind: Mask = position <= one.at[-1]
    if case.policy == XMIN:
        tx = case.seen.events["tx"].to_numpy()
        behind = (tx < one.tx) | ((tx == one.tx) & behind)
    if one.open_:
        behind &= ~np.isin(position, list(one.open_))
    return behind


def skipped(case: Events) -> Found:
    """DELIVERED. Without a gap that was open while a processor read beyond it, nothing is proved."""

    def judge(one: Received) -> tuple[int, Array, str]:
        position = case.seen.events["position"].to_numpy()[reached(case, one) & case.of_tenant(one.tenant)]
        _, there = find(np.sort(one.position), position)
        return len(position), position[~there], "it was never received"

    found = _each(case, judge, "events behind the token of a processor never reached it")
    opened = gaps(case)
    late = sum(int(np.isin(one.opened, one.position).sum()) for one in case.received)
    told = f"{opened:,} gaps were open below the end of a stream, {late:,} of them were filled later"
    if found.witnesses or not found.compared:
        return found
    undecided = "" if opened else "no gap was open while processors read, so that none could be skipped"
    return Found(found.compared, detail=told, undecided=undecided)


def gaps(case: Events) -> int:
    """How many numbers were missing when a processor had read beyond them; or else how many events were committed
    after one of a higher number; or, where that can't be, how many numbers are missing for ever.
    """
    noticed = len(np.unique(np.concatenate([np.zeros(0, np.int64), *(one.opened for one in case.received)])))
    rows = case.rows
    order = np.argsort(rows["position"].to_numpy())
    done, position = case.row_done[order], rows["position"].to_numpy()[order]
    least_after = np.minimum.accumulate(done[::-1])[::-1]
    overtaken = int((done[:-1] > least_after[1:]).sum()) if len(done) else 0
    if case.policy != SERIAL or not len(position):
        return max(noticed, overtaken)
    return int(position[-1] - position[0] + 1 - len(position))


def twice(case: Events) -> Found:
    """ONCE. Also over restarts."""

    def judge(one: Received) -> tuple[int, Array, str]:
        position, times = np.unique(one.position, return_counts=True)
        return len(position), position[times > 1], "it was received more than once"

    return _each(case, judge, "events reached a processor more than once")


def ordered(case: Events) -> Found:
    """ORDER. Of a stream by its places; of all by their positions, but for those that were missing when what is above
    them was read: only these may come late.
    """
    position, stream, seq, tx = (case.seen.events[name].to_numpy() for name in ("position", "stream", "seq", "tx"))

    def judge(one: Received) -> tuple[int, Array, str]:
        _, first = np.unique(one.position, return_index=True)
        first = np.sort(first)
        place, there = find(position, one.position[first])
        first, place = first[there], place[there]
        order = np.lexsort((np.arange(len(first)), stream[place]))
        its, at = stream[place][order], seq[place][order]
        wrong = np.zeros(len(first), bool)
        wrong[order[1:]] = (its[1:] == its[:-1]) & (at[1:] < at[:-1])
        # By transaction the order is that of transactions first, as ranks.
        rank = np.argsort(np.lexsort((position, tx)))[place] if case.policy == XMIN else position[place]
        before = np.maximum.accumulate(rank) > rank
        wrong |= before & ~np.isin(position[place], one.opened)
        return len(first), one.position[first[wrong]], "an event that comes after it was received before it"

    return _each(case, judge, "events reached a processor after a later one")


def whole(case: Events) -> Found:
    """WHOLE. What was never committed must not be received either."""
    position, checksum = (case.seen.events[name].to_numpy() for name in ("position", "checksum"))

    def judge(one: Received) -> tuple[int, Array, str]:
        place, there = find(position, one.position)
        wrong = ~there
        wrong[there] = checksum[place[there]] != one.checksum[there]
        return len(one.position), one.position[wrong], "it is stored otherwise, or not at all"

    return _each(case, judge, "events were received otherwise than they are stored")


def foreign(case: Events) -> Found:
    """TENANT."""
    position, tenant = (case.seen.events[name].to_numpy() for name in ("position", "tenant"))

    def judge(one: Received) -> tuple[int, Array, str]:
        if one.tenant < 0:
            return 0, np.zeros(0, np.int64), ""
        place, there = find(position, one.position)
        wrong = np.zeros(len(one.position), bool)
        wrong[there] = tenant[place[there]] != one.tenant
        return len(one.position), one.position[wrong], "it is another tenant's"

    return _each(case, judge, "events of another tenant reached a processor of one")


def caught_up(case: Events) -> Found:
    """CAUGHT-UP. What was appended in the last second may still be on its way."""
    settled = case.row_done < case.ledger.ended - SETTLED_NS
    late = set(case.rows["position"].to_numpy()[~settled].tolist())

    def judge(one: Received) -> tuple[int, Array, str]:
        position = case.seen.events["position"].to_numpy()[~reached(case, one) & case.of_tenant(one.tenant)]
        behind = np.array([each for each in position.tolist() if each not in late], np.int64)
        return 1, behind, "its token did not come so far"

    return _each(case, judge, "processors did not come to the end: events beyond their tokens")
