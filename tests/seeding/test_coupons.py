"""The pool of the coupons stands as its facts have it; what was there is found, and what runs stored is gone."""

from collections.abc import Iterator

import pytest

from harness.errors import PoolError
from harness.plan.scenario import Scenario
from harness.stack.postgres import Postgres
from schema.migrate import migrate
from seeding.coupons import BLOCK, check, ours, seed, user_lines
from systems import coupons_pool, ids
from tests.support.plans import varied
from tests.support.target_process import query

USERS = 2_345
SCENARIO = varied("coupon-steady", pool={"users": USERS})


@pytest.fixture(scope="module")
def seeded(cluster: Postgres) -> Iterator[str]:
    url = cluster.create("seeded_coupons")
    migrate("coupons", url)
    seed(url, 1, SCENARIO)
    yield url
    cluster.drop("seeded_coupons")


def test_users_are_numbered_from_zero_whatever_their_number(seeded: str) -> None:
    found = query(seeded, "SELECT id, email FROM users ORDER BY id")

    assert found == [(f"user_{n:07d}", f"perf.user.{n:07d}@example.test") for n in range(USERS)]


def test_users_are_made_in_blocks_and_are_the_same_for_any_number() -> None:
    few, many = (list(user_lines(1, users, {})) for users in (BLOCK + 1, 3 * BLOCK))

    assert few == many[: BLOCK + 1]
    assert list(user_lines(2, BLOCK, {})) != many[:BLOCK]


def test_coupons_and_usages_are_as_the_facts_have_them(seeded: str) -> None:
    rows = query(
        seeded,
        "SELECT code, status, user_id, current_total_uses, round(100 * min_order_value) FROM coupons ORDER BY id",
    )
    usages = query(
        seeded,
        "SELECT c.code, u.user_id, order_id FROM coupon_usage u JOIN coupons c ON c.id = coupon_id ORDER BY u.id",
    )

    assert rows == [
        (one.code, one.status, None if one.owner is None else coupons_pool.user_id(one.owner), one.uses, one.minimum)
        for one in coupons_pool.coupons(1, USERS)
    ]
    assert usages == [
        (coupon.code, coupons_pool.user_id(user), coupons_pool.seeded_order(number))
        for number, coupon, user in coupons_pool.usages(1, USERS)
    ]


def test_the_same_pool_is_found_and_what_a_run_did_is_undone(seeded: str) -> None:
    before = seed(seeded, 1, SCENARIO)
    coupon, key = ids.uuid_of(3_701), ids.key("20261120T235501a1b2c3", 1)
    query(seeded, f"INSERT INTO coupon_usage VALUES (DEFAULT, '{coupon}', 'user_0000001', '{key}', 1)")
    query(seeded, f"UPDATE coupons SET current_total_uses = 1, status = 'inactive' WHERE id = '{coupon}'")
    query(
        seeded,
        f"INSERT INTO validation_logs (request_id, coupon_code, user_id, order_value, is_valid) "
        f"VALUES ('{key}', 'X', 'user_0000001', 1, false)",
    )
    after = seed(seeded, 1, SCENARIO)

    assert before["skipped"]
    assert (after["skipped"], after["cleaned"]) == (False, 2)
    assert after["digest"] == before["digest"]
    assert after["pool"] == before["pool"]
    assert seed(seeded, 2, SCENARIO)["digest"] != before["digest"]
    seed(seeded, 1, SCENARIO)


def test_a_pool_of_another_size_is_told(seeded: str) -> None:
    check(seeded, SCENARIO)
    other: Scenario = varied("coupon-steady", pool={"users": USERS + 1})
    with pytest.raises(PoolError, match="has 2,345 users, expected 2,346"):
        check(seeded, other)


def test_what_is_the_suites_goes_in_an_order_in_which_it_can(seeded: str) -> None:
    assert [one.table for one in ours(SCENARIO)] == ["validation_logs", "coupon_usage", "coupons", "users"]
