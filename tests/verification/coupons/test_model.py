"""What a validation must say: line by line, and the same for a million at once."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from systems import coupons, coupons_pool
from systems.coupons_pool import ACTIVE, EXPIRED, FIXED, INACTIVE, PERCENTAGE, Coupon
from verification.coupons.counting import before
from verification.coupons.model import VALID, Pool, Verdict, digests_of_amounts, digests_of_reasons, off, verdict

NOW = "2026-11-20 23:55:01+00"
USERS = 1_000
OWN = Coupon(
    1, "USER-00001", "user_specific", ACTIVE, PERCENTAGE, 1_250, 2_000, 1_000, 7, "2024-01-01", "2038-01-01", 10, 0, 2
)


@pytest.mark.parametrize(
    ("coupon", "changes", "reason"),
    [
        (None, {}, coupons.NOT_FOUND),
        (OWN, {"status": INACTIVE}, coupons.STATUS_INACTIVE),
        (OWN, {"status": EXPIRED}, coupons.STATUS_EXPIRED),
        (replace(OWN, valid_from="2030-01-01"), {}, coupons.NOT_STARTED),
        (replace(OWN, valid_until="2025-01-01"), {}, coupons.STATUS_EXPIRED),
        (replace(OWN, valid_until=NOW), {}, coupons.STATUS_EXPIRED),
        (replace(OWN, valid_from=NOW), {}, ""),
        (OWN, {"user": 8}, coupons.NOT_YOURS),
        (replace(OWN, owner=None), {"user": 8}, ""),
        (OWN, {"value": 999}, coupons.BELOW_MINIMUM),
        (OWN, {"value": 1_000}, ""),
        (OWN, {"uses": 9}, ""),
        (OWN, {"uses": 10}, coupons.TOTAL_USED),
        (OWN, {"own_uses": 1}, ""),
        (OWN, {"own_uses": 2}, coupons.USER_USED),
        # The first that is true is said.
        (OWN, {"status": INACTIVE, "user": 8, "value": 1, "uses": 10}, coupons.STATUS_INACTIVE),
        (OWN, {"value": 1, "uses": 10}, coupons.BELOW_MINIMUM),
        (OWN, {"uses": 10, "own_uses": 2}, coupons.TOTAL_USED),
    ],
)
def test_the_first_reason_that_is_true_is_said(
    coupon: Coupon | None, changes: dict[str, int | str], reason: str
) -> None:
    asked = {"status": ACTIVE, "user": 7, "value": 10_000, "at": NOW, "uses": 0, "own_uses": 0, **changes}

    assert verdict(coupon, **asked).reason == reason  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("kind", "value", "cap", "order", "expected"),
    [
        (PERCENTAGE, 1_000, None, 10_000, 1_000),
        (PERCENTAGE, 1_250, None, 1_004, 126),  # 125.5 cents
        (PERCENTAGE, 1_250, None, 1_003, 125),  # 125.375
        (PERCENTAGE, 3_333, None, 10_000, 3_333),
        (PERCENTAGE, 3_333, None, 15, 5),  # 4.9995
        (PERCENTAGE, 5_000, 2_000, 4_000, 2_000),
        (PERCENTAGE, 5_000, 2_000, 4_002, 2_000),
        (FIXED, 500, None, 10_000, 500),
        (FIXED, 500, None, 300, 300),
        (FIXED, 500, None, 0, 0),
    ],
)
def test_what_is_taken_off_is_right_to_the_cent(
    kind: str, value: int, cap: int | None, order: int, expected: int
) -> None:
    coupon = replace(OWN, discount_type=kind, discount_value=value, cap=cap, minimum=0)

    assert off(coupon, order) == expected
    assert verdict(coupon, ACTIVE, 7, order, NOW, 0, 0) == Verdict("", expected, order - expected)


POOL = Pool(3, USERS, NOW)


@settings(max_examples=300)
@given(st.integers(1, coupons_pool.COUPONS), st.integers(0, USERS - 1), st.integers(0, 60_000), st.booleans())
def test_all_at_once_say_what_one_says(number: int, user: int, value: int, own: bool) -> None:
    coupon = POOL.coupons[number - 1]
    user = coupon.owner if own and coupon.owner is not None else user
    one = np.array([number])
    reason = int(POOL.static(one, POOL.status[one], np.array([user]), np.array([value]))[0])
    expected = verdict(coupon, coupon.status, user, value, NOW, 0, 0)

    if coupon.max_total_uses != 0 and expected.reason not in (coupons.TOTAL_USED, coupons.USER_USED):
        assert (coupons.REASONS[reason] if reason != VALID else "") == expected.reason
    assert int(POOL.off(one, np.array([value]))[0]) == off(coupon, value)


def test_what_a_journal_holds_tells_answers_apart() -> None:
    discount, final = np.array([100, 100, 101]), np.array([900, 901, 900])
    digests = [*digests_of_amounts(discount, final, True, True), *digests_of_reasons(True)]

    assert len(set(digests)) == 3 + len(coupons.REASONS)
    assert len(set(digests_of_amounts(discount, final, True, False))) == 2
    assert len(set(digests_of_reasons(False))) == 1


@settings(max_examples=200)
@given(
    st.lists(st.tuples(st.integers(0, 3), st.integers(0, 9))),
    st.lists(st.tuples(st.integers(0, 4), st.integers(0, 10))),
)
def test_what_happened_before_is_counted(events: list[tuple[int, int]], asked: list[tuple[int, int]]) -> None:
    groups, times = (np.array([pair[place] for pair in events], np.int64) for place in (0, 1))
    group, time = (np.array([pair[place] for pair in asked], np.int64) for place in (0, 1))

    expected = [sum(one == of and at < until for one, at in events) for of, until in asked]
    assert before(groups, times, group, time).tolist() == expected
