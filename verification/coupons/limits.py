"""Uses are counted as they are recorded, and never more than there may be."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from harness.outcomes import DONE, Outcome
from systems import coupons_pool
from verification.coupons.case import Validations
from verification.found import Found, Part, Witness

TOLD = 3
"""So many coupons are told."""


def counted(case: Validations) -> Found:
    """USES. By the rows, of all coupons: the counter is the number of usages."""
    frame = case.seen.counters
    wrong = frame[frame["counted"] != frame["used"]]
    return _found(
        case,
        case.seen.coupons,
        wrong.to_dict("records"),
        "{n:,} coupons have another number of usages than they count; the first is {code}: it counts {counted}, and "
        "has {used}",
        "Coupon {code} counts {counted} uses, and {used} are recorded.",
    )


def within(case: Validations) -> Found:
    """LIMITS. Usages are never deleted, so that what holds in the end held at any time."""
    frame, often = case.seen.counters, case.seen.too_often
    over = frame[(frame["most"] >= 0) & (frame[["counted", "used"]].max(axis=1) > frame["most"])]
    compared = case.seen.coupons + case.seen.users_of
    if len(over):
        return _found(
            case,
            compared,
            over.to_dict("records"),
            "{n:,} coupons were used more often than they may be; the first is {code}: {used} times, of {most}",
            "Coupon {code} was used {used} times, of {most} that it may be.",
        )
    return _found(
        case,
        compared,
        often.to_dict("records"),
        "{n:,} times a user has used a coupon more often than one may; first {user_id} {code}: {used} times, of {most}",
        "User {user_id} has used coupon {code} {used} times, of {most} that one may.",
    )


def _found(case: Validations, compared: int, wrong: Sequence[Mapping[Any, Any]], told: str, said: str) -> Found:
    if not wrong:
        return Found(compared)
    first = {str(name): value for name, value in wrong[0].items()}
    code = coupons_pool.code(int(str(first["number"])))
    table, coupons = case.seen.usage_source.table, case.ledger.scenario.database["coupons"]
    return Found(
        compared,
        len(wrong),
        told.format(n=len(wrong), code=code, **first),
        {"code": code, **first},
        sql=f"SELECT * FROM {table} u JOIN \"{coupons}\" c ON c.id = u.coupon_id WHERE c.code = '{code}';",
        said=said.format(code=code, **first),
    )


def served(case: Validations) -> Part:
    """SERVED. Of those who contend for a coupon with ten uses left, ten are served, or all if they are fewer: each by
    another user, and none of them unknown.
    """
    ledger = case.ledger
    contend = ledger.kind("contend") & np.isin(case.coupon, coupons_pool.TIGHT)
    open_ = np.unique(case.coupon[contend & ledger.outcome(Outcome.UNKNOWN, Outcome.SHED, Outcome.NOT_SENT)])
    own = np.isin(case.coupon << 20 | case.user, case.pool.used)
    lines = np.flatnonzero(contend & ~np.isin(case.coupon, open_) & ~own)
    pairs, first = np.unique(case.coupon[lines] << 20 | case.user[lines], return_index=True)
    coupon, users = np.unique(pairs >> 20, return_counts=True)
    done = contend & ledger.outcome(*DONE)
    answered = np.array([int((done & (case.coupon == one)).sum()) for one in coupon.tolist()], np.int64)
    expected = np.minimum(users, coupons_pool.TIGHT_LEFT)
    wrong = np.flatnonzero(answered != expected)
    each = {}
    for one, number in zip(wrong[:TOLD].tolist(), coupon[wrong[:TOLD]].tolist(), strict=True):
        told = f"{coupons_pool.code(number)}: {answered[one]} of {users[one]} were served, expected {expected[one]}"
        each[f"{number:06}"] = Witness((number,), {}, named=told)
    asked = lines[first]
    keys = np.unique(ledger.key_place[asked][np.isin(case.coupon[asked], coupon[wrong])])
    return replace(case.part(_served, len(coupon), keys), each=each)


def _served(part: Part) -> Found:
    told = [one.named for _, one in sorted(part.each.items())[:TOLD]]
    found = part.found("; ".join(told))
    return replace(found, said=f"Coupon {told[0]}.") if told else found


def pool(case: Validations) -> Found:
    """POOL. By number and digest, of all that a run leaves as it is."""
    seeded = case.seen.seeded_pool
    found = case.seen.pool
    compared = sum(count for count, _ in found.values())
    if seeded is None:
        return Found(compared, detail="only counted: seeding left no digest to compare with")
    changed = [table for table in found if tuple(seeded.get(table, ())) != found[table]]
    if not changed:
        return Found(compared)
    table = changed[0]
    return Found(
        compared,
        len(changed),
        f"{', '.join(changed)} are not as they were seeded: {found[table][0]:,} {table}, seeded {seeded[table][0]:,}",
        {"found": dict(found), "seeded": dict(seeded)},
        sql=f'SELECT count(*) FROM "{case.ledger.scenario.database[table]}";',
    )
