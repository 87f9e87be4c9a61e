"""Streams have no gaps, appends are stored as a whole, and versions are honoured."""

from dataclasses import replace

import numpy as np

from harness.outcomes import Outcome
from systems import event_store
from verification.case import Found
from verification.event_store.case import Events
from verification.event_store.reads import bounds
from verification.found import Part


def gapless(case: Events) -> Found:
    """STREAMS. The seeded ones, too: an append must not change another's place."""
    broken = case.seen.broken
    if broken.empty:
        return Found(case.seen.streams)
    first = case.shown(broken.iloc[:1])[0]
    return Found(
        case.seen.streams,
        len(broken),
        f"{len(broken):,} streams don't have the places 1 to their number of events, each once; the first, "
        f"{first['stream']} of {first['tenant']}, has {first['events']}, from {first['first']} to {first['last']}",
        first,
        sql=f"SELECT seq, event_id FROM domain_events WHERE tenant_id = '{first['tenant']}' "
        f"AND aggregate_id = '{event_store.aggregate_id(first['stream'])}' ORDER BY seq;",
    )


def atomic(case: Events) -> Part:
    """ATOMIC. Also of an append whose outcome is not known: all of its events, or none."""
    possible, rows = case.ledger.possible, case.rows
    known = np.flatnonzero(case.row_key >= 0)
    key = case.row_key[known]
    several = (possible.upper[key] > 1) & ~case.ledger.of_lost(rows["op"].to_numpy()[known])
    known, key = known[several], key[several]
    tx = rows["tx"].to_numpy()[known]
    keys = np.unique(key)
    count = np.bincount(np.searchsorted(keys, key), minlength=len(keys))
    least, most = np.full(len(keys), np.iinfo(np.int64).max), np.zeros(len(keys), np.int64)
    np.minimum.at(least, np.searchsorted(keys, key), tx)
    np.maximum.at(most, np.searchsorted(keys, key), tx)
    lacking, several_tx = count < possible.upper[keys], least != most
    part = case.part(_atomic, len(keys), keys[lacking | several_tx])
    return replace(part, sums={"in part": int(lacking.sum()), "by several": int(several_tx.sum())})


def _atomic(part: Part) -> Found:
    return part.found(
        f"of {part.compared:,} appends of several events {part.sums['in part']:,} are stored in part, "
        f"and {part.sums['by several']:,} by several transactions"
    )


def versions(case: Events) -> Part:
    """VERSION. Of those who append at one version of a stream one is served, and told the position of its last event;
    and who is refused is told a version that the stream had meanwhile, and, unless ids were the reason, not its own.
    """
    ledger, (stream, version) = case.ledger, case.about
    kinds = ledger.ops["kind"].isin(event_store.WRITES).to_numpy()
    own = (ledger.ops["op"] == ledger.ops["key_of"]).to_numpy()
    served = np.flatnonzero(kinds & own & ledger.outcome(Outcome.ACK))
    subject, answer = ledger.ops["subject"].to_numpy(), ledger.ops["answer"].to_numpy()
    _, place, times = np.unique(subject[served], return_inverse=True, return_counts=True)
    twice = served[times[place] > 1]
    last = case.last
    misplaced = served[(last[served] >= 0) & (answer[served] != last[served])]
    asked = ledger.ops["kind"].isin(["contend", "stale", "reuse"]).to_numpy()
    refused = np.flatnonzero(asked & ledger.outcome(Outcome.REJECT))
    told = answer[refused]
    least, most = bounds(case, stream[refused], ledger.earliest[refused], ledger.latest[refused])
    wrong = (told < least) | (told > most) | (own[refused] & (told == version[refused]))
    sums = {
        "served": len(served),
        "twice": len(twice),
        "misplaced": len(misplaced),
        "refused": len(refused),
        "wrong": int(wrong.sum()),
    }
    part = case.of_operations(_versions, len(served) + len(refused), np.concatenate([twice, misplaced, refused[wrong]]))
    return replace(part, sums=sums)


def _versions(part: Part) -> Found:
    sums = part.sums
    return part.found(
        f"{sums['twice']:,} of {sums['served']:,} appends were served at a version at which another was served, "
        f"{sums['misplaced']:,} were told another position than their last event has, and {sums['wrong']:,} of "
        f"{sums['refused']:,} refused ones were told a version that their stream did not have"
    )
