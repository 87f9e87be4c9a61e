"""What was answered to validations and reads: as the coupons were at that time."""

from collections import Counter
from dataclasses import replace

import numpy as np
import pandas as pd

from harness.outcomes import DONE, Outcome
from systems import coupons, coupons_pool, ids
from systems.coupons_pool import ACTIVE
from verification.arrays import Array, Mask
from verification.coupons.case import Validations
from verification.coupons.model import NONE, VALID, digests_of_amounts, digests_of_reasons
from verification.found import Found, Part


def right(case: Validations) -> Part:
    """VERDICT. What is said must be what the model says of the coupon, the order, and of some number of uses that there
    can have been while the request was under way.
    """
    lines = _definite(case)
    return _judged(case, lines if case.recorded is None else lines[case.depends[lines]])


def right_alone(case: Validations) -> Part:
    """VERDICT, of those that are the same whatever others did."""
    lines = _definite(case)
    return _judged(case, lines[~case.depends[lines]])


def _judged(case: Validations, lines: Array) -> Part:
    wrong = lines[~_allowed(case, lines)]
    kinds = Counter(case.ledger.ops["kind"].iloc[wrong].astype(str))
    return replace(case.part(_right, len(lines), np.unique(case.ledger.key_place[wrong])), sums=kinds)


def _right(part: Part) -> Found:
    most_first = sorted(part.sums.items(), key=lambda one: (-one[1], one[0]))[:3]
    told = ", ".join(f"{kind}: {count:,}" for kind, count in most_first)
    wrong = sum(part.sums.values())
    return part.found(
        f"{wrong:,} validations were answered otherwise than the coupon, its uses and the order say ({told})"
    )


def _definite(case: Validations) -> Array:
    """The validations that were answered."""
    ledger = case.ledger
    answered = ledger.outcome(*DONE, Outcome.REJECT) & (ledger.ops["answer"].to_numpy() != 0)
    return np.flatnonzero(case.validation & answered)


def _allowed(case: Validations, lines: Array) -> Mask:
    ledger, pool = case.ledger, case.pool
    coupon, user, value = case.coupon[lines], case.user[lines], case.value[lines]
    answer = ledger.ops["answer"].to_numpy()[lines]
    unknown, again = ledger.kind("unknown")[lines], ledger.kind("repeat")[lines]
    named = np.where(unknown, 0, coupon)
    valid, reasons = _digests(case, coupon, value)
    start, end = ledger.earliest[lines], ledger.latest[lines]

    # Of those whose status is switched, each status that there can have been.
    static = pool.static(named, pool.status[named], user, value)
    possible = [static]
    changing = np.flatnonzero(np.isin(named, coupons_pool.SWITCHED))
    if len(changing):
        on, off = _statuses(case, named[changing], start[changing], end[changing])
        inactive = static.copy()
        inactive[changing] = np.where(off, pool.place[coupons.STATUS_INACTIVE], static[changing])
        static = static.copy()
        # Nothing else can be wrong with these.
        static[changing] = np.where(on, static[changing], inactive[changing])
        possible = [static, inactive]

    ok = np.zeros(len(lines), bool)
    for reason in possible:
        stated = reason != VALID
        ok |= stated & (answer == reasons[reason]) & ~again
        # A limit is reached or not, by the uses that there can have been.
        most, own = pool.most[named], pool.own_most[named]
        before = pool.uses[named]
        limited, own_limited = most < NONE, own < NONE
        least, highest = _uses(case, named, start, end, limited, before)
        own_least, own_highest = _own_uses(case, named, user, start, end, own_limited)
        free = ~stated
        ok |= free & (answer == valid) & ((least < most) & (own_least < own))
        ok |= free & limited & (highest >= most) & (answer == reasons[pool.place[coupons.TOTAL_USED]]) & ~again
        ok |= free & own_limited & (own_highest >= own) & (answer == reasons[pool.place[coupons.USER_USED]]) & ~again
    # What was applied before is answered as it was then.
    allowed: Mask = ok | again & (answer == valid)
    return allowed


def _digests(case: Validations, coupon: Array, value: Array) -> tuple[Array, Array]:
    """What a valid answer to each says, and what each reason does."""
    contract, pool = case.ledger.scenario.contract, case.pool
    discount = pool.off(coupon, value)
    valid = digests_of_amounts(discount, value - discount, bool(contract["discount"]), bool(contract["final"]))
    return valid, digests_of_reasons(bool(contract["reason"]))


def _uses(
    case: Validations, coupon: Array, start: Array, end: Array, which: Mask, before: Array
) -> tuple[Array, Array]:
    least, most = before.copy(), before.copy()
    if which.any():
        least[which] += case.uses.at_least(coupon[which], start[which])
        most[which] += case.uses.at_most(coupon[which], end[which])
    return least, most


def _own_uses(
    case: Validations, coupon: Array, user: Array, start: Array, end: Array, which: Mask
) -> tuple[Array, Array]:
    least, most = np.zeros(len(coupon), np.int64), np.zeros(len(coupon), np.int64)
    if which.any():
        least[which] = most[which] = np.isin(coupon[which] << 20 | user[which], case.pool.used)
        least[which] += case.uses.own_at_least(coupon[which], user[which], start[which])
        most[which] += case.uses.own_at_most(coupon[which], user[which], end[which])
    return least, most


