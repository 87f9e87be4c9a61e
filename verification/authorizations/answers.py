"""What the answers say by themselves: units add up, a used key is used, a refusal is for its reason, and contention is
no error of the server.
"""

from collections import Counter
from collections.abc import Mapping

import numpy as np

from harness.outcomes import DONE, Outcome
from systems import authorizations_contract
from systems.authorizations import MOVES
from verification import constraints
from verification.authorizations.accounts import Units
from verification.case import Found

GATEWAY = (502, 503, 504)
"""What a proxy answers for a target that it can't reach, or that doesn't answer it."""

LATER = (408, 421, 425, 429)
"""Refusals by which a proxy or a limiter says that it is to be tried again: nothing definite."""
REFUSED: Mapping[str, str] = {"reuse": "key_reused", "stranger": "forbidden", "forged": "unauthorized"}
"""The kinds that must be refused, and the status in the contract for it."""


def balanced(case: Units) -> Found:
    """A3. available + scheduled + used = total = the seeded total: of every answer, and of every row at the end."""
    ledger, pool = case.ledger, case.pool
    answered = ledger.outcome(*DONE) & authorizations_contract.adds_up(case.seen.scenario.contract)
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
    answers in the target's place, or a target that the plan disturbs, is counted by the rules on errors, not here.
    """
    ledger, status = case.ledger, case.ledger.ops["status"].to_numpy()
    errors = (status >= 500) & ~np.isin(status, GATEWAY) & ~ledger.outcome(Outcome.SHED) & ~ledger.disturbed
    codes, counts = np.unique(status[errors], return_counts=True)
    statuses = ", ".join(f"{count:,} × {code}" for code, count in zip(codes, counts, strict=True))
    return case.broken(
        int((status > 0).sum()),
        np.unique(ledger.key_place[errors]),
        f"{int(errors.sum()):,} operations were answered with an error of the server ({statuses})",
    )


def told_right(case: Units) -> Found:
    """A12. A definite answer that is not the one for its kind is false, however rare it is: no budget of errors has
    room for it. Definite is any status below 500, but LATER, to what must be refused, and any refusal of what must not.

    What was accepted though it must not be is the matter of A5, X7 and TOKEN, whether there were units enough that of
    A7. A move that was never made is left out: its requests are not as the service wants them.
    """
    ledger, contract = case.ledger, case.seen.scenario.contract
    status, move = ledger.ops["status"].to_numpy(), case.sent.move
    done, refused, unknown = ledger.outcome(*DONE), ledger.outcome(Outcome.REJECT), ledger.unknown
    made = np.bincount(move[done], minlength=len(MOVES)) > 0
    told = (status >= 200) & (status < 500) & ~np.isin(status, (*LATER, contract["done"], contract["exhausted"]))
    definite = made[move] & (refused | (unknown & told))
    wrong = np.zeros(len(status), bool)
    for kind in case.seen.scenario.expected:
        ours = ledger.kind(kind) & definite
        if kind in REFUSED:
            wrong |= ours & (status != contract[REFUSED[kind]]) & (status != 0)
        elif kind == "repeat":
            wrong |= ours & (refused | (status >= 400))
        else:
            wrong |= ours & (status >= 400) & (status != case.conflicts[move])
    lines = zip(ledger.ops["kind"][wrong].astype(str), status[wrong].tolist(), strict=True)
    counts = "; ".join(f"{kind} with {code}: {count:,}" for (kind, code), count in Counter(lines).most_common())
    return case.broken(
        int((done | definite).sum()),
        np.unique(ledger.key_place[wrong]),
        f"{int(wrong.sum()):,} definite answers are not what the contract has for them: {counts}",
    )
