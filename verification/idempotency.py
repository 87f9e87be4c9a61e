"""A key is used once: whoever sends it again is told of the first, also at the same instant."""

import numpy as np

from harness.outcomes import Outcome
from verification.case import Case, Found


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
