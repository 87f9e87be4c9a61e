"""What the answers say by themselves: units add up, a used key is used, and contention is no error of the server."""

import numpy as np

from harness.outcomes import DONE, Outcome
from verification import constraints
from verification.authorizations.accounts import Units
from verification.case import Found

GATEWAY = (502, 503, 504)
"""What a proxy answers for a target that it can't reach, or that doesn't answer it."""


def balanced(case: Units) -> Found:
    """A3. available + scheduled + used = total = the seeded total: of every answer, and of every row at the end."""
    ledger, pool = case.ledger, case.pool
    answered = ledger.outcome(*DONE)
    unbalanced = answered & case.answers.unbalanced
    here = case.standing["number"].to_numpy() > 0
    other = np.flatnonzero(here & (case.standing["total"].to_numpy() != pool.total))
    compared = int(answered.sum() + here.sum())
    detail = (
        f"the units of {int(unbalanced.sum()):,} answers do not add up to the total that was seeded, and "
        f"{len(other):,} authorizations have another total"
    )
    if unbalanced.any() or not len(other):
        return case.broken(compared, np.unique(ledger.key_place[unbalanced]), detail)
    return case.broken_at(compared, other, detail)


def used_once(case: Units) -> Found:
    """A5. One row a key, behind a unique index; and a second use for something else is refused."""
    ledger, keys = case.ledger, case.seen.keys
    reuses = np.flatnonzero(ledger.kind("reuse"))
    definite = ledger.outcome(*DONE, Outcome.REJECT)[reuses]
    accepted = ledger.outcome(*DONE)[reuses]
    overwritten = np.zeros(len(reuses), bool)
    if keys is not None:
        for found in (constraints.stored_once(keys), constraints.index_stands(keys)):
            if found.witnesses:
                return found
        key = ledger.key_place[reuses]
        there = np.flatnonzero(case.key_row[key] >= 0)
        row, again, first = case.key_row[key[there]], reuses[there], key[there]
        as_again, as_first = np.ones(len(there), bool), np.ones(len(there), bool)
        for part in ("place", "units", "move"):
            stored = getattr(case.moved, part)[row]
            as_again &= stored == getattr(case.sent, part)[again]
            as_first &= stored == getattr(case.asked, part)[first]
        overwritten[there] = as_again & ~as_first
    found = case.broken(
        int(definite.sum()) + (keys.rows if keys else 0),
        np.unique(ledger.key_place[reuses[accepted | overwritten]]),
        f"{int(accepted.sum()):,} other moves under a used key were accepted, and {int(overwritten.sum()):,} "
        "took the place of the first",
    )
    if found.witnesses or definite.any() or "reuse" not in case.seen.scenario.expected:
        return found
    return Found(found.compared, undecided="no key was sent again for something else and answered")


def no_errors(case: Units) -> Found:
    """A11. Under contention a request is served later or refused (SHED); a 500 is no answer to that. What a proxy
    answers in the target's place is counted by the rules on errors, not here.
    """
    ledger, status = case.ledger, case.ledger.ops["status"].to_numpy()
    errors = (status >= 500) & ~np.isin(status, GATEWAY) & ~ledger.outcome(Outcome.SHED)
    codes, counts = np.unique(status[errors], return_counts=True)
    statuses = ", ".join(f"{count:,} × {code}" for code, count in zip(codes, counts, strict=True))
    return case.broken(
        int((status > 0).sum()),
        np.unique(ledger.key_place[errors]),
        f"{int(errors.sum()):,} operations were answered with an error of the server ({statuses})",
    )