def _statuses(case: Validations, coupon: Array, start: Array, end: Array) -> tuple[Mask, Mask]:
    """Whether each coupon can have been active, and inactive, at some moment from `start` to `end`."""
    ledger = case.ledger
    lines = np.flatnonzero(ledger.kind("switch") & ledger.outcome(Outcome.ACK, Outcome.UNKNOWN))
    about = case.coupon[lines]
    to_active, sure = case.user[lines] == 1, ledger.outcome(Outcome.ACK)[lines]
    begun, done = ledger.earliest[lines], ledger.latest[lines]
    active, inactive = np.zeros(len(coupon), bool), np.zeros(len(coupon), bool)
    for place, (number, since, until) in enumerate(zip(coupon.tolist(), start.tolist(), end.tolist(), strict=True)):
        own = about == number
        before = own & sure & (done < since)
        # What was certainly so before it, unless it can have changed again meanwhile.
        last = begun[before].max(initial=-1)
        standing = to_active[before & (begun == last)] if last >= 0 else np.array([True])
        meanwhile = own & (begun < until) & ~before
        states = np.concatenate([standing, to_active[meanwhile]])
        active[place], inactive[place] = states.any(), (~states).any()
    return active, inactive


def logged(case: Validations) -> Part:
    """LOG. The row of a validation says what was answered to it."""
    lines = _definite(case)
    row = case.key_row[case.ledger.key_place[lines]]
    lines, row = lines[row >= 0], row[row >= 0]
    wrong = lines[_said(case)[row] != case.ledger.ops["answer"].to_numpy()[lines]]
    part = case.part(_logged, len(lines), np.unique(case.ledger.key_place[wrong]))
    return replace(part, sums={"wrong": len(wrong)})


def _logged(part: Part) -> Found:
    return part.found(f"{part.sums['wrong']:,} validations are logged otherwise than they were answered")


def _said(case: Validations) -> Array:
    """What each row of the log says, as a journal holds what was answered."""
    contract, rows = case.ledger.scenario.contract, case.rows
    words = {contract[f"reason_{one}"]: one for one in coupons.REASONS}
    codes, reasons = pd.factorize(rows["reason"])
    refusals = np.array(
        [
            ids.digest(coupons.answer(False, words.get(str(one), str(one)) if contract["reason"] else "", "", ""))
            for one in reasons
        ],
        np.int64,
    )
    amounts = digests_of_amounts(
        rows["discount"].to_numpy(), rows["final"].to_numpy(), bool(contract["discount"]), bool(contract["final"])
    )
    return np.where(rows["valid"].to_numpy() == 1, amounts, refusals[codes] if len(refusals) else 0)


def read(case: Validations) -> Part:
    """READ. What was read is what the database had: of a coupon its uses, as many as there can have been."""
    ledger, contract = case.ledger, case.ledger.scenario.contract
    answered = ledger.outcome(*DONE) & (ledger.ops["answer"].to_numpy() != 0)
    answer, wrong, compared = ledger.ops["answer"].to_numpy(), [], 0
    for kind in coupons.READS:
        lines = np.flatnonzero(ledger.kind(kind) & answered)
        compared += len(lines)
        if kind == "coupon":
            wrong.append(lines[~_as_counted(case, lines, bool(contract["coupon_uses"]))])
            continue
        expected: dict[tuple[int, int], int] = {}
        for line in lines.tolist():
            about = (int(case.coupon[line]), int(case.user[line]))
            if about not in expected:
                expected[about] = coupons.seen_list(_listed(case, kind, *about))
        right = [answer[line] == expected[int(case.coupon[line]), int(case.user[line])] for line in lines.tolist()]
        wrong.append(lines[~np.array(right, bool)])
    broken = np.concatenate(wrong) if wrong else np.zeros(0, np.int64)
    part = case.part(_read, compared, np.unique(ledger.key_place[broken]))
    return replace(part, sums={"wrong": len(broken)})


def _read(part: Part) -> Found:
    return part.found(f"{part.sums['wrong']:,} reads answered what the database can't have held at that time")


def _as_counted(case: Validations, lines: Array, told: bool) -> Mask:
    """Whether reads of one coupon say what it is, and a number of uses that it can have had."""
    ledger = case.ledger
    answer, coupon = ledger.ops["answer"].to_numpy()[lines], case.coupon[lines]
    uses = answer & coupons.MOST_USES
    text = np.array([coupons.seen(f"{coupons_pool.code(one)} {ACTIVE}", 0) for one in coupon.tolist()], np.int64)
    before = case.pool.uses[coupon]
    least = before + case.uses.at_least(coupon, ledger.earliest[lines])
    most = before + case.uses.at_most(coupon, ledger.latest[lines])
    counted = (uses >= least) & (uses <= most) if told else uses == 0
    right: Mask = ((answer ^ uses) == text) & counted
    return right


def _listed(case: Validations, kind: str, coupon: int, user: int) -> list[str]:
    """What a list must have: codes, or the orders of a history."""
    pool = case.pool
    if kind == "history":
        places = enumerate(coupons_pool.usages(pool.seed, pool.users), 1)
        return [coupons_pool.seeded_order(number) for number, (_, one, _) in places if one.number == coupon]
    if kind == "mine":
        return [one.code for one in pool.coupons if one.owner == user and one.status == ACTIVE]
    return [
        one.code
        for one in pool.coupons
        if one.owner is None
        and one.status == ACTIVE
        and pool.dates[one.number] == VALID
        and one.number not in coupons_pool.SWITCHED
    ]
