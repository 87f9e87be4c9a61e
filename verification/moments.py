"""When effects were stored, beside when their operations began and were answered."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import pandas as pd

from harness.outcomes import Outcome
from harness.quantities import duration
from verification.arrays import Array
from verification.before import Before, resolution
from verification.case import Case, Totals
from verification.found import Found, Part, Witness
from verification.looks import Looks, Seen, judged

NEVER = 2**62
"""Later than any moment, and far from what a difference of two can't hold."""
SLACK_NS = 10_000_000
"""Clocks that are being corrected may be so far apart from what two comparisons, before and after the load, say."""
SECOND_NS = 1_000_000_000
"""To which coarse times are given: all others, to less than SLACK_NS (`verification.before.resolution`)."""
FINE, COARSE = "fine", "coarse"


def on_time(case: Case) -> Part:
    """X9. Nothing was stored before it was sent, or after an answer said that it was stored: for eventual effects,
    after their time. By the database's clock, whose distance to ours is known within bounds; and by looks during the
    load, for which no clock of the target's is needed: a time in a row may be that of the beginning of a transaction.
    """
    stored = case.seen.source.stored
    totals: Totals | None = case.seen.totals
    unit = max(totals.resolution, SLACK_NS) if totals else 0
    clocks = by_clocks(case, case.rows[stored], unit=unit) if stored else Part(_untold)
    deadlines = _deadlines(case)
    looks: Looks = case.seen.looks
    seen = judged(case.ledger, looks, deadlines)
    keys, first = np.unique(seen.key, return_index=True)
    part = replace(
        clocks,
        tell=partial(_on_time, clocks=clocks.tell, why=looks.why),
        sums={
            **clocks.sums,
            "operations": seen.operations,
            "missed": len(keys),
            "never": int((case.copies[keys] == 0).sum()),
        },
        most={**clocks.most, "after": int(seen.late.max(initial=0))},
        sets={"looks": frozenset(seen.looks.tolist())},
    )
    if not len(keys):
        return part
    worst = int(seen.late.argmax())
    sql = case.sql_of(int(keys[0]))
    # A look tells more than times do.
    return replace(
        part,
        first=Witness((0, int(case.ledger.keys["key"].iloc[keys[0]])), _missed(case, seen, int(first[0])), sql),
        worst=Witness((0, -int(seen.late[worst]), int(seen.line[worst])), _missed(case, seen, worst)),
    )


def _untold(_part: Part) -> Found:
    return Found(0, detail="no column tells when a row was stored")


def _on_time(part: Part, clocks: Callable[[Part], Found], why: str) -> Found:
    found, operations, missed = clocks(part), part.sums["operations"], part.sums["missed"]
    looks = len(part.sets["looks"])
    if not missed or part.first is None or part.worst is None:
        rests = _rests_on(looks, operations, why)
        return replace(found, detail=f"{found.detail}; {rests}" if found.detail else rests)
    late = (
        f"{missed:,} of {operations:,} operations that {looks:,} looks asked for were answered and not there yet, up "
        f"to {duration(part.most['after'] / 1e9)} after the answer that said so, or the time they have; "
        f"{part.sums['never']:,} of them never came"
    )
    return Found(
        max(found.compared, operations),
        max(found.witnesses, missed),
        f"{late}. By their times {found.detail}" if found.witnesses else late,
        part.first.shown,
        part.worst.shown,
        part.first.sql,
    )


def _rests_on(looks: int, operations: int, why: str) -> str:
    """What it rests on that nothing was stored too late."""
    told = f" ({why})" if why else ""
    if not looks:
        return f"by the times in the rows alone: there were no looks during the load{told}"
    return f"{looks:,} looks during the load found all {operations:,} operations that they asked for{told}"


def _missed(case: Case, seen: Seen, place: int) -> dict[str, Any]:
    """All that is known of the operation at `place` of `seen`, with the moment at which it was not there."""
    at = pd.Timestamp(int(seen.at[place]) + case.ledger.clock)
    return {
        **case.witness(int(seen.key[place]), seen.item[[place]]),
        "not there at": f"{at.isoformat()}Z",
        "after its answer": duration(float(seen.late[place]) / 1e9),
    }


