"""The pool of coupons is what its document says, and consistent in itself."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from systems import coupons, coupons_pool
from systems.coupons_pool import COUPONS, HALF, USER_SPECIFIC

USERS = 2_000


def test_the_halves_have_the_shares_of_the_document() -> None:
    found = Counter((one.type, one.status) for one in coupons_pool.coupons(1, USERS))

    assert len(coupons_pool.coupons(1, USERS)) == COUPONS
    assert set(found.values()) == {1_500, 625, 375}
    for share, status in ((0.60, "active"), (0.25, "expired"), (0.15, "inactive")):
        assert sum(count for (_, its), count in found.items() if its == status) == share * COUPONS


@pytest.mark.parametrize("seed", [0, 1, 7])
def test_usages_are_those_of_active_coupons_and_as_many_as_each_counts(seed: int) -> None:
    usages = list(coupons_pool.usages(seed, USERS))
    of = Counter(coupon.number for _, coupon, _ in usages)

    assert [number for number, _, _ in usages] == list(range(1, 3_001))
    for one in coupons_pool.coupons(seed, USERS):
        assert of[one.number] == one.uses
        assert not one.uses or one.status == "active"
        assert one.max_total_uses is None or one.uses <= one.max_total_uses
    pairs = Counter((coupon.number, user) for _, coupon, user in usages)
    assert set(pairs.values()) == {1}
    assert all(coupon.owner in (None, user) for _, coupon, user in usages)


def test_what_is_for_one_user_names_it_and_dates_agree_with_the_status() -> None:
    for one in coupons_pool.coupons(1, USERS):
        assert (one.owner is not None) == (one.type == USER_SPECIFIC) == (one.number <= HALF)
        assert one.valid_from < one.valid_until
        over = one.valid_until < "2026"
        assert over == (one.status == "expired" or one.number in coupons_pool.LAPSED)


def test_a_seed_makes_the_same_coupons_and_another_makes_others() -> None:
    assert coupons_pool.coupons(1, USERS) == coupons_pool.coupons(1, USERS)
    assert coupons_pool.coupons(1, USERS) != coupons_pool.coupons(2, USERS)


@given(st.integers(0, 8_191), st.integers(0, 999_999), st.integers(0, coupons.MOST_AGO - 1))
def test_a_subject_holds_coupon_user_and_order(coupon: int, user: int, ago: int) -> None:
    made = coupons.subject(coupon, user, ago)

    assert 0 <= made < 1 << 63
    assert coupons.about(made) == (coupon, user, ago)


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        (12.5, "1250"),
        (0, "0"),
        ("3.10", "310"),
        (19.99, "1999"),
        (1.005, "1.005"),
        (None, "None"),
        (True, "True"),
        ("x", "x"),
    ],
)
def test_an_amount_is_read_in_cents_or_as_it_is(said: object, expected: str) -> None:
    assert coupons.cents(said) == expected


def test_no_unknown_code_is_one_that_there_is() -> None:
    known = {one.code for one in coupons_pool.coupons(1, USERS)}

    assert not {coupons.code_sent("unknown", coupon, op) for coupon in (3_701, 4_000) for op in range(300)} & known


@pytest.mark.parametrize("users", [999, 1_000_001])
def test_a_pool_that_can_not_be_is_refused(users: int) -> None:
    with pytest.raises(ValueError, match="expected 1,000 to 1,000,000"):
        coupons.pool({"users": users}, 1, rounds=False)


def test_more_rounds_than_there_are_fresh_coupons_are_refused() -> None:
    with pytest.raises(ValueError, match="600 coupons"):
        coupons.pool({"users": 1_000}, 50 * 601, rounds=True)
