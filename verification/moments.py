"""When effects were stored, beside when their operations began and were answered."""

import numpy as np
import pandas as pd

from harness.outcomes import Outcome
from harness.quantities import duration
from verification.arrays import Array
from verification.before import resolution
from verification.case import Case, Found

NEVER = 2**62
"""Later than any moment, and far from what a difference of two can't hold."""
SLACK_NS = 10_000_000
"""Clocks that are being corrected may be so far apart from what two comparisons, before and after the load, say."""


def on_time(case: Case) -> Found:
    """X9. By the database's clock, whose distance to ours is known within bounds, nothing was stored before it was
    sent, or after an answer said that it was stored: for eventual effects, after their time.
    """
    before, stored = case.seen.before, case.rows[case.seen.source.stored]
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
        f"{late:,} were stored after the answer that said so, or the time they have, and {len(wrong) - late:,} before "
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
    slowest = {kind: max((one.within for one in stated.values()), default=0.0) for kind, stated in effects.items()}
    for outcome in (Outcome.ACK, Outcome.REPLAY, Outcome.REJECT):
        said = np.flatnonzero(ledger.outcome(outcome) & (latest > 0))
        kinds = ledger.keys["kind"].to_numpy()[place[said]]
        own = ledger.ops["kind"].to_numpy()[said]
        if outcome is Outcome.REJECT:
            leaves = np.array([outcome.name in effects.get(str(kind), {}) for kind in own], bool)
            said, kinds = said[leaves], kinds[leaves]
        within = pd.Series(kinds).map(slowest).fillna(0.0).to_numpy(float)
        np.minimum.at(deadlines, place[said], latest[said] + (within * 1e9).astype(np.int64))
    return deadlines