def by_clocks(case: Case, stored: pd.Series, done: str = "stored", unit: int = 0) -> Part:
    """The same by times in the rows alone, null where it is not known when it was `done`.

    `unit`: ns to which the times of all rows are given; 0: as these tell, and where they are those of a part, as all
    parts tell together.
    """
    before: Before | None = case.seen.before
    if before is None:
        return Part(_no_clock)
    tell, own = partial(_by_clocks, done=done, before=before), resolution(stored)
    if unit or case.seen.totals is None:
        return _apart(case, stored, before, tell, max(unit or own, SLACK_NS))
    fine = _apart(case, stored, before, tell, SLACK_NS)
    finer = own < SECOND_NS and bool(stored.notna().any())
    coarse = fine if finer else _apart(case, stored, before, tell, SECOND_NS)
    return _of_either(tell, {FINE: fine, COARSE: coarse}, finer)


def _apart(case: Case, stored: pd.Series, before: Before, tell: Callable[[Part], Found], unit: int) -> Part:
    """What is found if each time may be off by `unit`."""
    known = np.flatnonzero((case.row_effect >= 0) & stored.notna().to_numpy())
    at, key = stored.to_numpy()[known].astype("datetime64[us]").astype(np.int64) * 1000, case.row_key[known]
    after = at - before.ahead[1] - unit - _deadlines(case)[key]
    early = _begun(case)[key] - (at - before.ahead[0] + unit)
    wrong = np.flatnonzero((after > 0) | (early > 0))
    late, by, first, worst = int((after > 0).sum()), 0, None, None
    if len(wrong):
        by = int(max(after[wrong].max(), early[wrong].max()))
        far = wrong[np.maximum(after, early)[wrong].argmax()]
        first, worst = (_at(case, int(known[place]), rank) for place, rank in ((wrong[0], 0), (far, -by)))
    return Part(tell, len(known), len(wrong), first, worst, sums={"late": late}, most={"by": by})


def _of_either(tell: Callable[[Part], Found], found: Mapping[str, Part], finer: bool) -> Part:
    """Of a part both what is found by fine times and by coarse ones: which it is, all parts tell."""
    sums, most, each = {"finer": int(finer)}, dict[str, int](), dict[str, Witness]()
    for name, part in found.items():
        sums |= {f"{name}: wrong": part.witnesses, f"{name}: late": part.sums["late"]}
        most[name] = part.most["by"]
        shown = {f"{name}: first": part.first, f"{name}: worst": part.worst}
        each |= {which: witness for which, witness in shown.items() if witness}
    return Part(partial(_one_of, tell=tell), found[FINE].compared, sums=sums, most=most, each=each)


def _one_of(part: Part, tell: Callable[[Part], Found]) -> Found:
    name = FINE if part.sums["finer"] else COARSE
    first, worst = (part.each.get(f"{name}: {which}") for which in ("first", "worst"))
    sums, most = {"late": part.sums[f"{name}: late"]}, {"by": part.most[name]}
    return tell(Part(tell, part.compared, part.sums[f"{name}: wrong"], first, worst, sums, most))


def _at(case: Case, row: int, rank: int) -> Witness:
    """The operation of a row; of two, the lower `rank` and then the row that comes before is the one shown."""
    key = int(case.row_key[row])
    witness = case.witness(key, case.row_item[[row]])
    return Witness((1, rank, int(case.row_order[row])), witness, case.sql_of(key))


def _no_clock(_part: Part) -> Found:
    return Found(0, detail="run.json does not have the database's clock at the load")


def _by_clocks(part: Part, done: str, before: Before) -> Found:
    apart = duration((before.ahead[1] - before.ahead[0]) / 1e9)
    late = part.sums["late"]
    return part.found(
        f"{late:,} were {done} after the answer that said so, or the time they have, and {part.witnesses - late:,} "
        f"before they were sent; by up to {duration(part.most['by'] / 1e9)}",
        f"the database's clock was set by {apart} during the load" if before.stepped else "",
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
