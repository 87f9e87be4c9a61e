"""What must be true of every system: the database holds what was acknowledged, once, as it was sent, and no more."""

from collections.abc import Iterable, Mapping

import numpy as np
import pandas as pd

from harness.outcomes import Outcome
from systems import ids
from verification.case import Case, Found
from verification.checks import Check
from verification.ledger import Array, Mask


def lost(case: Case) -> Found:
    """X1. Of two acknowledgements of one key each says that it stored something; if its id is not there, it is lost."""
    keys = case.ledger.keys
    done = keys["lower"].to_numpy() == 1
    wrong = done & (case.copies == 0)
    attempts = _acknowledged(case, several=True)
    wrong[case.ledger.key_place[attempts[~case.named(attempts)]]] = True
    places = np.flatnonzero(wrong)
    return case.broken(
        int(done.sum()),
        places,
        f"{len(places):,} were acknowledged and are not stored; the first is {_op(case, places)}",
    )


def phantom(case: Case) -> Found:
    """X2. An operation whose outcome is not known may have been stored: its row is no phantom."""
    nobodys, foreign = case.rows[case.row_key < 0], case.seen.foreign
    lost = case.ledger.unrecorded(nobodys["op"].to_numpy())
    unsent = nobodys[~lost]
    compared = len(case.rows) + len(foreign)
    first = unsent.iloc[:1] if len(unsent) else foreign.iloc[:1]
    if first.empty:
        return Found(compared, undecided=_unattributable(case, int(lost.sum())))
    stray = first["stray"].iloc[0]
    key = None if pd.isna(stray) else str(stray)
    if len(unsent) and key is None:
        key = ids.key(case.ledger.run, int(first["op"].iloc[0]))
    return Found(
        compared,
        len(unsent) + len(foreign),
        f"no operation sent {len(unsent):,} rows under keys of this run, and {len(foreign):,} under other keys that "
        f"were stored while the load was on; the first has the key {key}",
        {"key": key, "stored": case.shown(first)},
        sql=case.sql(key),
    )


def rejected(case: Case) -> Found:
    """X3. A definite no to all attempts of a key leaves nothing under it."""
    refused = case.ledger.keys["upper"].to_numpy() == 0
    places = np.flatnonzero(refused & (case.copies > 0))
    return case.broken(
        int(refused.sum()),
        places,
        f"{len(places):,} were refused or never sent and are stored all the same; the first is {_op(case, places)}",
    )


def repeated(case: Case) -> Found:
    """X4. All attempts of a key have one effect together."""
    stored = _allowed(case) & (case.copies > 0)
    places = np.flatnonzero(stored & (case.copies > 1))
    worst = int(places[case.copies[places].argmax()]) if len(places) else None
    return case.broken(
        int(stored.sum()),
        places,
        f"{len(places):,} are stored more than once, {0 if worst is None else case.copies[worst]} times at most; "
        f"the first is {_op(case, places)}",
        worst,
    )


def altered(case: Case) -> Found:
    """X5. Column by column, null-safe; and the id that was answered when it was stored."""
    rows = np.flatnonzero((case.row_key >= 0) & _allowed(case)[case.row_key])
    key = case.row_key[rows]
    expected = case.content(case.ledger.run, case.ledger.keys.iloc[key])
    wrong = np.zeros(len(case.ledger.keys), bool)
    columns = []
    for column in expected.columns:
        bad = differs(case.rows[column].iloc[rows], expected[column])
        if bad.any():
            columns.append(column)
            wrong[key[bad]] = True
    attempts = _acknowledged(case, several=False)
    attempts = attempts[case.copies[case.ledger.key_place[attempts]] > 0]
    bad = ~case.named(attempts)
    if bad.any():
        columns.append("id in the answer")
        wrong[case.ledger.key_place[attempts[bad]]] = True
    places = np.flatnonzero(wrong)
    return case.broken(
        len(rows),
        places,
        f"{len(places):,} are stored otherwise than they were sent or answered, in {', '.join(columns)}; "
        f"the first is {_op(case, places)}",
    )


def vacuous(case: Case, expected: Mapping[str, Iterable[str]], races: bool) -> Found:
    """X11. A check of something that never happened proves nothing."""
    never = [
        f"{kind} never had an outcome it should have ({' or '.join(outcomes)})"
        for kind, outcomes in expected.items()
        if not (case.ledger.kind(kind) & case.ledger.outcome(*(Outcome[name] for name in outcomes))).any()
    ]
    if races and not _overlapping(case).any():
        never.append("no two halves of a race were under way at the same time")
    return Found(len(case.ledger.ops), undecided="; ".join(never))


