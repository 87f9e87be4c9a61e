"""Validations of coupons, all of them logged, and orders recorded."""

import numpy as np

from benchmarks.histories.records import ID, TOOK_NS, Made, drawn, moments
from harness.outcomes import Outcome
from harness.plan.scenario import Scenario
from systems import coupons, coupons_pool, ids
from verification.coupons.case import values
from verification.coupons.model import VALID, Pool, digests_of_amounts, digests_of_reasons


def validated(scenario: Scenario, count: int, draw: np.random.Generator) -> Made:
    """Validations of each simple kind, and orders of coupons without limits, all of them logged and recorded."""
    kinds, users = list(scenario.mix), scenario.pool["users"]
    records = drawn(scenario.mix, (), count, draw)
    kind, op = records["kind"].astype(np.int64), np.arange(count)
    pool = Pool(1, users, "2026-11-20 23:55:01+00")
    of = {
        "valid": coupons_pool.OPEN,
        "redeem": coupons_pool.OPEN,
        "minimum": coupons_pool.OPEN,
        "unknown": coupons_pool.OPEN,
        "expired": coupons_pool.OPEN_EXPIRED,
        "inactive": coupons_pool.OPEN_INACTIVE,
        "foreign": coupons_pool.OWNED,
    }
    coupon, user = np.zeros(count, np.int64), draw.integers(0, users, count)
    for place, name in enumerate(kinds):
        its = kind == place
        coupon[its] = draw.choice(np.array(of[name]), int(its.sum()))
    foreign = kind == kinds.index("foreign")
    user[foreign] = (pool.owner[coupon[foreign]] + 1) % users
    records["subject"] = coupons.subject(coupon, user)
    value = values(kind == kinds.index("minimum"), op, pool.minimum[coupon])
    unknown = kind == kinds.index("unknown")
    named = np.where(unknown, 0, coupon)
    reason = pool.static(named, pool.status[named], user, value)
    off = pool.off(coupon, value)
    answered = records["outcome"] != Outcome.UNKNOWN
    records["outcome"][answered] = np.where(reason == VALID, Outcome.ACK, Outcome.REJECT)[answered]
    answer = np.where(
        reason == VALID, digests_of_amounts(off, value - off, True, True), digests_of_reasons(True)[reason]
    )
    records["answer"][answered] = answer[answered]
    records["status"] = np.where(answered, 200, 0)
    words = [scenario.contract[f"reason_{one}"] for one in coupons.REASONS]
    at, ordered = moments((records["start"] + TOOK_NS // 2) // 1000), (kind == kinds.index("redeem")).tolist()
    lines = []
    for n, (number, who, why, cut, worth, moment) in enumerate(
        zip(coupon.tolist(), user.tolist(), reason.tolist(), off.tolist(), value.tolist(), at, strict=True)
    ):
        valid, key = why == VALID, ids.key(ID, n)
        code = coupons.code_sent(kinds[kind[n]], number, n)
        id_ = ids.uuid_of(number) if named[n] else r"\N"
        amounts = (f"{cut / 100:.2f}", f"{(worth - cut) / 100:.2f}") if valid else (r"\N", r"\N")
        said = (str(valid), r"\N" if valid else words[why], *amounts)
        order = key if ordered[n] else r"\N"
        sent = (key, id_, code, coupons_pool.user_id(who), order, f"{worth / 100:.2f}")
        lines.append("\t".join((*sent, *said, moment, moment)) + "\n")
    columns = "request_id, coupon_id, coupon_code, user_id, order_id, order_value, is_valid, validation_reason"
    then = """
        INSERT INTO coupon_usage (coupon_id, user_id, order_id, discount_amount, used_at)
        SELECT coupon_id, user_id, order_id, discount_applied, logged_at FROM validation_logs
        WHERE order_id IS NOT NULL;
        UPDATE coupons c SET current_total_uses = current_total_uses + used
        FROM (SELECT coupon_id, count(*) AS used FROM validation_logs WHERE order_id IS NOT NULL GROUP BY 1) u
        WHERE u.coupon_id = c.id
    """
    columns += ", discount_applied, final_amount, validated_at, logged_at"
    return Made(records, f"validation_logs ({columns})", lines, then)
