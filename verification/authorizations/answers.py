"""What the answers say by themselves: units add up, a used key is used, a refusal is for its reason, and contention is
no error of the server.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from functools import partial

import numpy as np

from harness.outcomes import DONE, Outcome
from systems import authorizations_contract
from verification import constraints
from verification.authorizations.accounts import Units
from verification.found import Found, Part

GATEWAY = (502, 503, 504)
"""What a proxy answers for a target that it can't reach, or that doesn't answer it."""

LATER = (408, 421, 425, 429)
"""Refusals by which a proxy or a limiter says that it is to be tried again: nothing definite."""
REFUSED: Mapping[str, str] = {"reuse": "key_reused", "stranger": "forbidden", "forged": "unauthorized"}
"""The kinds that must be refused, and the status in the contract for it."""


def balanced(case: Units) -> Part:
    """A3. available + scheduled + used = total = the seeded total: of every answer, and of every row at the end."""
    ledger, pool = case.ledger, case.pool
    answered = ledger.outcome(*DONE) & case.here(case.sent.place)
    answered &= authorizations_contract.adds_up(case.seen.scenario.contract)
    unbalanced = answered & case.answers.unbalanced
    here = (case.standing["number"].to_numpy() > 0) & case.own
    other = np.flatnonzero(here & (case.standing["total"].to_numpy() != pool.total))
    part = case.part(_balanced, int(answered.sum() + here.sum()), np.unique(ledger.key_place[unbalanced]))
    first = case.breaking_at(other)
    sums = {"answers": int(unbalanced.sum()), "other": len(other)}
    return replace(part, sums=sums, each={"account": first} if first else {})


def _balanced(part: Part) -> Found:
    answers, other = part.sums["answers"], part.sums["other"]
    if not answers:
        part = replace(part, witnesses=other, first=part.each.get("account"))
    return part.found(
        f"the units of {answers:,} answers do not add up to the total that was seeded, and "
        f"{other:,} authorizations have another total"
    )


def unique(case: Units) -> Found:
    """A5, of the keys of movements: one row a key, behind a unique index."""
    keys = case.seen.keys
    if keys is None:
        return Found(0)
    stored = constraints.stored_once(keys)
    return stored if stored.witnesses else constraints.index_stands(keys)


def used_once(case: Units) -> Part:
    """A5. A second use of a key for something else is refused."""
    ledger, keys = case.ledger, case.seen.keys
    reuses = np.flatnonzero(ledger.kind("reuse"))
    definite = ledger.outcome(*DONE, Outcome.REJECT)[reuses]
    accepted = ledger.outcome(*DONE)[reuses]
    overwritten = np.zeros(len(reuses), bool)
    if keys is not None:
        key = ledger.key_place[reuses]
        there = np.flatnonzero(case.key_row[key] >= 0)
        row, again, first = case.key_row[key[there]], reuses[there], key[there]
        as_again, as_first = np.ones(len(there), bool), np.ones(len(there), bool)
        for part in ("place", "units", "move"):
            stored = getattr(case.moved, part)[row]
            as_again &= stored == getattr(case.sent, part)[again]
            as_first &= stored == getattr(case.asked, part)[first]
        overwritten[there] = as_again & ~as_first
    tell = partial(_used_once, rows=keys.rows if keys else 0, sent="reuse" in case.seen.scenario.expected)
    found = case.part(tell, int(definite.sum()), np.unique(ledger.key_place[reuses[accepted | overwritten]]))
    return replace(found, sums={"accepted": int(accepted.sum()), "overwritten": int(overwritten.sum())})


def _used_once(part: Part, rows: int, sent: bool) -> Found:
    never = "no key was sent again for something else and answered" if sent and not part.compared else ""
    return replace(part, compared=part.compared + rows).found(
        f"{part.sums['accepted']:,} other moves under a used key were accepted, and {part.sums['overwritten']:,} "
        "took the place of the first",
        never,
    )


def no_errors(case: Units) -> Part:
    """A11. Under contention a request is served later or refused (SHED); a 500 is no answer to that. What a proxy
    answers in the target's place, or a target that the plan disturbs, is counted by the rules on errors, not here.
    """
    ledger, status = case.ledger, case.ledger.ops["status"].to_numpy()
    errors = (status >= 500) & ~np.isin(status, GATEWAY) & ~ledger.outcome(Outcome.SHED) & ~ledger.disturbed
    part = case.part(_no_errors, int((status > 0).sum()), np.unique(ledger.key_place[errors]))
    return replace(part, sums=Counter(f"{code:03}" for code in status[errors].tolist()))


def _no_errors(part: Part) -> Found:
    statuses = ", ".join(f"{count:,} × {code}" for code, count in sorted(part.sums.items()))
    return part.found(f"{sum(part.sums.values()):,} operations were answered with an error of the server ({statuses})")


def told_right(case: Units) -> Part:
    """A12. A definite answer that is not the one for its kind is false, however rare it is: no budget of errors has
    room for it. Definite is any status below 500, but LATER, to what must be refused, and any refusal of what must not.

    What was accepted though it must not be is the matter of A5, X7 and TOKEN, whether there were units enough that of
    A7. A move that was never made is left out: its requests are not as the service wants them.
    """
    ledger, contract = case.ledger, case.seen.scenario.contract
    status, move = ledger.ops["status"].to_numpy(), case.sent.move
    done, refused, unknown = ledger.outcome(*DONE), ledger.outcome(Outcome.REJECT), ledger.unknown
    here = case.here(case.sent.place)
    told = (status >= 200) & (status < 500) & ~np.isin(status, (*LATER, contract["done"], contract["exhausted"]))
    definite = case.made[move] & (refused | (unknown & told)) & here
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
    part = case.part(_told_right, int(((done & here) | definite).sum()), np.unique(ledger.key_place[wrong]))
    return replace(part, sums=Counter(f"{kind} with {code}" for kind, code in lines))


def _told_right(part: Part) -> Found:
    most_first = sorted(part.sums.items(), key=lambda one: (-one[1], one[0]))
    counts = "; ".join(f"{answer}: {count:,}" for answer, count in most_first)
    return part.found(f"{sum(part.sums.values()):,} definite answers are not what the contract has for them: {counts}")
