"""When effects were stored, beside when their operations began and were answered."""

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from harness.outcomes import Outcome
from harness.quantities import duration
from verification.arrays import Array
from verification.before import resolution
from verification.case import Case, Found
from verification.looks import Looks, Seen, judged

NEVER = 2**62
"""Later than any moment, and far from what a difference of two can't hold."""
SLACK_NS = 10_000_000
"""Clocks that are being corrected may be so far apart from what two comparisons, before and after the load, say."""


def on_time(case: Case) -> Found:
    """X9. Nothing was stored before it was sent, or after an answer said that it was stored: for eventual effects,
    after their time. By the database's clock, whose distance to ours is known within bounds; and by looks during the
    load, for which no clock of the target's is needed: a time in a row may be that of the beginning of a transaction.
    """
    stored = case.seen.source.stored
    found = by_clocks(case, case.rows[stored]) if stored else Found(0, detail="no column tells when a row was stored")
    deadlines = _deadlines(case)
    looks: Looks = case.seen.looks
    seen = judged(case.ledger, looks, deadlines)
    keys, first = np.unique(seen.key, return_index=True)
    if not len(keys):
        rests = _rests_on(seen, looks)
        return replace(found, detail=f"{found.detail}; {rests}" if found.detail else rests)
    never = int((case.copies[keys] == 0).sum())
    worst = int(seen.late.argmax())
    late = f"{len(keys):,} of {seen.operations:,} operations that {seen.looks:,} looks asked for were answered and not "
    late += (
        f"there yet, up to {duration(float(seen.late[worst]) / 1e9)} after the answer that said so, or the time they "
    )
    late += f"have; {never:,} of them never came"
    return Found(
        max(found.compared, seen.operations),
        max(found.witnesses, len(keys)),
        f"{late}. By their times {found.detail}" if found.witnesses else late,
        _missed(case, seen, int(first[0])),
        _missed(case, seen, worst),
        case.sql_of(int(keys[0])),
    )


def _rests_on(seen: Seen, looks: Looks) -> str:
    """What it rests on that nothing was stored too late."""
    why = f" ({looks.why})" if looks.why else ""
    if not seen.looks:
        return f"by the times in the rows alone: there were no looks during the load{why}"
    return f"{seen.looks:,} looks during the load found all {seen.operations:,} operations that they asked for{why}"


def _missed(case: Case, seen: Seen, place: int) -> dict[str, Any]:
    """All that is known of the operation at `place` of `seen`, with the moment at which it was not there."""
    at = pd.Timestamp(int(seen.at[place]) + case.ledger.clock)
    return {
        **case.witness(int(seen.key[place]), seen.item[[place]]),
        "not there at": f"{at.isoformat()}Z",
        "after its answer": duration(float(seen.late[place]) / 1e9),
    }


def by_clocks(case: Case, stored: pd.Series, done: str = "stored") -> Found:
    """The same by times in the rows alone, null where it is not known when it was `done`."""
    before = case.seen.before
    if before is None:
        return Found(0, detail="run.json does not have the database's clock at the load")
    known = np.flatnonzero((case.row_effect >= 0) & stored.notna().to_numpy())
    unit = max(resolution(stored), SLACK_NS)
    at, key = stored.to_numpy()[known].astype("datetime64[us]").astype(np.int64) * 1000, case.row_key[known]
    after = at - before.ahead[1] - unit - _deadlines(case)[key]
    early = _begun(case)[key] - (at - before.ahead[0] + unit)
    wrong = np.flatnonzero((after > 0) | (early > 0))
    if not len(wrong):
        apart = (before.ahead[1] - before.ahead[0]) / 1e9
        stepped = f"the database's clock was set by {duration(apart)} during the load" if before.stepped else ""
        return Found(len(known), undecided=stepped)
    late = int((after > 0).sum())
    first, worst = wrong[0], wrong[np.maximum(after, early)[wrong].argmax()]
    by = duration(float(max(after[wrong].max(), early[wrong].max())) / 1e9)
    return Found(
        len(known),
        len(wrong),
        f"{late:,} were {done} after the answer that said so, or the time they have, and {len(wrong) - late:,} before "
        f"they were sent; by up to {by}",
        case.witness(int(key[first]), case.row_item[known[[first]]]),
        case.witness(int(key[worst]), case.row_item[known[[worst]]]),
        case.sql_of(int(key[first])),
    )


def _begun(case: Case) -> Array:
    """For each key, when it was first sent, at the earliest (ns of the master's clock)."""
    begun = np.full(len(case.ledger.keys), NEVER)
    np.minimum.at(begun, case.ledger.key_place, case.ledger.earliest)
    return begun


def _deadlines(case: Case) -> Array:
    """For each key, when all its effects were to be stored (ns of the master's clock); NEVER if no answer says so."""
    ledger = case.ledger
    latest, place, deadlines = ledger.latest, ledger.key_place, np.full(len(ledger.keys), NEVER)
    effects = ledger.scenario.effects
    made, sent = ledger.keys["kind"].cat, ledger.ops["kind"].cat
    # One more, for a key whose kind is not known.
    slowest = [
        max((one.within for one in effects.get(str(kind), {}).values()), default=0.0) for kind in made.categories
    ]
    within = (np.array([*slowest, 0.0]) * 1e9).astype(np.int64)[made.codes.to_numpy()]
    for outcome in (Outcome.ACK, Outcome.REPLAY, Outcome.REJECT):
        said = np.flatnonzero(ledger.outcome(outcome) & (latest > 0))
        if outcome is Outcome.REJECT:
            leaves = np.array([outcome.name in effects.get(str(kind), {}) for kind in sent.categories], bool)
            said = said[leaves[sent.codes.to_numpy()[said]]]
        np.minimum.at(deadlines, place[said], latest[said] + within[place[said]])
    return deadlines