def _overlapping(case: Case) -> Mask:
    """Which races had both halves under way at some moment, for sure: one process has one clock, two have doubts."""
    ops, (first, second) = case.ledger.ops, case.ledger.races
    process, doubt = ops["op"].to_numpy() >> ids.COUNT_BITS, ops["doubt"].to_numpy()
    apart = process[first] != process[second]
    began = [ops["start"].to_numpy()[half] + doubt[half] * apart for half in (first, second)]
    ended = [ops["end"].to_numpy()[half] - doubt[half] * apart for half in (first, second)]
    overlapping: Mask = np.maximum(*began) < np.minimum(*ended)
    return overlapping


def _unattributable(case: Case, rows: int) -> str:
    """Why it is not known of `rows` whether they were sent; "" = every journal is whole."""
    if not case.ledger.lost:
        return ""
    lost = "; ".join(map(str, case.ledger.lost))
    return f"{lost}: {rows:,} rows under keys of operations that are not on record can't be attributed"


def invariants(
    thing: str,
    expected: Mapping[str, Iterable[str]],
    *,
    races: bool,
    answered: str = ", under the id that was answered",
) -> tuple[Check, Check, Check, Check, Check, Check]:
    """X1 to X5 and X11 of a system that stores one `thing` an operation, with the outcomes `expected` of each kind.

    `answered`: what the answer says of the row itself, which must be so; "" if it says nothing.
    """
    return (
        Check("X1", f"Every acknowledged {thing} is stored.", f"acknowledged {thing}s against stored rows", lost),
        Check("X2", f"Every stored {thing} was sent.", f"stored rows against the {thing}s sent", phantom),
        Check(
            "X3",
            f"No refused or unsent {thing} is stored.",
            f"refused and unsent {thing}s against stored rows",
            rejected,
        ),
        Check("X4", f"No {thing} is stored twice.", f"{thing}s that are stored", repeated),
        Check(
            "X5",
            f"Every {thing} is stored as it was sent{answered}.",
            f"stored rows against the {thing}s as they were sent",
            altered,
        ),
        Check(
            "X11",
            "Everything that is checked did happen.",
            "operations, by kind and outcome",
            lambda case: vacuous(case, expected, races),
        ),
    )


def differs(stored: pd.Series, sent: pd.Series) -> Mask:
    """Where the two differ, line by line; two that are both null do not."""
    left, right = stored.reset_index(drop=True), sent.reset_index(drop=True)
    if isinstance(left.dtype, pd.CategoricalDtype):
        left = left.astype("str")
    return ~np.asarray((left == right) | (left.isna() & right.isna()), bool)


def _allowed(case: Case) -> Mask:
    """The keys whose operations may have had an effect."""
    allowed: Mask = case.ledger.keys["upper"].to_numpy() == 1
    return allowed


def _acknowledged(case: Case, *, several: bool) -> Array:
    """The attempts that were acknowledged under keys that were so once only, or `several` times."""
    acks = case.ledger.keys["acks"].to_numpy()[case.ledger.key_place]
    return np.flatnonzero(case.ledger.outcome(Outcome.ACK) & ((acks > 1) if several else (acks == 1)))


def _op(case: Case, places: Array) -> str:
    return f"operation {case.ledger.keys['key'].iloc[places[0]]}" if len(places) else ""


def replayed(case: Case) -> Found:
    """Whether each replay was answered with the id that is stored under its key."""
    attempts = np.flatnonzero(case.ledger.outcome(Outcome.REPLAY))
    attempts = attempts[case.copies[case.ledger.key_place[attempts]] > 0]
    wrong = attempts[~case.named(attempts)]
    return case.broken(
        len(attempts),
        np.unique(case.ledger.key_place[wrong]),
        f"{len(wrong):,} replays were answered with an id that is not that of what is stored",
    )


def raced(case: Case) -> Found:
    """Whether each race had one effect; one that was refused as a whole, or is lost, is no matter of this check."""
    first, second = case.ledger.races
    stored = case.copies[case.ledger.key_place[first]] > 0
    first, second = first[stored], second[stored]
    outcome, key = case.ledger.ops["outcome"].to_numpy(), case.ledger.key_place[first]
    halves = np.sort(np.stack([outcome[first], outcome[second]]), axis=0)
    definite = np.isin(halves, (Outcome.ACK, Outcome.REPLAY, Outcome.REJECT)).all(axis=0)
    otherwise = definite & ~((halves[0] == Outcome.ACK) & (halves[1] == Outcome.REPLAY))
    twice = case.copies[key] > 1
    return case.broken(
        len(key),
        np.unique(key[twice | otherwise]),
        f"of {len(key):,} races {int(twice.sum()):,} were stored more than once, and "
        f"{int(otherwise.sum()):,} were not answered with one acknowledgement and one replay",
    )
